"""Judge what an evaluation returned: its status, numbers and info, or what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hpopt.core.curves import by_objective
from hpopt.core.handle import TrialHandle
from hpopt.core.plain import as_float, as_json_data, short_repr
from hpopt.core.problem import Problem, constraints_of, objectives_of
from hpopt.core.trial import Outcome, failed

# What one trial may write, so that no evaluation fills the disk; far above what people look at.
MOST_CHARACTERS = 10_000  # of the name of a number: some pages
MOST_NUMBERS = 10_000  # that are returned: a few hundred kB


def judge(
    problem: Problem,
    returned: Any,
    handle: TrialHandle | None = None,
    *,
    asks: str = "evaluate must return",
    is_partial: bool = False,
) -> Outcome:
    """Return the status, numbers and info that a returned value stands for, or what is wrong.

    Parameters
    ----------
    returned : object
        A number, or a mapping with all objectives by name; or what `failed` returns.
    handle : TrialHandle, optional
        Of the evaluation: where it was told to stop, None stands for its last report.
    asks : str
        How messages begin.
    is_partial : bool
        Whether the evaluation was stopped, so that what constraints are on may be missing; and the
        objectives, where a constraint is broken.
    """
    if (ready := _ready_outcome(problem, returned, handle)) is not None:
        return ready
    names = [objective.name for objective in objectives_of(problem)]
    if not isinstance(returned, Mapping):
        if len(names) > 1:
            wanted = f"a mapping with the objectives {names}"
            given = f"{_verb(asks)} {short_repr(returned)}"
            return failed(f"{asks} {wanted}, but {given}{_hint(returned, asks)}")
        returned = {names[0]: returned}
    if len(returned) > MOST_NUMBERS:
        return failed(f"{asks} at most {MOST_NUMBERS} numbers, but {_verb(asks)} {len(returned)}")
    values: dict[str, float] = {}
    others: dict[str, Any] = {}
    for name, value in returned.items():
        if fault := _fault_of_name(name):
            return failed(f"{asks} {fault}")
        found = as_float(value)
        if found is not None:
            values[name] = found
        elif name in names:
            what = "a number" if len(returned) == 1 else "numbers for its objectives"
            return failed(f"{asks} {what}, but {name!r} is {short_repr(value)}{_hint(value, asks)}")
        else:
            others[name] = value
    info, is_partial = as_json_data(others), is_partial or (handle is not None and handle.stopped)
    if fault := _what_is_missing(problem, values, returned, asks, is_partial=is_partial):
        if is_partial and (broken := _broken(problem, values)):
            return Outcome("infeasible", values, error=broken, info=info)
        return failed(f"{asks} {fault}")
    if error := _fault_of_numbers(problem, values):
        return Outcome("invalid", error=error, info=info)
    status = "complete" if handle is None or not handle.stopped else handle.ended_status
    return Outcome(status, values, info=info)


def _ready_outcome(problem: Problem, returned: Any, handle: TrialHandle | None) -> Outcome | None:
    """Return the outcome of what needs no judging: a failure, or None after a stop."""
    if isinstance(returned, Outcome) and returned.is_failure:
        return returned
    if returned is None and handle is not None and handle.stopped:
        return reached(problem, handle)
    return None


def _broken(problem: Problem, values: Mapping[str, float]) -> str:
    """Return which constraints the values are known to break, in words; empty for none."""
    constraints = [
        each for each in constraints_of(problem) if 0 < each.violation(values) < math.inf
    ]
    return ", ".join(each.why_broken(values) for each in constraints)


def _what_is_missing(
    problem: Problem,
    values: Mapping[str, float],
    returned: Mapping[str, Any],
    asks: str,
    *,
    is_partial: bool,
) -> str:
    """Return what must be returned too; empty where all is there that is needed."""
    names = [objective.name for objective in objectives_of(problem)]
    if missing := [name for name in names if name not in values]:
        is_wrong = len(missing) == len(names) and asks.endswith("return")
        hint = _as_objectives(values, returned) if is_wrong else ""
        return f"the objectives {names}, but {_verb(asks)} {sorted(returned)}{hint}"
    absent = sorted({each.name for each in constraints_of(problem)} - values.keys())
    if is_partial or not absent:
        return ""
    return (
        f"a number for each constraint, but {', '.join(map(repr, absent))} is not among "
        f"{sorted(values)}: return it too, or begin another study with other constraints"
    )


def _fault_of_numbers(problem: Problem, values: Mapping[str, float]) -> str:
    """Return which value that is needed is nan or infinite; empty for none."""
    for objective in objectives_of(problem):
        if not math.isfinite(values[objective.name]):
            return f"objective {objective.name!r} is {values[objective.name]}"
    for constraint in constraints_of(problem):
        if not math.isfinite(values.get(constraint.name, 0.0)):
            return f"constraint {constraint.name!r} is {values[constraint.name]}"
    return ""


def _fault_of_name(name: Any) -> str | None:
    if not isinstance(name, str):
        return f"a mapping of names to numbers, but {short_repr(name)} is no name"
    if len(name) > MOST_CHARACTERS:
        return f"names of at most {MOST_CHARACTERS} characters, but one has {len(name)}"
    return None


def reached(problem: Problem, handle: TrialHandle) -> Outcome:
    """Return the outcome of an evaluation that was stopped without values, of its last reports."""
    names = [objective.name for objective in objectives_of(problem)]
    found = {}
    for name, reports in by_objective(handle.curve, names).items():
        values = [value for _, value in reports]
        found[name] = next((each for each in reversed(values) if math.isfinite(each)), values[-1])
    missing = [name for name in names if name not in found]
    if missing and len(names) > 1:
        return failed(
            "an evaluation of several objectives that is stopped must have values of all, but it "
            f"reported none of {missing}: call trial.report(step, {{name: value, …}}) with them, "
            "or raise hpopt.Stopped with a mapping"
        )
    if missing:
        return failed(
            "an evaluation that is stopped must have a value, but it reported none: raise "
            "hpopt.Stopped(value), or call trial.report(step, value) before it"
        )
    return judge(problem, found, handle, is_partial=True)


def _verb(asks: str) -> str:
    return "returned" if asks.endswith("return") else "got"


def _hint(value: Any, asks: str) -> str:
    """Return advice on values that are often returned by mistake."""
    if not asks.endswith("return"):
        return ""
    history = getattr(value, "history", None)
    if isinstance(history, Mapping) and history:  # what `fit` of Keras returns
        names = sorted(map(str, history), key=lambda name: (not name.startswith("val_"), name))
        name = "val_loss" if "val_loss" in history else names[0]
        return f": return a number of it, such as history.history[{name!r}][-1]"
    if isinstance(value, tuple | list):
        return ": return one number or a mapping of names to numbers"
    if value is None:
        return ": return its value at the end of the function"
    if getattr(value, "shape", ()) != ():
        return ": return one number, such as its mean"
    return ""


def _as_objectives(values: Mapping[str, float], returned: Mapping[str, Any]) -> str:
    """Return how to make objectives of what was returned, where that is none of them."""
    if not values:  # as the history of Keras
        has_lists = any(isinstance(value, list) for value in returned.values())
        return ": return numbers, such as the last of each list" if has_lists else ""
    written = ", ".join(f"{name!r}: 'minimize'" for name in [*values][:2])
    return f": name what is to be optimized, such as objectives={{{written}}}"
