"""The value over each parameter, one trial a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.reports.columns import Column
from hpopt.reports.data import Floats, Ints
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.scales import ParameterScale
from hpopt.reports.plots.views import (
    Shown,
    View,
    chosen_columns,
    data_of,
    failed_rows,
    is_stopped,
    thinned,
    view_of,
)

COLUMNS = 3
MOST_FAILED = 500  # of a panel
MOST_WHOLE = 20  # whole numbers whose trials are spread as those of choices
SPREAD = 0.28  # to either side, over which trials of one choice are spread


def slices(
    study: Shown,
    *,
    parameters: Sequence[str] | None = None,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw the value over each parameter, with the trials coloured by their number.

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
    canvas = Canvas(ax, dark, (8.5, 1.0 + 2.3 * rows))
    panels = canvas.panels(len(columns), COLUMNS, shared_y=view.scale.label, with_bar=True)
    some, thinning = thinned(len(view.rows), view.best)
    failed = failed_rows(view.data)
    failed = failed[:: -(-len(failed) // MOST_FAILED) or 1]
    points = None
    for column, panel in zip(columns, panels, strict=True):
        points = _draw(canvas, panel, view, column, (some, failed))
    bar = canvas.bar(points, "trial")
    bar.ax.yaxis.get_major_locator().set_params(integer=True)
    marks = ["★ the best"]
    marks += ["▽ stopped early"] if is_stopped(view).any() else []
    marks += ["× without a value"] if len(failed) else []
    canvas.title(
        f"{shown(view.objective.name, 40)} over each parameter",
        view.note,
        ", ".join(marks),
        thinning,
        left_out,
        view.scale.note,
    )
    return np.array(panels)


def _draw(canvas: Canvas, panel: Any, view: View, column: Column, drawn: tuple[Ints, Ints]) -> Any:
    some, failed = drawn
    colours, rows = canvas.colours, view.rows
    scale = ParameterScale(column)
    places = spread(scale)
    stopped = is_stopped(view)[some]
    size = 14.0 if len(some) < 500 else 6.0 if len(some) < 2000 else 3.0
    view.scale.apply(panel, label=False)
    scale.apply(panel, label=False, room=0.28)
    panel.set_title(shown(column.name, 25), fontsize=9, color=colours.text)
    canvas.grid(panel)
    made = None
    for chosen, marker in ((some[stopped], "v"), (some[~stopped], "o")):
        if marker == "v" and not len(chosen):
            continue
        made = panel.scatter(
            places[rows[chosen]],
            view.values[chosen],
            c=view.data.numbers[rows[chosen]],
            s=size,
            marker=marker,
            cmap=colours.ramp,
            vmin=0,
            vmax=max(int(view.data.numbers[-1]), 1),
            linewidths=0,
            alpha=0.8,
            rasterized=len(some) > 1000,
        )
    if len(failed):
        panel.plot(
            places[failed],
            np.zeros(len(failed)),
            "x",
            transform=panel.get_xaxis_transform(),
            color=colours.failed,
            markersize=4,
            alpha=1.0 if len(failed) < 100 else 0.4,
            clip_on=False,
        )
    best = view.best[:1]
    star(canvas, panel, places[rows[best]], view.values[best])
    return made


def star(canvas: Canvas, ax: Any, x: Floats, y: Floats) -> None:
    """Mark the best."""
    ax.plot(
        x,
        y,
        "*",
        color=canvas.colours.best,
        markersize=13,
        markeredgecolor=canvas.colours.ground,
        markeredgewidth=0.8,
        zorder=5,
    )


def spread(scale: ParameterScale) -> Floats:
    """Return the places of trials; those of one choice, few whole numbers or none side by side."""
    places = scale.places
    rng = np.random.default_rng(0)
    off = rng.uniform(-SPREAD, SPREAD, len(places))
    if scale.is_listed:
        return np.asarray(places + off)
    few = scale.high - scale.low < MOST_WHOLE
    if scale.column.kind == "int" and few and not scale.log:
        places = places + off
    if scale.inactive is None:
        return places
    is_inactive = np.isnan(scale.column.values)
    low, _ = scale.limits
    width = np.log(scale.inactive / low) if scale.log else scale.inactive - low
    aside = scale.inactive * np.exp(off * width) if scale.log else scale.inactive + off * width
    return np.where(is_inactive, aside, places)
