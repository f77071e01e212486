"""Stdout is for results, what an evaluation prints is kept with it, and readers may go away."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hpopt import Study
from hpopt.cli import ExitCode

from .conftest import wait_until

LOUD = """
import os, sys, time
import hpopt

print("imported")

class Loud(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def __init__(self, how="", folder=""):
        self.how, self.folder = how, folder

    def evaluate(self, config, trial):
        print("evaluating", trial.number)
        print("warning", file=sys.stderr)
        if self.how != "wait":
            os.write(2, b"from C\\n")
        if self.how == "wait":
            open("has_begun", "w").close()
            while not os.path.exists("go_on"):
                time.sleep(0.01)
        if self.how == "break":
            breakpoint()
        if self.how == "crash":
            os.abort()
        return config["x"]
"""

RUN = """
study = "loud.db"
trials = 3
optimizer = "random"
seed = 0

[problem]
class = "loud_problem.py:Loud"
arguments = { how = "HOW" }
"""

PRINTED = ["evaluating", "warning", "from C"]


@pytest.fixture
def loud(folder):
    """Write the run file of a problem that prints; give the command that runs it."""

    def write(how="", *, before=""):
        (folder / "loud_problem.py").write_text(LOUD)
        (folder / "loud.toml").write_text(before + RUN.replace("HOW", how))
        return [sys.executable, "-m", "hpopt", "run", "loud.toml"]

    return write


@pytest.fixture
def performed(folder, monkeypatch):
    """Perform a command in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    return lambda command, **options: subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **options
    )


def outputs():
    record = Study.load("loud.db")
    return [record.output(trial.number) for trial in record.trials]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_go_to_stdout_and_what_trials_print_is_kept(loud, performed, workers):
    done = performed([*loud(), "--workers", str(workers)])
    assert done.returncode == ExitCode.DONE
    assert done.stdout.startswith("the best 3 of 3 trials")
    assert "imported" not in done.stdout
    assert "imported\n" in done.stderr
    assert not any(word in done.stdout + done.stderr for word in PRINTED)
    ends = [f"evaluating {number}\nwarning\nfrom C\n" for number in range(3)]
    assert all(output.endswith(end) for output, end in zip(outputs(), ends, strict=True))


@pytest.mark.parametrize(("before", "options"), [("", ["--debug"]), ('executor = "threads"\n', [])])
def test_with_debug_and_in_threads_it_goes_to_stderr(loud, performed, before, options):
    done = performed([*loud(before=before), *options])
    assert done.returncode == ExitCode.DONE
    assert done.stdout.startswith("the best 3 of 3 trials")
    assert not any(word in done.stdout for word in PRINTED)
    assert done.stderr.count("evaluating") == done.stderr.count("from C") == 3
    assert outputs() == [""] * 3


@pytest.mark.parametrize("before", ["", "workers = 2\n", 'executor = "threads"\n'])
def test_readers_that_go_away_harm_no_trial(loud, performed, before):
    command = loud("wait", before=before)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert wait_until(lambda: Path("has_begun").exists())
        process.stdout.close()
        process.stderr.close()
        Path("go_on").touch()
        assert process.wait(60) == ExitCode.DONE
    assert Study.load("loud.db").counts["complete"] == 3


def test_readers_that_were_never_there(loud, performed):
    """Not even a closed pipe: the numbers of the streams are free for the study file."""
    done = performed(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *loud()])
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.DONE, "", "")
    assert outputs() == [f"evaluating {number}\nwarning\nfrom C\n" for number in range(3)]


def test_errors_without_a_reader_keep_their_exit_code(performed):
    command = [sys.executable, "-m", "hpopt", "show", "nothing.db"]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=writer, timeout=60, check=False)
    finally:
        os.close(writer)
    assert done.returncode == ExitCode.ERROR


def test_an_interrupt_is_answered_while_a_trial_runs(loud, performed):
    with subprocess.Popen(
        [*loud("wait"), "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline() == "imported\n"
        assert wait_until(lambda: Path("has_begun").exists())
        os.kill(process.pid, signal.SIGINT)
        Path("go_on").touch()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert out.startswith("the best ")
    assert all(output.startswith("evaluating") for output in outputs())


def test_a_crash_names_the_line(loud, performed):
    done = performed([*loud("crash")])
    assert done.returncode == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in done.stderr
    assert "in evaluate" in done.stderr


def test_a_breakpoint_fails_the_trial_and_with_debug_has_the_terminal(loud, performed):
    done = performed(loud("break"), input="q\n" * 3)
    assert done.returncode == ExitCode.NO_VALUES
    assert "BdbQuit" in done.stderr
    done = performed([*loud("break"), "--debug", "--study", "other.db"], input="c\n" * 3)
    assert done.returncode == ExitCode.DONE
    assert done.stderr.count("(Pdb)") == 3


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_on_a_terminal_the_bar_is_drawn_and_trials_are_not_heard(loud, performed, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    shown = []

    def read():
        try:
            while data := os.read(ours, 10_000):
                shown.append(data)
        except OSError:
            pass  # the last writer has gone

    with subprocess.Popen(loud(), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        assert process.wait(60) == ExitCode.DONE
    reader.join()
    os.close(ours)
    text = b"".join(shown).decode()
    assert "━━━" in text
    assert "3/3 trials" in text
    assert "the best 3 of 3 trials" in text
    assert not any(word in text for word in PRINTED)
    assert outputs() == [f"evaluating {number}\nwarning\nfrom C\n" for number in range(3)]
