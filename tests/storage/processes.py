"""Other processes that use a study file, for the tests that kill and cross them."""

import os
import subprocess
import sys
from pathlib import Path

import hpopt

HEAD = """
import os, sys, time
import numpy as np
from hpopt.core.trial import Solution
from hpopt.core.trial import Outcome, Trial
from hpopt.storage import SQLiteStorage

def trial(number):
    config = {"x": number / 7, "name": "n" * (number % 50)}
    solution = Solution(number, config, np.full(3, 0.5), number)
    return Trial(solution, Outcome("complete", {"value": number / 3}))
"""

WRITE_FOREVER = """
with SQLiteStorage(sys.argv[1]) as storage:
    journal = storage.load()
    for solution in journal.pending:
        storage.append([trial(solution.number)])
        print(solution.number, flush=True)
    number = len(journal.trials) + len(journal.pending)
    while True:
        storage.started([trial(number + k).solution for k in range(3)], number)
        storage.append([trial(number)])
        print(number, flush=True)
        storage.append([trial(number + 2), trial(number + 1)])
        print(number + 2, number + 1, flush=True)
        number += 3
"""


def start(code, *arguments):
    """Start a Python process that runs HEAD and this code."""
    folder = str(Path(hpopt.__file__).parents[1])
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def run(code, *arguments):
    """Run such a process to its end, which must be a good one, and give what it printed."""
    process = start(code, *arguments)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output
