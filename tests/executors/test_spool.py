"""The folder between a driver and its workers, and what a driver concludes from it."""

import os
import pickle
import subprocess
import threading
import time

import pytest

from hpopt.errors import SettingError, WorkerLost
from hpopt.executors.cluster.agent import Answer
from hpopt.executors.cluster.spool import executor as spool
from hpopt.executors.cluster.spool.batch import Batch, BatchError
from hpopt.executors.cluster.spool.crew import MOST_FRUITLESS, Crew
from hpopt.executors.cluster.spool.disk import ForgedError, SpoolFolder
from hpopt.executors.cluster.spool.executor import SpoolExecutor
from hpopt.executors.cluster.spool.pace import FIRST_SECONDS, MOST_SECONDS, Pace
from hpopt.executors.settings import Settings
from hpopt.executors.supervision.transfer import Kind, dump_result

from .conftest import wait_until


@pytest.fixture
def folder(tmp_path):
    return SpoolFolder.create(tmp_path / "spool", "driver", {"slots": 1})


class Malicious:
    def __reduce__(self):
        return os._exit, (1,)


class TestFolder:
    def test_what_is_written_is_read_elsewhere(self, folder):
        folder.write_signed("calls/7", {"x": 1})
        there = SpoolFolder(folder.path)
        assert there.names("calls") == ["7"]
        assert there.read_signed("calls/7") == {"x": 1}
        assert there.read_json("settings.json") == {"slots": 1}
        assert there.names("new") == []

    def test_of_those_who_rename_a_call_one_has_it(self, folder):
        folder.write_signed("calls/7", "x")
        assert [folder.move("calls/7", f"claimed/7.{worker}") for worker in "abc"] == [1, 0, 0]
        assert folder.read_signed("claimed/7.a", "calls/7") == "x"

    def test_a_rename_whose_reply_was_lost_is_known(self, folder):
        folder.write_signed("claimed/7.a", "x")
        assert folder.move("calls/7", "claimed/7.a")

    @pytest.mark.parametrize("kept", [0, 10, 32, 60])
    def test_nothing_of_a_stranger_is_unpickled(self, folder, kept):
        folder.write_signed("answers/1", [1, 2, 3])
        signed = (folder.path / "answers/1").read_bytes()
        (folder.path / "answers/2").write_bytes(signed[:kept] + pickle.dumps(Malicious()))
        with pytest.raises(ForgedError, match="not signed"):
            folder.read_signed("answers/2")

    def test_a_signature_is_for_one_place(self, folder):
        folder.write_signed("answers/1", "of the first call")
        folder.move("answers/1", "answers/2")
        with pytest.raises(ForgedError):
            folder.read_signed("answers/2")

    def test_another_drivers_signature_does_not_count(self, folder, tmp_path):
        other = SpoolFolder.create(tmp_path, "other", {})
        other.write_signed("calls/1", "x")
        (other.path / "calls/1").rename(folder.path / "calls/1")
        with pytest.raises(ForgedError):
            folder.read_signed("calls/1")

    @pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
    def test_the_key_is_for_its_owner_alone(self, folder):
        assert (folder.path / "key").stat().st_mode & 0o777 == 0o600
        assert folder.path.stat().st_mode & 0o777 == 0o700
        (folder.path / "key").chmod(0o640)
        with pytest.raises(SettingError, match=r"readable by you alone, but .* has mode 640"):
            SpoolFolder(folder.path)

    @pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff", b"[" * 99_999, b"1" * 200_000])
    def test_json_that_is_none_is_not_seen(self, folder, data):
        (folder.path / "workers/w").write_bytes(data)
        assert folder.read_json("workers/w") is None


def test_pauses_are_a_share_of_the_time_that_has_passed():
    pace, passed, n_pauses = Pace(), 0.0, 0
    while passed < 60:
        pause = pace.pause()
        assert pause <= max(FIRST_SECONDS, 0.05 * passed + FIRST_SECONDS) * 1.001
        passed, n_pauses = passed + pause, n_pauses + 1
    assert n_pauses < 130
    for _ in range(50):
        pace.pause()
    assert pace.pause() == MOST_SECONDS
    pace.reset()
    assert pace.pause() == FIRST_SECONDS


class FakeBatch:
    """Commands of a batch system that only note what they were asked for."""

    def __init__(self):
        self.submitted, self.cancelled, self.refusal = [], [], ""
        self.queued = None

    def script(self, folder, number):
        return f"#{number}"

    def submit_job(self, path):
        if self.refusal:
            raise BatchError(self.refusal)
        self.submitted.append(path.stem)
        return f"id{path.stem}"

    def cancel_job(self, job):
        self.cancelled.append(job)

    def queued_jobs(self):
        return self.queued


@pytest.fixture
def batch():
    return FakeBatch()


@pytest.fixture
def crew(folder, batch):
    events = []
    crew = Crew(folder, batch, 2, 0.2, events.append)
    submit = crew.renew

    def renew():
        submit()
        if crew._submitting is not None:
            crew._submitting.join()
        while events:
            events.pop(0)()

    crew.renew = renew
    renew()
    return crew


def beat(folder, worker, number=1, ended=""):
    about = {"beat": number, "host": "node1", "slots": 1, "ended": ended}
    folder.write_json(f"workers/{worker}", about)


class TestCrew:
    def test_as_many_calls_run_as_workers_have_slots(self, folder, batch, crew):
        assert (batch.submitted, crew.n_slots) == (["0", "1"], 0)
        beat(folder, "0-1-a")
        beat(folder, "1-1-b")
        crew.look()
        crew.renew()
        assert (len(batch.submitted), crew.n_slots) == (2, 2)
        assert crew.host("0-1-a") == "node1"

    def test_a_worker_without_a_heartbeat_is_gone_and_may_be_back(self, folder, batch, crew):
        beat(folder, "0-1-a")
        crew.look()
        crew.note_answer("0-1-a")
        time.sleep(0.25)
        crew.look()
        assert "no heartbeat" in crew.why_gone("0-1-a")
        crew.renew()
        assert batch.submitted == ["0", "1", "2"]
        beat(folder, "0-1-a", 2)
        crew.look()
        assert (crew.why_gone("0-1-a"), crew.n_slots) == ("", 1)

    def test_a_worker_says_that_it_ends(self, folder, batch, crew):
        beat(folder, "0-1-a")
        crew.look()
        crew.note_answer("0-1-a")
        beat(folder, "0-1-a", 2, "the batch system ended its job")
        crew.look()
        crew.renew()
        assert crew.why_gone("0-1-a") == "the batch system ended its job"
        assert batch.submitted == ["0", "1", "2"]

    def test_of_two_workers_of_a_job_the_later_lives(self, folder, batch, crew):
        for worker in ("0-2-b", "0-1-a", "1-1-c"):
            beat(folder, worker)
        crew.look()
        assert "has started another" in crew.why_gone("0-1-a")
        assert crew.why_gone("0-2-b") == crew.why_gone("1-1-c") == ""
        assert crew.n_slots == 2

    def test_a_job_that_ends_takes_its_worker_along(self, folder, batch, crew):
        beat(folder, "0-1-a")
        folder.write("jobs/0.end", b"137\n")
        crew.look()
        assert crew.why_gone("0-1-a") == "its job id0 ended with status 137"

    def test_jobs_that_are_of_no_use_are_bounded(self, folder, batch, crew, monkeypatch):
        monkeypatch.setattr("hpopt.executors.cluster.spool.crew.RESUBMIT_SECONDS", 0.0)
        for number in range(20):
            folder.write(f"jobs/{number}.log", b"python: not found\n")
            folder.write(f"jobs/{number}.end", b"127\n")
            crew.look()
            crew.renew()
        assert len(batch.submitted) <= MOST_FRUITLESS + 1
        assert "python: not found" in crew.given_up

    def test_jobs_that_were_of_use_are_not(self, folder, batch, crew):
        for number in range(20):
            crew.note_answer(f"{number}-1-a")
            folder.write(f"jobs/{number}.end", b"0\n")
            crew.look()
            crew.renew()
        assert len(batch.submitted) == 22
        assert crew.given_up == ""

    def test_a_refusal_is_final_only_for_the_first_job(self, folder, batch, crew, caplog):
        batch.refusal = "QOSMaxSubmitJobPerUserLimit"
        crew.note_answer("0-1-a")
        folder.write("jobs/0.end", b"0\n")
        crew.look()
        crew.renew()
        crew.renew()  # too soon: not asked again
        assert crew.given_up == ""
        assert caplog.text.count("QOSMaxSubmitJobPerUserLimit") == 1
        nobody = Crew(folder, batch, 1, 1.0, lambda event: event())
        nobody.renew()
        assert wait_until(lambda: nobody.given_up)
        assert "a job must be submitted, but QOSMaxSubmit" in nobody.given_up

    def test_jobs_that_vanish_from_the_queue_are_replaced(self, folder, batch, crew, monkeypatch):
        monkeypatch.setattr("hpopt.executors.cluster.spool.crew.QUEUE_SECONDS", -1.0)
        monkeypatch.setattr("hpopt.executors.cluster.spool.crew.RESUBMIT_SECONDS", 0.0)

        def look():
            beat(folder, "0-1-a", time.monotonic())
            crew.look()
            crew.renew()
            return len(batch.submitted) > 2

        for queued in (None, {"id1"}):  # not known, and still there: the first has a worker
            batch.queued = queued
            assert not wait_until(look, 0.1)
        batch.queued = set()
        assert wait_until(look)
        assert batch.submitted == ["0", "1", "2"]

    def test_at_the_end_jobs_are_told_and_those_that_wait_are_cancelled(self, folder, batch, crew):
        beat(folder, "0-1-a")
        crew.look()
        beat(folder, "0-1-a", 2, "the driver ended it")
        crew.close(kill=False)
        assert folder.read_json("stop") == {"kill": False}
        assert batch.cancelled == ["id1"]


class Puppet:
    """A worker whose every step is a test's."""

    name = "0-1-a"

    def __init__(self, executor):
        self.folder = SpoolFolder(executor._folder.path)
        self.n_beats = 0

    def beat(self, ended=""):
        self.n_beats += 1
        beat(self.folder, self.name, self.n_beats, ended)

    def claim(self, future):
        self.beat()
        assert wait_until(lambda: self.folder.names("calls"))
        (self.number,) = self.folder.names("calls")
        self.claimed = f"{self.number}.{self.name}"
        assert self.folder.move(f"calls/{self.number}", f"claimed/{self.claimed}")
        assert wait_until(future.running)

    def answer(self, value):
        answer = Answer(Kind.VALUE, dump_result(value))
        self.folder.write_signed(f"answers/{self.claimed}", answer)

    def commit(self):
        return self.folder.move(f"claimed/{self.claimed}", f"done/{self.claimed}")


class TestDriver:
    @pytest.fixture
    def executor(self, tmp_path, batch, monkeypatch):
        monkeypatch.setattr(spool, "LOOK_SECONDS", 0.02)
        executor = SpoolExecutor(
            parent=tmp_path,
            batch=batch,
            workers=1,
            per_job=1,
            settings=Settings(),
            patience=0.6,
        )
        yield executor
        executor._crew._workers.clear()  # nobody is waited for
        executor.kill_workers()

    @pytest.fixture
    def worker(self, executor):
        worker = Puppet(executor)
        self.future = executor.submit(abs, -1)
        worker.claim(self.future)
        return worker

    def test_a_call_that_the_disk_does_not_take_is_sent_later(self, executor, monkeypatch):
        write, failures = executor._folder.write_signed, iter([OSError(28, "No space left")])

        def write_signed(name, value):
            if failure := next(failures, None):
                raise failure
            write(name, value)

        monkeypatch.setattr(executor._folder, "write_signed", write_signed)
        future = executor.submit(abs, -1)
        Puppet(executor).claim(future)
        assert next(failures, None) is None
        assert not future.done()

    def test_a_disk_that_takes_no_calls_for_long_loses_them(self, executor, monkeypatch):
        def write_signed(name, value):
            raise OSError(28, "No space left")

        monkeypatch.setattr(executor._folder, "write_signed", write_signed)
        error = executor.submit(abs, -1).exception(20)
        assert isinstance(error, WorkerLost)
        assert "No space left" in str(error)

    def test_what_was_answered_counts_however_late_it_is_seen(self, worker):
        assert worker.commit()
        worker.beat("it ended")
        time.sleep(0.2)
        worker.answer(7)
        assert self.future.result(20) == 7

    def test_what_was_not_answered_is_lost_and_its_answer_is_not_taken(self, worker):
        worker.beat("its job ended")
        assert "node1 is gone: its job ended" in str(self.future.exception(20))
        worker.answer(7)
        assert not worker.commit()
        assert wait_until(lambda: worker.folder.names("answers") == [])

    def test_an_answer_that_never_comes_is_lost(self, worker):
        assert worker.commit()
        worker.beat("it ended")
        assert type(self.future.exception(20)) is WorkerLost

    def test_a_damaged_answer_is_lost_after_a_while(self, worker, caplog):
        (worker.folder.path / "answers" / worker.claimed).write_bytes(b"x" * 99)
        stop = threading.Event()

        def keep_beating():
            while not stop.wait(0.05):
                worker.beat()

        beats = threading.Thread(target=keep_beating)
        beats.start()
        assert "is not signed with the key" in str(self.future.exception(20))
        stop.set()
        beats.join()
        assert len(caplog.records) == 1

    def test_a_call_that_is_cancelled_is_taken_out(self, executor):
        future = executor.submit(abs, -1)
        folder = executor._folder
        assert wait_until(lambda: folder.names("calls"))
        assert future.cancel()
        assert wait_until(lambda: not folder.names("calls"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"submit": "no-such-command {script}"}, "there is no 'no-such-command'"),
        ({"submit": "sh"}, "submit must have {script} in it"),
        ({"submit": "sh {skript}"}, "submit must be a command with {script}"),
        ({"queue": "no-such-queue"}, "there is no 'no-such-queue'"),
        ({"cancel": "sh 'x {job}"}, "cancel must be a command with {job}"),
        ({"time": "4h"}, "time must go with Slurm's sbatch"),
        ({"submit": "./sbatch {script}", "time": "soon"}, "time must be at least a minute"),
        ({"submit": "./sbatch {script}", "time": 10}, "time must be at least a minute"),
        ({"resources": {"gres": "gpu:1"}}, "resources must be a list of lines"),
        ({"setup": [1]}, "setup must be a list of lines"),
        ({"job_name": "a b"}, "job_name must be letters"),
    ],
)
def test_settings_of_jobs_say_what_is_wrong(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(SettingError, match=message):
        Batch(**{"submit": "sh {script}", "cancel": "sh {job}", **arguments}).check()


@pytest.mark.parametrize(
    ("time", "line"),
    [
        ("4h", "04:00:00"),
        (5400.5, "01:30:00"),
        ("1-12:00:00", "1-12:00:00"),
        ("2d", "48:00:00"),
    ],
)
def test_a_script_asks_slurm_for_what_was_asked(tmp_path, monkeypatch, time, line):
    monkeypatch.chdir(tmp_path)
    batch = Batch(
        "sbatch {script}",
        resources=["--gres=gpu:1", "#PBS -l x"],
        time=time,
        setup="module load cuda\nexport A='b c'",
        job_name="mine",
    )
    lines = batch.script(tmp_path / "a folder", 3).splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    for each in ("--job-name=mine", f"--time={line}", "--signal=B:TERM@60", "--gres=gpu:1"):
        assert f"#SBATCH {each}" in lines
    assert "#PBS -l x" in lines
    assert lines.index("module load cuda") < lines.index("export A='b c'")
    script = tmp_path / "script.sh"
    script.write_text("\n".join(lines))
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("printed", "job"),
    [
        ("12345", "12345"),
        ("12345;cluster", "12345"),
        ("12345.server", "12345.server"),
        ('Your job 77 ("hpopt") has been submitted', "77"),
        ("Job <99> is submitted to queue <normal>.", "99"),
        ("Submitted batch job 5", "5"),
    ],
)
def test_the_ids_of_jobs_are_those_of_known_systems(tmp_path, printed, job):
    command = tmp_path / "submit"
    command.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\n")
    command.chmod(0o755)
    assert Batch(f"{command} {{script}}").submit_job(tmp_path / "script") == job


def test_the_queue_is_what_its_command_prints(tmp_path):
    command = tmp_path / "queue"
    command.write_text("#!/bin/sh\necho 12\necho 7.server\n")
    command.chmod(0o755)
    batch = Batch("sh {script}", "sh {job}", str(command)).check()
    assert batch.queued_jobs() == {"12", "7.server"}
    command.write_text("#!/bin/sh\nexit 1\n")
    assert batch.queued_jobs() is None
    assert Batch("sh {script}", "sh {job}").queued_jobs() is None


def test_a_command_that_fails_says_its_error(tmp_path):
    command = tmp_path / "submit"
    command.write_text("#!/bin/sh\necho 'no such account' >&2\nexit 2\n")
    command.chmod(0o755)
    with pytest.raises(BatchError, match=r"submit .*script failed: no such account"):
        Batch(f"{command} {{script}}").submit_job(tmp_path / "script")
    command.write_text("#!/bin/sh\necho ok\n")
    with pytest.raises(BatchError, match="must print the job's id, but printed 'ok'"):
        Batch(f"{command} {{script}}").submit_job(tmp_path / "script")
