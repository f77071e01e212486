"""How the parameters change from generation to generation.

As Figure 3 of Young et al. 2015, https://doi.org/10.1145/2834892.2834896.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.reports.columns import Column
from hpopt.reports.data import Floats, Ints
from hpopt.reports.plots.boxes import boxes
from hpopt.reports.plots.canvas import TICK, Canvas, shown
from hpopt.reports.plots.scales import ParameterScale
from hpopt.reports.plots.views import Shown, chosen_columns, data_of, view_of

COLUMNS = 2
MOST_PANELS = 5  # parameters beside the value
MOST_BOXES = 20  # in a panel
MOST_CHOICES = 8  # that have a colour


def generations(
    study: Shown,
    *,
    parameters: Sequence[str] | str | None = None,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw boxes of the value and of parameters by generation; of choices, their shares.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
        Of a strategy with generations.
    parameters : str or sequence of str, optional
        By default the five that tell most of the value.
    objective : str, optional
        By default the first.
    ax, dark
        See `progress`.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        The value's, and one of each parameter.

    Raises
    ------
    SettingError, UnknownNameError
        The strategy has no generations, there is nothing else to show, or a name is unknown.
    """
    data = data_of(study)
    if not len(data) or data.generations.max() < 0:
        raise SettingError(
            "a figure by generation must be of a strategy that has generations, but the study's "
            f"{len(data)} trials say none: show slices, or search with optimizer='genetic'"
        )
    view = view_of(data, objective)
    columns, left_out = chosen_columns(view, parameters, MOST_PANELS)
    n = len(columns) + 1
    canvas = Canvas(ax, dark, (8.5, 1.0 + 2.3 * -(-n // COLUMNS)))
    panels = canvas.panels(n, COLUMNS)
    which, names, said = _groups(data.generations)
    of_values = np.where(data.generations[view.rows] < 0, -1, which[view.rows])
    view.scale.apply(panels[0], label=False)
    panels[0].set_title(view.scale.label, fontsize=9, color=canvas.colours.text)
    inside = [view.values[of_values == k] for k in range(len(names))]
    boxes(canvas, panels[0], inside, range(len(names)))
    for column, panel in zip(columns, panels[1:], strict=True):
        _draw(canvas, panel, column, which, len(names))
    for k, panel in enumerate(panels):
        canvas.grid(panel, "y")
        step = -(-len(names) // 10)
        panel.set_xticks(range(0, len(names), step), names[::step])
        panel.set_xlim(-0.7, len(names) - 0.3)
        if k >= n - COLUMNS:
            panel.set_xlabel("generation")
    none = int((data.generations < 0).sum())
    without = f"{none:,} trials are of no generation" if none else ""
    notes = (_whiskers(columns), without, said, left_out, view.scale.note)
    canvas.title("By generation", f"{len(data):,} trials", *notes)
    return np.array(panels)


def _whiskers(columns: Sequence[Column]) -> str:
    has_boxes = any(not each.choices or each.kind == "ordinal" for each in columns)
    return "boxes: quartiles; whiskers: 5 and 95 %" if has_boxes else ""


def _groups(generations: Ints) -> tuple[Ints, list[str], str]:
    """Return in which box each trial is, the boxes' names, and what they are."""
    n = int(generations.max()) + 1
    step = -(-n // MOST_BOXES)
    which = np.where(generations < 0, -1, generations // step)
    names = [f"{k}" for k in range(0, n, step)]
    return which, names, f"each box is of {step} generations, from the named one on" * (step > 1)


def _draw(canvas: Canvas, panel: Any, column: Column, which: Ints, n: int) -> None:
    panel.set_title(shown(column.name, 40), fontsize=9, color=canvas.colours.text)
    inside = which >= 0
    values, which = column.values[inside], which[inside]
    if column.kind == "categorical":
        _shares(canvas, panel, column, (values, which), n)
        return
    active = ~np.isnan(values)
    scale = ParameterScale(column.taking(values))
    scale.apply(panel, "y", label=False)
    boxes(canvas, panel, [scale.places[(which == k) & active] for k in range(n)], range(n))
    if scale.inactive is not None:
        counts = np.maximum(np.bincount(which, minlength=n), 1)
        shares = np.bincount(which[~active], minlength=n) / counts
        at = np.full(n, scale.inactive)
        # The area is the share, so that half of them looks like half.
        panel.scatter(range(n), at, s=40 * shares, color=canvas.colours.faint, linewidths=0)


def _shares(
    canvas: Canvas, panel: Any, column: Column, inside: tuple[Floats, Ints], n: int
) -> None:
    values, which = inside
    counts = np.maximum(np.bincount(which, minlength=n), 1)
    known = values[~np.isnan(values)]
    codes, often = np.unique(known, return_counts=True)
    first = np.sort(codes[np.argsort(-often, kind="stable")[:MOST_CHOICES]])
    parts = [(shown(column.label(code), 14), values == code) for code in first]
    if len(codes) > len(first):
        parts.append(
            (f"{len(codes) - len(first)} others", ~np.isin(values, first) & ~np.isnan(values))
        )
    if np.isnan(values).any():
        parts.append(("inactive", np.isnan(values)))
    bottom = np.zeros(n)
    handles = []
    for k, (name, some) in enumerate(parts):
        share = np.bincount(which[some], minlength=n) / counts
        last = name == "inactive" or name.endswith(" others")
        colour = canvas.colours.grid if last else canvas.colours.series[k % MOST_CHOICES]
        hatch = "//" if name == "inactive" else None
        style: Any = {"facecolor": colour, "edgecolor": canvas.colours.ground, "hatch": hatch}
        panel.bar(range(n), share, 0.9, bottom=bottom, linewidth=0.6, **style)
        handles.append(canvas.mark(name, colour, "s"))
        bottom += share
    panel.set_ylim(0, 1)
    panel.set_ylabel("share of trials")
    canvas.legend(handles[::-1], panel)
    panel.tick_params(labelsize=TICK)
