"""All parameters of trials side by side, with the best trials highlighted.

As Figure 2 of Young et al. 2015, https://doi.org/10.1145/2834892.2834896.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.reports.data import Floats
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.scales import INACTIVE, ParameterScale
from hpopt.reports.plots.views import (
    Shown,
    View,
    chosen_columns,
    data_of,
    thinned,
    view_of,
)

MOST_AXES = 12  # of parameters: their names stand side by side on a page
MOST_LINES = 600  # more are one grey area
SPREAD = 0.03  # of the axis, over which lines through one choice are spread, to be seen


def parallel_coordinates(
    study: Shown,
    *,
    parameters: Sequence[str] | None = None,
    best: int | None = None,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw each trial as a line through its parameters and its value.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
    parameters : sequence of str, optional
        Their order; by default the twelve that tell most of the value, in the order of the space.
    best : int, optional
        How many of the best are highlighted; by default a tenth of the trials, at most ten.
    objective : str, optional
        By default the first.
    ax, dark
        See `progress`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    SettingError, UnknownNameError
        There is nothing to show, or a name is unknown.
    """
    from matplotlib.collections import LineCollection

    view = view_of(data_of(study), objective)
    columns, left_out = chosen_columns(view, parameters, MOST_AXES)
    if parameters is None:
        order = {each.name: k for k, each in enumerate(view.data.columns)}
        columns.sort(key=lambda each: order[each.name])
    canvas = Canvas(ax, dark, (max(8.0, 1.6 + 0.85 * len(columns)), 4.8))
    ax = canvas.ax
    n_best = min(max(len(view.rows) // 10, 1), 10) if best is None else max(best, 0)
    first = view.best[:n_best]
    some, thinning = thinned(len(view.rows), first, MOST_LINES)
    heights = _heights(view, columns)
    order_drawn = some[np.argsort(-view.losses[some], kind="stable")]
    rest = order_drawn[~np.isin(order_drawn, first)]
    places = np.arange(heights.shape[1], dtype=float)
    for chosen, alpha, width in ((rest, _alpha(len(rest)), 0.9), (first[::-1], 1.0, 1.8)):
        lines: Any = np.stack(
            [np.broadcast_to(places, (len(chosen), len(places))), heights[chosen]], -1
        )
        made = LineCollection(lines, linewidths=width, alpha=alpha, rasterized=len(chosen) > 200)
        if alpha == 1.0:
            made.set_color(canvas.colours.best)
            made.set_zorder(3)
        else:
            made.set(array=view.values[chosen], cmap=canvas.colours.ramp, norm=view.scale.norm)
            shades = made
        ax.add_collection(made)
    _axes(canvas, view, columns)
    canvas.bar(shades, view.scale.label)
    if len(first):
        label = "the best" if len(first) == 1 else f"the best {len(first)}"
        style: Any = {"linestyle": "-", "linewidth": 1.8}
        handle = canvas.mark(label, canvas.colours.best, "", **style)
        made = ax.legend(
            handles=[handle],
            loc="lower right",
            bbox_to_anchor=(1, 1),
            frameon=False,
            fontsize=8,
            labelcolor=canvas.colours.text,
        )
    canvas.title("Parameters and values", view.note, thinning, left_out, view.scale.note)
    return ax


def _alpha(n: int) -> float:
    return 0.7 if n < 100 else 0.45 if n < 400 else 0.35


def _heights(view: View, columns: Sequence[Any]) -> Floats:
    """Return the heights of lines at each parameter and at the value, shape (m, k + 1)."""
    spread = np.random.default_rng(0).uniform(-SPREAD, SPREAD, len(view.rows))
    made = []
    for column in columns:
        unit = column.unit[view.rows]
        if column.choices:
            unit = unit + spread / max(len(column.choices) / 4, 1)
        made.append(np.where(np.isnan(unit), -INACTIVE + spread / 2, unit))
    return np.column_stack([*made, view.scale.unit(view.values)])


def _axes(canvas: Canvas, view: View, columns: Sequence[Any]) -> None:
    ax, colours = canvas.ax, canvas.colours
    is_partly = [bool(np.isnan(each.values[view.rows]).any()) for each in columns]
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ground = {"boxstyle": "square,pad=0.1", "facecolor": colours.ground, "alpha": 0.75, "lw": 0}
    text: Any = {"fontsize": 7, "color": colours.text, "va": "center", "bbox": ground, "zorder": 4}
    for k, column in enumerate(columns):
        ax.vlines(k, 0, 1, color=colours.faint, linewidth=1, zorder=2.5)
        scale = ParameterScale(column, has_inactive=False)
        ticks, labels = scale.ticks()
        units = column.taking(np.array(ticks)).unit
        for height, label in zip(units, labels, strict=True):
            ax.plot([k - 0.04, k], [height, height], color=colours.faint, linewidth=1, zorder=2.5)
            ax.text(k + 0.05, height, label, **text)
        if is_partly[k]:
            ax.text(k + 0.05, -INACTIVE, "inactive", **{**text, "style": "italic"})
    k = len(columns)
    ax.vlines(k, 0, 1, color=colours.faint, linewidth=1, zorder=2.5)
    for share, value in ((0.0, view.scale.low), (1.0, view.scale.high)):
        ax.text(k + 0.05, share, f"{value:.3g}", **text)
    ax.set_xlim(-0.15, k + 0.45)
    ax.set_ylim(-INACTIVE - 0.06 if any(is_partly) else -0.05, 1.05)
    ax.set_yticks([])
    names = [shown(each.name, 20) for each in columns] + [shown(view.objective.name, 20)]
    ax.set_xticks(range(k + 1), names)
    ax.tick_params(axis="x", length=0)
    if max(map(len, names)) * (k + 1) > 95:  # characters that fit side by side
        for label in ax.get_xticklabels():
            label.set(rotation=25, ha="right", rotation_mode="anchor")
