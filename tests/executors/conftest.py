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


@pytest.fixture(scope="module")
def warm():
    """Two warm workers that a whole module may use, as long as it leaves them alive."""
    with ProcessExecutor(2) as executor:
        executor.warm_up()
        yield executor


@pytest.fixture
def nothing_left():
    """Prove that a test leaves no process, no zombie and no open file behind.

    Called, it gives the processes that the test has started so far.
    """

    def children():
        return {process.pid for process in psutil.Process().children(recursive=True)}

    def files():
        folder = Path("/proc/self/fd")
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    before, n_files = children(), files()
    yield lambda: children() - before
    assert wait_until(lambda: children() <= before)
    assert wait_until(lambda: files() <= n_files)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of the test's own for all temporary files, also those of programs it starts."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def start_driver(tmp_path):
    """Start a script as a driver of its own; it is killed at the end of the test."""
    started = []

    def start(code, **options):
        script = tmp_path / "driver.py"
        script.write_text(code)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tmp_path,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.stdout.close()
        process.wait()


def stoppable():
    """Make a problem whose evaluations may be stopped early."""

    def report(config, trial):
        for step in range(5):
            trial.report(step, (config["x"] - 1) ** 2)
            if trial.should_stop():
                break
        return (config["x"] - 1) ** 2

    return hpopt.FunctionProblem(report, {"x": hpopt.Float(-5, 5)})


def wait_until(condition, seconds=20.0):
    """Wait for something to become true; say whether it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_gone(pid):
    """Say whether a process has ended (nobody may have waited for it yet)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
