"""Objectives against each other, with the front and the bounds of constraints."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.numerics import pareto
from hpopt.reports.data import Bools, Ints, StudyData
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.scales import ValueScale, scale_of
from hpopt.reports.plots.views import MOST_POINTS, Shown, data_of, thinned

MOST_OBJECTIVES = 4  # of which each pair has a panel
COLUMNS = 3


def front(study: Shown, *, ax: Any = None, dark: bool = False) -> Any:
    """Draw objectives against each other: all trials, the front, and the bounds of constraints.

    Of three or more objectives each pair has a panel, in which the front is still that of all:
    the line joins those that are the best of the pair alone. Of one objective with constraints on
    other values, it is drawn against these.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
    ax, dark
        See `progress`.

    Returns
    -------
    matplotlib.axes.Axes, or an ndarray of them, one of each pair

    Raises
    ------
    SettingError
        There is one objective without constraints, or no trial with values.
    """
    data = data_of(study)
    names, left_out = _names(data)
    rows = _rows(data, names)
    pairs = (
        list(combinations(names, 2))
        if len(data.objectives) > 1
        else [(names[0], other) for other in names[1:]]
    )
    columns = min(len(pairs), COLUMNS)
    lines = -(-len(pairs) // columns)
    size = (7.0, 4.8) if len(pairs) == 1 else (1.2 + 3.4 * columns, 0.8 + 3.1 * lines)
    canvas = Canvas(ax, dark, size)
    panels = [canvas.ax] if len(pairs) == 1 else canvas.panels(len(pairs), columns)
    some, thinning = thinned(len(rows), np.flatnonzero(data.on_front[rows]), MOST_POINTS)
    thinning = thinning.replace(f"of the best {int(data.on_front[rows].sum())}", "of the front")
    scales = {name: _scale(data, name, rows) for name in names}
    handles: dict[str, Any] = {}
    for pair, panel in zip(pairs, panels, strict=True):
        named = [(name, scales[name]) for name in pair]
        drawn = _draw(canvas, panel, data, rows[some], named)
        handles |= {each.get_label(): each for each in drawn}
    canvas.legend(list(handles.values()), panels[min(columns, len(panels)) - 1])
    n = int(data.on_front.sum())
    what = f"{n:,} on the front" if len(data.objectives) > 1 else ""
    notes = [scales[name].note.replace("the axis", f"of {shown(name)}") for name in names]
    title = " and ".join(shown(name, 24) for name in names[:2]) if len(pairs) == 1 else "Pairs"
    canvas.title(title, f"{len(rows):,} of {len(data):,} trials", what, thinning, left_out, *notes)
    return panels[0] if len(pairs) == 1 else np.array(panels)


def _names(data: StudyData) -> tuple[list[str], str]:
    names = [each.name for each in data.objectives]
    if len(names) == 1:
        names += [each.name for each in data.constraints if each.name not in names]
    names = list(dict.fromkeys(names))
    if len(names) == 1:
        raise SettingError(
            "a front must have two objectives, or a constraint on another value, but got only "
            f"{names[0]!r}: show progress"
        )
    left = len(names) - MOST_OBJECTIVES
    return names[:MOST_OBJECTIVES], f"{left} more are left out" if left > 0 else ""


def _rows(data: StudyData, names: list[str]) -> Ints:
    has_values = np.all([np.isfinite(data.values[name]) for name in names], axis=0)
    rows = np.flatnonzero(data.is_comparable & has_values)
    if not len(rows):
        raise SettingError(
            f"a front must have a trial with {' and '.join(map(repr, names))}, but got none of "
            f"{len(data)} finished trials: see what failed with 'hpopt show'"
        )
    return rows


def _sign(data: StudyData, name: str) -> int:
    return next((each.sign for each in data.objectives if each.name == name), 0)


def _scale(data: StudyData, name: str, rows: Ints) -> ValueScale:
    sign = _sign(data, name)
    better = {1: " (lower is better)", -1: " (higher is better)", 0: ""}[sign]
    bounds = [each.bound for each in data.constraints if each.name == name]
    # All of the front is inside, however far it reaches.
    values = data.values[name][rows]
    inner = data.values[name][data.on_front]
    scale = scale_of(values, shown(name, 36) + better, sign)
    ends = np.concatenate([inner[np.isfinite(inner)], bounds])
    usable = ends[(ends > 0) | (not scale.log)]
    low, high = (
        min(scale.low, usable.min(initial=np.inf)),
        max(scale.high, usable.max(initial=-np.inf)),
    )
    if (low, high) == (scale.low, scale.high):
        return scale
    widened = scale_of(np.array([low, high]), scale.label)
    n = int((values < widened.low).sum()), int((values > widened.high).sum())
    return ValueScale(
        scale.label,
        scale.log,
        low if scale.log else widened.low,
        high if scale.log else widened.high,
        *n,
        scale.least,
        scale.most,
    )


def _draw(
    canvas: Canvas,
    panel: Any,
    data: StudyData,
    some: Ints,
    named: list[tuple[str, ValueScale]],
) -> list[Any]:
    colours = canvas.colours
    pair = (named[0][0], named[1][0])
    x, y = (data.values[name] for name in pair)
    for (_, scale), axis in zip(named, "xy", strict=True):
        scale.apply(panel, axis)
    canvas.grid(panel)
    on_front = data.on_front if len(data.objectives) > 1 else np.zeros(len(data), dtype=bool)
    stopped, feasible = data.is_stopped, data.is_feasible
    kinds: list[tuple[str, Bools, dict[str, Any]]] = [
        ("breaks a constraint", ~feasible & ~stopped, {"color": colours.faint, "marker": "x"}),
        ("stopped early", stopped, {"color": colours.stopped, "marker": "v"}),
        ("trial", feasible & ~stopped & ~on_front, {"color": colours.trial, "marker": "o"}),
        ("on the front", on_front, {"color": colours.best, "marker": "D"}),
    ]
    handles: list[Any] = []
    size = 4.5 if len(some) < 500 else 2.5
    for label, of_kind, style in kinds:
        chosen = some[of_kind[some]]
        if not len(chosen):
            continue
        is_front = label == "on the front"
        panel.plot(
            x[chosen],
            y[chosen],
            linestyle="none",
            markersize=5 if is_front else size,
            markeredgewidth=0.8 if style["marker"] == "x" else 0,
            alpha=1.0 if is_front else 0.6,
            zorder=4 if is_front else 2,
            rasterized=len(chosen) > 1000,
            **style,
        )
        handles.insert(0, canvas.mark(label, style["color"], style["marker"]))
    if len(data.objectives) > 1:
        _stairs(canvas, panel, data, pair)
    else:
        best = data.best
        if best is not None:
            panel.plot(x[best], y[best], "*", color=colours.best, markersize=13, zorder=5)
            handles.insert(0, canvas.mark("the best", colours.best, "*", markersize=10))
    if _bounds(canvas, panel, data, pair):
        handles.append(canvas.mark("not allowed", colours.faint, "s", fillstyle="none"))
    return handles


def _stairs(canvas: Canvas, panel: Any, data: StudyData, pair: tuple[str, str]) -> None:
    """Join what is best in a pair by the line that bounds all that is dominated."""
    rows = np.flatnonzero(data.on_front)
    signs = [_sign(data, name) for name in pair]
    losses = np.column_stack(
        [s * data.values[name][rows] for s, name in zip(signs, pair, strict=True)]
    )
    line = rows[pareto.front(losses)]
    line = line[np.argsort(data.values[pair[0]][line], kind="stable")]
    panel.plot(
        data.values[pair[0]][line],
        data.values[pair[1]][line],
        # The corner is on the side that is worse in both.
        drawstyle="steps-post" if signs[0] > 0 else "steps-pre",
        color=canvas.colours.best,
        linewidth=1.2,
        zorder=3,
    )


def _bounds(canvas: Canvas, panel: Any, data: StudyData, pair: tuple[str, str]) -> bool:
    """Draw bounds with what lies beyond them hatched; return whether there are any."""
    found = False
    for each in data.constraints:
        for name, line, span, limits in (
            (pair[0], panel.axvline, panel.axvspan, panel.get_xlim()),
            (pair[1], panel.axhline, panel.axhspan, panel.get_ylim()),
        ):
            if each.name != name:
                continue
            found = True
            beyond = limits[1] if each.operator == "<=" else limits[0]
            line(each.bound, color=canvas.colours.faint, linewidth=1.2, linestyle="--", zorder=1)
            if min(limits) < each.bound < max(limits):
                span(
                    each.bound, beyond, fill=False, hatch="//", linewidth=0,
                    edgecolor=canvas.colours.grid, zorder=0,
                )  # fmt: skip
    return found
