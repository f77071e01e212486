"""ConfigSpace's spaces as ours, and back."""

import cloudpickle
import numpy as np
import pytest

cs = pytest.importorskip("ConfigSpace", reason="the extra 'configspace' is not installed")

import hpopt  # noqa: E402
from hpopt.errors import SpaceError  # noqa: E402
from hpopt.integrations.configspace import from_configspace, to_configspace  # noqa: E402


def made(*parameters):
    space = cs.ConfigurationSpace(seed=1)
    space.add(*parameters)
    return space


def test_parameters_and_defaults_come_along():
    space = made(
        cs.CategoricalHyperparameter("c", ["x", None, True, 3], default_value=True),
        cs.OrdinalHyperparameter("o", [4, 2, 9], default_value=2),
        cs.Float("f", (1e-3, 1), log=True, default=0.1),
        cs.Integer("i", (1, 10), default=3),
        cs.Constant("k", "always"),
    )
    assert dict(from_configspace(space)) == {
        "c": hpopt.Categorical(["x", None, True, 3], default=True),
        "o": hpopt.Ordinal([4, 2, 9], default=2),
        "f": hpopt.Float(1e-3, 1, log=True, default=0.1),
        "i": hpopt.Int(1, 10, default=3),
        "k": hpopt.Categorical(["always"]),
    }


def conditional():
    c = cs.CategoricalHyperparameter("c", ["x", "y", "z"])
    o = cs.OrdinalHyperparameter("o", [4, 2, 9, 7])
    d, g, h = (cs.Integer(name, (0, 9)) for name in "dgh")
    a, b, e = (cs.Float(name, (0.0, 1.0)) for name in "abe")
    space = made(c, o, d, g, h, a, b, e)
    space.add(
        cs.EqualsCondition(a, c, "y"),
        cs.AndConjunction(cs.GreaterThanCondition(b, o, 2), cs.NotEqualsCondition(b, c, "z")),
        cs.OrConjunction(cs.LessThanCondition(e, d, 2), cs.EqualsCondition(e, d, 9)),
    )
    space.add(
        cs.ForbiddenGreaterThanClause(d, 8),
        cs.ForbiddenAndConjunction(cs.ForbiddenInClause(g, [1, 2]), cs.ForbiddenEqualsClause(o, 4)),
        cs.ForbiddenOrConjunction(
            cs.ForbiddenEqualsClause(h, 3),
            cs.ForbiddenAndConjunction(
                cs.ForbiddenLessThanClause(h, 2), cs.ForbiddenEqualsClause(c, "z")
            ),
        ),
        cs.ForbiddenLessThanRelation(g, h),
        cs.ForbiddenAndConjunction(
            cs.ForbiddenGreaterThanEqualsClause(a, 0.75), cs.ForbiddenEqualsClause(c, "y")
        ),
    )
    return space


def test_conditions_and_clauses_mean_the_same():
    theirs = conditional()
    ours = from_configspace(theirs)
    assert {name: each.when for name, each in ours.items() if each.when} == {
        "a": {"c": ("y",)},
        "b": {"o": (9, 7), "c": ("x", "y")},  # above 2 in the order of the list
        "e": {"d": (0, 1, 9)},
    }
    for configuration in theirs.sample_configuration(100):
        assert ours.validate(dict(configuration))
    for config in ours.sample(100, seed=1):
        cs.Configuration(theirs, values=config).check_valid_configuration()


@pytest.mark.parametrize(
    ("clause", "left"),
    [
        (cs.ForbiddenLessThanClause, {2, 3}),
        (cs.ForbiddenLessThanEqualsClause, {3}),
        (cs.ForbiddenGreaterThanClause, {0, 1, 2}),
        (cs.ForbiddenGreaterThanEqualsClause, {0, 1}),
    ],
)
def test_bounds_are_on_the_side_that_they_say(clause, left):
    class Bounded(dict):
        """A space that is not checked: ConfigSpace 1.2.2 turns `<=` and `>=` round in a check."""

        conditions = ()

    n = cs.Integer("n", (0, 3))
    space = Bounded(n=n)
    space.forbidden_clauses = [clause(n, 2)]
    assert {config["n"] for config in from_configspace(space).sample(40, seed=1)} == left


def test_clauses_that_compare_are_named():
    ours = from_configspace(conditional())
    assert "never ConfigSpace.g < h" in str(ours.describe())
    again = cloudpickle.loads(cloudpickle.dumps(ours))
    assert not again.allowed(again.encode([{**ours.sample(seed=2)[0], "g": 0, "h": 5}])).any()


