"""Boxes of groups of numbers: median, quartiles, and 5th and 95th percentile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpopt.reports.data import Floats
from hpopt.reports.plots.canvas import Canvas
from hpopt.reports.plots.scales import bounded

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEW = 5  # numbers, of which each is drawn instead of a box


def boxes(
    canvas: Canvas,
    ax: Any,
    groups: Sequence[Floats],
    places: Sequence[float],
    *,
    colours: Sequence[str] | None = None,
    width: float = 0.6,
) -> None:
    """Draw a box of each group that is not empty; of a few numbers the numbers.

    Parameters
    ----------
    canvas : Canvas
    ax : Axes
    groups : sequence of ndarray
    places : sequence of float
    colours : sequence of str, optional
        One a group.
    width : float
    """
    shades = list(colours or [canvas.colours.trial] * len(groups))
    at = np.asarray(places, dtype=float)
    enough = [k for k, group in enumerate(groups) if len(group) >= FEW]
    for k, group in enumerate(groups):
        if len(group) < FEW:
            ax.plot([at[k]] * len(group), group, "o", color=shades[k], markersize=4)
    if not enough:
        return
    ends = np.array([np.quantile(bounded(groups[k]), SHARES) for k in enough]).T
    low, first, middle, third, high = ends
    where, shade = at[enough], [shades[k] for k in enough]
    ax.vlines(where, low, first, colors=shade, linewidths=1.2)
    ax.vlines(where, third, high, colors=shade, linewidths=1.2)
    faces: Any = [(each, 0.45) for each in shade]
    ax.bar(where, third - first, width, bottom=first, color=faces, edgecolor=shade)
    half = width / 2
    ax.hlines(middle, where - half, where + half, colors=canvas.colours.text, linewidths=1.6)
