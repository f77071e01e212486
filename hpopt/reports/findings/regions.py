"""How the parameters mattered: where each does best, all others averaged."""

from __future__ import annotations

import numpy as np

from hpopt.digits import in_digits
from hpopt.reports.columns import Column
from hpopt.reports.data import StudyData
from hpopt.reports.findings.parts import Region
from hpopt.reports.importance.shares import Importance, Marginal
from hpopt.reports.importance.words import LEAST_SAID
from hpopt.reports.phrases import listed, quoted

MOST_REGIONS = 8  # parameters: the others are in a figure
AS_GOOD = 0.1  # of the way from the best setting to the worst: as good as the best


def regions_in(data: StudyData, importance: Importance) -> tuple[Region, ...]:
    """Return where the parameters that matter do best, the most important first."""
    sign = next((each.sign for each in data.objectives if each.name == importance.objective), 1)
    found = []
    for share in importance.shares[:MOST_REGIONS]:
        column = data.column(share.name)
        if share.total >= LEAST_SAID and column is not None:
            marginal = importance.marginals[share.name]
            found.append(_region(column, marginal, sign, importance.objective))
    return tuple(found)


def _region(column: Column, marginal: Marginal, sign: int, objective: str) -> Region:
    losses = sign * marginal.value
    best, worst = int(losses.argmin()), int(losses.argmax())
    cost = float(losses[worst] - losses[best])
    is_good = losses <= losses[best] + AS_GOOD * cost
    label = _labels(column, marginal)
    if column.kind == "categorical":
        choices = tuple(label[k] for k in np.flatnonzero(is_good))
        low = high = np.nan
        where = f"with {listed(choices)}"
    else:
        first, last = _around(is_good, best)
        choices = tuple(label[first : last + 1]) if column.choices else ()
        low, high = float(marginal.at[first]), float(marginal.at[last])
        where = _between(label[first], label[last], (first, last), len(label))
    more = "more" if sign > 0 else "less"
    sentence = (
        f"{quoted(column.name)} does best {where}; with {label[worst]}, {quoted(objective)} is "
        f"expected to be {in_digits(float(f'{cost:.2g}'))} {more}."
    )
    return Region(column.name, low, high, choices, label[worst], cost, sentence)


def _around(is_good: np.ndarray[tuple[int], np.dtype[np.bool_]], best: int) -> tuple[int, int]:
    """Return the ends of the run of good settings that the best one is in."""
    bad = np.flatnonzero(~is_good)
    before, after = bad[bad < best], bad[bad > best]
    first = int(before[-1]) + 1 if len(before) else 0
    last = int(after[0]) - 1 if len(after) else len(is_good) - 1
    return first, last


def _between(low: str, high: str, ends: tuple[int, int], n: int) -> str:
    if low == high:
        return f"at {low}"
    if ends[0] == 0:
        return f"up to {high}"
    return f"from {low} on" if ends[1] == n - 1 else f"between {low} and {high}"


def _labels(column: Column, marginal: Marginal) -> list[str]:
    """Write settings with as few digits as tell them apart."""
    if column.choices:
        return [quoted(column.label(value)) for value in marginal.at]
    if column.kind == "int":
        return [in_digits(value) for value in marginal.at]
    return [in_digits(float(f"{value:.2g}")) for value in marginal.at]
