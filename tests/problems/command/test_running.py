"""A command as an evaluation: what it is told, what it gives, and how it may misbehave."""

import json
import os
import signal
import subprocess
import sys
import time

import cloudpickle
import numpy as np
import psutil
import pytest

import hpopt
from hpopt.core import Fidelity, evaluate
from hpopt.executors.threads import ThreadExecutor
from hpopt.problems import CommandProblem
from hpopt.problems.command import failures
from hpopt.testing import ProblemContract

from .conftest import PYTHON, SPACE


def shell(text):
    return ["/bin/sh", "-c", text.replace("{", "{{").replace("}", "}}")]


def is_gone(pid, seconds=10.0):
    """Wait until a process has ended; say whether it did."""
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_it_is_told_all_of_its_trial(run, tmp_path):
    text = 'env | grep -E "^(HPOPT_|MINE|PYTHONUNB)"; cat "$HPOPT_CONFIG"; pwd; echo 1'
    told = {"MINE": "{x}-{seed}"}
    outcome = run(shell(text), environment=told, folder=tmp_path)
    assert (outcome.status, outcome.values) == ("complete", {"value": 1.0})
    printed = (tmp_path / "1" / "output.txt").read_text()
    for line in ("MINE=1-42", "HPOPT_NUMBER=1", "HPOPT_SEED=42", "PYTHONUNBUFFERED=1", '"x": "1"'):
        assert line in printed
    assert f"HPOPT_DIRECTORY={tmp_path / '1'}\n" in printed
    assert f"\n{tmp_path}\n" in printed
    assert json.loads((tmp_path / "1" / "config.json").read_text()) == {"x": "1"}


def test_results_of_several_objectives_with_info(run):
    line = '{"a": 1, "b": 2, "c": 3, "note": "x"}'
    outcome = run(shell(f"echo '{line}'"), objectives={"a": "minimize", "b": "maximize"})
    assert outcome.values == {"a": 1, "b": 2, "c": 3}
    assert outcome.info == {"note": "x"}


def test_a_result_in_a_file(run):
    text = 'echo 7; echo "{\\"value\\": 3}" > "$HPOPT_DIRECTORY/r.json"'
    assert run(shell(text), result_file="r.json").values == {"value": 3}
    # A trial that has ended begins anew, without the file.
    outcome = run(shell("echo 7"), result_file="r.json")
    assert outcome.status == "failed"
    assert "in r.json, which it has not written" in outcome.error


def test_a_result_by_a_pattern_also_from_stderr(run):
    text = "echo Epoch 1 acc 0.5 >&2; echo Epoch 2 acc 0.75 >&2"
    pattern = {"step": r"Epoch (\d+)", "value": r"acc (\S+)"}
    outcome = run(shell(text), pattern=pattern)
    assert outcome.values == {"value": 0.75}
    assert outcome.curve == ((1.0, 0.5), (2.0, 0.75))


FAILURES = {
    "echo 1; echo oh >&2; exit 3": ("failed", "ended with exit code 3: oh"),
    "exit 4": ("invalid", "ended with exit code 4"),
    "echo 1; kill -SEGV $$": ("failed", "was ended by SIGSEGV"),
    "kill -KILL $$": ("failed", "was ended by SIGKILL, from outside"),
    "echo 'torch.OutOfMemoryError: no' >&2; exit 1": ("out_of_memory", "OutOfMemoryError: no"),
    "echo nan": ("invalid", "objective 'value' is nan"),
    "echo '{\"value\": NaN}'": ("invalid", "objective 'value' is nan"),
    'echo \'{"value": "high"}\'': ("failed", "but 'value' is str 'high'"),
    "echo '{\"loss\": 3}'": ("failed", "such as objectives={'loss': 'minimize'}"),
    'echo \'{"status": "invalid", "reason": "too deep"}\'': ("invalid", "invalid: too deep"),
    'echo \'{"status": "failed"}\'': ("failed", "the command printed that it is failed"),
    "printf '{\"value\": 0.'": ("failed", "but the last line is '{\"value\": 0.'"),
    "true": ("failed", "but it printed nothing"),
    "printf '\\377\\376\\n1'": ("complete", None),
    "exec >&- 2>&-; sleep 0.05": ("failed", "but it printed nothing"),
    'echo \'{"step": 2, "value": 1}\'; echo \'{"step": 1, "value": 1}\'; sleep 9': (
        "failed",
        "takes steps that do not go down",
    ),
    "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo 5": ("complete", None),
}


@pytest.mark.parametrize(("text", "expected"), FAILURES.items())
def test_whatever_it_does_is_an_outcome(run, tmp_path, text, expected):
    outcome = run(shell(text), exit_codes={4: "invalid"})
    status, said = expected
    assert outcome.status == status
    assert said is None or said in outcome.error
    assert (tmp_path / "1" / "output.txt").stat().st_size <= 1_000_000


