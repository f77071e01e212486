"""Prove that an executor can run a study's trials: subclass the contract, run pytest."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, wait

import pytest

from hpopt.core import Problem, evaluate
from hpopt.core.optimizer import Optimizer
from hpopt.space import Float, Space
from hpopt.study import optimize

PATIENCE = 60.0
"""Seconds that a call may take before it is given up as lost: a cluster's workers start slowly."""


class Parabola(Problem):
    """A minimum at 1; a failure wherever x is beyond 4."""

    def __init__(self) -> None:
        self.space = Space({"x": Float(-5.0, 5.0)})

    def evaluate(self, config: dict[str, float], trial: object) -> float:
        """Return (x − 1)²."""
        if config["x"] > 4:
            raise ValueError("x is too far out")
        return (config["x"] - 1) ** 2


class ExecutorContract:
    """Prove what a study needs of an executor, beyond ``concurrent.futures.Executor``.

    Examples
    --------
    >>> class TestMyExecutor(ExecutorContract):
    ...     def make(self):
    ...         return MyExecutor(workers=2)
    """

    def make(self) -> Executor:
        """Make a fresh executor, best with two workers."""
        raise NotImplementedError(f"{type(self).__name__}.make must give an executor")

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        """Yield a fresh executor, which is shut down afterwards."""
        with self.make() as executor:
            yield executor

    def test_a_call_gives_what_it_returns(self, executor: Executor) -> None:
        """Arguments arrive, by position and by name, and the result comes back."""

        def swapped(a: int, *, b: list[float | None]) -> tuple[object, object]:
            return b, a

        future = executor.submit(swapped, 1, b=[2.5, None])
        assert isinstance(future, Future)
        assert future.result(PATIENCE) == ([2.5, None], 1)

    def test_an_exception_is_the_futures(self, executor: Executor) -> None:
        """It raises where the result is asked for, and the next call is not touched by it."""
        broken, fine = executor.submit(_broken), executor.submit(abs, -3)
        with pytest.raises(ZeroDivisionError):
            broken.result(PATIENCE)
        assert fine.result(PATIENCE) == 3

    def test_each_call_gets_its_own_result(self, executor: Executor) -> None:
        """Whatever the order in which they end."""
        futures = [executor.submit(pow, number, 2) for number in range(40)]
        assert [future.result(PATIENCE) for future in futures] == [n * n for n in range(40)]

    def test_the_end_of_a_call_is_called_back(self, executor: Executor) -> None:
        """Once, also for a call that failed or had ended before: the loop lives on it."""
        futures: list[Future[float]] = [executor.submit(abs, -1), executor.submit(_broken)]
        wait(futures, PATIENCE)
        ended: list[Future[float]] = []
        all_ended = threading.Event()

        def note(future: Future[float]) -> None:
            ended.append(future)
            if len(ended) == len(futures):
                all_ended.set()

        for future in futures:
            future.add_done_callback(note)
        assert all_ended.wait(PATIENCE)
        assert set(ended) == set(futures)

    def test_a_call_that_exits_does_not_end_the_driver(self, executor: Executor) -> None:
        """SystemExit is that call's trouble."""
        future = executor.submit(lambda: exec("raise SystemExit(3)"))
        assert future.exception(PATIENCE) is not None
        assert executor.submit(abs, -2).result(PATIENCE) == 2

    def test_an_evaluation_gives_an_outcome(self, executor: Executor) -> None:
        """Also one that raises: the trial has failed, the executor has not."""
        problem = Parabola()
        (good,) = _bound(problem, {"x": 2.0}).ask()
        (bad,) = _bound(problem, {"x": 4.5}).ask()
        outcomes = [executor.submit(evaluate, problem, each) for each in (good, bad)]
        complete, failed = (future.result(PATIENCE) for future in outcomes)
        assert (complete.status, dict(complete.values)) == ("complete", {"value": 1.0})
        assert failed.status == "failed"
        assert "too far out" in (failed.error or "")

    def test_a_study_runs_in_it(self, executor: Executor) -> None:
        """The trials are those of a run without it."""
        here = optimize(Parabola(), "genetic", trials=50, seed=0, progress=False)
        there = optimize(
            Parabola(), "genetic", trials=50, seed=0, progress=False, executor=executor, workers=2
        )
        alone, together = (
            [(t.number, dict(t.config), t.status, dict(t.values)) for t in result.trials]
            for result in (here, there)
        )
        assert together == alone
        assert {status for _, _, status, _ in alone} == {"complete", "failed"}

    def test_shut_down_it_has_done_all_and_takes_no_more(self) -> None:
        """Waiting calls are done first; a later one raises RuntimeError."""
        executor = self.make()
        futures = [executor.submit(abs, -number) for number in range(8)]
        executor.shutdown(wait=True)
        assert [future.result(0) for future in futures] == list(range(8))
        with pytest.raises(RuntimeError):
            executor.submit(os.getpid)


def _broken() -> float:
    raise ZeroDivisionError


def _bound(problem: Problem, config: dict[str, float]) -> Optimizer:
    from hpopt.optimizers import RandomSearch

    return RandomSearch().bind(problem, seed=0, start=[config])
