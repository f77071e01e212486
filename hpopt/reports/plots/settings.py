"""The values that each setting of a parameter led to.

As Figures 4 to 9 of Aszemi & Dominic 2019, https://doi.org/10.14569/IJACSA.2019.0100638.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hpopt.reports.columns import Column
from hpopt.reports.data import Floats, Ints
from hpopt.reports.plots.boxes import boxes
from hpopt.reports.plots.canvas import TICK, Canvas, shown
from hpopt.reports.plots.scales import bounded, briefly, turn
from hpopt.reports.plots.views import Shown, View, chosen_columns, data_of, view_of

COLUMNS = 3
MOST_SETTINGS = 8  # of one parameter: a box of each is legible in a panel
INTERVALS = 5  # into which the values of a number are cut, with as many trials in each


def settings(
    study: Shown,
    *,
    parameters: Sequence[str] | None = None,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw the values that each setting of a parameter led to, as boxes.

    A box goes from the first to the third quartile with a line at the median, its whiskers from
    the 5th to the 95th percentile. Numbers are cut into intervals with as many trials in each.
    The setting with the best median is highlighted: others that were set at the same time may be
    why it is, see `importance`.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
    parameters : sequence of str, optional
        By default the nine that tell most of the value, in this order.
    objective : str, optional
        By default the first.
    ax, dark
        See `progress`.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One of each parameter.

    Raises
    ------
    SettingError, UnknownNameError
        There is nothing to show, or a name is unknown.
    """
    view = view_of(data_of(study), objective)
    columns, left_out = chosen_columns(view, parameters)
    rows = -(-len(columns) // COLUMNS)
    canvas = Canvas(ax, dark, (8.5, 1.0 + 2.4 * rows))
    panels = canvas.panels(len(columns), COLUMNS, shared_y=view.scale.label)
    for column, panel in zip(columns, panels, strict=True):
        _draw(canvas, panel, view, column)
    note = "boxes: quartiles; whiskers: 5 and 95 %; highlighted: best median; below: n trials"
    canvas.title(
        f"{shown(view.objective.name, 40)} by setting", view.note, note, left_out, view.scale.note
    )
    return np.array(panels)


def _draw(canvas: Canvas, panel: Any, view: View, column: Column) -> None:
    names, which = groups_of(column, column.values[view.rows])
    groups = [view.values[which == k] for k in range(len(names))]
    medians = [
        np.median(bounded(view.losses[which == k])) if len(groups[k]) else np.inf
        for k in range(len(names))
    ]
    best = int(np.argmin(medians))
    colours = [
        canvas.colours.best if k == best else canvas.colours.trial for k in range(len(names))
    ]
    view.scale.apply(panel, label=False)
    canvas.grid(panel, "y")
    boxes(canvas, panel, groups, range(len(names)), colours=colours)
    # What a box hides of few trials.
    labels = [f"{name}\n{len(group):,}" for name, group in zip(names, groups, strict=True)]
    panel.set_xticks(range(len(names)), labels)
    panel.set_xlim(-0.6, len(names) - 0.4)
    panel.set_title(shown(column.name, 25), fontsize=9, color=canvas.colours.text)
    widest = [max(label.split("\n"), key=len) for label in labels]
    turn(panel, widest, 0.28)
    panel.tick_params(axis="x", length=0, labelsize=TICK - 1)


def groups_of(column: Column, values: Floats) -> tuple[list[str], Ints]:
    """Return the names of the settings of a parameter, and which one each trial has.

    Parameters
    ----------
    column : Column
    values : ndarray (m,)
        Of these trials; nan where it is inactive.

    Returns
    -------
    names : list of str
        The last one is "inactive", where trials are.
    which : ndarray (m,) of int
    """
    active = ~np.isnan(values)
    distinct, counts = np.unique(values[active], return_counts=True)
    which = np.zeros(len(values), dtype=np.int64)
    if column.choices and len(distinct) > MOST_SETTINGS:
        often = np.sort(np.argsort(-counts, kind="stable")[: MOST_SETTINGS - 1])
        kept = distinct[often]
        places = np.searchsorted(kept, values[active])
        is_kept = kept[np.minimum(places, len(kept) - 1)] == values[active]
        which[active] = np.where(is_kept, places, len(kept))
        names = [shown(column.label(each), 14) for each in kept]
        names.append(f"{len(distinct) - len(kept)} others")
    elif len(distinct) <= MOST_SETTINGS:
        which[active] = np.searchsorted(distinct, values[active])
        names = [shown(column.label(each), 14) for each in distinct]
    else:
        edges = np.unique(np.quantile(values[active], np.linspace(0, 1, INTERVALS + 1)))
        inner = edges[1:-1]
        which[active] = np.searchsorted(inner, values[active], side="right")
        names = _intervals(column, edges)
    if not active.all():
        which[~active] = len(names)
        names.append("inactive")
    return names, which


def _intervals(column: Column, edges: Floats) -> list[str]:
    """Name intervals by the values in them, with as few digits as tell them apart."""
    digits = 2 if column.kind == "float" else 15
    edges = edges if column.kind == "float" else np.unique(np.round(edges))
    ends = [briefly(float(each), digits) for each in edges]
    return [f"{low}–{high}" for low, high in pairwise(ends)] or [ends[0]]
