"""What of a study a figure shows: which trials, which parameters, and which of many points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Objective
from hpopt.errors import SettingError, UnknownNameError
from hpopt.reports.columns import Column
from hpopt.reports.data import Bools, Floats, Ints, StudyData
from hpopt.reports.plots.scales import ValueScale, value_scale
from hpopt.reports.reader import read_data
from hpopt.reports.source import Source

Shown = Source | StudyData

MOST_POINTS = 4000
"""Of one figure: more hide each other, and a drawing of them takes seconds."""

BEST_KEPT = 20  # of the trials that are always drawn
MOST_PANELS = 9  # parameters that have a panel each: they stay legible on a page
GROUPS = 8  # into which a number's range is cut to see whether it tells anything
ENOUGH = 20_000  # trials that which parameters tell most is judged by


@dataclass(frozen=True, eq=False)
class View:
    """The comparable values of one objective.

    Attributes
    ----------
    data : StudyData
    objective : Objective
    rows : ndarray (m,) of int
        Trials with a finite value, at the highest fidelity that was reached, by number.
    values : ndarray (m,)
    scale : ValueScale
    """

    data: StudyData
    objective: Objective
    rows: Ints
    values: Floats
    scale: ValueScale

    @property
    def losses(self) -> Floats:
        """The values to be minimised, shape (m,)."""
        return self.objective.sign * self.values

    @property
    def best(self) -> Ints:
        """Places in `rows` of the best feasible ones, best first."""
        losses = np.where(self.data.is_feasible[self.rows], self.losses, np.inf)
        order = np.argsort(losses, kind="stable")[:BEST_KEPT]
        return order[np.isfinite(losses[order])]

    @property
    def note(self) -> str:
        """Say how many trials there are, and of how many the values are shown."""
        n, m = len(self.data), len(self.rows)
        if m == n:
            return f"{n:,} trials"
        ok = int(self.data.ok.sum())
        said = f"{m:,} of {n:,} trials"
        return f"{said}: those of the highest fidelity" if m < ok else f"{said} have values"


def data_of(study: Shown) -> StudyData:
    """Return a study's data, read where they are not yet."""
    return study if isinstance(study, StudyData) else read_data(study)


def objective_of(data: StudyData, name: str | None) -> Objective:
    """Return the objective of a name; without a name the first.

    Raises
    ------
    UnknownNameError
        There is none.
    """
    if name is None:
        return data.objectives[0]
    for each in data.objectives:
        if each.name == name:
            return each
    raise UnknownNameError("objective", name, [each.name for each in data.objectives])


def view_of(data: StudyData, objective: str | None = None) -> View:
    """Return the values of an objective that can be compared.

    Raises
    ------
    SettingError
        There are none.
    """
    chosen = objective_of(data, objective)
    values = data.values[chosen.name]
    rows = np.flatnonzero(data.is_comparable & np.isfinite(values))
    if not len(rows):
        advice = "see what failed with 'hpopt show'" if len(data) else "wait for one to finish"
        raise SettingError(
            f"a figure of {chosen.name!r} must have a trial with a value of it, but got none of "
            f"{len(data)} finished trials: {advice}"
        )
    return View(data, chosen, rows, values[rows], value_scale(values[rows], chosen))


def thinned(n: int, keep: Ints, most: int = MOST_POINTS) -> tuple[Ints, str]:
    """Choose which of n trials in a row are drawn, and say by which rule.

    Of each so many in a row one is drawn, by chance, as a fixed step could miss what repeats
    itself; the same each time.

    Parameters
    ----------
    n : int
    keep : ndarray of int
        Those that are drawn in any case.
    most : int
    """
    if n <= most:
        return np.arange(n), ""
    step = -(-n // most)
    starts = np.arange(0, n, step)
    some = np.minimum(starts + np.random.default_rng(0).integers(step, size=len(starts)), n - 1)
    return np.union1d(some, keep), f"one of each {step:,} drawn, and all of the best {len(keep)}"


def chosen_columns(
    view: View, names: Sequence[str] | str | None, most: int = MOST_PANELS
) -> tuple[list[Column], str]:
    """Return the parameters to show, the most telling first, and say which are left out.

    Parameters
    ----------
    view : View
    names : sequence of str, str or None
        Those that were asked for, in this order; None for those that tell most.
    most : int

    Raises
    ------
    UnknownNameError
        A parameter does not exist.
    SettingError
        There is no parameter that was changed.
    """
    columns = view.data.columns
    if names is not None:
        wanted = [names] if isinstance(names, str) else list(names)
        return [_named(view.data, name) for name in wanted], ""
    scores = telling(view)
    order = [int(k) for k in np.argsort(-scores, kind="stable") if scores[k] > -1]
    if not order:
        raise SettingError(
            "a figure of parameters must have one that differs between trials, but all "
            f"{len(view.rows)} trials with values have the same config"
        )
    shown = [columns[k] for k in order[:most]]
    constant, left = len(columns) - len(order), len(order) - len(shown)
    said = [f"{left} parameters that tell less are left out"] if left else []
    said += [f"{constant} that never changed"] if constant else []
    return shown, " and ".join(said) + ("" if left or not constant else " left out")


def telling(view: View) -> NDArray[np.float64]:
    """Return how much of the values' order each parameter alone explains; -1 where it is constant.

    It is the share of the variance of ranks between groups of a parameter's values, corrected for
    the number of groups (epsilon squared, Kelley 1935); a group of its own is where it is
    inactive. Interactions are not seen: it chooses what is drawn, and importance is
    `hpopt.reports.importance`.
    """
    rows, losses = view.rows, view.losses
    if len(rows) > ENOUGH:
        some = np.linspace(0, len(rows) - 1, ENOUGH).astype(int)
        rows, losses = rows[some], losses[some]
    ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable").astype(float)
    ranks -= ranks.mean()
    total = float(ranks @ ranks) or 1.0
    return np.array([_explained(column.values[rows], ranks, total) for column in view.data.columns])


def _explained(values: Floats, ranks: Floats, total: float) -> float:
    active = ~np.isnan(values)
    distinct = np.unique(values[active])
    if len(distinct) + (not active.all()) < 2:
        return -1.0
    groups = np.zeros(len(values), dtype=int)
    if len(distinct) <= GROUPS:
        groups[active] = 1 + np.searchsorted(distinct, values[active])
    else:
        edges = np.quantile(values[active], np.linspace(0, 1, GROUPS + 1)[1:-1])
        groups[active] = 1 + np.searchsorted(edges, values[active], side="right")
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=ranks)
    used = counts > 0
    n, k = len(values), int(used.sum())
    if n <= k:
        return 0.0
    between = float(np.sum(sums[used] ** 2 / counts[used]))
    return max(0.0, (between - (k - 1) * (total - between) / (n - k)) / total)


def _named(data: StudyData, name: str) -> Column:
    found = data.column(name)
    if found is None:
        raise UnknownNameError("parameter", name, [each.name for each in data.columns])
    return found


def failed_rows(data: StudyData) -> Ints:
    """Return the rows of failed trials."""
    return np.flatnonzero(data.is_failure)


def is_stopped(view: View) -> Bools:
    """Return which of a view's trials were stopped early, shape (m,)."""
    return view.data.is_stopped[view.rows]
