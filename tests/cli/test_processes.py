"""The command line as a process: killed, interrupted, and at the end of a pipe."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hpopt import Study
from hpopt.cli import ExitCode

from .conftest import wait_until

SLOW = "arguments = { pause = 0.05 }"


def n_done(path="hill.db"):
    if not Path(path).exists():
        return 0
    try:
        return sum(n for status, n in Study.load(path).counts.items() if status != "pending")
    except Exception:  # it is being made
        return 0


def test_killed_anywhere_and_resumed_every_number_is_there_once(write_run, start, hpopt):
    run = write_run(after=SLOW)
    process = start("run", run, "--trials", 20, "--workers", 2)
    for n in (3, 10):
        assert wait_until(lambda n=n: n_done() >= n)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process = start("resume", "hill.db")
    assert process.wait() == ExitCode.DONE
    assert "going on with the study hill.db" in process.stderr.read()
    trials = Study.load("hill.db").trials
    assert [trial.number for trial in trials] == list(range(20))
    assert all(trial.ok for trial in trials)
    hpopt("run", write_run(), "--study", "whole.db", "--trials", 20)
    assert [t.config for t in trials] == [t.config for t in Study.load("whole.db").trials]


def test_one_interrupt_finishes_what_runs(write_run, start, hpopt):
    process = start("run", write_run(after=SLOW), "--trials", 400, "--workers", 2)
    assert wait_until(lambda: n_done() >= 4)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in err
    assert "go on with: hpopt resume hill.db" in err
    assert out.startswith("the best 5 of ") or n_done() < 5
    counts = Study.load("hill.db").counts
    assert counts["pending"] <= 3  # they have waited in line, and were not begun
    done = counts["complete"]
    assert 4 <= done < 400
    assert hpopt("resume", "hill.db", "--trials", done + 3)[0] == ExitCode.DONE
    assert [t.number for t in Study.load("hill.db").trials] == list(range(done + 3))


def test_two_interrupts_stop_at_once(write_run, start, hpopt):
    long = write_run(after="arguments = { pause = 60.0 }")
    process = start("run", long, "--trials", 4, "--workers", 2)
    assert wait_until(lambda: Path("hill.db").exists() and len(children(process)) == 2)
    assert wait_until(lambda: "pending" in read_counts())
    os.kill(process.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.4)
    workers = children(process)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in err
    assert "go on with: hpopt resume hill.db" in err
    assert wait_until(lambda: not any(child.is_running() for child in workers))
    write_run()
    counts = Study.load("hill.db").counts
    assert counts == {**dict.fromkeys(counts, 0), "pending": 2}
    assert hpopt("show", "hill.db")[0] == ExitCode.DONE


def read_counts():
    try:
        return {name for name, n in Study.load("hill.db").counts.items() if n}
    except Exception:  # it is being made
        return set()


def children(process):
    return [p for p in psutil.Process(process.pid).children() if p.name() != "sh"]


def test_a_second_writer_is_told_who_has_it(write_run, start, hpopt):
    run = write_run(after=SLOW)
    process = start("run", run, "--trials", 400)
    assert wait_until(lambda: n_done() >= 1)
    for command in (("run", run), ("resume", "hill.db")):
        code, _, err = hpopt(*command)
        assert code == ExitCode.ERROR
        assert f"process {process.pid} on" in err
    assert f"process {process.pid} on" in hpopt("show", "hill.db")[1]
    assert hpopt("best", "hill.db")[0] == ExitCode.DONE


def test_a_broken_pipe_ends_quietly(write_run, hpopt):
    hpopt("run", write_run(), "--trials", 2000, "--quiet")
    for form in ("--json", "--csv"):
        export = [sys.executable, "-m", "hpopt", "export", "hill.db", form]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with subprocess.Popen(
            export, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as process:
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == ExitCode.DONE


def test_as_a_module_it_gives_its_exit_code_and_plain_streams(write_run, start):
    run = write_run()
    process = start("run", run, "--quiet", "--workers", 2)
    out, err = process.communicate()
    assert (process.returncode, err) == (ExitCode.DONE, "")
    assert "\x1b" not in out
    out, err = start("best", "hill.db").communicate()
    assert json.loads(out) == Study.load("hill.db").best.config
    process = start("show", "nothing.db")
    out, err = process.communicate()
    assert (process.returncode, out) == (ExitCode.ERROR, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
