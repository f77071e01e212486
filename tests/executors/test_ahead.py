"""A busy process is sent its next call ahead, and gives it back where another is free before."""

import concurrent.futures
import gc
import os
import random
import signal
import threading
import time
import weakref

import pytest

from hpopt.errors import WorkerLost
from hpopt.executors import ProcessExecutor
from hpopt.executors.worker import Worker

from .conftest import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="calls are not sent ahead here")


def note(path, text):
    with open(path, "a") as file:  # noqa: PTH123
        file.write(f"{text}\n")


def work(path, name, seconds=0.0, gate=None):
    note(path, name)
    time.sleep(seconds)
    while gate is not None and not os.path.exists(gate):  # noqa: PTH110
        time.sleep(0.005)
    return os.getpid()


def sent_ahead(executor):
    return [task.future for task in executor._pool._sent_ahead]


@pytest.fixture
def begun(tmp_path):
    """The names of the calls that have begun, in order."""
    path = tmp_path / "begun"
    path.touch()
    return path


@pytest.fixture
def gate(tmp_path):
    """A file on which calls wait: touched, they end."""
    return tmp_path / "gate"


@pytest.fixture
def one(nothing_left):
    with ProcessExecutor(1) as executor:
        executor.warm_up()
        yield executor


@pytest.fixture
def two(nothing_left):
    with ProcessExecutor(2) as executor:
        executor.warm_up()
        yield executor


def held(executor, begun, gate):
    """Have a worker busy, with a call that was sent ahead to it."""
    futures = [executor.submit(work, begun, name, gate=gate) for name in ("first", "second")]
    assert wait_until(lambda: sent_ahead(executor) == futures[1:])
    return futures


def test_it_begins_when_the_process_is_free(one, begun, gate):
    first, second = held(one, begun, gate)
    assert not second.running()
    gate.touch()
    assert first.result(30) == second.result(30)
    assert begun.read_text().split() == ["first", "second"]
    assert not sent_ahead(one)


def test_it_can_be_cancelled_until_it_begins(one, begun, gate):
    first, second = held(one, begun, gate)
    third = one.submit(work, begun, "third")
    assert second.cancel()
    gate.touch()
    assert first.result(30) == third.result(30)
    assert begun.read_text().split() == ["first", "third"]
    assert second.cancelled()


def test_it_moves_to_a_process_that_is_free_before(two, begun, gate):
    first = two.submit(work, begun, "first", gate=gate)
    others = [two.submit(work, begun, str(i), 0.02) for i in range(6)]
    pids = {other.result(30) for other in others}
    assert not first.done()
    gate.touch()
    assert pids.isdisjoint({first.result(30)})


def test_what_is_free_gets_the_oldest(two, begun, tmp_path):
    """Large calls are not sent ahead: only they are in line when the second worker gets free."""
    gates = [tmp_path / name for name in ("first", "second", "third")]
    futures = [two.submit(work, begun, gate.name, gate=gate) for gate in gates[:2]]
    assert wait_until(lambda: len(begun.read_text().split()) == 2)
    futures += [two.submit(work, begun, "third", gate=gates[2]), two.submit(work, begun, "small")]
    large = "x" * 5000
    futures.append(two.submit(work, begun, large))
    gates[0].touch()
    assert wait_until(lambda: futures[3] in sent_ahead(two) or futures[3].done())
    gates[1].touch()
    assert futures[4].result(30) == futures[3].result(30)
    gates[2].touch()
    assert begun.read_text().split()[-2:] == ["small", large]


def test_it_is_overtaken_by_a_few_only(two, begun, gate):
    """Whoever has it waits for a gate; as long as there is a line, others have their own."""
    first = two.submit(work, begun, "first", gate=gate)
    for i in range(40):
        two.submit(work, begun, str(i), 0.005)
    assert wait_until(lambda: begun.read_text().split()[-1:] == ["39"])
    gate.touch()
    first.result(30)
    order = [int(name) for name in begun.read_text().split() if name != "first"]
    assert sorted(order) == list(range(40))
    assert all(place - number <= 2 * 2 + 2 for place, number in enumerate(order))


def test_it_is_not_lost_with_the_process(one, begun, gate):
    first, second = held(one, begun, gate)
    os.kill(one._pool._slots[0]._worker.pid, signal.SIGKILL)
    assert isinstance(first.exception(30), WorkerLost)
    gate.touch()
    assert second.result(30) > 0
    assert begun.read_text().split() == ["first", "second"]


