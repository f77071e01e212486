"""joblib's pool, as joblib has been configured."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import psutil
import pytest
from joblib.parallel import ParallelBackendBase, register_parallel_backend

from hpopt.errors import SettingError, TimeLimitExceeded, WorkerLost
from hpopt.executors import Limits, ProcessExecutor, make_executor
from hpopt.executors.joblib import JoblibExecutor
from hpopt.executors.settings import Settings
from hpopt.executors.threads import ThreadExecutor

from .conftest import is_gone, wait_until


def is_of_loky(pid):
    return "popen_loky" in " ".join(psutil.Process(pid).cmdline())


def look():
    """Return the process of a call, joblib's worker that supervises it, and that one's parent."""
    worker = os.getppid()
    return os.getpid(), worker, psutil.Process(worker).ppid()


@pytest.mark.parametrize(
    ("config", "workers", "kind", "n_slots"),
    [
        ({}, None, ProcessExecutor, 1),
        ({}, 3, JoblibExecutor, 3),
        ({"n_jobs": 2}, None, JoblibExecutor, 2),
        ({"n_jobs": 2}, 3, JoblibExecutor, 3),
        ({"backend": "loky", "n_jobs": 2}, None, JoblibExecutor, 2),
        ({"backend": "loky", "n_jobs": 2}, 1, ProcessExecutor, 1),
        ({"backend": "threading", "n_jobs": 2}, None, ThreadExecutor, 2),
        ({"backend": "multiprocessing", "n_jobs": 2}, None, ProcessExecutor, 2),
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


def test_calls_run_in_children_of_joblibs_own_workers():
    """The pool is the one that joblib.Parallel uses here, before and afterwards."""
    with joblib.parallel_config("loky", n_jobs=2):
        before = set(joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(2)))
        with make_executor("joblib")[0] as executor:
            seen = [executor.submit(look).result(60) for _ in range(4)]
        after = set(joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(2)))
    workers = {worker for _, worker, _ in seen}
    assert {driver for _, _, driver in seen} == {os.getpid()}
    assert all(map(is_of_loky, workers))
    assert len(workers | before | after) == 2
    assert wait_until(lambda: all(is_gone(child) for child, _, _ in seen))


def test_limits_hold_and_the_next_call_runs():
    with JoblibExecutor(2, Settings(limits=Limits(seconds=0.5))) as executor:
        assert type(executor.submit(time.sleep, 100).exception(60)) is TimeLimitExceeded
        assert executor.submit(abs, -1).result(60) == 1


def test_a_worker_that_dies_loses_its_call_and_the_pool_comes_back():
    with JoblibExecutor(2) as executor:
        child, worker, _ = executor.submit(look).result(60)
        lost = executor.submit(time.sleep, 100)
        wait_until(lost.running)
        time.sleep(0.2)
        os.kill(worker, signal.SIGKILL)
        assert type(lost.exception(60)) is WorkerLost
        assert wait_until(lambda: is_gone(child))
        found = [executor.submit(abs, -n) for n in range(3)]
        assert [f.exception(60) or f.result() for f in found] == [0, 1, 2]


def test_a_worker_that_dies_while_nothing_runs_is_replaced():
    with JoblibExecutor(2) as executor:
        child, worker, _ = executor.submit(look).result(60)
        os.kill(worker, signal.SIGKILL)
        assert wait_until(lambda: is_gone(child))
        # The pool may not have noticed yet: then that call is lost, and a study runs it again.
        assert type(executor.submit(abs, 1).exception(60)) in (type(None), WorkerLost)
        assert executor.submit(look).result(60)[1] != worker


def test_what_has_begun_cannot_be_cancelled_and_what_waits_can():
    with JoblibExecutor(2) as executor:
        executor.submit(abs, 1).result(60)
        running = [executor.submit(time.sleep, 1) for _ in range(2)]
        waiting = [executor.submit(abs, -number) for number in range(9)]
        assert wait_until(lambda: all(future.running() for future in running))
        assert not running[0].cancel()
        assert waiting[-1].cancel()
        assert running[0].result(60) is None
        results = [future.result(60) for future in waiting if not future.cancelled()]
    assert results == list(range(8))


def test_what_waits_when_the_pool_breaks_runs_in_the_next_one():
    with JoblibExecutor(2) as executor:
        _, worker, _ = executor.submit(look).result(60)
        running = [executor.submit(time.sleep, 100) for _ in range(2)]
        waiting = [executor.submit(abs, -number) for number in range(5)]
        wait_until(running[1].running)
        time.sleep(0.3)
        os.kill(worker, signal.SIGKILL)
        assert {type(future.exception(60)) for future in running} == {WorkerLost}
        assert [future.exception(60) or future.result() for future in waiting] == list(range(5))


def test_a_pool_that_breaks_again_and_again_loses_no_call_without_an_answer():
    with JoblibExecutor(2) as executor:
        futures = [executor.submit(look) for _ in range(40)]
        for future in futures[::10]:
            with contextlib.suppress(WorkerLost, ProcessLookupError):
                os.kill(future.result(60)[1], signal.SIGKILL)
        errors = [future.exception(60) for future in futures]
    assert {type(error) for error in errors} <= {type(None), WorkerLost}
    assert sum(error is None for error in errors) >= 20


@pytest.mark.filterwarnings("ignore:Trying to resize an executor with running jobs")
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_the_program_uses_joblib_meanwhile(n_jobs):
    """Its Parallel takes the same pool, resizes it, and lets go of it."""
    with joblib.parallel_config("loky", n_jobs=2), make_executor("joblib")[0] as executor:
        futures = [executor.submit(time.sleep, 0.05) for _ in range(20)]
        for _ in range(3):
            calls = [joblib.delayed(abs)(-number) for number in range(4)]
            assert joblib.Parallel(n_jobs=n_jobs)(calls) == list(range(4))
            futures.append(executor.submit(abs, -1))
        assert [future.exception(60) for future in futures] == [None] * 23


def test_the_programs_own_failure_ends_the_pool_and_the_next_call_gets_another():
    def fail():
        raise KeyError

    with joblib.parallel_config("loky", n_jobs=2), make_executor("joblib")[0] as executor:
        executor.submit(abs, 1).result(60)
        with pytest.raises(KeyError):
            joblib.Parallel()(joblib.delayed(fail)() for _ in range(2))
        assert executor.submit(abs, -3).result(60) == 3


def test_shut_down_it_still_does_what_waits():
    executor = JoblibExecutor(2)
    futures = [executor.submit(time.sleep, 0.1) for _ in range(6)]
    executor.shutdown(wait=False)
    assert [future.exception(60) for future in futures] == [None] * 6
    executor.shutdown()
    with pytest.raises(RuntimeError, match="must not be shut down"):
        executor.submit(abs, 1)


def test_shut_down_it_may_cancel_what_waits():
    with JoblibExecutor(2) as executor:
        running = [executor.submit(time.sleep, 0.5) for _ in range(2)]
        assert wait_until(lambda: all(future.running() for future in running))
        waiting = [executor.submit(abs, 1) for _ in range(5)]
        executor.shutdown(cancel_futures=True)
        assert all(future.cancelled() for future in waiting)
        assert [future.exception(0) for future in running] == [None] * 2


def test_killed_it_leaves_no_call_running():
    executor = JoblibExecutor(2)
    child, _, _ = executor.submit(look).result(60)
    running = executor.submit(time.sleep, 100)
    assert wait_until(running.running)
    waiting = [executor.submit(time.sleep, 100) for _ in range(3)]
    executor.kill_workers()
    assert type(running.exception(60)) is WorkerLost
    assert waiting[-1].cancelled()
    assert is_gone(child)


class TestGpus:
    """Workers of one pool share out the GPUs of this machine."""

    @pytest.fixture(autouse=True)
    def gpus(self, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "j4,j5")

    def test_each_worker_has_one_and_gives_it_back(self):
        def visible():
            time.sleep(0.5)
            return os.environ["CUDA_VISIBLE_DEVICES"]

        for kill in (True, False, False):
            executor = JoblibExecutor(2, Settings(gpus=["j4", "j5"]))
            futures = [executor.submit(visible) for _ in range(2)]
            assert sorted(future.result(60) for future in futures) == ["j4", "j5"]
            if kill:
                executor.submit(time.sleep, 100)
                executor.kill_workers()
            executor.shutdown()

    def test_more_workers_than_slots_are_refused(self):
        with pytest.raises(SettingError, match="must not exceed the 2 slots"):
            JoblibExecutor(3, Settings(gpus="auto"))
        with JoblibExecutor(3, Settings(gpus="auto", trials_per_gpu=2)) as executor:
            assert executor.submit(abs, -1).result(60) == 1


class InThreads(ParallelBackendBase):
    """A backend that somebody has registered: it submits, and says what came of it."""

    supports_retrieve_callback = True
    uses_threads = True

    def effective_n_jobs(self, n_jobs):
        return n_jobs

    def configure(self, n_jobs=1, parallel=None, **_):
        self.parallel, self._pool = parallel, ThreadPoolExecutor(n_jobs)
        return n_jobs

    def submit(self, func, callback=None):
        future = self._pool.submit(func)
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out):
        return out.result()

    def terminate(self):
        self._pool.shutdown()


class TakesNothing(InThreads):
    supports_retrieve_callback = False


def test_any_registered_backend_that_submits_will_do():
    register_parallel_backend("in threads", InThreads)
    with joblib.parallel_config("in threads", n_jobs=2):
        executor, n_slots = make_executor("joblib", limits=Limits(seconds=20))
    with executor:
        assert (type(executor), n_slots) == (JoblibExecutor, 2)
        children = {executor.submit(look).result(60)[:2] for _ in range(4)}
    assert {parent for _, parent in children} == {os.getpid()}
    assert os.getpid() not in {child for child, _ in children}


def test_a_backend_that_cannot_is_refused():
    register_parallel_backend("takes nothing", TakesNothing)
    with (
        joblib.parallel_config("takes nothing", n_jobs=2),
        pytest.raises(SettingError, match="TakesNothing does not"),
    ):
        make_executor("joblib")
    with (
        joblib.parallel_config("multiprocessing", n_jobs=2),
        pytest.raises(SettingError, match="MultiprocessingBackend does not"),
    ):
        JoblibExecutor()


def test_an_interrupt_of_the_terminal_reaches_the_driver_only(start_driver):
    driver = start_driver(
        """
import os, signal, time
from hpopt.executors.joblib import JoblibExecutor
signal.signal(signal.SIGINT, lambda *_: None)
with JoblibExecutor(2) as executor:
    executor.submit(abs, 1).result()
    future = executor.submit(lambda: time.sleep(1) or "done")
    time.sleep(0.3)
    os.killpg(0, signal.SIGINT)
    print(future.result(), flush=True)
""",
        start_new_session=True,
    )
    assert driver.stdout.read() == "done\n"


def test_a_program_that_forgets_it_ends(start_driver, tmp_path):
    driver = start_driver("""
import os, time
from hpopt.executors.joblib import JoblibExecutor
executor = JoblibExecutor(2)
executor.submit(time.sleep, 3)
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
    driver.kill()
    assert wait_until(lambda: all(map(is_gone, pids)), 30)
