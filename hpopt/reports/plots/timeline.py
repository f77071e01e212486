"""When each worker was busy, and with what."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from hpopt.core import STATUSES
from hpopt.reports.data import Ints, StudyData
from hpopt.reports.plots.canvas import Canvas, shown
from hpopt.reports.plots.clock import Clock, clock_of
from hpopt.reports.plots.views import Shown, data_of

THINNEST = 0.002  # of the whole time: a pixel or so, as wide as its edges
MOST_BARS = 1500  # more are drawn as shares of time
BINS = 400  # of the time axis: two points of the picture each
MOST_NAMES = 24  # of workers, on the axis
MOST_LANES = 2000  # a picture has no more lines


def timeline(study: Shown, *, ax: Any = None, dark: bool = False) -> Any:
    """Draw when each worker evaluated, and what came of it, with the utilisation.

    Utilisation is the share of the time of all workers, from the first trial to the last, in which
    one was evaluated. Pauses between runs of the search are left out.

    Parameters
    ----------
    study : Record, Study, Result or StudyData
    ax, dark
        See `progress`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    SettingError
        No trial says when it began.
    """
    data = data_of(study)
    clock = clock_of(data)
    lanes, names, note = _lanes(data, clock)
    n = int(lanes.max()) + 1
    canvas = Canvas(ax, dark, (8.5, float(np.clip(1.6 + 0.3 * n, 2.4, 7))))
    ax = canvas.ax
    kinds = _kinds(canvas, data, clock)
    if len(clock.rows) > MOST_BARS or n > MOST_LANES:
        _shares(canvas, clock, lanes, kinds, n)
        note = "; ".join(filter(None, (note, "the fuller a cell, the longer it was busy")))
    else:
        _bars(canvas, clock, lanes, kinds)
    ax.set_xlim(0, max(float(clock.ends.max()), 1e-9))
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_xlabel(f"{clock.unit} since the search began")
    step = -(-n // MOST_NAMES)
    ax.set_yticks(range(0, n, step), [shown(name, 22) for name in names[::step]])
    ax.tick_params(axis="y", length=0)
    canvas.legend([canvas.mark(name, colour, "s") for name, colour, some in kinds if some.any()])
    busy = float(np.sum(clock.ends - clock.begins))
    span = float(clock.ends.max() - clock.begins.min()) * n
    used = f"{100 * min(busy / span, 1):.0f} % utilisation" if span > 0 else ""
    lost = _lost(clock, kinds)
    workers = "1 worker" if n == 1 else f"{n:,} workers"
    title = f"{workers}, {used}" if used else workers
    canvas.title(title, f"{len(clock.rows):,} trials", lost, note, clock.note)
    return ax


def _kinds(canvas: Canvas, data: StudyData, clock: Clock) -> list[tuple[str, str, Any]]:
    colours, status = canvas.colours, data.status[clock.rows]
    stopped = data.is_stopped[clock.rows] | (status == STATUSES.index("infeasible"))
    failed = data.is_failure[clock.rows]
    return [
        ("complete", colours.trial, ~stopped & ~failed),
        ("stopped early", colours.stopped, stopped),
        ("without a value", colours.failed, failed),
    ]


def _lost(clock: Clock, kinds: list[tuple[str, str, Any]]) -> str:
    took = clock.ends - clock.begins
    total = float(took.sum())
    shares = [(name, float(took[some].sum()) / total) for name, _, some in kinds[1:] if total > 0]
    said = [f"{100 * share:.1f} % of the time in trials {name}" for name, share in shares if share]
    return ", ".join(said)


def _lanes(data: StudyData, clock: Clock) -> tuple[Ints, list[str], str]:
    """Return the lane of each trial, the names of the lanes, and what they are."""
    workers = data.workers[clock.rows]
    lanes = np.full(len(workers), -1, dtype=np.int64)
    names: list[str] = []
    known = workers >= 0
    if known.any():
        used, lanes[known] = np.unique(workers[known], return_inverse=True)
        names = [data.worker_names[k] for k in used]
    note = ""
    if not known.all():
        packed = pack(clock.begins[~known], clock.ends[~known])
        lanes[~known] = len(names) + packed
        n = int(packed.max()) + 1
        names += [f"lane {k + 1}" for k in range(n)]
        note = "workers are not recorded: trials are put into as few lanes as hold them"
    return lanes, names, note


def pack(begins: Any, ends: Any) -> Ints:
    """Put intervals into as few lanes as hold them without overlap; return the lane of each.

    In the order in which they begin, each into the free lane with the lowest number, which is
    optimal for intervals.
    """
    order = np.argsort(begins, kind="stable")
    lanes = np.zeros(len(begins), dtype=np.int64)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    n = 0
    for k in order.tolist():
        begin = float(begins[k])
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, n = n, n + 1
        heapq.heappush(busy, (float(ends[k]), lane))
        lanes[k] = lane
    return lanes


def _bars(canvas: Canvas, clock: Clock, lanes: Ints, kinds: list[tuple[str, str, Any]]) -> None:
    hatches = ("", "", "////")
    least = THINNEST * float(clock.ends.max() - clock.begins.min())
    for (_, colour, some), hatch in zip(kinds, hatches, strict=True):
        took = (clock.ends - clock.begins)[some]
        canvas.ax.barh(
            lanes[some],
            took,
            0.8,
            left=clock.begins[some],
            color=colour,
            # An edge in the ground's colour would hide what is no wider than it.
            edgecolor=[colour if each < least else canvas.colours.ground for each in took],
            linewidth=0.5 if len(lanes) < 300 else 0.1,
            hatch=hatch,
        )


def _shares(
    canvas: Canvas, clock: Clock, lanes: Ints, kinds: list[tuple[str, str, Any]], n: int
) -> None:
    """Draw cells of time, each as full as it was busy, in the colours of what came of it."""
    from matplotlib.colors import to_rgb

    end = float(clock.ends.max()) or 1.0
    group = -(-n // MOST_LANES)
    rows = -(-n // group)
    picture = np.zeros((rows, BINS, 3))
    total = np.zeros((rows, BINS))
    for _, colour, some in kinds:
        share = _busy(clock, lanes // group, some, (rows, BINS), end) / group
        picture += share[..., None] * np.array(to_rgb(colour))
        total += share
    with np.errstate(all="ignore"):
        full = np.maximum(total, 1.0)[..., None]
    ground = np.array(to_rgb(canvas.colours.ground))
    picture = picture / full + np.clip(1 - total, 0, 1)[..., None] * ground
    canvas.ax.imshow(
        np.clip(picture, 0, 1),
        aspect="auto",
        extent=(0, end, n - 0.5, -0.5),
        interpolation="nearest",
    )


def _busy(clock: Clock, lanes: Ints, some: Any, shape: tuple[int, int], end: float) -> Any:
    """Return the share of each cell of time in which its lane was busy with these trials."""
    rows, bins = shape
    edges = np.arange(bins + 1) * (end / bins)
    begins, ends, lane = clock.begins[some], clock.ends[some], lanes[some]
    first = np.clip(np.searchsorted(edges, begins, side="right") - 1, 0, bins - 1)
    last = np.clip(np.searchsorted(edges, ends, side="left") - 1, 0, bins - 1)
    width = end / bins
    # The whole cells between both ends are counted by their differences, the ends by themselves.
    change = np.zeros((rows, bins + 1))
    np.add.at(change, (lane, first), 1.0)
    np.add.at(change, (lane, last + 1), -1.0)
    busy = np.cumsum(change, axis=1)[:, :bins]
    np.add.at(busy, (lane, first), -(begins - edges[first]) / width)
    np.add.at(busy, (lane, last), -(edges[last + 1] - ends) / width)
    return np.maximum(busy, 0.0)
