"""What a command problem costs over the process that it starts: python benchmarks/command.py."""

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from hpopt import Categorical, CommandProblem, Solution, Study
from hpopt.core import evaluate

N = 300  # of each kind, in turns: the machine is as busy for one as for the other
ARGV = ["/bin/sh", "-c", "echo 1", "x"]


def seconds_of(function, *arguments, **options):
    begin = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - begin, result


def main():
    problem = CommandProblem([*ARGV[:-1], "{x}"], {"x": Categorical(["x", "y"])})
    plain, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(N):
            plain.append(seconds_of(subprocess.run, ARGV, capture_output=True, check=True)[0])
            solution = Solution(number, {"x": "x"}, np.array([0.5]), seed=1)
            directory = Path(folder) / str(number)
            seconds, outcome = seconds_of(evaluate, problem, solution, directory=directory)
            assert outcome.ok, outcome
            whole.append(seconds)
    for name, share in (("the fastest", 0), ("the fastest tenth", 10), ("the median", 50)):
        alone, evaluated = np.percentile(plain, share), np.percentile(whole, share)
        print(
            f"{name}: process {1e3 * alone:.2f} ms, evaluation {1e3 * evaluated:.2f} ms,", end=" "
        )
        print(f"more {1e3 * (evaluated - alone):.2f} ms")
    for executor in ("serial", "processes", "threads"):
        print(f"a trial by {executor:11} {1e3 * trial_seconds(executor):6.2f} ms")


def trial_seconds(executor, trials=100):
    """Give the seconds of a trial in a study file, when workers are up."""
    space = {f"x{i}": Categorical([*range(9)]) for i in range(4)}
    problem = CommandProblem([*ARGV[:-1], "{x0}"], space, arguments="")
    with tempfile.TemporaryDirectory() as folder:
        study = Study(problem, "random", path=Path(folder) / "s.db", seed=0)
        study.run(trials=3, executor=executor, progress=False)
        seconds, _ = seconds_of(study.run, trials=trials, executor=executor, progress=False)
    return seconds / trials


if __name__ == "__main__":
    main()
