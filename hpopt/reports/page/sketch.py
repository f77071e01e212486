"""The progress of a study as an SVG, for a page that runs no script: its first screen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.digits import in_digits
from hpopt.reports.data import StudyData
from hpopt.reports.page.blocks import text_of

Floats = NDArray[np.float64]

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 30  # room for numbers of five digits, and for a line

MOST_POINTS = 400
"""Of trials: more say no more at this size, and each takes 40 bytes."""

WORST_SHOWN = 0.9  # quantile: the worst tenth would press all others into a line


def progress_sketch(data: StudyData) -> str:
    """Draw trials and the best so far over their numbers; empty where no trial has values."""
    objective = data.objectives[0]
    values = np.where(data.ok, data.values[objective.name], np.nan)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, high = _range(finite, objective.sign)
    x = _scaled(data.numbers.astype(float), 0.0, max(1.0, float(data.numbers[-1])), LEFT)
    shown = np.flatnonzero(np.isfinite(values))
    shown = shown[np.linspace(0, len(shown) - 1, min(len(shown), MOST_POINTS)).round().astype(int)]
    y = _heights(values, low, high)
    points = "".join(f"M{x[row]:.0f} {y[row]:.0f}h0" for row in np.unique(shown))
    title = f"Best {objective.name} so far over {len(data)} trials"
    return (
        f'<svg class="sketch" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{text_of(title)}">'
        f'<path class="grid" d="M{LEFT} {TOP}H{WIDTH - RIGHT}M{LEFT} {HEIGHT - BOTTOM}'
        f'H{WIDTH - RIGHT}"/>'
        f'<path class="points" d="{points}"/><path class="best" d="{_steps(data, x, low, high)}"/>'
        f"{_label(LEFT - 8, TOP + 4, in_digits(high), 'end')}"
        f"{_label(LEFT - 8, HEIGHT - BOTTOM + 4, in_digits(low), 'end')}"
        f"{_label(LEFT, HEIGHT - 8, 'trial 0', 'start')}"
        f"{_label(WIDTH - RIGHT, HEIGHT - 8, str(data.numbers[-1]), 'end')}</svg>"
    )


def _range(finite: Floats, sign: int) -> tuple[float, float]:
    losses = np.sort(sign * finite)
    best, worst = losses[0], losses[int(WORST_SHOWN * (len(losses) - 1))]
    low, high = sorted((float(sign * best), float(sign * worst)))
    return (low, high) if low < high else (low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5)


def _scaled(values: Floats, low: float, high: float, start: float) -> Floats:
    return np.asarray(start + (values - low) / (high - low) * (WIDTH - LEFT - RIGHT))


def _heights(values: Floats, low: float, high: float) -> Floats:
    with np.errstate(all="ignore"):  # halves: the range of floats of 8 bytes may not fit in one
        shares = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.asarray(HEIGHT - BOTTOM - np.clip(shares, 0, 1) * (HEIGHT - TOP - BOTTOM))


def _steps(data: StudyData, x: Floats, low: float, high: float) -> str:
    best = data.best_so_far
    rows = np.flatnonzero(np.isfinite(best))
    if not len(rows):
        return ""
    turns = rows[np.flatnonzero(np.diff(best[rows], prepend=np.nan) != 0)]
    y = _heights(best, low, high)
    path = f"M{x[turns[0]]:.1f} {y[turns[0]]:.1f}"
    path += "".join(f"H{x[row]:.1f}V{y[row]:.1f}" for row in turns[1:])
    return f"{path}H{x[rows[-1]]:.1f}"


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text_of(text)}</text>'
