"""Workers in the jobs of a batch system: of a fake one, whose jobs are real processes."""

import logging
import os
import signal
import threading
import time
from pathlib import Path

import pytest

import hpopt
from hpopt.errors import SettingError, StudyError, TimeLimitExceeded
from hpopt.executors import Limits, make_executor
from hpopt.executors.cluster import executor as cluster
from hpopt.executors.cluster.spool import crew, disk
from hpopt.executors.cluster.spool import executor as spool
from hpopt.executors.settings import Settings
from hpopt.executors.slurm import SlurmExecutor
from hpopt.testing import ExecutorContract

from .batch_system import BatchSystem, be_late, late_python
from .conftest import is_gone, wait_until


@pytest.fixture
def system(tmp_path):
    folder = tmp_path / "batch"
    folder.mkdir()
    system = BatchSystem(folder)
    yield system
    system.end()


@pytest.fixture
def make(system, tmp_path):
    made = []

    def make(workers=1, settings=Settings(), **arguments):  # noqa: B008
        arguments = {"folder": tmp_path / "spool", **arguments}
        made.append(
            SlurmExecutor(
                workers, settings, submit=system.submit, cancel=system.cancel, **arguments
            )
        )
        return made[-1]

    yield make
    for executor in made:
        executor.kill_workers()
    assert wait_until(lambda: not system.alive())
    assert not (tmp_path / "spool").exists()


def hang(path):
    Path(path).write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(1000)


def read(path):
    """Return the worker and its child that a call has noted."""
    assert wait_until(lambda: path.exists() and path.read_text(), 60)
    return map(int, path.read_text().split())


@pytest.fixture(scope="module")
def shared_system(tmp_path_factory):
    system = BatchSystem(tmp_path_factory.mktemp("batch"))
    yield system
    system.end()


@pytest.fixture(scope="module")
def on_slurm(shared_system, tmp_path_factory):
    with SlurmExecutor(
        2,
        Settings(limits=Limits(seconds=3)),
        per_job=2,  # one job: half the processes
        submit=shared_system.submit,
        cancel=shared_system.cancel,
        folder=tmp_path_factory.mktemp("spool"),
    ) as executor:
        yield executor


class TestSlurm(ExecutorContract):
    def make(self):
        raise NotImplementedError

    @pytest.fixture
    def executor(self, on_slurm):
        return on_slurm

    def test_shut_down_it_has_done_all_and_takes_no_more(self, make, system):
        self.make = make
        super().test_shut_down_it_has_done_all_and_takes_no_more()
        assert wait_until(lambda: not system.alive())


def test_limits_and_output_are_those_of_a_local_run(on_slurm):
    def sleep(seconds):
        print("asleep")  # noqa: T201
        time.sleep(seconds)

    future = on_slurm.submit(sleep, 100)
    assert type(future.exception(60)) is TimeLimitExceeded
    assert future.output == "asleep\n"
    assert future.where == os.uname().nodename


class Losses:
    """Have the worker of some trials lost while they are evaluated the first time."""

    def __init__(self, folder, **losses):
        self.folder, self.done = folder, []
        self._threads = [
            threading.Thread(target=self._strike, args=(name, strike))
            for name, strike in losses.items()
        ]
        for thread in self._threads:
            thread.start()

    def _strike(self, name, strike):
        path = self.folder / name
        if wait_until(lambda: path.exists() and path.read_text(), 60):
            strike(int(path.read_text()))
            self.done.append(name)

    def join(self):
        for thread in self._threads:
            thread.join()


