"""What builds ask for, as a space; no network is built here."""

import pytest

import hpopt
from hpopt.errors import ProblemError
from hpopt.integrations.keras_tuner import HyperParameters
from hpopt.integrations.keras_tuner.entries import entry_of
from hpopt.integrations.keras_tuner.fitting import Passed, names_of_settings, passed_on
from hpopt.integrations.keras_tuner.recording import recorded
from hpopt.integrations.keras_tuner.spaces import TunedSpace


def entries(hp):
    return [entry_of(each) for each in hp.space]


def recording_of(build, make=HyperParameters, also=()):
    def run(values):
        hp = make(values)
        build(hp)
        return hp

    return recorded(run, entries, list(also))


def tuned(build, **settings):
    return TunedSpace(recording_of(build, **settings), {})


def everything(hp):
    """Ask in every way that KerasTuner has."""
    kind = hp.Choice("kind", ["wide", "deep"], default="deep")
    if kind == "deep":
        for k in range(hp.Int("layers", 1, 3)):
            hp.Int(f"units_{k}", 8, 30, step=8)
            hp.Choice("activation", ["relu", "tanh"])
    else:
        hp.Int("width", 8, 64, sampling="log", default=32)
    with hp.conditional_scope("kind", ["wide"]):
        hp.Float("dropout", 0.0, 0.5, step=0.1)
        hp.Float("rate", 0.01, 1, sampling="log", default=0.1)
    hp.Float("rate", 0.01, 1, sampling="log", default=0.1, parent_name="kind", parent_values="deep")
    if hp.Boolean("norm", default=True):
        with hp.name_scope("norm"):
            hp.Float("momentum", 0.5, 0.99, sampling="reverse_log")
    hp.Choice("batch", [64, 16, 32])
    hp.Choice("bag", [1, 2, 3], ordered=False)
    hp.Float("lr", 1e-4, 0.15, sampling="log", step=10)
    hp.Int("power", 2, 33, sampling="log", step=2)
    hp.Int("late", 1, 9, sampling="reverse_log", step=3)
    hp.Fixed("fixed", 3)
    hp.Int("one", 5, 5)


def test_everything_has_a_parameter_that_means_the_same():
    deep, wide = {"kind": "deep"}, {"kind": "wide"}
    assert dict(tuned(everything).space) == {
        "kind": hpopt.Categorical(["wide", "deep"], default="deep"),
        "layers": hpopt.Int(1, 3, when=deep, default=1),
        "units_0": hpopt.Int(8, 24, step=8, when=deep, default=8),
        "activation": hpopt.Categorical(["relu", "tanh"], when=deep, default="relu"),
        "dropout": hpopt.Float(0.0, 0.5, step=0.1, when=wide, default=0.0),
        "rate": hpopt.Float(0.01, 1, log=True, when={"kind": ["wide", "deep"]}, default=0.1),
        "norm": hpopt.Categorical([False, True], default=True),
        "1.49 - norm/momentum": hpopt.Float(0.5, 0.99, log=True, when={"norm": True}, default=0.99),
        "batch": hpopt.Ordinal([64, 16, 32], default=64),
        "bag": hpopt.Categorical([1, 2, 3], default=1),
        "lr": hpopt.Ordinal([1e-4, 1e-3, 1e-2, 1e-1], default=1e-4),
        "power": hpopt.Ordinal([2, 4, 8, 16, 32], default=2),
        "late": hpopt.Ordinal([1, 7, 9], default=1),
        "width": hpopt.Int(8, 64, log=True, when=wide, default=32),
        "units_1": hpopt.Int(8, 24, step=8, when={"layers": [2, 3]}, default=8),
        "units_2": hpopt.Int(8, 24, step=8, when={"layers": [3]}, default=8),
    }


def test_a_config_is_what_the_build_is_given():
    made = tuned(everything)
    for config in made.space.sample(20, seed=1):
        values = made.values(config)
        hp = HyperParameters(values)
        everything(hp)
        assert {name: hp.values[name] for name in values} == values
        # Only what has one value is not chosen.
        assert hp.values.keys() - values.keys() == {"fixed", "one"}
        if config["norm"]:
            momentum = values["norm/momentum"]
            assert momentum == pytest.approx(1.49 - config["1.49 - norm/momentum"])
            assert 0.5 <= momentum <= 0.99


def test_ours_and_keras_tuners_record_the_same():
    keras_tuner = pytest.importorskip("keras_tuner", reason="keras-tuner is not installed")

    def make(values):
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        return hp

    ours, theirs = tuned(everything), tuned(everything, make=make)
    assert ours.space == theirs.space
    assert [*ours.space] == [*theirs.space]


def test_one_name_may_mean_two_things():
    def build(hp):
        kind = hp.Choice("kind", ["a", "b"])
        with hp.conditional_scope("kind", "a"):
            small = hp.Int("units", 1, 8)
        with hp.conditional_scope("kind", "b"):
            large = hp.Int("units", 100, 800)
        return small if kind == "a" else large

    made = tuned(build)
    assert [*made.space] == ["kind", "units [kind=a]", "units [kind=b]"]
    assert made.values({"kind": "b", "units [kind=b]": 300}) == {"kind": "b", "units": 300}
    hp = HyperParameters({"kind": "b", "units": 300})
    assert build(hp) == 300


