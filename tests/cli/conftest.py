import os
import subprocess
import sys
import textwrap
import time

import pytest

from hpopt.cli import main

PROBLEM = """
import sys
import time

import hpopt


class Hill(hpopt.Problem):
    objectives = hpopt.Objective("height", "maximize")

    def __init__(self, top=1.0, *, pause=0.0, fails=()):
        self.space = hpopt.Space(
            {
                "x": hpopt.Float(-5, 5),
                "kind": hpopt.Categorical(["flat", "steep"]),
                "n": hpopt.Int(1, 100, log=True, when={"kind": "steep"}),
            }
        )
        self.top, self.pause, self.fails = top, pause, fails

    def evaluate(self, config, trial):
        time.sleep(self.pause)
        print("evaluating", trial.number, file=sys.stderr)
        if trial.number in self.fails or "all" in self.fails:
            raise ValueError(f"no value for {trial.number}")
        for step in range(3):
            trial.report(step, config["x"] + step)
        slope = config.get("n", 1)
        return {"height": self.top - slope * config["x"] ** 2, "slope": slope, "odd": float("nan")}


def hill(top):
    return Hill(top)


def objective(config):
    return config["x"]


ready = Hill(2.0)
number = 3
"""

RUN = """
study = "hill.db"
trials = 12
seed = 3
optimizer = "random"

[problem]
class = "{name}.py:Hill"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if origin.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def problem(folder):
    """The file of a problem."""
    path = folder / "hill_problem.py"
    path.write_text(PROBLEM)
    return path


@pytest.fixture
def write_run(problem):
    """Write a run file: the usual one with lines before and after it."""

    def write(before="", after="", *, usual=RUN, name="run.toml"):
        path = problem.parent / name
        usual = usual.format(name=problem.stem)
        path.write_text(textwrap.dedent(before) + usual + textwrap.dedent(after))
        return str(path)

    return write


@pytest.fixture
def hpopt(capsys):
    """Perform a command; give its exit code, stdout and stderr."""

    def perform(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return perform


@pytest.fixture
def start(folder):
    """Start ``python -m hpopt`` as a process; it is killed at the end of the test."""
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "hpopt", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=folder,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_until(condition, seconds=60.0):
    """Wait for something to become true; say whether it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