def test_a_search_with_losses_on_a_late_disk_is_that_of_a_local_run(
    system, make, tmp_path, monkeypatch
):
    """Nothing is lost, nothing is evaluated twice, and trials go on from their checkpoints."""
    monkeypatch.setattr(disk, "list_names", disk.list_names)
    monkeypatch.setattr(disk, "read_file", disk.read_file)
    monkeypatch.setattr(cluster, "machine_id", lambda: "elsewhere")  # so that the problem travels
    be_late(0.2)

    def train(config, trial):
        epochs = Path(trial.directory) / "epochs"
        first = len(epochs.read_text().split()) if epochs.exists() else 0
        for epoch in range(first, 4):
            with epochs.open("a") as file:
                file.write(f"{epoch}\n")
            if trial.number in (2, 4) and epoch == 2 and first == 0:
                (tmp_path / f"trial{trial.number}").write_text(str(os.getppid()))
                time.sleep(1000)
        return {"value": (config["x"] - 1) ** 2, "first": float(first)}

    problem = hpopt.FunctionProblem(train, {"x": hpopt.Float(-5, 5)})
    alone = hpopt.FunctionProblem(lambda c: (c["x"] - 1) ** 2, problem.space)
    losses = Losses(
        tmp_path,
        trial2=lambda worker: os.kill(worker, signal.SIGKILL),
        trial4=lambda worker: system.end_time(os.getpgid(worker)),
    )
    options = {"trials": 6, "seed": 3, "progress": False}
    executor = make(python=late_python(system.folder, 0.2), patience=100.0)
    study = hpopt.Study(problem, "random", path=tmp_path / "study.db", seed=3)
    result = study.run(trials=6, executor=executor, progress=False)
    losses.join()
    here = hpopt.optimize(alone, "random", **options)
    assert losses.done == ["trial2", "trial4"]
    assert [t.values["value"] for t in result.trials] == [t.values["value"] for t in here.trials]
    assert [t.values["first"] for t in result.trials] == [0, 0, 3, 0, 3, 0]
    ran = [Path(f"{study.path}.files/{n}/epochs").read_text().split() for n in range(6)]
    assert ran == [list("0123")] * 6
    assert len(system.jobs) == 2


def test_a_submit_command_that_fails_says_its_error(system, make, monkeypatch):
    monkeypatch.setattr(spool, "LOOK_SECONDS", 0.1)
    (system.folder / "refuses").touch()
    problem = hpopt.FunctionProblem(lambda c: c["x"], {"x": hpopt.Float(0, 1)})
    with pytest.raises(StudyError, match="invalid partition specified: gpuu"):
        hpopt.optimize(problem, trials=3, executor=make(2), progress=False)


def test_jobs_that_end_before_they_have_evaluated_anything_are_bounded(
    system, make, monkeypatch, caplog
):
    monkeypatch.setattr(crew, "RESUBMIT_SECONDS", 0.01)
    monkeypatch.setattr(spool, "LOOK_SECONDS", 0.1)
    problem = hpopt.FunctionProblem(lambda c: c["x"], {"x": hpopt.Float(0, 1)})
    executor = make(setup=["module load no-such-module", "exit 3"])
    with pytest.raises(StudyError, match=r"(?s)ended before any.*module: command not found"):
        hpopt.optimize(problem, trials=3, executor=executor, progress=False)
    assert len(system.jobs) == crew.MOST_FRUITLESS


def test_a_driver_that_is_killed_leaves_nothing(system, start_driver, tmp_path):
    driver = start_driver(f"""
import time
from executors.test_slurm import hang
from hpopt.executors.slurm import SlurmExecutor

executor = SlurmExecutor(
    submit={system.submit!r}, cancel={system.cancel!r}, patience=1.0, folder={str(tmp_path)!r}
)
executor.submit(hang, {str(tmp_path / "pids")!r})
time.sleep(1000)
""")
    _, child = read(tmp_path / "pids")
    driver.kill()
    assert wait_until(lambda: is_gone(child) and not system.alive(), 60)


def test_a_strangers_files_are_ignored_and_said_once(on_slurm, caplog):
    folder = on_slurm._folder.path
    (folder / "calls" / "stranger").write_bytes(b"x" * 100)
    for number in range(200):  # whichever number the next call has
        (folder / "answers" / f"{number:08}.1-1-x").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert on_slurm.submit(abs, -1).result(60) == 1
    assert wait_until(lambda: caplog.messages)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "is not from this search's workers" in caplog.text


def test_it_is_made_from_a_table(system, tmp_path):
    table = {"name": "slurm", "submit": system.submit, "cancel": system.cancel}
    executor, n_slots = make_executor(table | {"folder": str(tmp_path / "s")}, 4)
    with executor:
        assert type(executor) is SlurmExecutor
        assert n_slots() == 1  # until jobs have started
        assert system.jobs == []  # before there is a call
    with pytest.raises(SettingError, match="unknown argument of executor 'slurm' 'resorces'"):
        make_executor(table | {"resorces": "x"})
    with pytest.raises(SettingError, match="'serial' must have no arguments"):
        make_executor({"name": "serial", "time": "1h"})
    with pytest.raises(SettingError, match="must have a name"):
        make_executor({"time": "1h"})
