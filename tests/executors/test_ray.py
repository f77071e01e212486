"""A local Ray cluster, where Ray is installed."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import hpopt
from hpopt.errors import SettingError, TimeLimitExceeded, WorkerLost
from hpopt.executors import Limits, make_executor
from hpopt.executors.cluster import executor as cluster
from hpopt.executors.settings import Settings
from hpopt.testing import ExecutorContract

from .conftest import is_gone, wait_until

ray = pytest.importorskip("ray")

from hpopt.executors.ray import RayExecutor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def a_cluster():
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def on_ray(a_cluster):
    with RayExecutor(2, Settings(limits=Limits(seconds=5)), num_cpus=0.5) as executor:
        yield executor


class TestRay(ExecutorContract):
    def make(self):
        return RayExecutor(2, num_cpus=0.5)

    @pytest.fixture
    def executor(self, on_ray):
        return on_ray


def test_limits_and_output_are_those_of_a_local_run(on_ray):
    def sleep(seconds):
        print("asleep")  # noqa: T201
        time.sleep(seconds)

    future = on_ray.submit(sleep, 100)
    assert type(future.exception(60)) is TimeLimitExceeded
    assert future.output == "asleep\n"
    assert future.where == os.uname().nodename


def test_an_actor_that_is_killed_is_replaced(a_cluster, tmp_path):
    def hang(path):
        Path(path).write_text(f"{os.getppid()} {os.getpid()}")
        time.sleep(1000)

    with RayExecutor(1, num_cpus=0.5) as executor:
        future = executor.submit(hang, tmp_path / "pids")
        assert wait_until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())
        worker, child = map(int, (tmp_path / "pids").read_text().split())
        os.kill(worker, signal.SIGKILL)
        assert type(future.exception(60)) is WorkerLost
        assert executor.submit(abs, -1).result(60) == 1
        assert wait_until(lambda: is_gone(child))


def test_killed_it_kills_what_runs_there(a_cluster, tmp_path):
    def hang(path):
        Path(path).write_text(str(os.getpid()))
        time.sleep(1000)

    executor = RayExecutor(1, num_cpus=0.5)
    future = executor.submit(hang, tmp_path / "pid")
    assert wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    executor.kill_workers()
    assert type(future.exception(1)) is WorkerLost
    assert wait_until(lambda: is_gone(int((tmp_path / "pid").read_text())))


def test_the_problem_travels_once(on_ray, monkeypatch):
    monkeypatch.setattr(cluster, "machine_id", lambda: "elsewhere")
    shared = on_ray.share({"x": np.arange(300_000.0)})
    futures = [on_ray.submit(lambda data: data["x"].sum(), shared) for _ in range(4)]
    assert {future.result(60) for future in futures} == {np.arange(300_000.0).sum()}


def test_it_is_made_by_its_name(a_cluster):
    problem = hpopt.FunctionProblem(lambda config: config["x"] ** 2, {"x": hpopt.Float(-5, 5)})
    table = {"name": "ray", "num_cpus": 0.5}
    there = hpopt.optimize(problem, trials=6, seed=1, executor=table, workers=2, progress=False)
    here = hpopt.optimize(problem, trials=6, seed=1, progress=False)
    assert [dict(t.config) for t in there.trials][:2] == [dict(t.config) for t in here.trials][:2]
    assert {trial.status for trial in there.trials} == {"complete"}
    with pytest.raises(SettingError, match="num_cpus must be a number of at least 0"):
        make_executor({"name": "ray", "num_cpus": -1})
    made, n_slots = make_executor("ray")
    with made:
        assert (type(made), n_slots()) == (RayExecutor, 1)
    assert psutil.pid_exists(os.getpid())
