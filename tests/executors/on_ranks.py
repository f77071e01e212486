# ruff: noqa: T201
"""What `test_mpi.py` runs on the ranks of an MPI job; it is no test module of its own."""

import os
import time

import numpy as np
import pytest

import hpopt
from hpopt.errors import TimeLimitExceeded, WorkerLost
from hpopt.executors import Limits, make_executor
from hpopt.executors.cluster import executor as cluster
from hpopt.executors.mpi import MpiExecutor
from hpopt.executors.settings import Settings
from hpopt.testing import ExecutorContract

from .conftest import is_gone, stoppable, wait_until


@pytest.fixture(scope="module")
def on_ranks():
    with MpiExecutor() as executor:
        yield executor


class TestContract(ExecutorContract):
    def make(self):
        return MpiExecutor()

    @pytest.fixture
    def executor(self, on_ranks):
        return on_ranks


def test_there_is_a_slot_a_rank():
    executor, n_slots = make_executor("mpi")
    with executor:
        assert n_slots == executor.workers == 2
        futures = [executor.submit(lambda: time.sleep(0.5) or os.getppid()) for _ in range(2)]
        assert len({future.result() for future in futures} - {os.getpid()}) == 2


def test_the_problem_travels_and_limits_hold(monkeypatch):
    monkeypatch.setattr(cluster, "machine_id", lambda: "elsewhere")
    with MpiExecutor(settings=Settings(limits=Limits(seconds=1.0))) as executor:
        shared = executor.share({"x": np.arange(300_000.0)})

        def look(data, number):
            print(number)
            return isinstance(data["x"], np.memmap), data["x"].sum()

        futures = [executor.submit(look, shared, number) for number in range(8)]
        assert {f.result() for f in futures} == {(True, np.arange(300_000.0).sum())}
        assert [f.output for f in futures] == [f"{number}\n" for number in range(8)]
        assert type(executor.submit(time.sleep, 100).exception()) is TimeLimitExceeded
        assert type(executor.submit(os._exit, 1).exception()) is WorkerLost
        child = executor.submit(os.getpid).result()
    assert wait_until(lambda: is_gone(child))


def test_killed_it_kills_what_runs_on_the_ranks(tmp_path):
    def hang(path):
        path.write_text(str(os.getpid()))
        time.sleep(1000)

    executor = MpiExecutor()
    future = executor.submit(hang, tmp_path / "pid")
    assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    executor.kill_workers()
    assert future.cancelled() or type(future.exception()) is WorkerLost
    assert wait_until(lambda: is_gone(int((tmp_path / "pid").read_text())))
    with pytest.raises(RuntimeError):
        executor.submit(abs, 1)


def test_a_study_has_the_trials_of_a_serial_run():
    """With a rule of early stopping too, which travels with each trial."""

    problem = stoppable()

    def run(**options):
        options |= {"early_stopping": "median", "window": 2, "seed": 3, "progress": False}
        result = hpopt.optimize(problem, "genetic", trials=30, **options)
        return [(t.number, t.config, t.status, dict(t.values), t.curve) for t in result.trials]

    trials = run(executor="mpi")
    assert trials == run()
    assert {status for _, _, status, *_ in trials} == {"complete", "stopped"}
