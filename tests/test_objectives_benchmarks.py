"""The comparison of several objectives still runs and counts right: no figure is looked at."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
DATA = Path(os.environ.get("HPOPT_DATA") or ROOT.parent / "shared" / "data")


@pytest.fixture
def fronts(monkeypatch: pytest.MonkeyPatch):
    """Import the benchmark's problems as its script does."""
    for folder in ("strategies", "", "objectives"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    import fronts

    return fronts


def test_problems_for_choosing_and_for_judging_are_apart(fronts):
    assert not {*fronts.CHOOSING} & {*fronts.JUDGING}


def test_volumes_are_those_of_counted_cells(fronts):
    rng = np.random.default_rng(0)
    for m in (2, 3, 4):
        points = rng.integers(0, 5, (6, m)) / 5
        cells = np.stack(np.meshgrid(*[np.arange(5) / 5] * m, indexing="ij"), -1).reshape(-1, m)
        is_in = (cells[:, None] >= points - 1e-9).all(axis=2).any(axis=1)
        front = points[fronts.non_dominated(points)]
        assert fronts.volume(front) == pytest.approx(is_in.mean())


def test_the_front_itself_has_all_and_what_lies_beyond_the_box_nothing(fronts):
    for name, best in (
        ("zdt:1", lambda x: [x, 0, 0, 0, 0, 0]),
        ("zdt:3", lambda x: [x, 0, 0, 0, 0, 0]),
        ("zdt:4", lambda x: [x, 0, 0, 0, 0, 0]),
        ("dtlz2:2", lambda x: [x, 0.5, 0.5, 0.5, 0.5, 0.5]),
    ):
        problem = fronts.load(name)
        trace = fronts.Trace(problem, 400)
        names = [each.name for each in problem.parameters]
        trace.evaluate(dict(zip(names, [p.high for p in problem.parameters], strict=True)))
        assert trace.rows == [(1, 1, -0.0)]
        for x in np.linspace(0, 1, 300):
            trace.evaluate(dict(zip(names, best(x), strict=True)))
        assert -trace.finished()[-1][2] == pytest.approx(1, abs=0.01)
        assert trace.finished()[-1][0] == 301


def test_three_objectives_of_a_sphere(fronts):
    problem = fronts.load("dtlz2:3")
    losses = problem.losses({f"x{j}": 0.5 for j in range(6)})
    assert np.linalg.norm(losses) == pytest.approx(1)
    assert losses == pytest.approx([math.sqrt(0.5), 0.5, 0.5])
    assert problem.volume == pytest.approx(1 - math.pi / 6 / 1.331)


@pytest.mark.skipif(
    not (BENCHMARKS / ".venvs" / "hpopt" / "complete").exists()
    or not (DATA / "benchmarks" / "tables").is_dir(),
    reason="no environment for the problems, or no tables: run benchmarks/environments.py",
)
def test_it_runs_and_prints():
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "objectives", "--quick", "--only", "random"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HPOPT_DATA": str(DATA)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "share after 12" in done.stdout
