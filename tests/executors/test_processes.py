# ruff: noqa: T201, PTH109, PTH112, PTH115, PTH123, PTH208
"""What a user of the executor sees: calls, results, errors, order, warm processes, shutdown."""

import concurrent.futures
import errno
import gc
import os
import signal
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from hpopt.errors import (
    RemoteError,
    RemoteTraceback,
    TransferError,
    WorkerLost,
    WorkerNotStarted,
)
from hpopt.executors import ProcessExecutor

from .conftest import is_gone, wait_until


class Stubborn(Exception):
    """An exception that can be pickled, but not unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class TestCalls:
    def test_lambdas_and_closures_work(self, warm):
        factor = 3
        assert warm.submit(lambda x: x * factor, 2).result() == 6

    def test_classes_made_in_a_function_come_back_as_themselves(self, warm):
        class Local:
            def __init__(self, value):
                self.value = value

            def doubled(self):
                return Local(2 * self.value)

        result = warm.submit(Local(4).doubled).result()
        assert type(result) is Local
        assert result.value == 8

    def test_arguments_of_every_kind_arrive(self, warm):
        future = warm.submit(lambda a, *rest, fn, **more: (a, rest, fn, more), 1, 2, fn=3, x=4)
        assert future.result() == (1, (2,), 3, {"x": 4})

    def test_modules_of_the_driver_can_be_imported(self, warm, tmp_path, monkeypatch):
        (tmp_path / "only_here.py").write_text("def answer():\n    return 42\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        import only_here

        assert warm.submit(only_here.answer).result() == 42

    def test_a_call_runs_where_the_driver_is(self, warm, tmp_path, monkeypatch):
        def where_then_elsewhere():
            here = os.getcwd()
            os.chdir("/")
            return here

        monkeypatch.chdir(tmp_path)
        for _ in range(2):
            assert warm.submit(where_then_elsewhere).result() == str(tmp_path)

    def test_a_call_runs_in_the_main_thread(self, warm):
        ask = lambda: threading.current_thread() is threading.main_thread()  # noqa: E731
        assert warm.submit(ask).result()

    def test_megabytes_go_both_ways(self, warm):
        data = np.arange(3_000_000)
        assert np.array_equal(warm.submit(lambda a: a[::-1], data).result(), data[::-1])

    def test_arguments_are_taken_as_they_are_now(self):
        with ProcessExecutor(1) as executor:
            numbers = [1]
            future = executor.submit(sum, numbers)
            numbers.append(2)
            assert future.result() == 1

    def test_many_calls_give_their_own_results_in_order(self, warm):
        assert list(warm.map(lambda x: x * x, range(300))) == [x * x for x in range(300)]

    def test_calls_begin_in_the_order_of_submission(self):
        with ProcessExecutor(1) as executor:
            futures = [executor.submit(time.monotonic) for _ in range(50)]
            began = [future.result() for future in futures]
        assert began == sorted(began)

    def test_as_many_calls_run_at_a_time_as_there_are_workers(self, warm):
        def meet(path, n):
            open(f"{path}/{os.getpid()}", "w").close()
            end = time.monotonic() + 20
            while len(os.listdir(path)) < n and time.monotonic() < end:
                time.sleep(0.01)
            return len(os.listdir(path))

        import tempfile

        with tempfile.TemporaryDirectory() as path:
            futures = [warm.submit(meet, path, 2) for _ in range(2)]
            assert [future.result() for future in futures] == [2, 2]


class TestErrors:
    def test_an_exception_comes_back_with_its_remote_traceback(self, warm):
        def fail():
            raise KeyError("the key")

        error = warm.submit(fail).exception()
        assert type(error) is KeyError
        assert error.args == ("the key",)
        assert isinstance(error.__cause__, RemoteTraceback)
        assert "in fail" in str(error.__cause__)

    def test_an_exception_of_a_local_class_comes_back_as_that_class(self, warm):
        class LocalError(Exception):
            pass

        def fail():
            raise LocalError("mine")

        with pytest.raises(LocalError, match="mine"):
            warm.submit(fail).result()

    def test_an_exception_that_cannot_be_unpickled_keeps_its_text(self, warm):
        def fail():
            raise Stubborn("salt", "pepper")

        error = warm.submit(fail).exception()
        assert isinstance(error, RemoteError)
        assert "Stubborn: salt and pepper" in str(error)
        assert "in fail" in str(error.__cause__)

    def test_an_exception_that_cannot_be_pickled_keeps_its_text(self, warm):
        def fail():
            raise ValueError("locked", threading.Lock())

        error = warm.submit(fail).exception()
        assert isinstance(error, RemoteError)
        assert "ValueError: ('locked'" in str(error)

    def test_a_call_that_exits_gives_that_as_its_exception(self, warm):
        assert isinstance(warm.submit(sys.exit, 3).exception(), SystemExit)

    def test_an_interrupted_call_does_not_interrupt_the_driver(self, warm):
        def interrupted():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)

        error = warm.submit(interrupted).exception()
        assert isinstance(error, WorkerLost)
        assert "interrupted" in str(error)

    def test_a_result_that_cannot_be_pickled_says_which_part(self, warm):
        error = warm.submit(lambda: {"fine": 1, "lock": threading.Lock()}).exception()
        assert isinstance(error, TransferError)
        assert error.what == "result"
        assert "the result['lock'] (lock) is not" in str(error)
        assert "return plain data" in str(error)

    def test_a_result_that_cannot_be_loaded_here_says_so(self, warm, tmp_path):
        (tmp_path / "only_there.py").write_text("class Thing:\n    pass\n")

        def thing(path):
            sys.path.insert(0, path)
            import only_there

            sys.path.remove(path)
            return only_there.Thing()

        error = warm.submit(thing, str(tmp_path)).exception()
        assert isinstance(error, TransferError)
        assert error.what == "result"
        assert "No module named 'only_there'" in str(error)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ((threading.Lock(),), "argument 0 (lock)"),
            ((1, {"a": [threading.Lock()]}), "argument 1['a'][0] (lock)"),
        ],
    )
    def test_an_argument_that_cannot_be_pickled_is_named(self, warm, arguments, named):
        future = warm.submit(print, *arguments)
        assert future.done()
        error = future.exception()
        assert isinstance(error, TransferError)
        assert error.what == "call"
        assert named in str(error)
        assert warm.submit(abs, -1).result() == 1

    def test_an_attribute_that_cannot_be_pickled_is_named(self, warm):
        class Problem:
            def __init__(self):
                self.data = [1, 2, 3]
                self.connection = threading.Lock()

        message = str(warm.submit(print, problem=Problem()).exception())
        assert "argument 'problem'.connection (lock)" in message

    def test_a_closure_that_cannot_be_pickled_is_named(self, warm):
        lock = threading.Lock()
        message = str(warm.submit(lambda: lock.acquire() or 1).exception())
        assert "'lock' in the closure of the function" in message

    def test_a_call_that_cannot_be_loaded_says_why(self, warm, tmp_path, monkeypatch):
        module = tmp_path / "soon_gone.py"
        module.write_text("def function():\n    pass\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        import soon_gone

        module.write_text("raise RuntimeError('broken on import')\n")
        error = warm.submit(soon_gone.function).exception()
        assert isinstance(error, TransferError)
        assert error.what == "call"
        assert "RuntimeError: broken on import" in str(error)
        assert warm.submit(abs, -1).result() == 1


class TestOneAfterTheOther:
    def test_each_keeps_its_own_output(self, warm):
        futures = [warm.submit(print, i) for i in range(40)]
        assert [future.result(20) for future in futures] == [None] * 40
        assert [future.output for future in futures] == [f"{i}\n" for i in range(40)]

    def test_long_calls_do_not_block_both_sides(self, warm):
        data = os.urandom(3_000_000)
        futures = [warm.submit(bytes.upper, data) for _ in range(6)]
        assert all(future.result(20) == data.upper() for future in futures)


class TestWarmth:
    def test_a_process_is_used_again(self, nothing_left):
        with ProcessExecutor(1) as executor:
            pids = {executor.submit(os.getpid).result() for _ in range(10)}
            assert len(pids) == 1
            assert os.getpid() not in pids
            assert nothing_left() == pids

    def test_a_process_is_replaced_after_so_many_calls(self, nothing_left):
        with ProcessExecutor(1, trials_per_child=2) as executor:
            pids = [executor.submit(os.getpid).result() for _ in range(5)]
            assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
            assert wait_until(lambda: is_gone(pids[0]) and is_gone(pids[2]))

    def test_by_itself_a_process_is_replaced_only_when_it_is_old(self, nothing_left, monkeypatch):
        monkeypatch.setattr("hpopt.executors.supervision.pool.AUTO_CALLS", 2)
        with ProcessExecutor(1) as executor:
            young = [executor.submit(os.getpid).result() for _ in range(5)]
            monkeypatch.setattr("hpopt.executors.supervision.pool.AUTO_SECONDS", 0.0)
            old = [executor.submit(os.getpid).result() for _ in range(2)]
        assert len(set(young)) == 1
        assert old[0] == young[0] != old[1]

    def test_warm_up_starts_all_processes(self, nothing_left):
        with ProcessExecutor(2) as executor:
            assert nothing_left() == set()
            executor.warm_up()
            started = nothing_left()
            assert len(started) == 2
            executor.warm_up()
            assert nothing_left() == started

    def test_warm_up_says_why_a_process_cannot_start(self, monkeypatch, nothing_left):
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        with ProcessExecutor(2) as executor:
            with pytest.raises(WorkerLost, match="/no/such/python"):
                executor.warm_up()
            assert isinstance(executor.submit(abs, 1).exception(), WorkerLost)
            monkeypatch.undo()
            assert executor.submit(abs, -1).result() == 1

    def test_a_process_that_breaks_while_it_starts_says_how(
        self, tmp_path, monkeypatch, nothing_left
    ):
        (tmp_path / "cloudpickle.py").write_text("")
        (tmp_path / "psutil.py").write_text("raise ImportError('psutil is broken')")
        monkeypatch.syspath_prepend(str(tmp_path))
        with ProcessExecutor(1) as executor:
            error = executor.submit(abs, 1).exception()
        assert isinstance(error, WorkerLost)
        assert "could not start" in str(error)
        assert "psutil is broken" in str(error)
        assert "Traceback" in error.output

    def test_a_process_killed_while_idle_is_replaced_unnoticed(self, nothing_left):
        with ProcessExecutor(1) as executor:
            pid = executor.submit(os.getpid).result()
            os.kill(pid, signal.SIGKILL)
            assert executor.submit(os.getpid).result() != pid


class TestOutput:
    def test_prints_of_every_kind_are_kept_by_call(self, warm):
        def speak():
            import ctypes
            import subprocess

            print("from print")
            print("to stderr", file=sys.stderr)
            ctypes.CDLL(None).puts(b"from C")
            os.write(1, b"to the descriptor\n")
            subprocess.run(["echo", "from a program"], check=True)

        future = warm.submit(speak)
        future.result()
        lines = ["from print", "to stderr", "from C", "to the descriptor", "from a program"]
        assert sorted(future.output.splitlines()) == sorted(lines)
        quiet = warm.submit(abs, 1)
        quiet.result()
        assert quiet.output == ""

    def test_what_is_not_text_is_kept_as_well_as_it_can_be(self, warm):
        future = warm.submit(os.write, 1, b"caf\xc3\xa9 \xff\n")
        future.result()
        assert future.output == "café \N{REPLACEMENT CHARACTER}\n"

    def test_only_the_end_is_kept(self, warm):
        future = warm.submit(lambda: print("\N{SNOWMAN}" * 50_000 + "the end"))
        future.result()
        assert len(future.output) == 20_000
        assert future.output.endswith("\N{SNOWMAN}the end\n")

    def test_a_failed_call_keeps_its_output(self, warm):
        future = warm.submit(lambda: (print("before"), 1 / 0))
        assert isinstance(future.exception(), ZeroDivisionError)
        assert future.output == "before\n"

    def test_a_flood_does_not_fill_the_disk(self, warm):
        def flood():
            for _ in range(600):
                os.write(1, b"x" * 65_535 + b"\n")
                time.sleep(0.003)
            size = os.fstat(1).st_size
            print("the end")
            return size

        future = warm.submit(flood)
        assert future.result() < 600 * 65_536 / 2
        assert future.output.endswith("the end\n")

    def test_nothing_can_be_read_from_the_keyboard(self, warm):
        assert isinstance(warm.submit(input).exception(), EOFError)


class TestMemory:
    def test_each_call_has_its_own_peak(self, warm):
        def take(n_bytes):
            return len(b"x" * n_bytes)

        small, large, again = (warm.submit(take, n) for n in (10, 300_000_000, 10))
        assert [f.result() for f in (small, large, again)] == [10, 300_000_000, 10]
        assert large.memory > 300_000_000
        assert 1_000_000 < small.memory < 250_000_000
        if sys.platform.startswith("linux"):
            assert again.memory < 250_000_000

    def test_a_failed_call_has_its_peak(self, warm):
        future = warm.submit(lambda: len(b"x" * 300_000_000) / 0)
        assert isinstance(future.exception(), ZeroDivisionError)
        assert future.memory > 300_000_000


class TestShutdown:
    def test_what_was_taken_is_done_before_shutdown_returns(self, nothing_left):
        executor = ProcessExecutor(2)
        futures = [executor.submit(lambda i: time.sleep(0.05) or i, i) for i in range(6)]
        executor.shutdown()
        assert [future.done() for future in futures] == [True] * 6
        assert [future.result() for future in futures] == list(range(6))
        with pytest.raises(RuntimeError, match="must not be shut down"):
            executor.submit(abs, 1)
        executor.shutdown()

    def test_shutdown_need_not_wait(self, nothing_left):
        executor = ProcessExecutor(1)
        future = executor.submit(time.sleep, 0.5)
        executor.shutdown(wait=False)
        assert not future.done()
        assert future.result() is None

    def test_what_has_not_begun_can_be_cancelled(self, nothing_left):
        with ProcessExecutor(1) as executor:
            running = executor.submit(time.sleep, 0.5)
            assert wait_until(running.running)
            waiting = [executor.submit(abs, -1) for _ in range(3)]
            executor.shutdown(cancel_futures=True)
        assert running.result() is None
        assert concurrent.futures.wait(waiting, timeout=5).not_done == set()
        assert all(future.cancelled() for future in waiting)

    def test_a_waiting_call_can_be_cancelled(self, nothing_left):
        with ProcessExecutor(1) as executor:
            executor.submit(time.sleep, 0.3)
            waiting, last = executor.submit(abs, -1), executor.submit(abs, -2)
            assert waiting.cancel()
            assert last.result() == 2
            assert waiting.cancelled()

    def test_an_unused_executor_leaves_nothing(self, nothing_left):
        n_threads = threading.active_count()
        ProcessExecutor(4).shutdown()
        ProcessExecutor(4).kill_workers()
        assert threading.active_count() <= n_threads

    def test_threads_end_with_the_executor(self, nothing_left):
        n_threads = threading.active_count()
        with ProcessExecutor(2) as executor:
            executor.warm_up()
            assert executor.submit(abs, -1).result() == 1
        assert wait_until(lambda: threading.active_count() <= n_threads)

    def test_a_forgotten_executor_ends(self, nothing_left):
        executor = ProcessExecutor(1)
        pid = executor.submit(os.getpid).result()
        gone = weakref.ref(executor)
        del executor
        gc.collect()
        assert gone() is None
        assert wait_until(lambda: is_gone(pid))

    def test_a_worker_that_will_not_end_is_killed(self, nothing_left, monkeypatch):
        monkeypatch.setattr("hpopt.executors.supervision.worker.STOP_SECONDS", 0.3)
        with ProcessExecutor(1) as executor:
            executor.submit(
                lambda: threading.Thread(target=time.sleep, args=(1000,)).start()
            ).result()

    def test_exit_handlers_of_a_worker_run(self, nothing_left, tmp_path):
        def register(path):
            import atexit

            atexit.register(lambda: open(path, "w").close())

        with ProcessExecutor(1) as executor:
            executor.submit(register, str(tmp_path / "ended")).result()
        assert (tmp_path / "ended").exists()

    def test_results_are_not_kept_alive(self, warm):
        class Result:
            pass

        future = warm.submit(Result)
        result = weakref.ref(future.result())
        del future
        gc.collect()
        assert wait_until(lambda: result() is None)


def test_where_no_files_can_be_opened_it_says_what_to_do_and_goes_on(monkeypatch, nothing_left):
    def refuse():
        raise OSError(errno.EMFILE, "Too many open files")

    with ProcessExecutor(1) as executor:
        with monkeypatch.context() as patched:
            patched.setattr(os, "pipe", refuse)
            error = executor.submit(abs, -1).exception(20)
        assert type(error) is WorkerNotStarted
        assert "must be started" in str(error)
        assert str(error).endswith("(ulimit -n) or take fewer workers")
        assert executor.submit(abs, -1).result(20) == 1


class TestKillWorkers:
    def test_running_calls_are_lost_and_waiting_ones_cancelled(self, nothing_left):
        executor = ProcessExecutor(2)
        executor.warm_up()
        running = [executor.submit(time.sleep, 1000) for _ in range(2)]
        assert wait_until(lambda: all(future.running() for future in running))
        waiting = executor.submit(abs, 1)
        executor.kill_workers()
        for future in running:
            error = future.exception(timeout=5)
            assert isinstance(error, WorkerLost)
            assert "killed by the driver" in str(error)
        assert waiting.cancelled()
        assert nothing_left() == set()
        executor.kill_workers()
        with pytest.raises(RuntimeError, match="must not be shut down"):
            executor.submit(abs, 1)

    def test_processes_that_are_just_starting_are_killed(self, nothing_left):
        executor = ProcessExecutor(2)
        futures = [executor.submit(time.sleep, 1000) for _ in range(2)]
        executor.kill_workers()
        assert all(isinstance(future.exception(5), WorkerLost) for future in futures)

    def test_it_may_be_called_from_a_callback(self, nothing_left):
        executor = ProcessExecutor(2)
        done = threading.Event()
        executor.submit(abs, 1).add_done_callback(lambda _: (executor.kill_workers(), done.set()))
        assert done.wait(20)

    def test_a_callback_may_wait_for_another_call(self, nothing_left):
        with ProcessExecutor(2) as executor:
            results = []
            done = threading.Event()

            def again(_):
                results.append(executor.submit(abs, -2).result(20))
                done.set()

            executor.submit(abs, -1).add_done_callback(again)
            assert done.wait(30)
        assert results == [2]

    def test_it_may_be_called_while_shutdown_waits(self, nothing_left):
        executor = ProcessExecutor(1)
        future = executor.submit(time.sleep, 1000)
        waiter = threading.Thread(target=executor.shutdown)
        waiter.start()
        executor.kill_workers()
        waiter.join(20)
        assert not waiter.is_alive()
        assert isinstance(future.exception(5), WorkerLost)


def test_a_fork_of_the_driver_cannot_use_its_executor(warm):
    pid = os.fork()
    if pid == 0:
        try:
            warm.submit(abs, 1)
        except RuntimeError as error:
            os._exit(0 if "fork" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert warm.submit(abs, -1).result() == 1


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_worker_inherits_no_open_file(nothing_left):
    def pipes():
        links = []
        for name in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{name}"))
            except OSError:
                continue
        return [link for link in links if link.startswith("pipe:")]

    ends = os.pipe()
    try:
        os.set_inheritable(ends[0], True)
        with ProcessExecutor(2) as executor:
            executor.warm_up()
            theirs = executor.submit(pipes).result()
            mine = os.readlink(f"/proc/self/fd/{ends[0]}")
    finally:
        os.close(ends[0])
        os.close(ends[1])
    assert len(theirs) == 3
    assert mine not in theirs
