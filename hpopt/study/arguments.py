"""What a run is given: checked before anything runs, one rule of all that ends it, its executor."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Any

from hpopt.checks import Duration, refusal
from hpopt.core import Optimizer
from hpopt.early_stopping import EarlyStoppingRule, check_objectives, make_early_stopping
from hpopt.errors import SettingError
from hpopt.executors import make_executor
from hpopt.stopping import Never, StoppingRule, Time, Trials

logger = logging.getLogger("hpopt")


def one_rule(
    trials: int | None,
    timeout: Duration | None,
    stop: StoppingRule | None,
    *,
    n_told: int,
    n_possible: float,
    n_pending: int | None = None,
) -> StoppingRule:
    """Return the rule that ends a run as its arguments say, whichever comes first.

    The study has `n_told` trials before the run, and `n_possible` at most. A run that has no other
    end ends when `n_pending` trials have been evaluated again.

    Raises
    ------
    SettingError
        An argument is not what it must be, or nothing would end the run.
    """
    check_stop(stop)
    rules = [] if stop is None else [stop]
    if trials is not None:
        rules.append(Trials(Trials(trials).n + n_told))
    if timeout is not None:
        rules.append(Time(timeout))
    if not rules and n_possible == math.inf:
        if n_pending is not None:
            return Trials(max(1, n_told + n_pending))
        raise SettingError(
            "a run must have an end, but got neither trials=, timeout= nor stop= and the "
            "space has no end (stop=hpopt.stopping.Never() runs until Ctrl-C)"
        )
    return functools.reduce(operator.or_, rules, Never())


def early_rule_of(
    early_stopping: str | EarlyStoppingRule | None, optimizer: Optimizer
) -> EarlyStoppingRule | None:
    """Return the rule of early stopping of a run: the user's, or the strategy's.

    Raises
    ------
    SettingError
        It is no rule, both have one, or it is for one objective and the problem has several.
    """
    rule, own = make_early_stopping(early_stopping), optimizer.early_stopping
    if own is not None:
        if rule is not None:
            raise SettingError(
                f"early_stopping must be left out, as {optimizer!r} stops its trials itself, but "
                f"got {early_stopping!r}: leave it out, or use the proposer alone"
            )
        settings = {name: value for name, value in own.items() if name != "name"}
        rule = make_early_stopping(own["name"], settings)
    check_objectives(rule, optimizer.objectives)
    return rule


def check_stop(stop: Any) -> None:
    """Raise SettingError unless this is a stopping rule or None."""
    if stop is not None and not isinstance(stop, StoppingRule):
        raise SettingError(f"stop must be a rule of hpopt.stopping, but got {stop!r}")


def checked_callbacks(callbacks: Any) -> list[Callable[..., Any]]:
    """Return callbacks as a list; raise SettingError where one is none."""
    if callable(callbacks) or not isinstance(callbacks, Iterable):
        raise SettingError(
            f"callbacks must be a list of callables, but got {callbacks!r}: write callbacks=[...]"
        )
    found = list(callbacks)
    for callback in found:
        if not callable(callback):
            raise SettingError(f"callbacks must be callables, but got {callback!r}")
        _check_takes_two(callback)
    return found


def _check_takes_two(callback: Callable[..., Any]) -> None:
    """Raise SettingError where a callback cannot be called with a study and a trial."""
    refused = refusal(callback, None, None)
    if refused is not None:
        name, signature, reason = refused
        raise SettingError(
            "a callback must be one that can be called with the study and a trial, but "
            f"{name}{signature} cannot ({reason}): write def {name}(study, trial)"
        )


class ToldTheEnd:
    """Call the method ``ended`` of those callbacks that have one, when the block has ended.

    Attributes
    ----------
    reason : str
        Why the run has ended: set it in the block.
    """

    def __init__(self, callbacks: Iterable[Callable[..., Any]], study: Any) -> None:
        self._callbacks, self._study = callbacks, study
        self.reason = "an error was raised"

    def __enter__(self) -> ToldTheEnd:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.reason = "it was interrupted at once"
        for callback in self._callbacks:
            ended = getattr(callback, "ended", None)
            try:
                if callable(ended):
                    ended(self._study, self.reason)
            except Exception:
                logger.exception("the method ended of the callback %r raised", callback)


@contextlib.contextmanager
def executor_of_run(
    executor: str | Mapping[str, Any] | Executor | None, workers: int | str | None, **settings: Any
) -> Iterator[tuple[Executor, int | Callable[[], int]]]:
    """Make the executor of a run, with its number of slots, and shut it down with the run."""
    runner, n_slots = make_executor(executor, workers, **settings)
    if runner is executor:  # the user's own: others may use it, and it stays open
        yield runner, n_slots
        return
    try:
        yield runner, n_slots
    except BaseException:
        # A shutdown would wait for evaluations that nobody wants any more.
        getattr(runner, "kill_workers", lambda: None)()
        raise
    finally:
        runner.shutdown(wait=True, cancel_futures=True)
