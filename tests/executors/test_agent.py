# ruff: noqa: T201
"""What runs inside a cluster's worker, tried in this process: no cluster is needed for it."""

import os
import pickle
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hpopt.errors import TimeLimitExceeded, TransferError, WorkerLost, WorkerNotStarted
from hpopt.executors import Limits
from hpopt.executors.cluster import agent, claims
from hpopt.executors.cluster import executor as cluster
from hpopt.executors.cluster.agent import Answer, WorkerAgent
from hpopt.executors.cluster.executor import ClusterExecutor
from hpopt.executors.settings import Settings
from hpopt.executors.supervision import sharing

from .conftest import is_gone, wait_until


class InThreads(ClusterExecutor):
    """A cluster of one worker, which is this process; it notes what is sent to it."""

    workers = 2

    def __init__(self, *, environment=None, **settings):
        super().__init__(Settings(**settings))
        self.environment = os.environ if environment is None else environment
        self.driver_is_gone = self.cancelled = False
        self.sent = []

    def send(self, job, missing=()):
        payloads = self.payloads(missing)
        self.sent.append(payloads)
        threading.Thread(target=self.perform, args=(job, payloads), daemon=True).start()

    def perform(self, job, payloads):
        def make():
            return WorkerAgent(self.settings, 2, 2, self.environment, lambda: self.driver_is_gone)

        answer = agent.perform(job.call, payloads, make, cancelled=lambda: self.cancelled)
        self.finish(job, pickle.loads(pickle.dumps(answer)))

    def end(self, *, kill):
        agent.close(self.token, kill=kill)


@pytest.fixture
def make(nothing_left):
    made = []

    def make(**arguments):
        made.append(InThreads(**arguments))
        return made[-1]

    yield make
    for executor in made:
        executor.shutdown()


def hang():
    print("asleep")
    time.sleep(1000)


def test_limits_and_output_are_those_of_a_local_run(make):
    executor = make(limits=Limits(seconds=0.4))
    future = executor.submit(hang)
    error = future.exception(30)
    assert type(error) is TimeLimitExceeded
    assert future.output == error.output == "asleep\n"
    assert executor.submit(abs, -1).result() == 1
    assert executor.submit(os.getpid).result() != os.getpid()


def test_what_cannot_be_loaded_there_is_told_to_the_driver(make):
    class Fails:
        def __reduce__(self):
            return int, ("no number",)

    executor = make()
    assert type(executor.submit(abs, Fails()).exception(30)) is TransferError
    assert type(executor.submit(abs, threading.Lock()).exception(30)) is TransferError
    error = executor.submit(lambda: {}["key"]).exception(30)
    assert type(error) is KeyError
    assert "in <lambda>" in str(error.__cause__)


def test_on_the_drivers_machine_nothing_travels(make):
    executor = make()
    shared = executor.share({"x": np.arange(300_000.0)})
    assert executor.submit(lambda d: d["x"].sum(), shared).result() == np.arange(300_000.0).sum()
    assert executor.sent == [()]


def test_an_object_travels_once_to_another_machine(make, monkeypatch, temporary):
    """Its large arrays are memory-mapped there, and its files go with the executor."""

    def look(data):
        return isinstance(data["x"], np.memmap), data["x"].filename, data["x"].sum()

    monkeypatch.setattr(cluster, "machine_id", lambda: "elsewhere")
    executor = make()
    shared = executor.share({"x": np.arange(300_000.0)})
    looks = [executor.submit(look, shared).result() for _ in range(3)]
    assert [len(payloads) for payloads in executor.sent] == [0, 1, 0, 0]
    mapped, name, total = looks[0]
    assert mapped
    assert Path(name).parent != shared.path.parent
    assert total == np.arange(300_000.0).sum()
    assert looks[1:] == looks[:1] * 2
    executor.shutdown()
    assert list(temporary.iterdir()) == []


def test_handles_are_noted_while_a_call_is_pickled(tmp_path):
    shared, other = sharing.Shared([1], tmp_path), sharing.Shared([2], tmp_path)
    with sharing.recording_used() as used:
        pickle.dumps([shared, {"again": shared}])
    pickle.dumps(other)
    assert used == [shared]


def test_the_modules_of_the_workers_machine_come_first(tmp_path):
    script = ("search.py", None, ["search.py"])
    sent = pickle.dumps(("/nowhere", ["/nowhere/at/all", str(tmp_path), sys.path[-1]], script))
    directory, path, same = pickle.loads(agent._local_call_environment(sent))
    assert (directory, same) == (None, script)
    assert path == [*sys.path, str(tmp_path)]


