"""``hpopt show --follow``: what runs, until nobody runs it any more."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hpopt import Study
from hpopt.cli import ExitCode

from .conftest import wait_until
from .test_processes import n_done

RUN = "arguments = { pause = 0.4 }"


@pytest.fixture
def running(write_run, start):
    """A search of some seconds in two workers, of which the first trials have finished."""
    process = start("run", write_run(after=RUN), "--trials", 14, "--workers", 2)
    assert wait_until(lambda: n_done() >= 2)
    return process


def test_line_by_line_where_nobody_looks_on(running, hpopt):
    code, out, err = hpopt("show", "hill.db", "--follow")
    assert code == ExitCode.DONE
    assert err == ""
    lines, _, summary = out.partition("the best ")
    first = lines.splitlines()[0]
    assert " complete; 2 running: " in first
    assert "best height " in first
    assert summary.startswith("5 of 14 trials")
    assert "no process is writing" in summary
    assert running.wait() == ExitCode.DONE


def test_show_says_where_each_runs(running, hpopt):
    assert wait_until(lambda: len(Study.load("hill.db").running) == 2)
    out = ""

    def seen():
        nonlocal out
        out = hpopt("show", "hill.db")[1]
        return f"{os.uname().nodename}, process " in out

    assert wait_until(seen)
    assert "2 running" in out
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    out = hpopt("show", "hill.db")[1]
    assert ", process " not in out.partition("writer")[0]
    assert "cut off" in out


def test_of_a_study_that_nobody_runs(write_run, hpopt):
    hpopt("run", write_run(), "--quiet")
    code, out, err = hpopt("show", "hill.db", "--follow")
    assert code == ExitCode.DONE
    assert err == "hpopt: no process is running hill.db; this is how it was left\n"
    assert out == hpopt("show", "hill.db")[1]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_in_place_on_a_terminal(write_run, start):
    import pty

    running = start("run", write_run(after=RUN), "--trials", 1000, "--workers", 2)
    assert wait_until(lambda: n_done() >= 2)
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TERM": "xterm",
        "COLUMNS": "120",
        "LINES": "50",
    }
    command = [sys.executable, "-m", "hpopt", "show", "hill.db", "--follow"]
    process = subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.PIPE, env=environment, cwd=Path.cwd()
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end has been closed
            break
        if not part:
            break
        shown += part
        if shown.count(b"2 running") >= 2:
            running.kill()
            running.wait()
    os.close(ours)
    assert process.wait(30) == ExitCode.DONE, process.stderr.read()
    process.stderr.close()
    assert shown.count(b"2 running") >= 2
    assert b"\x1b[" in shown
    assert b"no process is writing" in shown
