"""Whether the best is at an edge of the space, and what of the space can go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.digits import in_digits
from hpopt.reports.columns import Column
from hpopt.reports.data import StudyData
from hpopt.reports.findings.configs import config_of
from hpopt.reports.findings.parts import Edge, Limits
from hpopt.reports.importance.shares import Importance
from hpopt.reports.importance.words import LEAST_SAID
from hpopt.reports.phrases import quoted

AT_THE_END = 0.02  # of a range: nearer than that a number is at its end
N_BEST, MOST_OF_THEM = 5, 3  # of the best trials so many must be there, too: else it is by chance
LEAST_LEVELS = 4  # of a whole number or a list in order: with fewer, half of all are ends
DONE = re.compile("^(moved|dropped)")  # of narrowing; a report tells what it does
MOST_TRIALS = 2000  # that are narrowed by: the tests find no more with 100,000, and take minutes


def limits_of(data: StudyData, importance: Importance | None = None) -> Limits:
    """Return the ends of ranges that the best lie at, and what narrowing would drop."""
    edges = edges_of(data, importance)
    reasons = reasons_of(data)
    said = [_in_words(data, edge) for edge in edges]
    if data.best is not None and not edges:
        said.append(
            f"The best{_by(data)} does not lie at an end of the range of a parameter that matters."
        )
    if reasons:
        n = len(reasons)
        where, what = ("One part of the space is", "it")
        if n > 1:
            where, what = f"{n} parts of the space are", "them"
        more = f", and with {what} what may be good by others" if len(data.objectives) > 1 else ""
        said.append(
            f"{where} clearly worse{_by(data)} than the rest; "
            f"study.narrow() leaves {what} out{more}."
        )
    return Limits(edges, reasons, tuple(said))


def edges_of(data: StudyData, importance: Importance | None = None) -> tuple[Edge, ...]:
    """Return the ends of ranges that the best trials lie at."""
    if data.best is None:
        return ()
    fit = [row for row in data.order[: 4 * N_BEST] if data.is_feasible[row]][:N_BEST]
    found = []
    for column in data.columns:
        share = importance.of(column.name) if importance is not None else None
        if share is not None and share.total < LEAST_SAID:
            continue  # where it lies makes no difference
        edge = _edge(column, np.array(fit, dtype=np.int64), data.best)
        if edge is not None:
            found.append(edge)
    return tuple(found)


def _edge(column: Column, rows: np.ndarray[Any, np.dtype[np.int64]], best: int) -> Edge | None:
    is_number = column.kind in ("int", "ordinal", "float")
    if not is_number or np.isnan(column.values[best]):
        return None
    if column.kind != "float" and column.high - column.low + 1 < LEAST_LEVELS:
        return None
    unit = column.unit
    for end, distance, limit in (("low", unit, column.low), ("high", 1 - unit, column.high)):
        is_there = distance <= AT_THE_END
        if is_there[best] and is_there[rows].sum() >= min(MOST_OF_THEM, len(rows)):
            return Edge(column.name, end, float(column.values[best]), float(limit))
    return None


def reasons_of(data: StudyData) -> tuple[str, ...]:
    """Return what `Space.narrow` would drop, judged as `Record.narrow` does."""
    rows = np.flatnonzero(data.is_comparable | data.is_failure)
    if len(rows) > MOST_TRIALS:
        chosen = np.random.default_rng(len(rows)).permutation(rows)[:MOST_TRIALS]
        rows = np.unique(np.append(chosen, data.order[:N_BEST]))
    objective = data.objectives[0]
    values = data.values[objective.name]
    trials = []
    for row in rows:
        config = config_of(data, int(row))
        if config is None:
            return ()
        is_good = data.is_feasible[row] and data.is_comparable[row] and np.isfinite(values[row])
        trials.append(_Judged(config, {objective.name: float(values[row])} if is_good else {}))
    if not any(each.values for each in trials):
        return ()
    narrowed = data.space.narrow(trials, objective=objective.name, direction=objective.direction)
    return tuple(DONE.sub(_does, each) for each in narrowed.reasons)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What narrowing looks at of a trial."""

    config: dict[str, Any]
    values: dict[str, float]


def _does(done: re.Match[str]) -> str:
    return "moves" if done.group() == "moved" else "drops"


def _by(data: StudyData) -> str:
    """Say which objective it is of, where there are several."""
    return f" by {quoted(data.objectives[0].name)}" if len(data.objectives) > 1 else ""


def _in_words(data: StudyData, edge: Edge) -> str:
    column = data.column(edge.name)
    value = column.label(edge.value) if column is not None else in_digits(edge.value)
    which = "lower" if edge.end == "low" else "upper"
    limit = column.label(edge.limit) if column is not None else in_digits(edge.limit)
    where = f"{quoted(edge.name)} at the {which} end of its range"
    return (
        f"The best{_by(data)} have {where} ({quoted(value)}; the range ends at {quoted(limit)}): "
        "if it can go beyond, widen the range."
    )
