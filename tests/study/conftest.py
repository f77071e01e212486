import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

import hpopt
from hpopt.executors import ProcessExecutor

from .problems import essence


@pytest.fixture(scope="package")
def processes():
    """Three warm worker processes for all tests of studies."""
    with ProcessExecutor(3) as executor:
        executor.warm_up()
        yield executor


@pytest.fixture
def path(tmp_path):
    """Where a study file may be made: in memory, where a disk would take most of the time."""
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and os.access(memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(prefix="hpopt-test-", dir=place) as folder:
        yield Path(folder) / "study.db"


@pytest.fixture
def search():
    """Run a search without a display, and give its essence."""

    def run(problem, optimizer, trials, **options):
        options = {"seed": 7, "progress": False, **options}
        return essence(hpopt.optimize(problem, optimizer, trials=trials, **options).trials)

    return run


@pytest.fixture
def start_script(tmp_path):
    """Start a Python program in a process of its own; it is killed at the end of the test."""
    started = []

    def start(code, *arguments, **environment):
        paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                stream.close()
        process.wait()


def wait_until(condition, seconds=30.0):
    """Wait for something to become true; say whether it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def marked_processes(mark):
    """Give the living processes that have this mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("MARK") == mark:
                found.append(process.pid)
    return found
