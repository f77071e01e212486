import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from hpopt import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.errors import SettingError
from hpopt.space import Vector
from hpopt.space.dimensions import rank_sum_p_values, ranks
from hpopt.testing.landscapes import LANDSCAPES

SPACE = Space(
    {
        "optimizer": Categorical(["adam", "sgd", "rmsprop"]),
        "momentum": Float(0, 0.9, when={"optimizer": "sgd"}),
        "rate": Float(1e-4, 1, log=True),
        "batch": Ordinal([16, 32, 64, 128, 256]),
        "width": Int(1, 64, log=True),
        "depth": Int(2, 20, step=2),
        "layers": Sequence(
            {
                "kind": Categorical(["dense", "conv", "pool"]),
                "units": Int(4, 256, log=True, when={"kind": ["dense", "conv"]}),
            },
            0,
            5,
        ),
    }
)


def told(cost, n=120, space=SPACE, seed=0):
    """Evaluate random configs; a cost of None is a failure."""
    configs = space.sample(n, seed=seed)
    values = [cost(config) for config in configs]
    return [
        SimpleNamespace(config=config, values={} if value is None else {"error": value})
        for config, value in zip(configs, values, strict=True)
    ]


def noise(config):
    return math.sin(1e4 * (math.log(config["rate"]) + config["width"]))


class TestWhatIsDropped:
    def test_a_choice_that_is_worse(self):
        found = SPACE.narrow(told(lambda c: noise(c) + 3 * (c["optimizer"] == "rmsprop")))
        assert found.space["optimizer"] == Categorical(["adam", "sgd"])
        assert [name for name in SPACE if found.space[name] != SPACE[name]] == ["optimizer"]
        (reason,) = found.reasons
        assert str(found) == reason
        assert reason.startswith("dropped optimizer='rmsprop': ")
        assert " trials, median rank 0." in reason

    def test_what_depends_on_it_goes_with_it(self):
        found = SPACE.narrow(told(lambda c: noise(c) + 3 * (c["optimizer"] == "sgd")))
        assert list(found.space) == [name for name in SPACE if name != "momentum"]

    @pytest.mark.parametrize("name", ["rate", "batch", "width", "depth"])
    @pytest.mark.parametrize("side", [1, -1])
    def test_the_end_of_a_range_that_is_worse(self, name, side):
        def cost(config):
            x = SPACE.encode([config])[0, SPACE.columns(name)][0]
            return noise(config) + 4 * ((x if side == 1 else 1 - x) > 0.7)

        found = SPACE.narrow(told(cost))
        assert [each for each in SPACE if found.space[each] != SPACE[each]] == [name]
        (reason,) = found.reasons
        assert f"moved the {'upper' if side == 1 else 'lower'} end of {name} from" in reason
        points = SPACE.encode(
            [{**SPACE.sample(1, seed=0)[0], name: value} for value in ends(found.space[name])]
        )[:, SPACE.columns(name)][:, 0]
        low, high = points if side == 1 else 1 - points[::-1]
        assert low < 0.2
        assert 0.55 < high < 0.85

    def test_a_value_amid_better_ones(self):
        found = SPACE.narrow(told(lambda c: noise(c) + 4 * (c["batch"] == 64)))
        assert found.space["batch"] == Ordinal([16, 32, 128, 256])

    def test_lists_that_are_too_long(self):
        found = SPACE.narrow(told(lambda c: noise(c) + 4 * (len(c["layers"]) > 3)))
        assert (found.space["layers"].min_length, found.space["layers"].max_length) == (0, 3)
        assert "upper end of len(layers) from 5 to 3" in str(found)

    def test_layers_that_are_worse_wherever_they_are(self):
        def cost(config):
            return noise(config) + 4 * any(layer["kind"] == "conv" for layer in config["layers"])

        found = SPACE.narrow(told(cost))
        assert found.space["layers"].layer["kind"] == Categorical(["dense", "pool"])
        assert found.space["layers"].layer["units"].when == {"kind": ("dense",)}
        assert "dropped layers[].kind='conv'" in str(found)

    def test_the_range_of_a_layer_where_any_layer_leaves_it(self):
        def cost(config):
            return noise(config) + 4 * any(layer.get("units", 0) > 60 for layer in config["layers"])

        found = SPACE.narrow(told(cost, n=200))
        assert 30 < found.space["layers"].layer["units"].high <= 64

    def test_a_conditional_parameter_is_judged_where_it_exists(self):
        """All trials without it are good, which says nothing of it."""
        found = SPACE.narrow(told(lambda c: noise(c) + 4 * (c.get("momentum", 0) > 0.6), n=200))
        assert 0.4 < found.space["momentum"].high < 0.65

    def test_failures_are_the_worst(self):
        found = SPACE.narrow(told(lambda c: None if c["rate"] > 0.1 else noise(c)))
        assert 0.03 < found.space["rate"].high < 0.2
        assert "best none against" in str(found)

    def test_what_is_maximised(self):
        trials = told(lambda c: noise(c) - 4 * (c["optimizer"] == "adam"))
        up = SPACE.narrow(trials, direction="maximize")
        assert up.space["optimizer"] == Categorical(["sgd", "rmsprop"])
        down = SPACE.narrow(trials)
        assert "adam" in down.space["optimizer"].choices
        best = max(t.values["error"] for t in trials)
        assert f"against {best:.4g}" in str(up)

    def test_one_that_hides_another(self):
        """What was dropped takes its trials along."""

        def cost(config):
            bad = config["rate"] > 0.01
            return (100 + noise(config)) if bad else noise(config) + 3 * (config["batch"] == 16)

        found = SPACE.narrow(told(cost, n=200))
        assert found.space["rate"].high < 0.05
        assert 16 not in found.space["batch"].values


