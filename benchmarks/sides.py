"""The two sides of a comparison, each measured in fresh processes, turn by turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import HERE, ensure

TIMEOUT = 1800.0
RESULTS = HERE / "results"
FOLDERS = (HERE.parent, HERE, HERE / "strategies", HERE / "efficiency")
"""Where the scripts find hpopt, and what they share."""


@dataclass(frozen=True)
class Side:
    """A library to measure: an interpreter, and the script with its measurements."""

    name: str
    python: Path
    script: Path

    def call(self, function: str, /, **arguments: Any) -> dict[str, Any]:
        """Make one measurement in a fresh process."""
        return self._run([str(self.script), function, json.dumps(arguments)])

    def lines(self, function: str, /, **arguments: Any) -> Iterator[Any]:
        """Make many measurements in one fresh process, and give each as soon as it is made."""
        with subprocess.Popen(
            [str(self.python), str(self.script), function, json.dumps(arguments)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, str(self.script))

    def code(self, code: str) -> dict[str, Any]:
        """Run code in a fresh process, which prints one line of JSON."""
        return self._run(["-c", code])

    def _run(self, arguments: list[str]) -> dict[str, Any]:
        done = subprocess.run(
            [str(self.python), *arguments],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def ours() -> Side:
    """Give hpopt, as it is in this working tree."""
    return Side("hpopt", Path(sys.executable), HERE / "measure_hpopt.py")


def optuna() -> Side:
    """Give Optuna, in an environment of its own."""
    return Side("optuna", ensure("optuna"), HERE / "measure_optuna.py")


def environment() -> dict[str, str]:
    """Give both sides the same environment: compiled modules kept, one thread in the BLAS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {
        "PYTHONPATH": os.pathsep.join(map(str, FOLDERS)),
        "PYTHONPYCACHEPREFIX": str(RESULTS / "pycache"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def interleaved(
    measurements: Mapping[str, Callable[[], dict[str, Any]]], repeats: int
) -> dict[str, list[dict[str, Any]]]:
    """Make each measurement several times, turn by turn, so that all meet the same weather."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in measurements}
    for _ in range(repeats):
        for name, measure in measurements.items():
            found[name].append(measure())
    return found


def median(found: list[dict[str, Any]], key: str) -> float:
    """Give the median of one number over the repeats."""
    return statistics.median(each[key] for each in found)


def ratio(above: list[dict[str, Any]], below: list[dict[str, Any]], key: str) -> float:
    """Give the median of the ratios turn by turn, which noise that both meet leaves alone."""
    pairs = zip(above, below, strict=True)
    return statistics.median(mine[key] / theirs[key] for mine, theirs in pairs)


def serve(measurements: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """Make the measurement that the command line names, and print it as one line of JSON.

    One that gives an iterator is many: a line each.
    """
    _, function, arguments = sys.argv
    found = measurements[function](**json.loads(arguments))
    for each in found if isinstance(found, Iterator) else [found]:
        print(json.dumps(each), flush=True)
