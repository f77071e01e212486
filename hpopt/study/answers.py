"""What the future of an evaluation, or of a group of them, says came of it."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import Any

from hpopt.core import Outcome, failed, outcome_of_loss


def outcome_of(future: Future[Any]) -> Outcome:
    """Give what an evaluation gave, whatever became of it.

    Raises
    ------
    KeyboardInterrupt
        Its worker got one.
    """
    try:
        outcome: Any = future.result()
    except CancelledError:
        return failed("the evaluation was cancelled in its executor", status="lost")
    except KeyboardInterrupt:
        raise
    except BaseException as lost:
        return outcome_of_loss(lost)
    if not isinstance(outcome, Outcome):
        why = f"the executor must give what the evaluation returned, but gave {outcome!r:.80}"
        return failed(why, status="lost")
    memory = getattr(future, "memory", None)
    return outcome if memory is None else replace(outcome, memory=memory)


def outcomes_of(future: Future[Any], n: int) -> list[Outcome]:
    """Give what the evaluation of a group gave; nothing where it has failed as a whole.

    Raises
    ------
    KeyboardInterrupt
        Its worker got one.
    """
    try:
        outcomes: Any = future.result()
    except KeyboardInterrupt:
        raise
    except BaseException:
        return []
    fine = isinstance(outcomes, list) and all(isinstance(each, Outcome) for each in outcomes)
    if not fine or len(outcomes) != n:
        return []
    memory = getattr(future, "memory", None)
    return [each if memory is None else replace(each, memory=memory) for each in outcomes]
