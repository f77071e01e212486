import threading

import pytest

from hpopt.executors import SerialExecutor


def test_a_call_runs_in_submit_in_the_same_thread():
    future = SerialExecutor().submit(threading.get_ident)
    assert future.done()
    assert future.result() == threading.get_ident()


def test_arguments_of_every_kind_arrive():
    future = SerialExecutor().submit(lambda a, *, fn: (a, fn), 1, fn=2)
    assert future.result() == (1, 2)


def test_an_exception_is_the_futures():
    future = SerialExecutor().submit(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_a_call_that_exits_does_not_end_the_driver():
    future = SerialExecutor().submit(lambda: exec("raise SystemExit(3)"))
    assert isinstance(future.exception(), SystemExit)


def test_keyboard_interrupt_passes():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SerialExecutor().submit(interrupted)


def test_a_shared_object_is_itself():
    problem = object()
    assert SerialExecutor().share(problem) is problem


def test_nothing_is_taken_after_shutdown():
    with SerialExecutor() as executor:
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
    with pytest.raises(RuntimeError, match="must not be shut down"):
        executor.submit(abs, 1)


def test_a_future_knows_that_it_knows_nothing_of_memory_and_output():
    future = SerialExecutor().submit(abs, 1)
    assert (future.memory, future.output) == (None, "")