def test_a_call_that_nobody_waits_for_is_killed(make, tmp_path):
    def work(path):
        Path(path).write_text(str(os.getpid()))
        time.sleep(1000)

    executor = make()
    future = executor.submit(work, tmp_path / "pid")
    assert wait_until((tmp_path / "pid").exists)
    pid = int((tmp_path / "pid").read_text())
    executor.cancelled = True
    assert type(future.exception(30)) is WorkerLost
    assert wait_until(lambda: is_gone(pid))


def test_an_agent_ends_when_its_driver_has_gone(make, monkeypatch, nothing_left):
    monkeypatch.setattr(agent, "ABANDONED_AFTER", 0.2)
    executor = make()
    pid = executor.submit(os.getpid).result()
    executor.driver_is_gone = True
    assert wait_until(lambda: is_gone(pid) and not nothing_left())
    executor.driver_is_gone = False
    assert executor.submit(abs, -2).result() == 2  # by another agent


def test_killed_it_kills_what_runs(make):
    executor = make()
    futures = [executor.submit(hang) for _ in range(2)]
    time.sleep(0.3)
    executor.kill_workers()
    assert all(
        future.cancelled() or isinstance(future.exception(), WorkerLost) for future in futures
    )
    with pytest.raises(RuntimeError, match="must not be shut down"):
        executor.submit(abs, 1)


class TakesItsTime(InThreads):
    """A cluster that says of a call that it runs when somebody says so."""

    def send(self, job, missing=()):
        self.job = job


@pytest.mark.parametrize("first", ["cancelled", "running"])
def test_a_call_that_is_cancelled_as_it_begins_ends(first, caplog):
    """Whoever comes first, the executor forgets the call, and who waits for it is told."""
    executor = TakesItsTime()
    future = executor.submit(abs, -1)
    job = executor.job
    if first == "running":
        # The future is cancelled, and its callback still waits, when the cluster says it runs.
        with executor._changed:
            canceller = threading.Thread(target=future.cancel)
            canceller.start()
            assert wait_until(future.cancelled)
            assert not executor.mark_running(job)
        canceller.join()
    else:
        assert future.cancel()
        assert not executor.mark_running(job)
    assert wait([future], 1).done
    executor.shutdown()
    assert not caplog.records


def test_what_is_lost_is_answered_once(make):
    executor = TakesItsTime()
    future = executor.submit(abs, -1)
    assert executor.mark_running(executor.job, "there")
    executor.lose(executor.job, WorkerLost("gone"))
    executor.finish(executor.job, Answer(lost=WorkerLost("again")))
    assert str(future.exception(1)) == "gone"
    executor.shutdown()


class TestGpus:
    """Workers that know nothing of one another share out the GPUs of their machine."""

    def test_each_slot_is_taken_once(self):
        first = claims.claim(["t0", "t1"], 2, 1)
        second = claims.claim(["t0", "t1"], 2, 2)
        third = claims.claim(["t0", "t1"], 2, 4)
        try:
            assert [c.gpu for c in first] == ["t0"]
            assert [c.gpu for c in second] == ["t1", "t0"]
            assert [c.gpu for c in third] == ["t1"]
        finally:
            for claim in first + second + third:
                claim.release()
        again = claims.claim(["t0"], 1, 1)
        assert len(again) == 1
        again[0].release()

    def test_agents_bind_their_children(self, make, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "u4,u5")
        one, two, three = (make(gpus="auto") for _ in range(3))
        futures = [one.submit(lambda: time.sleep(0.3) or dict(os.environ)) for _ in range(2)]
        seen = [future.result(30) for future in futures]
        assert sorted(each["CUDA_VISIBLE_DEVICES"] for each in seen) == ["u4", "u5"]
        error = two.submit(abs, 1).exception(30)
        assert type(error) is WorkerNotStarted
        assert "other workers have taken all 2" in str(error)
        one.shutdown()
        assert three.submit(abs, -1).result(30) == 1


def test_that_no_worker_is_there_is_said_now_and_then(caplog, monkeypatch):
    executor = TakesItsTime()
    clock = [0.0]
    monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def said(until, n_workers=0):
        caplog.clear()
        while clock[0] < until:
            clock[0] += 1.0
            executor.note_workers(n_workers)
        return [record.getMessage() for record in caplog.records]

    assert said(1000) == []  # nothing waits
    future = executor.submit(abs, -1)
    assert said(1050, n_workers=1) == []
    (first,) = said(1119)
    assert first == "no worker has been there for 60 s, with 1 evaluation waiting: start one"
    assert len(said(1230)) == 1
    assert said(1250) == []
    assert said(1251, n_workers=2) == []
    assert len(said(1320)) == 1
    future.cancel()
    executor.shutdown()
