"""What is believed of good values, before anything is known."""

import json
import pickle

import numpy as np
import pytest

from hpopt import Categorical, Float, Int, Normal, Ordinal, Sequence, Space
from hpopt.errors import SpaceError, UnknownNameError
from hpopt.space import Parameter, Vector
from hpopt.space.changes import with_settings
from hpopt.space.differences import prior_differences

SPACE = Space(
    {
        "rate": Float(1e-5, 1, log=True, prior=1e-3),
        "width": Float(0, 10, prior=Normal(8, 0.5)),
        "stepped": Float(0, 1, step=0.25, prior=0.75),
        "n": Int(1, 100, log=True, prior=Normal(10, 0.2)),
        "batch": Ordinal([16, 32, 64, 128], prior=64),
        "size": Ordinal([1, 2, 4], prior=[1, 2, 1]),
        "optimizer": Categorical(["adam", "sgd", "other"], prior={"adam": 8}),
        "momentum": Float(0, 1, when={"optimizer": "sgd"}, prior=0.9),
        "layers": Sequence({"units": Int(8, 256, prior=200)}, 1, 3),
        "weights": Vector(3, -1, 1, prior=Normal(0.5, 0.1)),
        "plain": Float(0, 1),
    }
)
UNIFORM = np.random.default_rng(0).random((4000, SPACE.d))
DRAWN = SPACE.decode(SPACE.random(4000, np.random.default_rng(0)))


def values(name):
    return [config[name] for config in DRAWN if name in config]


class TestDraws:
    @pytest.mark.parametrize(
        ("name", "low", "high"),
        [
            ("rate", 1e-4, 1e-2),  # a deviation of a fifth of the range, here a power of ten
            ("width", 7.5, 8.5),
            ("n", 10**0.8, 10**1.2),
        ],
    )
    def test_nine_in_ten_are_normal(self, name, low, high):
        inside = np.mean([low <= value <= high for value in values(name)])
        assert 0.9 * 0.68 - 0.05 < inside < 0.9 * 0.68 + 0.1 + 0.05

    def test_one_in_ten_is_anywhere(self):
        assert 0.05 < np.mean(np.array(values("width")) < 6) < 0.08

    def test_weights(self):
        shares = [np.mean([value == each for value in values("optimizer")]) for each in ("adam",)]
        assert shares == pytest.approx([0.8], abs=0.03)
        assert np.mean([v == 2 for v in values("size")]) == pytest.approx(0.5, abs=0.03)

    def test_an_ordinal_near_one_of_its_values(self):
        shares = [np.mean([v == each for v in values("batch")]) for each in (16, 32, 64, 128)]
        assert np.argmax(shares) == 2
        assert shares[0] < 0.1 < min(shares[1:])

    def test_in_layers_and_vectors(self):
        units = [layer["units"] for layers in values("layers") for layer in layers]
        assert 170 < np.median(units) < 210
        assert np.median(values("weights"), axis=0) == pytest.approx([0.5] * 3, abs=0.05)

    def test_what_a_config_lacks(self):
        rng = np.random.default_rng(0)
        drawn = [SPACE.filled({}, rng)["width"] for _ in range(200)]
        assert 7.5 < np.median(drawn) < 8.5

    def test_without_one_nothing_changes(self):
        plain = Space(
            {"x": Float(0, 1), "layers": Sequence({"kind": Categorical(["a", "b"])}, 1, 2)}
        )
        uniforms = np.random.default_rng(0).random((5, plain.d))
        assert plain.drawn(uniforms) is uniforms
        assert plain.prior is None

    def test_quantiles_keep_the_order(self):
        shares = np.linspace(0, 1, 101)[:, None].repeat(SPACE.d, axis=1)
        drawn = SPACE.drawn(shares)
        assert (np.diff(drawn, axis=0) >= 0).all()
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        assert SPACE.decode(SPACE.middle[None])[0]["width"] == pytest.approx(8, abs=0.3)


