"""The value over two parameters, smoothed from scattered trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.reports.columns import Column
from hpopt.reports.data import Floats
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.scales import ParameterScale
from hpopt.reports.plots.slices import spread, star
from hpopt.reports.plots.views import (
    Shown,
    View,
    chosen_columns,
    data_of,
    telling,
    thinned,
    view_of,
)

CELLS = 60  # along each axis, finer than a picture needs
LEVELS = 12  # of a filled contour
NEAR = 0.6
"""Weight of trials near a cell, a trial at its very place having 1: where there is less the
surface is not drawn, as nothing was tried there."""

NARROW, WIDE = 0.035, 0.12  # bounds of the kernel's width, as shares of the range


def contour(
    study: Shown,
    *,
    parameters: tuple[str, str] | None = None,
    objective: str | None = None,
    ax: Any = None,
    dark: bool = False,
) -> Any:
    """Draw the mean value over two parameters, with the trials and the best.

    The mean is weighted by a Gaussian kernel around each place (Nadaraya 1964, Watson 1964), whose
    width falls with the number of trials; a place without trials near it stays empty. All other
    parameters vary from trial to trial: what they do is in the mean.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
    parameters : (str, str), optional
        By default the two numbers that tell most of the value.
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
        There are no two parameters, or there is nothing to show; or a name is unknown.
    """
    view = view_of(data_of(study), objective)
    first, second = _pair(view, parameters)
    scales = [ParameterScale(each, has_inactive=False) for each in (first, second)]
    both = ~np.isnan(first.values[view.rows]) & ~np.isnan(second.values[view.rows])
    canvas = Canvas(ax, dark, (7.0, 5.0))
    ax = canvas.ax
    for scale, axis in zip(scales, "xy", strict=True):
        scale.apply(ax, axis)
    if not both.any():
        raise SettingError(
            f"{first.name!r} and {second.name!r} must be active in the same trial, but are in "
            f"none of {len(view.rows)}: choose two others"
        )
    means, edges = _means(view, (first, second), both)
    surface = _surface(canvas, view, scales, means, edges)
    bar = canvas.bar(surface, f"mean {view.scale.label}")
    if view.scale.log and hasattr(surface, "levels"):  # there may be no power of ten among them
        shown_levels = surface.levels[::3]
        bar.set_ticks(shown_levels, labels=[f"{each:.3g}" for each in shown_levels])
        bar.minorticks_off()
    places = np.flatnonzero(both)
    best = view.best[np.isin(view.best, places)]
    some, thinning = thinned(len(places), np.searchsorted(places, best), 1500)
    x, y = (spread(scale)[view.rows] for scale in scales)
    ax.plot(
        x[places[some]],
        y[places[some]],
        "o",
        color=canvas.colours.ground,
        markeredgecolor=canvas.colours.text,
        markeredgewidth=0.4,
        markersize=3.5 if len(some) < 300 else 2.0,
        alpha=0.6,
        rasterized=len(some) > 1000,
    )
    star(canvas, ax, x[best[:1]], y[best[:1]])
    left = f"{int((~both).sum()):,} in which one of them is inactive left out" * bool((~both).any())
    canvas.title(
        f"{shown(view.objective.name, 40)} over two parameters",
        view.note,
        left,
        f"points: {thinning or 'trials'}, ★ the best",
        "empty: not tried",
        view.scale.note,
    )
    return ax


def _pair(view: View, names: tuple[str, str] | None) -> tuple[Column, Column]:
    if names is not None:
        if isinstance(names, str) or len(names) != 2 or names[0] == names[1]:
            raise SettingError(f"parameters must be two different names, but got {names!r}")
        found, _ = chosen_columns(view, names)
        return found[0], found[1]
    columns, scores = view.data.columns, telling(view)
    share = [float(column.is_active[view.rows].mean()) for column in columns]
    # Numbers before choices, over which a surface says less; and those that most trials have.
    keys = [
        score * part * (0.5 if column.choices else 1.0)
        for column, score, part in zip(columns, scores, share, strict=True)
    ]
    order = [k for k in np.argsort(-np.array(keys), kind="stable") if scores[k] > -1]
    if len(order) < 2:
        raise SettingError(
            f"a contour must be of two parameters that differ between trials, but got {len(order)}"
        )
    return columns[order[0]], columns[order[1]]


def _means(view: View, columns: tuple[Column, Column], both: Any) -> tuple[Floats, list[Floats]]:
    """Return the smoothed values on a grid of units, nan where nothing is near, and its edges."""
    from scipy.ndimage import gaussian_filter

    units = [column.unit[view.rows[both]] for column in columns]
    width = float(np.clip(0.5 * both.sum() ** (-1 / 6), NARROW, WIDE))  # Scott's rate, in 2-d
    edges, sigmas = [], []
    for column in columns:
        n = len(column.choices)
        if n:
            edges.append((np.arange(n + 1) - 0.5) / max(n - 1, 1))
            if n == 1:
                edges[-1] = np.array([0.0, 1.0])
        else:
            edges.append(np.linspace(0, 1, CELLS + 1))
        sigmas.append(0.0 if n else width * CELLS)
    worth = view.scale.unit(view.values[both])  # within the axis: one outlier is no hill
    counts, _, _ = np.histogram2d(units[0], units[1], edges)
    sums, _, _ = np.histogram2d(units[0], units[1], edges, weights=worth)
    peak = np.prod([np.sqrt(2 * np.pi) * s if s else 1.0 for s in sigmas])
    weights = gaussian_filter(counts, sigmas, mode="constant") * peak
    with np.errstate(all="ignore"):
        means = gaussian_filter(sums, sigmas, mode="constant") * peak / weights
    means[~(weights >= NEAR)] = np.nan
    low, high = view.scale.low, view.scale.high
    if view.scale.log:
        low, high = np.log10(low), np.log10(high)
        return np.asarray(10 ** (low + means * (high - low))), edges
    return np.asarray(low + means * (high - low)), edges


def _surface(
    canvas: Canvas, view: View, scales: list[ParameterScale], means: Floats, edges: list[Floats]
) -> Any:
    ax = canvas.ax
    sides = [_at(scale, each) for scale, each in zip(scales, edges, strict=True)]
    has_choices = any(scale.is_listed for scale in scales)
    known = means[np.isfinite(means)]
    low, high = float(known.min()), float(known.max())
    style: Any = {"cmap": canvas.colours.ramp}
    if has_choices or not low < high or min(means.shape) < 2:
        return ax.pcolormesh(sides[0], sides[1], means.T, rasterized=True, **style)
    centres = [
        _at(scale, (each[1:] + each[:-1]) / 2) for scale, each in zip(scales, edges, strict=True)
    ]
    if view.scale.log and np.log10(high) - np.log10(low) > 1.5:
        from matplotlib.colors import LogNorm

        levels = 10.0 ** np.linspace(np.log10(low), np.log10(high), LEVELS + 1)
        style["norm"] = LogNorm(low, high)
    else:
        from matplotlib.ticker import MaxNLocator

        levels = np.asarray(MaxNLocator(LEVELS).tick_values(low, high))
    masked = np.ma.masked_invalid(means.T)
    return ax.contourf(centres[0], centres[1], masked, levels, **style)


def _at(scale: ParameterScale, units: Floats) -> Floats:
    """Return places on an axis of shares of the parameter's range."""
    column = scale.column
    if column.log and column.low > 0:
        first, last = np.log10(column.low), np.log10(column.high)
        return np.asarray(10 ** (first + units * (last - first)))
    if column.choices:
        return np.asarray(units * max(len(column.choices) - 1, 1))
    return np.asarray(column.low + units * (column.high - column.low))
