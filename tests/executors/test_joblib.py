"""joblib's pool, as joblib has been configured."""

import functools
import os
import signal
import sys
import time
from pathlib import Path

import joblib
import psutil
import pytest

import hpopt.executors.loky
from hpopt.errors import SettingError, TimeLimitExceeded, WorkerLost, WorkerNotStarted
from hpopt.executors import Limits, make_executor
from hpopt.executors.joblib import JoblibExecutor
from hpopt.executors.loky import LokyLauncher
from hpopt.executors.threads import ThreadExecutor

from .conftest import is_gone, wait_until


def is_of_loky(process):
    return "popen_loky" in " ".join(process.cmdline())


def stopped_once(note, address, environment):
    """Start a process, and be stopped before its number is told, the first time."""
    pid = hpopt.executors.loky.host(address, environment)
    if not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return pid


def n_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("config", "workers", "kind", "n_slots"),
    [
        ({}, None, JoblibExecutor, 1),
        ({}, 3, JoblibExecutor, 3),
        ({"n_jobs": 2}, None, JoblibExecutor, 2),
        ({"n_jobs": 2}, 3, JoblibExecutor, 3),
        ({"n_jobs": -1}, None, JoblibExecutor, joblib.cpu_count()),
        ({"backend": "loky", "n_jobs": 2}, None, JoblibExecutor, 2),
        ({"backend": "threading", "n_jobs": 2}, None, ThreadExecutor, 2),
    ],
)
def test_it_obeys_joblibs_configuration(config, workers, kind, n_slots):
    with joblib.parallel_config(**config):
        executor, n_made = make_executor("joblib", workers)
    with executor:
        assert type(executor) is kind
        assert n_made == executor.workers == n_slots


def test_dask_configured_in_joblib_is_dask():
    distributed = pytest.importorskip("distributed")
    from hpopt.executors.dask import DaskExecutor

    options = {"processes": False, "dashboard_address": "127.0.0.1:0", "n_workers": 1}
    with (
        distributed.Client(threads_per_worker=3, set_as_default=False, **options) as client,
        joblib.parallel_config("dask", client=client),
    ):
        executor, n_slots = make_executor("joblib")
        with executor:
            assert type(executor) is DaskExecutor
            assert n_slots() == 3


def test_limits_need_processes():
    with (
        joblib.parallel_config("threading", n_jobs=2),
        pytest.raises(SettingError, match="executor='joblib' must have no limits"),
    ):
        make_executor("joblib", limits=Limits(seconds=1))


def test_faults_of_calls_and_of_the_pool():
    def look():
        return os.getppid(), os.environ["OMP_NUM_THREADS"]

    with JoblibExecutor(1, limits=Limits(seconds=1.5), threads=5) as executor:
        worker, threads = executor.submit(look).result(60)
        assert threads == "5"
        assert type(executor.submit(time.sleep, 100).exception(60)) is TimeLimitExceeded
        child = executor.submit(os.getpid).result(60)
        os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: is_gone(child))
        futures = [executor.submit(abs, -1) for _ in range(3)]
        results = [future.exception(60) or future.result() for future in futures]
        assert all(result == 1 or type(result) is WorkerLost for result in results)
        worker, _ = executor.submit(look).result(60)
        child = executor.submit(os.getpid).result(60)
    assert wait_until(lambda: is_gone(worker) and is_gone(child))


def test_a_stopped_worker_is_killed(monkeypatch):
    """It starts no process any more, and may hold up the pool."""
    monkeypatch.setattr(hpopt.executors.loky, "LOOK_SECONDS", 0.2)
    with JoblibExecutor(2) as executor:
        stopped = executor.submit(os.getppid).result(60)
        os.kill(stopped, signal.SIGSTOP)
        futures = [executor.submit(os.getppid) for _ in range(4)]
        kinds = {type(future.exception(60)) for future in futures}
        assert kinds <= {type(None), WorkerLost}
        assert wait_until(lambda: is_gone(stopped))
        later = [executor.submit(os.getppid) for _ in range(4)]  # the rest of the pool ends too
        kinds = {type(future.exception(60)) for future in later}
        assert kinds <= {type(None), WorkerLost}
        assert executor.submit(os.getppid).result(60) != stopped


def test_a_worker_that_is_stopped_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(hpopt.executors.loky, "LOOK_SECONDS", 0.2)
    with JoblibExecutor(1) as executor:
        worker = executor.submit(os.getppid).result(60)
        os.kill(worker, signal.SIGSTOP)
    assert wait_until(lambda: is_gone(worker))


def test_what_has_begun_cannot_be_cancelled_and_what_waits_can():
    with JoblibExecutor(1) as executor:
        executor.submit(abs, 1).result(60)
        running = executor.submit(time.sleep, 1)
        assert wait_until(running.running)
        waiting = [executor.submit(abs, -number) for number in range(9)]
        assert not running.cancel()
        assert waiting[-1].cancel()
        assert running.result(60) is None
        results = [future.result(60) for future in waiting if not future.cancelled()]
    assert results == list(range(8))