def test_it_is_dropped_where_an_executor_is_shut_down_so(one, begun, gate):
    first, second = held(one, begun, gate)
    one.shutdown(wait=False, cancel_futures=True)
    assert second.cancelled()
    gate.touch()
    first.result(30)
    one.shutdown()
    assert begun.read_text().split() == ["first"]


def test_what_is_large_is_not_sent_ahead(one, begun, gate):
    first = one.submit(work, begun, "first", gate=gate)
    second = one.submit(work, begun, "x" * 100_000)
    assert wait_until(lambda: begun.read_text().split() == ["first"])
    time.sleep(0.1)
    assert not sent_ahead(one)
    gate.touch()
    assert first.result(30) == second.result(30)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_of_the_driver_takes_nothing_back(one, begun, gate):
    first, second = held(one, begun, gate)
    fork = os.fork()
    if not fork:
        second.cancel()
        os._exit(0)
    os.waitpid(fork, 0)
    gate.touch()
    assert first.result(30) == second.result(30)


def test_a_callback_of_a_cancelled_one_may_wait_for_later_calls(one, begun, gate):
    _, second = held(one, begun, gate)
    third = one.submit(work, begun, "third")
    done = []

    def wait_for_third(_):
        gate.touch()
        done.extend(concurrent.futures.wait([third], 30).done)

    second.add_done_callback(wait_for_third)
    assert second.cancel()
    assert done == [third]


def test_its_result_goes_with_its_future(one, begun, gate):
    """Without a reference to itself, which only the cyclic collector would find."""
    futures = held(one, begun, gate)
    gate.touch()
    assert futures[0].result(30) == futures[1].result(30)
    gone = [weakref.ref(future) for future in futures]
    gc.disable()
    try:
        futures.clear()
        assert wait_until(lambda: all(each() is None for each in gone))
    finally:
        gc.enable()


class TestOnItsWay:
    """What happens while a call is being sent ahead."""

    @pytest.fixture
    def sending(self, monkeypatch):
        """Stop the second call that is sent until it is said to go on."""
        sent, go_on, send = threading.Event(), threading.Event(), Worker.send

        def slow(worker, call, place):
            if worker._run is not None and not sent.is_set():  # it runs a call: this one is ahead
                sent.set()
                assert go_on.wait(30)
            return send(worker, call, place)

        monkeypatch.setattr(Worker, "send", slow)
        return sent, go_on

    def test_to_kill_it_kills_it_and_no_other(self, one, begun, gate, sending):
        sent, go_on = sending
        first = one.submit(work, begun, "first", gate=gate)
        one.submit(work, begun, "second", 30)
        third = one.submit(work, begun, "third")
        assert sent.wait(30)
        second = one._pool._slots[0]._ahead.future
        one._pool.kill_call(second)
        go_on.set()
        gate.touch()
        assert isinstance(second.exception(20), WorkerLost)
        assert first.result(30) > 0
        assert third.result(30) > 0

    def test_a_shutdown_that_cancels_drops_it(self, one, begun, gate, sending):
        sent, go_on = sending
        one.submit(work, begun, "first", gate=gate)
        second = one.submit(work, begun, "second")
        assert sent.wait(30)
        one.shutdown(wait=False, cancel_futures=True)
        go_on.set()
        assert wait_until(second.cancelled)
        gate.touch()
        one.shutdown()
        assert begun.read_text().split() == ["first"]


def test_every_call_runs_once_or_is_cancelled(nothing_left, begun):
    """Calls of all durations, some cancelled at any time, some that kill their process."""
    rng, futures, killers = random.Random(1), {}, set()
    with ProcessExecutor(3) as executor:
        for number in range(300):
            if rng.random() < 0.02:
                killers.add(number)
                futures[number] = executor.submit(kill, begun, number)
            else:
                seconds = rng.choice([0.0, 0.0, 0.001, 0.01, 0.03])
                futures[number] = executor.submit(work, begun, number, seconds)
            if rng.random() < 0.3:
                futures[rng.randrange(number + 1)].cancel()
            if rng.random() < 0.1:
                time.sleep(0.01)
        for number, future in futures.items():
            if not future.cancelled():
                assert isinstance(future.exception(60), WorkerLost) == (number in killers)
    ran = sorted(map(int, begun.read_text().split()))
    assert ran == [number for number, future in futures.items() if not future.cancelled()]
    assert len(killers) > 1
    assert any(future.cancelled() for future in futures.values())


def kill(path, name):
    note(path, name)
    os.kill(os.getpid(), signal.SIGKILL)