class TestWhatIsKept:
    def test_the_best_config(self):
        """Even where all its values are bad on average."""
        trials = told(lambda c: noise(c) + 4 * (c["optimizer"] == "sgd"))
        hero = next(trial for trial in trials if trial.config["optimizer"] == "sgd")
        hero.values["error"] = -10.0
        found = SPACE.narrow(trials, keep=0)
        assert "sgd" in found.space["optimizer"].choices
        assert found.space.validate(hero.config) == hero.config

    def test_the_best_share(self):
        trials = told(lambda c: noise(c) + 4 * (c["optimizer"] == "sgd"))
        assert "sgd" not in SPACE.narrow(trials, keep=0.3).space["optimizer"].choices
        assert SPACE.narrow(trials, keep=1.0).reasons == ()

    def test_two_values_unless_told(self):
        trials = told(lambda c: noise(c) + ["adam", "sgd", "rmsprop"].index(c["optimizer"]) * 4)
        assert len(SPACE.narrow(trials).space["optimizer"].choices) == 2
        found = SPACE.narrow(trials, min_values=1)
        assert found.space["optimizer"] == Categorical(["adam"])

    def test_a_share_of_each_range(self):
        trials = told(lambda c: math.log(c["rate"]), n=1000)
        for width in (0.1, 0.4, 0.7):
            rate = SPACE.narrow(trials, min_width=width, keep=0).space["rate"]
            kept = math.log(rate.high / rate.low) / math.log(1e4)
            assert width <= kept < 0.8

    def test_everything_without_evidence(self):
        for trials in ([], told(noise, n=9), told(lambda c: None, n=50), told(lambda c: 1.0)):
            found = SPACE.narrow(trials)
            assert found.space == SPACE
            assert found.reasons == ()
            said = "nothing underperforms clearly" if trials else "nothing is known of it"
            assert said in str(found)

    def test_everything_where_there_is_only_noise(self):
        """At 95 % confidence one space in twenty may lose something."""
        rng = np.random.default_rng(0)
        narrowed = [SPACE.narrow(told(lambda c: rng.random(), 60, seed=k)) for k in range(60)]
        assert sum(bool(found.reasons) for found in narrowed) <= 8

    def test_what_is_forbidden_stays_so(self):
        def odd(config):
            return config["a"] == "x" and config["n"] == 3

        space = Space(
            {"a": Categorical(["x", "y", "z"]), "n": Int(1, 9)},
            forbid=[{"a": "y", "n": [1, 2]}, {"a": "z"}, odd],
        )
        trials = told(lambda c: c["n"] / 100 + (c["a"] == "y"), 200, space)
        found = space.narrow(trials, min_values=1)
        assert found.space["a"] == Categorical(["x", "z"])
        assert [str(each) for each in found.space.forbidden[:1]] == ["{'a': ['z']}"]
        assert len(found.space.forbidden) == 2
        assert all(c["a"] == "x" and c["n"] != 3 for c in found.space.sample(50, seed=0))

    def test_a_vector(self):
        """One number of thousands says little of a trial."""
        space = Space({"weights": Vector(3, -1, 1), "rate": Float(0, 1)})
        found = space.narrow(told(lambda c: c["rate"] + c["weights"][0], 100, space))
        assert found.space["weights"] == space["weights"]
        assert found.space["rate"].high < 1

    def test_trials_of_elsewhere_say_nothing(self):
        trials = told(lambda c: noise(c) + 3 * (c["optimizer"] == "rmsprop"))
        found = SPACE.narrow(trials)
        strange = [SimpleNamespace(config={"other": 1}, values={"error": -99.0})] * 50
        assert SPACE.narrow([*strange, *trials]).reasons == found.reasons
        assert found.space.narrow(trials).n_trials < len(trials)


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("seed", range(4))
def test_each_config_of_a_narrowed_space_is_one_of_the_space(name, seed):
    space = LANDSCAPES[name].space
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal(space.d)
    configs = space.decode(space.random(150, rng))
    losses = space.encode(configs) @ weights
    trials = [
        SimpleNamespace(config=config, values={"value": float(loss)})
        for config, loss in zip(configs, losses, strict=True)
    ]
    found = space.narrow(trials, confidence=0.5, keep=0, min_values=1, min_width=0)
    assert found.reasons or space.size < 30 or name == "layers"
    best = configs[int(np.argmin(losses))]
    assert found.space.validate(best) == best
    for config in found.space.sample(60, seed=seed):
        assert space.validate(config)
    again = Space.from_json(found.space.to_json(), forbid=found.space.forbidden)
    assert list(again) == list(found.space)