def test_the_last_lines_stand_where_a_traceback_does(run):
    outcome = run(f"{PYTHON} \"import os; os.stat('/no/such')\"")
    assert outcome.error.startswith("the command ended with exit code 1: FileNotFoundError:")
    assert outcome.traceback.startswith("Traceback (most recent call last):")


def test_what_the_system_kills_for_memory_is_out_of_memory(run, monkeypatch):
    kills = iter([3, 4])
    monkeypatch.setattr(failures, "memory_kills", lambda: next(kills))
    outcome = run(shell("kill -KILL $$"))
    assert outcome.status == "out_of_memory"
    assert "SIGKILL, by the system, as memory ran out" in outcome.error


def test_a_program_that_has_gone_fails_the_trial(tmp_path):
    program = tmp_path / "p"
    program.write_text("#!/bin/sh\necho 1\n")
    program.chmod(0o755)
    problem = CommandProblem([str(program)], SPACE, arguments="")
    program.unlink()
    with pytest.raises(hpopt.HpoptError, match="could not be started"):
        hpopt.optimize(problem, "random", trials=2, seed=0, progress=False, fail_fast=1)


STEPS = (
    'for i in 1 2 3 4 5 6; do echo "{\\"step\\": $i, \\"value\\": $i}"; sleep 0.05; done; echo 9'
)


def test_it_is_stopped_early_by_a_signal(run):
    outcome = run(shell(STEPS), stop_at=2)
    assert (outcome.status, outcome.values) == ("stopped", {"value": 2.0})
    assert run(shell(STEPS)).values == {"value": 9.0}


def test_it_may_end_in_good_order_and_give_its_result(run, tmp_path):
    text = f"trap 'sleep 0.05; echo 7; echo saved > $HPOPT_DIRECTORY/s; exit 0' TERM; {STEPS}"
    outcome = run(shell(text), stop_at=2)
    assert (outcome.status, outcome.values) == ("stopped", {"value": 7.0})
    assert (tmp_path / "1" / "s").exists()


def test_a_shell_that_ends_before_its_script_leaves_it_the_time(run, tmp_path):
    script = "import signal, time, os, sys\n"
    script += "def end(*_):\n time.sleep(.2); open(os.environ['HPOPT_DIRECTORY'] + '/s', 'w')\n"
    script += " os._exit(0)\n"
    script += "signal.signal(15, end)\n"
    script += 'print(\'{"step": 1, "value": 1}\', flush=True)\ntime.sleep(30)\n'
    (tmp_path / "slow.py").write_text(script)
    text = f"{sys.executable} -I -S {tmp_path / 'slow.py'}; true"
    assert run(shell(text), stop_at=1).status == "stopped"
    assert (tmp_path / "1" / "s").exists()


def test_it_is_stopped_early_by_a_file(run):
    text = STEPS.replace("sleep 0.05", "sleep 0.05; [ -e $HPOPT_STOP_FILE ] && exit 1")
    outcome = run(shell(text), stop_at=2, stop_by="file")
    assert (outcome.status, outcome.values) == ("stopped", {"value": 2.0})


def test_what_ignores_the_signal_is_killed_after_its_grace(run, tmp_path):
    text = f"trap '' TERM; sleep 30 & echo $! > {tmp_path / 'pid'}; {STEPS.replace('0.05', '30')}"
    outcome = run(shell(text), stop_at=1, grace=0.1)
    assert outcome.status == "stopped"
    assert outcome.seconds < 20
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_what_it_leaves_running_is_killed(run, tmp_path):
    text = f"yes & echo $! > {tmp_path / 'pid'}; exec 1>&2; sleep 0.05; exit 0"
    assert run(shell(text)).status == "failed"
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_an_interrupt_leaves_no_process(tmp_path):
    def interrupt(curve):
        raise KeyboardInterrupt

    problem = CommandProblem(shell(f"echo $$ > {tmp_path / 'pid'}; {STEPS}"), SPACE, arguments="")
    handle = hpopt.TrialHandle(0, 1, directory=tmp_path / "0", early_stopping=interrupt)
    with pytest.raises(KeyboardInterrupt):
        problem.evaluate({"x": "1"}, handle)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_threads_that_are_to_end_end_their_commands(tmp_path):
    text = f"sleep 60 & echo $! > {tmp_path / 'p'}; mv {tmp_path / 'p'} {tmp_path / 'pid'}; wait"
    problem = CommandProblem(shell(text), SPACE, arguments="")
    executor = ThreadExecutor(1)
    solution = hpopt.Solution(0, {"x": "1"}, np.array([0.5]), seed=1)
    future = executor.submit(evaluate, problem, solution, directory=tmp_path / "0")
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    executor.kill_workers()
    assert future.result(20).status == "failed"
    assert is_gone(int((tmp_path / "pid").read_text()))
    executor.shutdown()


