# ruff: noqa: T201, PTH123
"""Calls that hang, crash, or take too much: what their futures say and what is left of them."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from hpopt.errors import EvaluationLost, MemoryLimitExceeded, TimeLimitExceeded, WorkerLost
from hpopt.executors import Limits, ProcessExecutor
from hpopt.executors.supervision import watchdog, worker
from hpopt.executors.supervision.exits import exit_in_words

from .conftest import is_gone, wait_until


def sleep():
    print("asleep")
    time.sleep(1000)


def ignore_sigterm():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("asleep")
    time.sleep(1000)


def loop():
    print("asleep")
    while True:
        pass


def hold_the_gil():
    print("asleep")
    re.match(r"(a*)*b", "a" * 60)


def swallow_everything():
    print("asleep")
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


@pytest.fixture(scope="module")
def brief():
    with ProcessExecutor(2, limits=Limits(seconds=0.4)) as executor:
        executor.warm_up()
        yield executor


@pytest.fixture(scope="module")
def lean():
    with ProcessExecutor(1, limits=Limits(memory="300MB")) as executor:
        yield executor


class TestTime:
    @pytest.mark.parametrize(
        "hang", [sleep, ignore_sigterm, loop, hold_the_gil, swallow_everything]
    )
    def test_a_call_that_does_not_end_is_ended(self, brief, hang):
        future = brief.submit(hang)
        error = future.exception(timeout=30)
        assert type(error) is TimeLimitExceeded
        assert "longer than its limit of 0.4 s" in str(error)
        assert 0.4 < error.seconds < 20
        assert future.output == error.output == "asleep\n"
        assert re.fullmatch(rf"{re.escape(socket.gethostname())}:\d+", error.worker)

    def test_the_next_call_gets_a_new_process(self, brief):
        assert isinstance(brief.submit(loop).exception(), TimeLimitExceeded)
        assert brief.submit(abs, -1).result() == 1

    def test_a_call_within_its_limit_is_left_alone(self, brief):
        assert brief.submit(lambda: time.sleep(0.1) or "done").result() == "done"

    def test_time_counts_from_the_beginning_of_the_call(self, brief):
        class SlowToLoad:
            def __reduce__(self):
                return time.sleep, (1.0,)

        assert brief.submit(lambda loaded: loaded, SlowToLoad()).result() is None

    def test_all_that_the_call_started_is_killed(self, brief, tmp_path):
        def start_and_hang(folder):
            here = subprocess.Popen(["sleep", "1000"])
            away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            with open(f"{folder}/pids", "w") as file:
                print(os.getpid(), here.pid, away.pid, file=file)
            time.sleep(1000)

        error = brief.submit(start_and_hang, tmp_path).exception()
        assert isinstance(error, TimeLimitExceeded)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert len(pids) == 3
        assert wait_until(lambda: all(map(is_gone, pids)))

    def test_one_thread_watches_all_workers(self, brief):
        def n_watchdogs():  # another test module's executor may be there too
            return [thread.name for thread in threading.enumerate()].count("hpopt-watchdog")

        futures, counts = [], []
        for _ in range(2):
            futures.append(brief.submit(sleep))
            assert wait_until(futures[-1].running)
            counts.append(n_watchdogs())
        assert counts[0] == counts[1] >= 1
        assert all(isinstance(f.exception(30), TimeLimitExceeded) for f in futures)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
class TestStopped:
    def test_a_stopped_worker_is_replaced_before_a_call_begins(self, nothing_left, monkeypatch):
        monkeypatch.setattr(watchdog, "STOPPED_EVERY", 2)
        with ProcessExecutor(1) as executor:
            stopped = executor.submit(os.getpid).result(30)
            os.kill(stopped, signal.SIGSTOP)
            assert executor.submit(os.getpid).result(30) != stopped

    def test_one_that_works_may_go_on_for_a_time_and_is_lost_then(self, nothing_left, monkeypatch):
        monkeypatch.setattr(watchdog, "STOPPED_EVERY", 2)
        with ProcessExecutor(1) as executor:
            pid = executor.submit(os.getpid).result(30)
            future = executor.submit(time.sleep, 0.5)
            assert wait_until(future.running)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1.5)  # seven looks
            os.kill(pid, signal.SIGCONT)
            assert future.result(30) is None
            monkeypatch.setattr(worker, "STOPPED_LOOKS_LATE", 3)
            future = executor.submit(time.sleep, 1000)
            assert wait_until(future.running)
            time.sleep(0.3)
            os.kill(pid, signal.SIGSTOP)
            assert "nobody let it go on" in str(future.exception(30))


class TestMemory:
    def test_a_call_that_takes_too_much_is_ended(self, lean):
        def take():
            print("taking")
            data = b"x" * 500_000_000
            time.sleep(1000)
            return data

        future = lean.submit(take)
        error = future.exception(timeout=30)
        assert type(error) is MemoryLimitExceeded
        assert "more than its limit of 300 MB" in str(error)
        assert error.memory > 300_000_000
        assert future.memory == error.memory
        assert future.output == error.output == "taking\n"

    def test_processes_that_a_call_started_count(self, lean):
        def take():
            code = "import time; data = b'x' * 400_000_000; time.sleep(1000)"
            subprocess.run([sys.executable, "-c", code], check=True)

        assert isinstance(lean.submit(take).exception(30), MemoryLimitExceeded)

    def test_memory_that_forks_share_counts_once(self, lean):
        def fork():
            data = b"x" * 150_000_000
            pids = []
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    time.sleep(1000)
                pids.append(pid)
            time.sleep(1.2)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            return len(data)

        assert lean.submit(fork).result(30) == 150_000_000

    def test_a_call_within_its_limit_is_left_alone(self, lean):
        assert lean.submit(lambda: len(b"x" * 100_000_000)).result() == 100_000_000


class TestDeath:
    @pytest.mark.parametrize(
        ("end", "said"),
        [
            (lambda: os.kill(os.getpid(), signal.SIGSEGV), "segmentation fault"),
            (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL.*memory ran out"),
            (lambda: os.kill(os.getpid(), signal.SIGTERM), "SIGTERM"),
            (os.abort, "SIGABRT"),
            (lambda: os._exit(3), "exit code 3"),
            (lambda: os._exit(0), "exit code 0"),
        ],
    )
    def test_the_future_says_what_happened(self, warm, end, said):
        def call():
            print("last words")
            end()

        future = warm.submit(call)
        error = future.exception(timeout=30)
        assert type(error) is WorkerLost
        assert re.search(said, str(error))
        assert future.output == error.output
        assert future.output.startswith("last words\n")
        assert warm.submit(abs, -1).result() == 1

    def test_a_crash_in_c_code_shows_where_it_was(self, warm):
        def crash():
            import ctypes

            ctypes.string_at(0)

        future = warm.submit(crash)
        assert "segmentation fault" in str(future.exception(30))
        assert "in crash" in future.output

    def test_a_call_that_breaks_its_pipe_is_lost(self, warm):
        def close_all():
            os.closerange(3, 100)
            time.sleep(1000)

        assert isinstance(warm.submit(close_all).exception(30), WorkerLost)

    def test_a_crash_while_forks_live_is_noticed(self, warm, tmp_path):
        def fork_and_crash(folder):
            pid = os.fork()
            if pid == 0:
                time.sleep(1000)
            with open(f"{folder}/pid", "w") as file:
                print(pid, file=file)
            os._exit(1)

        assert isinstance(warm.submit(fork_and_crash, tmp_path).exception(30), WorkerLost)
        assert wait_until(lambda: is_gone(int((tmp_path / "pid").read_text())))

    def test_forks_of_forks_keep_their_files(self, warm, tmp_path):
        def fork_twice(path):
            first = os.fork()
            if first == 0:
                files = [os.open(path, os.O_RDWR | os.O_CREAT) for _ in range(8)]
                second = os.fork()
                if second == 0:
                    os._exit(0 if [os.fstat(file) for file in files] else 1)
                os._exit(os.waitstatus_to_exitcode(os.waitpid(second, 0)[1]))
            return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])

        assert warm.submit(fork_twice, tmp_path / "file").result(30) == 0

    def test_the_calls_of_other_workers_go_on(self, nothing_left):
        with ProcessExecutor(2) as executor:
            executor.warm_up()
            long = executor.submit(lambda: time.sleep(1) or os.getpid())
            assert isinstance(executor.submit(os._exit, 1).exception(30), WorkerLost)
            assert long.result() > 0

    def test_crashes_leave_nothing(self, nothing_left):
        with ProcessExecutor(2) as executor:
            futures = [executor.submit(os._exit, 1) for _ in range(3)]
            assert all(isinstance(future.exception(), WorkerLost) for future in futures)


class TestLeftovers:
    def test_what_a_call_leaves_running_is_killed_after_it(self, warm):
        def leave():
            here = subprocess.Popen(["sleep", "1000"])
            away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            here.returncode = away.returncode = 0  # no warning that they run
            return os.getpid(), here.pid, away.pid

        worker, *pids = warm.submit(leave).result()
        assert wait_until(lambda: all(map(is_gone, pids)))
        assert not is_gone(worker)

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a subreaper")
    def test_orphans_are_killed_too(self, warm):
        def daemonize():
            command = "setsid sleep 1000 >/dev/null 2>&1 & echo $!"
            shell = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
            return int(shell.stdout)

        pid = warm.submit(daemonize).result()
        assert wait_until(lambda: is_gone(pid))

    def test_no_zombies_pile_up_in_a_worker(self, warm):
        def leave():
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            return os.getpid()

        def zombies():
            import psutil

            return [p.pid for p in psutil.Process().children() if p.status() == "zombie"]

        for _ in range(4):
            warm.submit(leave).result()
        assert [warm.submit(zombies).result() for _ in range(2)] == [[], []]

    def test_pools_that_libraries_keep_stay_warm(self, nothing_left):
        def parallel():
            from joblib import Parallel, delayed

            return Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(8))

        with ProcessExecutor(1) as executor:
            first, second = (set(executor.submit(parallel).result(60)) for _ in range(2))
            assert first & second


def test_losses_survive_pickling():
    import pickle

    error = TimeLimitExceeded("too long", seconds=3.0, memory=5, output="words", worker="here:5")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, EvaluationLost)
    assert (str(copy), copy.seconds, copy.memory, copy.output) == ("too long", 3.0, 5, "words")
    assert copy.worker == "here:5"


@pytest.mark.parametrize(
    ("returncode", "said"),
    [
        (-11, "SIGSEGV"),
        (-250, "signal 250"),
        (7, "exit code 7"),
        (-1, "SIGHUP"),
    ],
)
def test_every_way_to_end_has_words(returncode, said):
    assert said in exit_in_words(returncode)