class TestDensity:
    def test_it_is_that_of_the_draws(self):
        """The mean of a density under uniform draws is 1."""
        everything = np.ones(UNIFORM.shape, dtype=bool)
        for column in range(SPACE.d):
            alone = everything & (np.arange(SPACE.d) == column)
            density = np.exp(SPACE.prior.log_density(UNIFORM, alone))
            assert density.mean() == pytest.approx(1, abs=0.1)

    def test_its_slope(self):
        points, everything = UNIFORM[:20], np.ones((20, SPACE.d), dtype=bool)
        slopes = SPACE.prior.slopes(points)
        for column in range(SPACE.d):
            step = 1e-6 * (np.arange(SPACE.d) == column)
            above, below = (
                SPACE.prior.log_density(points + sign * step, everything) for sign in (1, -1)
            )
            np.testing.assert_allclose((above - below) / 2e-6, slopes[:, column], atol=1e-3)

    def test_only_what_is_active_counts(self):
        adam = [config for config in DRAWN if config["optimizer"] == "adam"][:1]
        point = SPACE.encode(adam)
        active = SPACE.active(point)
        before = SPACE.prior.log_density(point, active)
        point[:, SPACE.columns("momentum")] = 0.9
        assert SPACE.prior.log_density(point, active) == before


class TestAsData:
    def test_json_and_back(self):
        again = Space.from_json(json.loads(json.dumps(SPACE.to_json())))
        assert again == SPACE
        assert dict(again)["width"].prior == Normal(8, 0.5)
        assert again["optimizer"].prior == (8, 1, 1)
        assert pickle.loads(pickle.dumps(SPACE)) == SPACE

    def test_a_table_of_a_run_file(self):
        made = Parameter.from_json(
            "x", {"type": "float", "low": 0, "high": 1, "prior": {"mean": 0.5, "sd": 0.1}}
        )
        assert made == Float(0, 1, prior=Normal(0.5, 0.1))

    def test_a_space_in_words(self):
        said = str(SPACE.describe())
        for words in (
            "near 0.001",
            "8 ± 0.5",
            "10 within a factor of 1.58",
            "near 64",
            "adam 80 %, sgd 10 %, other 10 %",
        ):
            assert words in said

    def test_another_prior_is_no_other_space(self):
        other = SPACE.changed({"rate": Float(1e-5, 1, log=True, prior=0.1)})
        assert SPACE.differences(other) == []
        assert prior_differences(SPACE, other) == ["rate was 0.001 and is 0.1"]
        inside = SPACE.changed({"layers": Sequence({"units": Int(8, 256)}, 1, 3)})
        assert prior_differences(SPACE, inside) == ["layers.units was 200 and is none"]


class TestSmallerSpaces:
    def test_a_prior_outside_is_dropped(self):
        smaller = with_settings(Float(0, 10, prior=8), {"high": 5})
        assert (smaller.high, smaller.prior) == (5, None)
        assert with_settings(Float(0, 10, prior=3), {"high": 5}).prior == 3

    def test_weights_of_what_is_left(self):
        given = Categorical(["a", "b", "c"], prior=[1, 2, 3], default="a")
        smaller = with_settings(given, {"choices": ["b", "c"]})
        assert (smaller.prior, smaller.default) == ((2, 3), None)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Float(0, 1, prior=2), r"prior must lie in \[0.0, 1.0\], but got 2"),
        (lambda: Int(1, 9, prior="many"), "must be a number or a Normal"),
        (lambda: Normal(1, 0), "sd of a prior must be a positive number"),
        (lambda: Normal(float("nan")), "mean of a prior must be a finite number"),
        (lambda: Categorical("ab", prior=[1, 2]), "must be a list"),
        (lambda: Categorical(["a", "b"], prior="a"), "must be weights of some choices"),
        (lambda: Categorical(["a", "b"], prior={"c": 1}), "must be one of"),
        (lambda: Categorical(["a", "b"], prior=[1]), "a weight for each of 2 choices, but got 1"),
        (lambda: Categorical(["a", "b"], prior=[1, 0]), "above 0.*leave out of the choices"),
        (lambda: Ordinal([1, 2], prior=9), "must be weights of some values"),
        (lambda: Vector(2, 0, 1, prior=7), "prior must lie in"),
    ],
)
def test_what_is_no_prior(make, match):
    with pytest.raises(SpaceError, match=match):
        make()


def test_a_list_has_none_of_its_own():
    layer = {"x": {"type": "float", "low": 0, "high": 1}}
    layers = {"type": "sequence", "space": layer, "min_length": 1, "max_length": 2, "prior": 1}
    with pytest.raises(UnknownNameError, match="prior"):
        Parameter.from_json("layers", layers)


@pytest.mark.parametrize(
    "prior", [Normal(np.float32(0.5), np.float64(0.25)), Normal(0.5, 1e308), Normal(0.5, 1e-308)]
)
def test_any_numbers_are_stored_and_drawn_from(prior):
    space = Space({"x": Float(0, 0.75, prior=prior)})
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    assert np.isfinite(space.random(50, np.random.default_rng(0))).all()
