# ruff: noqa: T201
"""A Dask cluster of processes, whose workers and scheduler are killed."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

import hpopt
from hpopt.errors import SettingError, TimeLimitExceeded, WorkerLost
from hpopt.executors import Limits, ProcessExecutor, make_executor
from hpopt.executors.cluster import executor as cluster
from hpopt.executors.settings import Settings

from .conftest import is_gone, stoppable, wait_until

distributed = pytest.importorskip("distributed")

from hpopt.executors.dask import DaskExecutor  # noqa: E402


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder):
        self.folder, self.workers, self.scheduler = folder, [], None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self):
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self.start("distributed.cli.dask_scheduler", *options)

    def start_worker(self):
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "30"]
        self.workers.append(self.start("distributed.cli.dask_worker", self.address, *options))
        return self.workers[-1]

    def start(self, *command):
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=self.folder,
            stderr=subprocess.DEVNULL,
        )

    def stop(self):
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster_of_two(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("dask"))
    cluster.start_scheduler()
    cluster.start_worker()
    cluster.start_worker()
    yield cluster
    cluster.stop()


@pytest.fixture
def executor(cluster_of_two):
    with DaskExecutor(
        cluster_of_two.address, settings=Settings(limits=Limits(seconds=60))
    ) as executor:
        assert wait_until(lambda: executor.workers == 2, 60)
        yield executor


def hang(path):
    path.write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(1000)


def read(path):
    """Give the worker and the child that a call has noted."""
    assert wait_until(lambda: path.exists() and path.read_text())
    return map(int, path.read_text().split())


def test_the_problem_travels_and_limits_hold(cluster_of_two, monkeypatch):
    monkeypatch.setattr(cluster, "machine_id", lambda: "elsewhere")
    with DaskExecutor(
        cluster_of_two.address, settings=Settings(limits=Limits(seconds=1.5))
    ) as executor:
        shared = executor.share({"x": np.arange(300_000.0)})

        def look(data, number):
            time.sleep(0.05)
            print(number)
            return os.getppid(), isinstance(data["x"], np.memmap), data["x"].sum()

        futures = [executor.submit(look, shared, number) for number in range(8)]
        seen = [future.result(60) for future in futures]
        assert {each[1:] for each in seen} == {(True, np.arange(300_000.0).sum())}
        assert {each[0] for each in seen} <= {worker.pid for worker in cluster_of_two.workers}
        assert [future.output for future in futures] == [f"{number}\n" for number in range(8)]
        assert type(executor.submit(time.sleep, 100).exception(60)) is TimeLimitExceeded


def essence(trials):
    return [(t.number, t.config, t.status, dict(t.values), t.curve) for t in trials]


def test_a_study_resumes_on_another_backend(cluster_of_two, tmp_path):
    """With a rule of early stopping too, which travels with each trial."""

    problem = stoppable()

    def run(trials, **options):
        options |= {"early_stopping": "median", "window": 4, "seed": 3, "progress": False}
        return essence(hpopt.optimize(problem, "genetic", trials=trials, **options).trials)

    path = tmp_path / "study.db"
    run(8, study=path, executor=f"dask:{cluster_of_two.address}")
    run(16, study=path, executor="threads", workers=2)
    trials = run(24, study=path, executor="joblib", workers=2)
    assert trials == run(24)
    assert {status for _, _, status, *_ in trials} == {"complete", "stopped"}


@pytest.fixture
def strike(tmp_path):
    """Run a study of 8 trials, and do something while the fourth is evaluated the first time."""

    def evaluate(config, trial):
        log = tmp_path / str(trial.number)
        with log.open("a") as file:
            file.write(f"{os.getppid()} {os.getpid()}\n")
        if trial.number == 3 and log.read_text().count("\n") == 1:
            time.sleep(1000)
        return (config["x"] - 1) ** 2

    problem = hpopt.FunctionProblem(evaluate, {"x": hpopt.Float(-5, 5)})
    alone = hpopt.FunctionProblem(lambda c: (c["x"] - 1) ** 2, problem.space)
    options = {"trials": 8, "seed": 3, "progress": False}

    def run(executor, what):
        def wait():
            worker, child = read(tmp_path / "3")
            what(worker)
            gone.append(wait_until(lambda: is_gone(child)))

        gone = []
        thread = threading.Thread(target=wait)
        thread.start()
        place = tmp_path / "study.db"
        result = hpopt.optimize(problem, "random", executor=executor, study=place, **options)
        thread.join()
        assert gone == [True]
        assert essence(result.trials) == essence(hpopt.optimize(alone, "random", **options).trials)
        return [(tmp_path / str(number)).read_text().count("\n") for number in range(8)]

    return run


def test_a_worker_that_is_killed_in_the_middle_of_a_study(cluster_of_two, executor, strike):
    times = strike(executor, lambda worker: os.kill(worker, signal.SIGKILL))
    assert wait_until(lambda: executor.workers == 1)
    cluster_of_two.start_worker()  # workers that come are used
    assert wait_until(lambda: executor.workers == 2, 60)
    assert times.pop(3) in (2, 3)  # Dask has begun it again by itself before it was stopped
    again = sorted(times)[-1]  # what the worker had just ended, and nobody fetched yet
    assert sorted(times) == [1] * 6 + [again] and again in (1, 2)


def test_an_elastic_executor_says_its_size_each_time(cluster_of_two, executor):
    made, n_slots = make_executor(executor)
    assert made is executor
    assert n_slots() == executor.workers == 2
    assert make_executor(executor, 5) == (executor, 5)


def test_clients_and_clusters_are_taken_as_they_are(cluster_of_two):
    with distributed.Client(cluster_of_two.address, set_as_default=False) as client:
        made, n_slots = make_executor(client, limits=Limits(seconds=9))
        with made:
            assert n_slots() == 2
            assert made.submit(abs, -3).result(60) == 3
        assert client.status == "running"


def test_killed_it_kills_what_runs_there(cluster_of_two, tmp_path):
    executor = DaskExecutor(cluster_of_two.address)
    future = executor.submit(hang, tmp_path / "pids")
    _, child = read(tmp_path / "pids")
    executor.kill_workers()
    assert future.cancelled() or type(future.exception()) is WorkerLost
    assert wait_until(lambda: is_gone(child))


def test_a_driver_that_is_killed_leaves_nothing(cluster_of_two, start_driver, tmp_path):
    driver = start_driver(f"""
