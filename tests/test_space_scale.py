"""No strategy is held up by a large space: all of them end, no figure is looked at."""

import subprocess
import sys
from pathlib import Path

import pytest

from hpopt import Categorical, Float, FunctionProblem, Int, Space, optimize
from hpopt.optimizers import BY_NAME

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "space_scale.py"
CANNOT = {"cmaes": 6, "asha": 7, "hyperband": 7, "freeze_thaw": 7}
"""Strategies and how many of the spaces do not suit them; none of the problems has a fidelity."""


@pytest.mark.timeout(200)
def test_every_strategy_asks_in_every_large_space():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {
        cells[1]: cells[2:-1] for cells in (line.split("|") for line in done.stdout.splitlines())
    }
    for name in BY_NAME:
        assert len(rows[name]) == len(rows["ms"]) == 7
        assert rows[name].count("-") == CANNOT.get(name, 0)


@pytest.mark.timeout(100)
@pytest.mark.parametrize("optimizer", ["auto", "grid", "random"])
def test_a_study_of_many_switches_ends(optimizer):
    parameters = {f"on_{i}": Categorical([False, True]) for i in range(40)}
    parameters |= {f"x_{i}": Int(0, 9, when={f"on_{i}": True}) for i in range(40)}
    problem = FunctionProblem(len, Space(parameters))
    assert problem.space.size == 11**40
    assert len(optimize(problem, optimizer, trials=3, seed=0, progress=False).trials) == 3


@pytest.mark.timeout(100)
def test_a_study_of_many_forbidden_combinations_ends():
    parameters = {"x": Float(0, 1), **{f"n_{i}": Int(1, 50) for i in range(10)}}
    forbid = [{f"n_{i % 10}": i // 10 + 1, f"n_{(i + 1) % 10}": [1, 2, 3]} for i in range(100)]
    problem = FunctionProblem(lambda config: config["x"], Space(parameters, forbid))
    assert len(optimize(problem, "tpe", trials=40, seed=0, progress=False).trials) == 40