def test_what_has_no_like_is_an_error():
    c, o = (cs.CategoricalHyperparameter(name, ["x", "y"]) for name in "co")
    f, a = cs.Float("f", (0.0, 1.0)), cs.Float("a", (0.0, 1.0))
    either = made(c, o, a)
    either.add(cs.OrConjunction(cs.EqualsCondition(a, c, "x"), cs.EqualsCondition(a, o, "x")))
    with pytest.raises(SpaceError, match="'a' exists where one of several has"):
        from_configspace(either)
    continuous = made(f, a)
    continuous.add(cs.LessThanCondition(a, f, 0.5))
    with pytest.raises(SpaceError, match=r"at most 4096 values, but .* is on 'f'"):
        from_configspace(continuous)
    function = hpopt.Space({"x": hpopt.Int(0, 3)}, forbid=[lambda config: config["x"] == 1])
    with pytest.raises(SpaceError, match=r"must be mappings for ConfigSpace, but .* is a function"):
        to_configspace(function)
    with pytest.raises(SpaceError, match=r"ConfigurationSpace, but got {'x': \(0, 1\)}: make one"):
        from_configspace({"x": (0, 1)})
    with pytest.raises(SpaceError, match="'x' has 10001"):
        to_configspace({"x": hpopt.Float(0, 1, step=1e-4)})


def test_ours_become_theirs():
    layer = hpopt.Space(
        {
            "units": hpopt.Int(8, 64, log=True),
            "act": hpopt.Categorical(["relu", ("elu", 1)]),
            "slope": hpopt.Float(0, 1, when={"act": "relu"}),
        },
        forbid=[{"units": [8, 9], "act": "relu"}],
    )
    space = hpopt.Space(
        {
            "layers": hpopt.Sequence(layer, 1, 2),
            "weights": hpopt.space.Vector(2, -1, 1),
            "batch": hpopt.Ordinal([16, 32], default=32),
            "rate": hpopt.Float(1, 9, step=4, default=5),
            "decay": hpopt.Float(1e-3, 1, log=True, when={"batch": 16, "rate": [1, 5]}),
        },
        forbid=[{"batch": 16, "rate": 1}],
    )
    found = to_configspace(space, name="mine", seed=3)
    assert found.name == "mine"
    back = from_configspace(found)
    assert back["layers[1].units"].when == {"len(layers)": (2,)}
    assert back["layers[1].slope"].when == {"len(layers)": (2,), "layers[1].act": ("relu",)}
    assert back["layers[0].slope"].when == {"layers[0].act": ("relu",)}
    assert back["layers[0].act"].choices == ("relu", "('elu', 1)")
    assert back["decay"].when == {"batch": (16,), "rate": (1.0, 5.0)}
    assert (back["batch"].default, back["rate"].values) == (32, (1.0, 5.0, 9.0))
    assert back["weights[1]"].low == -1
    assert len(back.forbidden) == 3
    for configuration in found.sample_configuration(50):
        assert back.validate(dict(configuration))


def test_a_plain_space_comes_back_as_it_was():
    space = hpopt.Space(
        {
            "c": hpopt.Categorical(["a", "b"], default="b"),
            "n": hpopt.Int(1, 9, log=True, default=2),
            "x": hpopt.Float(0, 1, default=0.25, when={"c": "a"}),
        },
        forbid=[{"c": "a", "n": [1, 2]}],
    )
    assert from_configspace(to_configspace(space)) == space


def test_priors_come_along_both_ways():
    space = hpopt.Space(
        {
            "w": hpopt.Categorical(["a", "b"], prior={"a": 3}),
            "x": hpopt.Float(0, 10, prior=hpopt.Normal(2, 1.5)),
            "n": hpopt.Int(1, 9, prior=4),
            "lr": hpopt.Float(1e-4, 1, log=True, prior=hpopt.Normal(1e-2, 0.5)),
            "o": hpopt.Ordinal([1, 2, 3], prior=2),
        }
    )
    back = from_configspace(to_configspace(space))
    assert [w / sum(back["w"].prior) for w in back["w"].prior] == [0.75, 0.25]
    assert back["x"].prior == hpopt.Normal(2, 1.5)
    assert back["n"].prior == hpopt.Normal(4, 0.2 * 8)
    assert back["lr"].prior.sd == pytest.approx(0.5)
    assert back["o"].prior is None


def test_a_beta_distribution_has_its_moments():
    space = made(
        cs.BetaFloatHyperparameter("x", alpha=2, beta=6, lower=0, upper=10),
        cs.BetaFloatHyperparameter("lr", alpha=3, beta=3, lower=1e-4, upper=1, log=True),
        cs.BetaFloatHyperparameter("flat", alpha=1, beta=1, lower=0, upper=1),
    )
    found = from_configspace(space)
    assert found["x"].prior.mean == pytest.approx(2.5)
    drawn = [config["x"] for config in space.sample_configuration(2000)]
    assert found["x"].prior.sd == pytest.approx(np.std(drawn), rel=0.1)
    assert found["lr"].prior.mean == pytest.approx(1e-2)
    assert found["flat"].prior is None