import os, pathlib, time
from hpopt.executors.dask import DaskExecutor

def hang(path):
    pathlib.Path(path).write_text(f"{{os.getppid()}} {{os.getpid()}}")
    time.sleep(1000)

executor = DaskExecutor({cluster_of_two.address!r})
executor.submit(hang, {str(tmp_path / "pids")!r})
time.sleep(1000)
""")
    worker, child = read(tmp_path / "pids")
    driver.kill()
    assert wait_until(lambda: is_gone(child), 60)
    assert wait_until(lambda: psutil.Process(worker).children() == [], 60)
    ProcessExecutor(1).shutdown()  # it removes the folders of the dead


def test_a_cluster_of_its_own_listens_on_the_loopback_interface_only():
    def listening():
        me = psutil.Process()
        family = [me, *me.children(recursive=True)]
        of = [getattr(p, "net_connections", None) or p.connections for p in family]
        found = [c for connections in of for c in connections("inet")]
        return {c.laddr[:2] for c in found if c.status == psutil.CONN_LISTEN}

    before = listening()
    with DaskExecutor(workers=1) as executor:
        assert executor.submit(abs, -1).result(60) == 1
        addresses = {ip for ip, _ in listening() - before}
    assert addresses <= {"127.0.0.1", "::1"}
    assert addresses


def test_a_driver_that_is_killed_leaves_no_file_of_its_local_cluster(start_driver, temporary):
    driver = start_driver("""
import time
from hpopt.executors.dask import DaskExecutor

executor = DaskExecutor(workers=1)
print(executor.submit(abs, -1).result(), flush=True)
time.sleep(1000)
""")
    assert driver.stdout.readline() == "1\n"
    assert list(temporary.iterdir())
    driver.kill()
    assert wait_until(lambda: not list(temporary.iterdir()))


def test_a_scheduler_that_goes_away_and_comes_back(cluster_of_two, executor, strike, caplog):
    """Its workers end with it, and are started again by whoever started them."""
    caplog.set_level(logging.CRITICAL)

    def restart(worker):
        cluster_of_two.stop()
        cluster_of_two.start_scheduler()
        cluster_of_two.workers = []
        cluster_of_two.start_worker()

    times = strike(executor, restart)
    assert times[3] >= 2
    assert max(times) <= 3


def test_a_scheduler_that_stays_away_is_given_up(cluster_of_two, caplog):
    caplog.set_level(logging.CRITICAL)
    executor = DaskExecutor(cluster_of_two.address, patience=0.5)
    cluster_of_two.stop()
    try:
        future = executor.submit(abs, -1)
        assert type(future.exception(60)) is WorkerLost
        assert wait_until(executor._is_given_up)
        with pytest.raises(WorkerLost, match=r"has been away for 0\.5 s: start it again"):
            executor.submit(abs, -1)
    finally:
        executor.kill_workers()


def test_a_wrong_address_is_said():
    with pytest.raises(SettingError, match="must find a scheduler at its address"):
        make_executor("dask:nonsense://x")
    with pytest.raises(SettingError, match="an address must follow one of dask"):
        make_executor("processes:tcp://x")