def test_processes_are_started_by_the_workers_of_the_pool():
    with JoblibExecutor(2) as executor:
        executor.warm_up()
        parents = {executor.submit(os.getppid).result(60) for _ in range(2)}
        mine = {process.pid for process in psutil.Process().children()}
        assert parents <= mine
        assert all(is_of_loky(psutil.Process(pid)) for pid in parents)


def test_where_descriptors_cannot_be_handed_on_they_are_the_drivers_own(monkeypatch):
    monkeypatch.setattr(LokyLauncher, "is_possible", staticmethod(lambda: False))
    with JoblibExecutor(1) as executor:
        assert executor.submit(os.getppid).result(60) == os.getpid()


def test_a_pool_that_cannot_start_processes_says_why(monkeypatch):
    def refuse(folder):
        raise OSError("no sockets here")

    monkeypatch.setattr(hpopt.executors.loky, "_listener", refuse)
    with JoblibExecutor(1) as executor:
        error = executor.submit(abs, 1).exception(60)
    assert type(error) is WorkerNotStarted
    assert "must be started in joblib's pool, but no sockets here" in str(error)


def test_a_pool_that_broke_while_nothing_ran_is_replaced():
    with JoblibExecutor(2) as executor:
        host, child = executor.submit(lambda: (os.getppid(), os.getpid())).result(60)
        os.kill(host, signal.SIGKILL)
        assert wait_until(lambda: is_gone(child))
        assert executor.submit(os.getppid).result(60) != host


def test_workers_that_are_stopped_while_idle_do_not_hold_up_the_end():
    """One of them has the lock on the line to all."""
    with JoblibExecutor(3) as executor:
        host = executor.submit(os.getppid).result(60)
        hosts = {process.pid for process in psutil.Process().children() if is_of_loky(process)}
        for pid in hosts - {host}:
            os.kill(pid, signal.SIGSTOP)
    assert wait_until(lambda: all(map(is_gone, hosts)))


def test_an_interrupt_of_the_terminal_reaches_the_driver_only(start_driver):
    driver = start_driver(
        """
import os, signal, time
from hpopt.executors.joblib import JoblibExecutor
signal.signal(signal.SIGINT, lambda *_: None)
with JoblibExecutor(2) as executor:
    executor.warm_up()
    future = executor.submit(lambda: time.sleep(1) or "done")
    time.sleep(0.3)
    os.killpg(0, signal.SIGINT)
    print(future.result(), flush=True)
""",
        start_new_session=True,
    )
    assert driver.stdout.read() == "done\n"


def test_a_process_that_a_vanished_worker_has_started_is_not_heard(monkeypatch, tmp_path):
    """The pool breaks in the middle of a start: the next one has pipes of its own."""
    monkeypatch.setattr(hpopt.executors.loky, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(
        hpopt.executors.loky, "host", functools.partial(stopped_once, tmp_path / "note")
    )
    with JoblibExecutor(1) as executor:
        assert executor.submit(abs, -3).result(60) == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_errors_of_failed_starts_keep_no_files(monkeypatch):
    with JoblibExecutor(1) as executor:  # joblib's own files are open from now on
        executor.submit(abs, 1).result(60)
    before = n_files()
    monkeypatch.setattr(hpopt.executors.loky, "host", lambda *_: os._exit(1))
    with JoblibExecutor(1) as executor:
        errors = [executor.submit(abs, 1).exception(60) for _ in range(2)]
    assert {type(error) for error in errors} == {WorkerNotStarted}
    assert n_files() <= before + 2  # of six pools, the last of which joblib remembers


def test_a_program_that_forgets_it_ends(start_driver, tmp_path):
    """joblib waits at the interpreter's exit for what its pools run."""
    driver = start_driver("""
import os, time
from hpopt.executors.joblib import JoblibExecutor
executor = JoblibExecutor(2)
executor.submit(time.sleep, 1000)
with open("pids", "w") as file:
    file.write(" ".join(str(executor.submit(call).result()) for call in (os.getpid, os.getppid)))
""")
    assert driver.wait(60) == 0
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert wait_until(lambda: all(map(is_gone, pids)), 30)


def test_a_driver_that_is_killed_leaves_nothing(start_driver, tmp_path):
    driver = start_driver("""
import os, subprocess, time
from hpopt.executors.joblib import JoblibExecutor

def hang():
    away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    with open("pids", "w") as file:
        file.write(f"{os.getppid()} {os.getpid()} {away.pid}")
    time.sleep(1000)

executor = JoblibExecutor(2)
executor.submit(hang)
time.sleep(1000)
""")
    place = tmp_path / "pids"
    assert wait_until(lambda: place.exists() and place.read_text(), 60)
    pids = [int(pid) for pid in place.read_text().split()]
    pids += [process.pid for process in psutil.Process(driver.pid).children(recursive=True)]
    os.kill(pids[0], signal.SIGSTOP)  # one that can do nothing about it itself
    driver.kill()
    assert wait_until(lambda: all(map(is_gone, pids)), 30)


def test_where_no_named_pipe_can_be_made_a_pool_works_without(monkeypatch):
    def refuse(path, mode):
        raise OSError("Operation not permitted")

    monkeypatch.setattr(os, "mkfifo", refuse)
    with JoblibExecutor(1) as executor:
        assert executor.submit(abs, -3).result(60) == 3