DRIVER = """
import sys
import hpopt
problem = hpopt.problems.CommandProblem(
    ["/bin/sh", "-c", sys.argv[1]], {"x": hpopt.Float(0, 1)}, arguments=""
)
hpopt.optimize(problem, "random", trials=1, seed=0, executor=sys.argv[2], study=sys.argv[3])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel of Linux does it")
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_driver_that_is_killed_takes_its_command_along(tmp_path, executor):
    pid, study = tmp_path / "pid", tmp_path / "s.db"
    text = f"sleep 60 & echo $! > {pid}; echo; wait"
    path = os.pathsep.join(filter(None, sys.path))
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, text, executor, study],
        env={**os.environ, "PYTHONPATH": path},
    )
    # When there is output, the command has been started, and is tied to its driver.
    output = tmp_path / "s.db.files" / "0" / "output.txt"
    end = time.monotonic() + 60
    while not (output.exists() and output.stat().st_size) and time.monotonic() < end:
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert is_gone(int(pid.read_text()))


def test_limits_hold_for_what_it_starts(tmp_path):
    text = f"sleep 60 & echo $! > {tmp_path / 'pid'}; wait"
    problem = CommandProblem(shell(text), SPACE, arguments="")
    limits = hpopt.Limits(seconds=0.5)
    study = hpopt.Study(problem, "random", seed=0)
    study.run(trials=1, limits=limits, progress=False, fail_fast=0)
    assert study.trials[0].status == "timeout"
    assert is_gone(int((tmp_path / "pid").read_text()))


COUNTER = (
    'f="$HPOPT_DIRECTORY/n"; n=$(cat "$f" 2>/dev/null || echo 0); '
    'while [ $n -lt $HPOPT_FIDELITY ]; do n=$((n+1)); echo "{\\"step\\": $n, \\"value\\": $n}"; '
    'done; echo $n > "$f"'
)


def test_its_folder_stays_over_the_trials_of_a_config(tmp_path):
    fidelity = Fidelity(1, 9, "steps")
    problem = CommandProblem(
        [*shell(COUNTER), "{fidelity}"], SPACE, arguments="", fidelity=fidelity
    )
    first = tmp_path / "a"
    handle = hpopt.TrialHandle(0, 1, 2, directory=first)
    problem.evaluate({"x": "1"}, handle)
    assert [step for step, _ in handle.curve] == [1, 2]
    again = hpopt.TrialHandle(
        1, 1, 4, directory=tmp_path / "b", previous=hpopt.core.Previous(first, 2)
    )
    problem.evaluate({"x": "1"}, again)
    assert [step for step, _ in again.curve] == [3, 4]
    assert (first / "n").read_text() == "2\n"  # it may be needed again
    assert {*problem.state_files(tmp_path / "b")} == {tmp_path / "b" / "n"}


def test_a_trial_that_was_interrupted_goes_on_and_one_that_ended_begins_anew(tmp_path):
    text = 'cd "$HPOPT_DIRECTORY"; ls | tr "\\n" " "; echo; touch kept; '
    problem = CommandProblem(shell(text + "echo 1"), SPACE, arguments="")
    folder = tmp_path / "1"

    def evaluated(config, seed=1):
        handle = hpopt.TrialHandle(1, seed, directory=folder)
        problem.evaluate(config, handle)
        return (folder / "output.txt").read_text().splitlines()[-2]

    assert "kept" not in evaluated({"x": "1"})
    assert "kept" not in evaluated({"x": "1"})  # the first has ended
    state = folder / ".hpopt.json"
    state.write_text('{"config":{"x":"1"},"seed":1,"fidelity":null}')  # as an interrupt leaves it
    assert "kept" in evaluated({"x": "1"})
    state.write_text('{"config":{"x":"2"},"seed":1,"fidelity":null}')
    assert "kept" not in evaluated({"x": "1"})


def test_it_travels_to_worker_processes(tmp_path):
    problem = CommandProblem(f"{PYTHON} 'print(1)' {{x}}", SPACE, environment={"A": "{x}"})
    copied = cloudpickle.loads(cloudpickle.dumps(problem))
    assert copied.fingerprint() == problem.fingerprint()
    result = hpopt.optimize(copied, "random", trials=2, workers=2, seed=0, progress=False)
    assert [trial.values for trial in result.trials] == [{"value": 1}] * 2


class TestContract(ProblemContract):
    """It goes on where it ended, repeats itself, and travels."""

    def make(self):
        return CommandProblem([*shell(COUNTER), "{x}"], SPACE, fidelity=Fidelity(1, 4, "steps"))
