"""What a user tells of a solution that was evaluated elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from hpopt.core import STATUSES, Outcome, Problem, Solution, as_json_data, judge
from hpopt.errors import SettingError


def told_outcome(problem: Problem, value: Any, began: float, *, caller: str = "tell") -> Outcome:
    """Make an outcome of what a user tells.

    Parameters
    ----------
    problem : Problem
    value : float, mapping of str to float (and to JSON data beside the objectives), or Outcome
    began : float
        When the solution was asked, in seconds since the epoch: for an outcome that does not say.
    caller : str
        What the user has called.

    Raises
    ------
    SettingError
        It is no number, or not the objectives by name, or an outcome without them.
    """
    given = value if isinstance(value, Outcome) else Outcome("complete", value)
    if given.status not in STATUSES:
        raise SettingError(f"a status must be one of {STATUSES}, but got {given.status!r}")
    if given.ok:
        judged = judge(problem, given.values, asks=f"{caller} wants")
        if judged.status == "failed":
            raise SettingError(str(judged.error).replace(": return ", ": tell "))
        status = given.status if judged.ok else judged.status
        given = replace(
            given,
            status=status,
            values=judged.values,
            error=judged.error,
            info={**given.info, **judged.info},
        )
    return replace(
        given,
        info=as_json_data(given.info),
        started=given.started or began,
        seconds=given.seconds or max(0.0, time.time() - began),
    )


def is_same(one: Solution, other: Solution) -> bool:
    """Say whether two solutions of a number are the same, whatever became of their configs."""
    return one.seed == other.seed and np.array_equal(one.point, other.point)
