"""What trials reported while they ran, and how values change with the fidelity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.core import Objective
from hpopt.digits import in_digits
from hpopt.errors import HpoptError, SettingError
from hpopt.reports.data import Floats, Ints, StudyData
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.scales import ValueScale, scale_of
from hpopt.reports.plots.views import Shown, View, data_of, view_of
from hpopt.reports.source import Source

BEST_SHOWN = 5
MOST_CURVES = 150  # that are read and drawn: more are one grey area
MOST_STEPS = 500  # of one curve, more than a picture has points
WIDE = 50.0  # between the first step and the last, from which steps are on a logarithmic axis,
RUNGS = 8.0  # … and fidelities, which usually grow by a factor
MOST_COLOURS = 7  # of fidelities


@dataclass(frozen=True, eq=False)
class Curve:
    """What a trial reported, or what a config gave at several fidelities."""

    row: int
    steps: Floats
    values: Floats


def learning_curves(
    study: Shown,
    *,
    data: StudyData | None = None,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw what trials reported while they ran, or values over the fidelity, a line each.

    Lines are coloured by fidelity where there is one, those of stopped trials are dashed, and the
    best are highlighted. Where nothing was reported, each line joins the evaluations of one config
    at several fidelities.

    Parameters
    ----------
    study : Record, Study or Result
        Or StudyData where there is a fidelity: it has no reports.
    data : StudyData, optional
        The study's, where they have been read already.
    objective : str, optional
        By default the first.
    ax, dark
        See `progress`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    SettingError
        There are no curves.
    """
    data = data_of(study) if data is None else data
    view = view_of(data, objective)
    rows, rule = _chosen(view)
    curves = [] if isinstance(study, StudyData) else _reported(study, data, rows, view.objective)
    label = "step"
    if not curves and data.fidelity is not None:
        curves, rule = _over_fidelities(view)
        label = shown(data.fidelity.name, 40)
    if not curves and isinstance(study, StudyData):
        raise SettingError("learning curves must be of a study: its data have no reports")
    if not curves:
        raise SettingError(
            f"learning curves must be reported while trials run, but none of the {len(rows)} "
            "looked at did: call trial.report in the evaluation"
        )
    canvas = Canvas(ax, dark)
    scale = _axes(canvas, view, curves, label)
    ax = canvas.ax
    n_best = min(max(len(curves) // 8, 1), BEST_SHOWN)
    best = view.rows[view.best[:n_best]]
    handles = _lines(canvas, view, curves, set(best.tolist()))
    if data.fidelity is not None and label != "step":
        for each in np.unique(data.reached[np.isfinite(data.reached)])[:50]:
            ax.axvline(each, color=canvas.colours.grid, linewidth=0.8, zorder=0)
    canvas.legend(handles)
    kind = "Learning curves" if label == "step" else f"Values over {label}"
    canvas.title(kind, f"{len(data):,} trials", rule, scale.note)
    return ax


def _chosen(view: View) -> tuple[Ints, str]:
    """Return the rows whose curves are looked at: the best, and an even part of the others."""
    rows = np.flatnonzero(view.data.ok)
    best = view.rows[view.best]
    if len(rows) <= MOST_CURVES:
        return rows, ""
    step = len(rows) / (MOST_CURVES - len(best))
    some = rows[(np.arange(MOST_CURVES - len(best)) * step).astype(int)]
    return np.union1d(some, best), (
        f"one of each {step:,.0f} trials drawn, and all of the best {len(best)}"
    )


def _reported(source: Source, data: StudyData, rows: Ints, objective: Objective) -> list[Curve]:
    curves = []
    for row in rows.tolist():
        try:
            curve = source.trial(int(data.numbers[row])).curve
        except HpoptError:  # it is being written again, with a higher fidelity
            continue
        pairs = [(step, _value(value, objective)) for step, value in curve]
        points = np.array(pairs, dtype=float).reshape(-1, 2)
        points = points[np.isfinite(points).all(axis=1)]
        points = points[:: -(-len(points) // MOST_STEPS) or 1]
        if len(points):
            curves.append(Curve(row, points[:, 0], points[:, 1]))
    return curves


def _value(value: Any, objective: Objective) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    found = value.get(objective.name) if hasattr(value, "get") else None
    return float(found) if isinstance(found, (int, float)) else np.nan


def _over_fidelities(view: View) -> tuple[list[Curve], str]:
    """Return a curve of each config that was evaluated at several fidelities."""
    data = view.data
    values = data.values[view.objective.name]
    rows = np.flatnonzero(data.ok & np.isfinite(values) & np.isfinite(data.reached))
    if not len(rows):
        return [], ""
    cells = np.column_stack([np.nan_to_num(c.values[rows], nan=-np.inf) for c in data.columns])
    _, config = np.unique(cells, axis=0, return_inverse=True)
    order = np.lexsort((data.reached[rows], config))
    parts = np.split(order, np.flatnonzero(np.diff(config[order])) + 1)
    curves = [Curve(int(rows[p[-1]]), data.reached[rows[p]], values[rows[p]]) for p in parts]
    curves.sort(key=lambda curve: curve.row)
    if len(curves) <= MOST_CURVES:
        return curves, f"{len(curves):,} configs"
    best = set(view.rows[view.best].tolist())
    step = -(-len(curves) // MOST_CURVES)
    some = [each for k, each in enumerate(curves) if k % step == 0 or each.row in best]
    return some, f"one of each {step:,} configs drawn, and the best {len(best)}"


def _axes(canvas: Canvas, view: View, curves: list[Curve], label: str) -> ValueScale:
    ax = canvas.ax
    objective, values = view.objective, np.concatenate([each.values for each in curves])
    scale = scale_of(values, view.scale.label, objective.sign)
    scale.apply(ax)
    steps = np.concatenate([each.steps for each in curves])
    first, last = float(steps.min()), float(steps.max())
    if first > 0 and last / first > (WIDE if label == "step" else RUNGS):
        ax.set_xscale("log")
    ax.set_xlabel(label)
    canvas.grid(ax)
    return scale


def _lines(canvas: Canvas, view: View, curves: list[Curve], best: set[int]) -> list[Any]:
    data, colours = view.data, canvas.colours
    alpha = 0.8 if len(curves) < 30 else 0.5
    shades, handles = _shades(canvas, view, curves)
    for each in sorted(curves, key=lambda curve: curve.row in best):
        is_best = each.row in best
        is_stopped = bool(data.is_stopped[each.row])
        canvas.ax.plot(
            each.steps,
            each.values,
            color=colours.best if is_best else shades[each.row],
            linewidth=2.0 if is_best else 1.0,
            linestyle="--" if is_stopped else "-",
            alpha=1.0 if is_best else alpha,
            marker="o" if len(each.steps) < 8 else None,
            markersize=4 if is_best else 3,
            markeredgewidth=0,
            zorder=3 if is_best else 2,
        )
    shown_best = sum(each.row in best for each in curves)
    if shown_best:
        label = "the best" if shown_best == 1 else f"the best {shown_best}"
        handles.insert(0, canvas.mark(label, colours.best, "", linestyle="-", linewidth=2))
    if any(data.is_stopped[each.row] for each in curves):
        handles.append(canvas.mark("stopped early", colours.stopped, "", linestyle="--"))
    return handles


def _shades(canvas: Canvas, view: View, curves: list[Curve]) -> tuple[dict[int, str], list[Any]]:
    """Return the colour of each trial, and the legend of colours."""
    data, colours = view.data, canvas.colours
    rows = [each.row for each in curves]
    reached = data.reached[rows]
    levels = np.unique(reached[np.isfinite(reached)])
    if data.fidelity is None or not 1 < len(levels) <= MOST_COLOURS:
        return dict.fromkeys(rows, colours.trial), [
            canvas.mark("trial", colours.trial, "", linestyle="-")
        ]
    series = [each for each in colours.series if each != colours.best]
    place = {float(level): series[k] for k, level in enumerate(levels)}
    shades = {row: place.get(float(data.reached[row]), colours.faint) for row in rows}
    name = shown(data.fidelity.name, 16)
    return shades, [
        canvas.mark(f"{in_digits(level)} {name}", colour, "", linestyle="-")
        for level, colour in place.items()
    ]
