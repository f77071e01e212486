import sys

import numpy as np
import pytest

from hpopt.core import Previous, Solution, evaluate
from hpopt.problems import CommandProblem
from hpopt.space import Categorical

PYTHON = f"{sys.executable} -I -S -c"
SPACE = {"x": Categorical(["1", "2"])}


@pytest.fixture
def run(tmp_path):
    """Evaluate a command once; give the outcome. Its folder is ``tmp_path / "1"``."""

    def perform(command, *, stop_at=None, fidelity=None, number=1, previous=None, **settings):
        problem = CommandProblem(command, SPACE, **{"arguments": "", **settings})
        solution = Solution(number, {"x": "1"}, np.array([0.5]), seed=42, fidelity=fidelity)
        rule = None if stop_at is None else (lambda curve: curve[-1][0] >= stop_at)
        if previous is not None:
            previous = Previous(tmp_path / str(previous), 1)
        folder = tmp_path / str(number)
        return evaluate(problem, solution, directory=folder, early_stopping=rule, previous=previous)

    return perform