@given(
    losses=st.lists(st.sampled_from([0.0, 1.0, 2.0, 2.5, math.inf]), min_size=4, max_size=40),
    data=st.data(),
)
def test_the_test_is_that_of_mann_and_whitney(losses, data):
    losses = np.array(losses)
    piece = np.array(data.draw(st.lists(st.booleans(), min_size=len(losses), max_size=len(losses))))
    (found,) = rank_sum_p_values(losses, piece[None])
    if not 0 < piece.sum() < len(piece) or len(set(losses)) == 1:
        assert found == 1.0
        return
    finite = np.where(np.isinf(losses), 1e9, losses)
    expected = mannwhitneyu(
        finite[piece], finite[~piece], alternative="greater", method="asymptotic"
    )
    assert found == pytest.approx(expected.pvalue, abs=1e-12)


def test_equal_losses_share_their_rank():
    assert ranks(np.array([3.0, 1.0, 3.0, math.inf])).tolist() == [1.5, 0.0, 1.5, 3.0]


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ({"direction": "up"}, "direction must be 'minimize' or 'maximize', but got 'up'"),
            ({"objective": "loss"}, "objective must be one of the values"),
            ({"keep": 2}, "keep must lie between 0 and 1, but got 2"),
            ({"confidence": 1.0}, "confidence must lie between 0 and 1"),
            ({"confidence": "high"}, "confidence must be a number"),
            ({"min_values": 0}, "min_values must be an int of at least 1"),
            ({"min_width": -0.1}, "min_width must lie between 0 and 1"),
        ],
    )
    def test_settings_out_of_range(self, arguments, why):
        with pytest.raises(SettingError, match=why):
            SPACE.narrow(told(noise, 10), **arguments)

    def test_several_values_need_an_objective(self):
        trials = told(noise, 20)
        trials[3].values["seconds"] = 4.0
        with pytest.raises(SettingError, match="none was named"):
            SPACE.narrow(trials)
        assert SPACE.narrow(trials, objective="error").n_trials == 20

    def test_what_is_no_trial(self):
        with pytest.raises(SettingError, match="trials must be hpopt"):
            SPACE.narrow([{"rate": 1}])


def ends(parameter):
    values = getattr(parameter, "values", None)
    return (values[0], values[-1]) if values else (parameter.low, parameter.high)