def test_what_needs_two_values_is_found():
    def build(hp):
        first, second = hp.Boolean("first"), hp.Boolean("second")
        if first and second:
            hp.Int("both", 1, 3)

    assert tuned(build).space["both"].when == {"first": (True,), "second": (True,)}


def test_what_is_rare_may_be_shown():
    def build(hp):
        if sum(hp.Int(f"n{k}", 0, 9) for k in range(4)) == 19:
            hp.Int("rare", 1, 3)

    values = {"n0": 5, "n1": 5, "n2": 5, "n3": 4}
    assert "rare" not in tuned(build).space
    made = tuned(build, also=[values])
    assert made.values({**values, "rare": 2}) == {**values, "rare": 2}


def test_a_number_may_decide_nothing_but_others_may_not():
    def build(hp):
        if hp.Float("x", 0, 1) > 0.5:
            hp.Int("n", 1, 3)
        if hp.Fixed("old", False):
            hp.Int("never", 1, 3)
        with hp.conditional_scope("old", True):
            hp.Int("dead", 1, 3)

    # A range of numbers is no parent: what it decides exists always.
    space = tuned(build).space
    assert [*space] == ["x", "n"]
    assert not space["n"].when


def test_something_must_be_asked_for():
    with pytest.raises(ProblemError, match="asks for nothing"):
        tuned(lambda hp: hp.Fixed("n", 3))


def test_builds_that_fail_are_passed_over_but_not_the_first():
    def build(hp):
        if hp.Choice("kind", ["good", "bad"]) == "bad":
            raise ValueError("too bad")
        hp.Int("n", 1, 3)

    found = recording_of(build)
    assert [*TunedSpace(found, {}).space] == ["kind", "n"]
    assert found.failures
    assert all(values["kind"] == "bad" for values, _ in found.failures)

    def broken(hp):
        raise ValueError("always")

    with pytest.raises(ValueError, match="always"):
        recording_of(broken)


def test_hp_is_read_as_keras_tuners():
    hp = HyperParameters({"n": 2})
    assert hp.Int("n", 1, 3) == hp.get("n") == hp["n"] == 2
    assert hp.Int("n", 1, 3, default=3) == 2
    assert "n" in hp
    assert hp.Choice("c", ["a", None]) is None
    with hp.conditional_scope("n", [1]):
        assert hp.Boolean("off") is None
    with pytest.raises(ValueError, match="off is currently inactive"):
        hp.get("off")
    with pytest.raises(KeyError, match="m does not exist"):
        hp.get("m")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda hp: hp.Int("n", 1.5, 3), "whole numbers"),
        (lambda hp: hp.Float("x", 1, 0), "min_value <= max_value"),
        (lambda hp: hp.Float("x", 0, 1, sampling="log"), "above 0 in the log"),
        (lambda hp: hp.Float("x", 1, 9, sampling="log", step=1), "step of 'x' must be above 1"),
        (lambda hp: hp.Float("x", 1, 9, sampling="cubic"), "reverse_log, but got 'cubic'"),
        (lambda hp: hp.Choice("c", []), "must have values"),
        (lambda hp: hp.conditional_scope("c", 1).__enter__(), "asked for before, but 'c'"),
    ],
)
def test_what_means_nothing_is_an_error(ask, said):
    with pytest.raises(ProblemError, match=said):
        ask(HyperParameters())


class TestFit:
    def test_its_settings_are_hyperparameters_or_constants(self):
        def fit(hp, model, *args, **kwargs):
            return model.fit(*args, epochs=hp.Int("n", 1, 5), batch_size=8, **kwargs)

        passed = []
        for n in (1, 4):
            hp = HyperParameters({"n": n, "other": 1})
            passed.append(Passed({"n": n, "other": 1}, passed_on(fit, hp)))
        assert names_of_settings(passed) == ({"epochs": "n"}, {"batch_size": 8})

    @pytest.mark.parametrize(
        ("fit", "said"),
        [
            (lambda hp, model, x, y, **k: 0.5, "does not call it"),
            (lambda hp, model, x, y, **k: [model.fit(x, y)], "returns something else"),
            (lambda hp, model, x, y, **k: model.fit([x], y), "other data"),
            (lambda hp, model, x, y, **k: model.fit(x, y, shuffle=False), "decides 'shuffle'"),
            (lambda hp, model, x, y, **k: model.fit(x, y, callbacks=[1]), "adds callbacks"),
            (lambda hp, model, x, y, **k: model.train_on_batch(x, y), "uses model.train_on_batch"),
        ],
    )
    def test_what_keras_problem_cannot_is_an_error(self, fit, said):
        with pytest.raises(ProblemError, match=f"{said}.*: "):
            passed_on(fit, HyperParameters())

    def test_a_setting_that_is_computed_is_an_error(self):
        passed = [Passed({"n": n}, {"epochs": 2 * n}) for n in (1, 4)]
        with pytest.raises(ProblemError, match="epochs is no single hyper-parameter"):
            names_of_settings(passed)
