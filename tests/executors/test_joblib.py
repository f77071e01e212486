"""joblib's pool, as joblib has been configured."""

import os
import signal
import time

import joblib
import psutil
import pytest

import hpopt.executors.joblib
from hpopt.errors import SettingError, TimeLimitExceeded, WorkerLost
from hpopt.executors import Limits, make_executor
from hpopt.executors.joblib import JoblibExecutor
from hpopt.executors.threads import ThreadExecutor

from .conftest import is_gone, wait_until


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
    """It cannot keep the limits of its call, and may hold up the pool."""
    monkeypatch.setattr(hpopt.executors.joblib, "LOOK_SECONDS", 0.2)
    with JoblibExecutor(2) as executor:
        stopped = executor.submit(os.getppid).result(60)
        os.kill(stopped, signal.SIGSTOP)
        futures = [executor.submit(os.getppid) for _ in range(4)]
        kinds = {type(future.exception(60)) for future in futures}
        assert kinds <= {type(None), WorkerLost}
        assert executor.submit(os.getppid).result(60) != stopped


def test_a_worker_that_is_stopped_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(hpopt.executors.joblib, "LOOK_SECONDS", 0.2)
    with JoblibExecutor(1) as executor:
        worker = executor.submit(os.getppid).result(60)
        os.kill(worker, signal.SIGSTOP)
    assert wait_until(lambda: is_gone(worker))


def test_what_a_worker_has_cannot_be_cancelled():
    with JoblibExecutor(1) as executor:
        executor.submit(abs, 1).result(60)
        running = executor.submit(time.sleep, 1)
        assert wait_until(running.inner.running)
        waiting = [executor.submit(abs, -number) for number in range(9)]
        assert not running.cancel()
        assert waiting[-1].cancel()
        assert running.result(60) is None
        results = [future.result(60) for future in waiting if not future.cancelled()]
    assert results == list(range(8))


def test_a_driver_that_is_killed_leaves_nothing(start_driver, tmp_path):
    driver = start_driver("""
import os, time
from hpopt.executors.joblib import JoblibExecutor

def hang():
    with open("pids", "w") as file:
        file.write(f"{os.getppid()} {os.getpid()}")
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
