"""The comparison of several objectives still runs and counts right: no figure is looked at."""

import math

import numpy as np
import pytest
from comparing import needs_data, needs_environment, printed


@pytest.fixture
def problems(as_benchmark):
    as_benchmark("strategies", "", "objectives")
    import problems

    return problems


@pytest.fixture
def fronts(problems):
    import fronts

    return fronts


def test_problems_for_choosing_and_for_judging_are_apart(problems):
    sets = [name for names in problems.SETS.values() for name in names]
    assert len({*sets}) == len(sets)


def test_volumes_are_those_of_counted_cells(fronts):
    rng = np.random.default_rng(0)
    for m in (2, 3, 4):
        points = rng.integers(0, 5, (6, m)) / 5
        cells = np.stack(np.meshgrid(*[np.arange(5) / 5] * m, indexing="ij"), -1).reshape(-1, m)
        is_in = (cells[:, None] >= points - 1e-9).all(axis=2).any(axis=1)
        front = points[fronts.non_dominated(points)]
        assert fronts.volume(front) == pytest.approx(is_in.mean())


def test_the_front_itself_has_all_and_what_lies_beyond_the_box_nothing(problems, fronts):
    for name, best in (
        ("zdt:1", lambda x: [x, 0, 0, 0, 0, 0]),
        ("zdt:3", lambda x: [x, 0, 0, 0, 0, 0]),
        ("zdt:4", lambda x: [x, 0, 0, 0, 0, 0]),
        ("dtlz2:2", lambda x: [x, 0.5, 0.5, 0.5, 0.5, 0.5]),
    ):
        problem = problems.load(name)
        trace = fronts.Trace(problem, 400)
        names = [each.name for each in problem.parameters]
        trace.evaluate(dict(zip(names, [p.high for p in problem.parameters], strict=True)))
        assert trace.rows == [(1, 1, -0.0)]
        for x in np.linspace(0, 1, 300):
            trace.evaluate(dict(zip(names, best(x), strict=True)))
        assert -trace.finished()[-1][2] == pytest.approx(1, abs=0.01)
        assert trace.finished()[-1][0] == 301


def test_three_objectives_of_a_sphere(problems):
    problem = problems.load("dtlz2:3")
    losses = problem.losses({f"x{j}": 0.5 for j in range(6)})
    assert np.linalg.norm(losses) == pytest.approx(1)
    assert losses == pytest.approx([math.sqrt(0.5), 0.5, 0.5])
    assert problem.volume == pytest.approx(1 - math.pi / 6 / 1.331)


def waved(x):
    angle = x * math.pi / 2
    radius = math.sqrt(1 + 0.1 * math.cos(16 * angle)) + 1e-9
    return [radius * math.sin(angle), radius * math.cos(angle)]


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("bnh", lambda x: [5 * x, min(5 * x, 3)]),
        ("tnk", waved),
        ("c2dtlz2", lambda x: [x, 0.5, 0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_a_front_under_constraints_has_all(problems, fronts, name, best):
    problem = problems.load(name)
    trace = fronts.Trace(problem, 1000)
    for x in np.linspace(0, 1, 1000):
        trace.evaluate(
            {p.name: value for p, value in zip(problem.parameters, best(x), strict=True)}
        )
    assert -trace.finished()[-1][2] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", ["bnh", "osy", "tnk", "c2dtlz2", "welded_beam"])
def test_no_point_under_constraints_is_beyond_the_front(problems, fronts, name):
    problem = problems.load(name)
    rng = np.random.default_rng(0)
    lows, highs = np.array([(p.low, p.high) for p in problem.parameters]).T
    kept = []
    for row in rng.uniform(lows, highs, (1000, len(lows))).tolist():
        config = {p.name: x for p, x in zip(problem.parameters, row, strict=True)}
        values = problem.values(config)
        if (values[2:] <= 0).all():
            kept.append((values[:2] - problem.ideal) / (problem.reference - problem.ideal))
    assert 0 < len(kept) < 1000
    assert (np.array(kept) >= 0).all()
    inside = np.array([each for each in kept if (each < 1).all()]).reshape(-1, 2)
    assert fronts.volume(inside[fronts.non_dominated(inside)]) < problem.volume


def test_before_the_first_feasible_evaluation_nothing_is_recorded(problems, fronts):
    problem = problems.load("bnh")
    bad, good = {"x0": 0.0, "x1": 3.0}, {"x0": 1.0, "x1": 1.0}
    trace = fronts.Trace(problem, 3)
    trace.evaluate(bad)
    assert trace.rows == []
    trace.evaluate(good)
    assert trace.rows[0][:2] == (2, 2)
    none = fronts.Trace(problem, 3)
    none.evaluate(bad)
    assert none.finished() == [(1, 1, math.inf)]


@needs_data
@needs_environment
def test_it_runs_and_prints():
    found = printed("objectives", "--only", "random")
    assert "share after 12" in found
    assert "first feasible" in found
