"""All trials of a search, and the best so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpopt.core import STATUSES
from hpopt.errors import SettingError
from hpopt.reports.data import Bools, Floats, Ints, StudyData
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.clock import clock_of
from hpopt.reports.plots.scales import value_scale
from hpopt.reports.plots.views import BEST_KEPT, Shown, data_of, objective_of, thinned, view_of

MOST_FAILED = 2000  # marks on a line: more are one bar


def progress(
    study: Shown,
    *,
    by: str = "trial",
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw the value of each trial and the best so far; stopped and failed trials are marked.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
        It may be running.
    by : {"trial", "time"}
        Over the numbers of the trials, or over the time at which they ended. Pauses between runs
        of the search are left out.
    objective : str, optional
        By default the first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    dark : bool
        For dark ground.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    SettingError
        There is nothing to show, or an option is unknown.
    """
    if by not in ("trial", "time"):
        raise SettingError(f"by must be 'trial' or 'time', but got {by!r}")
    data = data_of(study)
    chosen = objective_of(data, objective)
    view = view_of(data, objective)
    values = data.values[chosen.name]
    where, label, note = _where(data, by)
    has_place = np.isfinite(where)
    rows = np.flatnonzero(data.ok & np.isfinite(values) & has_place)
    rows = rows[np.argsort(where[rows], kind="stable")]
    canvas = Canvas(ax, dark)
    ax = canvas.ax
    scale = value_scale(values[rows], chosen) if len(rows) else view.scale
    scale.apply(ax)
    ax.set_xlabel(label)
    if by == "trial":
        ax.xaxis.get_major_locator().set_params(integer=True)
    canvas.grid(ax)
    best = best_so_far(data, chosen.sign * values, where)
    steps = np.flatnonzero(np.isin(rows, best))
    kept = np.union1d(steps[-MOST_FAILED:], np.flatnonzero(np.isin(rows, view.rows[view.best])))
    some, thinning = thinned(len(rows), kept)
    handles = _points(canvas, data, rows[some], where, values)
    if len(best):
        end = np.nanmax(where[has_place])
        ax.plot(
            np.append(where[best], end),
            np.append(values[best], values[best[-1]]),
            drawstyle="steps-post",
            color=canvas.colours.best,
            linewidth=1.8,
        )
        handles.insert(0, canvas.mark("best so far", canvas.colours.best, "", linestyle="-"))
    handles += _failures(canvas, data, where)
    canvas.legend(handles)
    note = f"{note}; {scale.note}" if note and scale.note else note or scale.note
    thinning = thinning.replace(f"the best {len(kept)}", f"what improved and the best {BEST_KEPT}")
    canvas.title(f"{shown(chosen.name, 60)} of each trial", f"{len(data):,} trials", thinning, note)
    return ax


def best_so_far(data: StudyData, losses: Floats, where: Floats) -> Ints:
    """Return the rows that improved on all before, in the order of their places."""
    is_fit = data.is_feasible & data.is_comparable & np.isfinite(losses) & np.isfinite(where)
    rows = np.flatnonzero(is_fit)
    rows = rows[np.argsort(where[rows], kind="stable")]
    if not len(rows):
        return rows
    best = np.minimum.accumulate(losses[rows])
    improved = np.append(True, best[1:] < best[:-1])
    return np.asarray(rows[improved])


def _where(data: StudyData, by: str) -> tuple[Floats, str, str]:
    if by == "trial":
        return data.numbers.astype(float), "trial", ""
    clock = clock_of(data)
    where = np.full(len(data), np.nan)
    where[clock.rows] = clock.ends
    return where, f"{clock.unit} since the search began", clock.note


def _points(
    canvas: Canvas, data: StudyData, rows: Ints, where: Floats, values: Floats
) -> list[Any]:
    colours = canvas.colours
    handles: list[Any] = []
    size = 5.0 if len(rows) < 300 else 3.5 if len(rows) < 2000 else 2.5
    stopped, feasible = data.is_stopped[rows], data.is_feasible[rows]
    lower = ~data.is_comparable[rows]
    kinds: list[tuple[str, Bools, dict[str, Any]]] = [
        ("lower fidelity", lower & ~stopped, {"color": colours.faint, "marker": "."}),
        ("stopped early", stopped, {"color": colours.stopped, "marker": "v", "fillstyle": "none"}),
        (
            "breaks a constraint",
            ~stopped & ~lower & ~feasible,
            {"color": colours.trial, "marker": "s", "fillstyle": "none"},
        ),
        ("trial", ~stopped & ~lower & feasible, {"color": colours.trial, "marker": "o"}),
    ]
    for label, some, style in kinds:
        if some.any():
            canvas.ax.plot(
                where[rows[some]],
                values[rows[some]],
                linestyle="none",
                markersize=size,
                markeredgewidth=0.8 if "fillstyle" in style else 0,
                alpha=0.75 if len(rows) < 2000 else 0.5,
                rasterized=len(rows) > 2000,
                **style,
            )
            handles.insert(0, canvas.mark(label, **{"colour": style.pop("color")}, **style))
    return handles


def _failures(canvas: Canvas, data: StudyData, where: Floats) -> list[Any]:
    """Mark failed trials on the lower edge, where no value is."""
    rows = np.flatnonzero(data.is_failure & np.isfinite(where))
    if not len(rows):
        return []
    colour = canvas.colours.failed
    canvas.ax.plot(
        where[rows],
        np.zeros(len(rows)),
        transform=canvas.ax.get_xaxis_transform(),
        linestyle="none",
        marker="|" if len(rows) > 100 else "x",
        markersize=7 if len(rows) <= 100 else 9,
        color=colour,
        alpha=1.0 if len(rows) < MOST_FAILED else 0.3,
        clip_on=False,
        rasterized=len(rows) > MOST_FAILED,
    )
    counts = np.bincount(data.status[rows], minlength=len(STATUSES))
    kinds = ", ".join(f"{n:,} {STATUSES[k]}" for k, n in enumerate(counts) if n)
    return [
        canvas.mark("without a value:", colour, "x"),
        *(
            canvas.mark(each, colour, "", linestyle="none")
            for each in kinds.replace("_", " ").split(", ")
        ),
    ]
