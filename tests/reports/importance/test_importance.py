import dataclasses

import numpy as np
import pytest

import hpopt
from hpopt.errors import UnknownNameError
from hpopt.reports.importance import importance
from reports.synthetic import made

UNIT = {name: hpopt.Float(0, 1) for name in "abcdef"}
PI = {name: hpopt.Float(-np.pi, np.pi) for name in "abc"}
MIXED = {
    "rate": hpopt.Float(1e-5, 1e-1, log=True),
    "units": hpopt.Int(8, 1024, log=True),
    "kind": hpopt.Categorical(["x", "y", "z"]),
    "depth": hpopt.Ordinal([1, 2, 4, 8]),
    "idle": hpopt.Float(0, 1),
}


def mixed(c):
    by_kind = {"x": 0.0, "y": 1.0, "z": -1.0}[c["kind"]]
    return np.log10(c["rate"] / 1e-3) ** 2 + 1.1 * by_kind + 0.2 * np.log2(c["units"] / 90)


def sobol_g(c):
    return np.prod([(abs(4 * c[name] - 2) + a) / (1 + a) for name, a in G_WEIGHTS.items()])


G_WEIGHTS = {"a": 0, "b": 0.6, "c": 2, "d": 9, "e": 99, "f": 99}

KNOWN = {  # space, function, the right order of those that matter, and their true shares
    "linear": (UNIT, lambda c: 4 * c["a"] + 3 * c["b"] + 2 * c["c"], "abc", (16, 9, 4), 29),
    "ishigami": (PI, lambda c: np.sin(c["a"]) + 7 * np.sin(c["b"]) ** 2
                 + 0.1 * c["c"] ** 4 * np.sin(c["a"]), "ba", (0.442, 0.314), 1),
    "sobol g": (UNIT, sobol_g, "abc", (0.333 / 0.534, 0.130 / 0.534, 0.037 / 0.534), 1),
    "mixed": (MIXED, mixed, ("rate", "kind", "units"), (1.42, 0.807, 0.163), 2.39),
}  # fmt: skip


@pytest.mark.parametrize("case", KNOWN)
def test_the_order_of_known_functions(case):
    space, function, order, shares, whole = KNOWN[case]
    found = importance(made(space, function, 400))
    assert [each.name for each in found.shares[: len(order)]] == list(order)
    for share, true in zip(found.shares, shares, strict=False):
        assert share.low <= share.share <= share.high
        assert abs(share.share - true / whole) < (0.3 if case == "sobol g" else 0.1)
    idle = found.shares[len(order) + 1 :] if len(space) > 3 else ()
    assert all(each.share < 0.03 for each in idle)


def test_parameters_that_act_only_together_are_a_pair():
    found = importance(made(UNIT, lambda c: (c["a"] - 0.5) * (c["b"] - 0.5), 400))
    assert found.pairs[0].names in (("a", "b"), ("b", "a"))
    assert found.pairs[0].share > 0.6
    assert found.of("a").share < 0.15 < 0.6 < found.of("a").total
    assert "act together" in " ".join(found.sentences)


BRANCHES = {
    "kind": hpopt.Categorical(["net", "tree"]),
    "rate": hpopt.Float(0, 1, when={"kind": "net"}),
    "decay": hpopt.Float(0, 1, when={"kind": "net"}),
    "depth": hpopt.Int(1, 9, when={"kind": "tree"}),
}


def test_that_a_parameter_exists_is_its_parents_doing():
    """The children change nothing: all of the difference is the parent's."""
    found = importance(made(BRANCHES, lambda c: 1.0 if c["kind"] == "net" else 0.0, 200))
    assert found.of("kind").share > 0.99
    assert max(each.total for each in found.shares[1:]) < 0.01


def test_a_parameter_counts_where_it_is_active():
    # Where it is active, rate has a variance of 1/12 × 3.46² = 1, and it is active in one half.
    found = importance(
        made(BRANCHES, lambda c: 12**0.5 * c["rate"] if "rate" in c else 12**0.5 / 2, 400)
    )
    rate = found.of("rate")
    assert rate.active == 0.5
    assert rate.share > 0.9
    assert found.of("kind").share < 0.05
    line = found.marginals["rate"]
    assert line.value[-1] - line.value[0] > 1.8
    assert {"rate", "depth"} not in [set(pair.names) for pair in found.pairs]


def test_layers_are_conditions_too():
    layers = hpopt.Sequence({"units": hpopt.Int(1, 9)}, 1, 3)
    found = importance(
        made({"layers": layers}, lambda c: sum(each["units"] for each in c["layers"]), 300)
    )
    assert found.shares[0].name == "len(layers)"
    assert found.of("layers[2].units").active == pytest.approx(1 / 3)


def test_one_terrible_trial_decides_nothing():
    data = made(UNIT, lambda c: c["a"] + 0.5 * c["b"], 200)
    worse = data.values["loss"].copy()
    worse[7], worse[8] = 1e300, -1e300
    found = importance(dataclasses.replace(data, values={"loss": worse}))
    assert [each.name for each in found.shares[:2]] == ["a", "b"]
    assert found.target.count(" count as ") == 2
    plain = importance(data)
    assert plain.target == ""
    assert abs(plain.shares[0].share - found.shares[0].share) < 0.2


def test_it_is_the_same_each_time_and_the_right_way_up():
    data = made(UNIT, lambda c: c["a"], 100, direction="maximize")
    first, second = importance(data), importance(data)
    assert first.shares == second.shares
    assert first.pairs == second.pairs
    line = first.marginals["a"]
    assert line.value[0] < 0.3 < 0.7 < line.value[-1]
    assert np.all(line.low <= line.value)
    assert importance(data, "seconds").is_known is False
    with pytest.raises(UnknownNameError, match="los"):
        importance(data, "los")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (made(UNIT, lambda c: 1.0, 30), "All 30 values of loss are the same"),
        (made(UNIT, lambda c: c["a"], 5), "5 of them have values, and 20 are needed"),
        (made(UNIT, lambda c: np.nan, 30), "0 of them have values"),
        (made(UNIT, lambda c: hash(str(c)) % 1000, 0), "Not enough trials"),
        (made(UNIT, lambda c: (c["a"] * 1e6) % 1, 60), "a model of 60 trials explains"),
    ],
)  # fmt: skip
def test_where_nothing_is_known_it_says_so(data, said):
    found = importance(data)
    assert not found.is_known
    assert found.shares == ()
    assert said in found.sentences[0]


def test_of_many_fidelities_each_trial_is_compared_with_its_like():
    data = made(UNIT, lambda c: c["a"], 120)
    levels = np.where(np.arange(120) % 12 == 0, 9.0, np.where(np.arange(120) % 4 == 0, 3.0, 1.0))
    values = data.values["loss"] / levels
    found = importance(
        dataclasses.replace(data, reached=levels, fidelities=levels, values={"loss": values})
    )
    assert found.n_trials == 120
    assert found.shares[0].name == "a"
    assert found.shares[0].share > 0.9
    assert "compared with others of the same" in found.target


def test_the_last_parameters_are_said_to_cost_little():
    found = importance(made(UNIT, lambda c: 3 * c["a"] + c["b"], 300))
    assert "The last 4 parameters" in " ".join(found.sentences)
    assert found.rest_high[2] < 0.02
    assert found.rest[0] == pytest.approx(found.skill)
