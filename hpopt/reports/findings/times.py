"""Where the time went."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpopt.core.amounts import counted
from hpopt.reports.data import StudyData
from hpopt.reports.findings.parts import Times
from hpopt.reports.phrases import in_time, percent, trials

LEAST_SHARE = 0.01  # of the time: more trials at once for less are two that overlap while changing
WORTH_SAYING = 0.02  # of the time
PAUSE = 60.0  # seconds at least: who starts a study again takes longer
PAUSE_SHARE = 20.0  # times the median evaluation, which a strategy may take to choose the next


def in_order_of_time(data: StudyData) -> NDArray[np.int64]:
    """Return the rows in the order in which they ended; by number where that is not known."""
    if not _has_times(data).all():
        return np.arange(len(data))
    return np.argsort(data.started + data.seconds, kind="stable")


def least_pause(seconds: NDArray[np.float64]) -> float:
    """Return from which time on nothing ran because the search did not, by evaluations' seconds."""
    return max(PAUSE, PAUSE_SHARE * float(np.median(seconds)))


def times_of(data: StudyData) -> Times:
    """Return what workers did when."""
    known = _has_times(data)
    busy = float(data.seconds[np.isfinite(data.seconds)].sum())
    failed, stopped = (
        float(np.nansum(data.seconds[which])) for which in (data.is_failure, data.is_stopped)
    )
    if not known.any():
        return Times(0.0, busy, failed, stopped, 1, np.nan, 0.0, _lost(busy, failed, stopped))
    starts, ends = data.started[known], (data.started + data.seconds)[known]
    moments, n_running = _steps(starts, ends)
    lengths = np.diff(moments)
    wall, ran = float(lengths.sum()), float(lengths[n_running > 0].sum())
    n_workers = _workers(lengths, n_running)
    used = float((lengths * np.minimum(n_running, n_workers)).sum())
    is_pause = (n_running == 0) & (lengths > least_pause(data.seconds[known]))
    searched = wall - float(lengths[is_pause].sum())
    share = used / (n_workers * searched) if searched > 0 else np.nan
    said = [
        f"{trials(len(data))} took {in_time(wall)} from the first start to the last end, and "
        f"{in_time(busy)} of evaluation together."
    ]
    if np.isfinite(share) and n_workers > 1:
        said.append(
            f"Up to {counted(n_workers, 'workers')} ran at once, and were busy for "
            f"{percent(share)} of the time{', without pauses' if is_pause.any() else ''}."
        )
    pauses = wall - ran
    if pauses > WORTH_SAYING * wall:
        said.append(f"For {in_time(pauses)} nothing ran.")
    said += _lost(busy, failed, stopped)
    return Times(wall, busy, failed, stopped, n_workers, share, pauses, tuple(said))


def _lost(busy: float, failed: float, stopped: float) -> tuple[str, ...]:
    parts = [
        f"Trials that {what} took {percent(seconds / busy)} of the evaluations' time "
        f"({in_time(seconds)})."
        for seconds, what in ((failed, "failed"), (stopped, "were stopped early"))
        if busy > 0 and seconds > 0
    ]
    return tuple(parts)


def _has_times(data: StudyData) -> NDArray[np.bool_]:
    return np.asarray((data.started > 0) & np.isfinite(data.started + data.seconds))


def _steps(
    starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the moments at which a trial began or ended, and how many ran from each on."""
    moments = np.concatenate([starts, ends])
    changes = np.repeat([1, -1], len(starts))
    order = np.argsort(moments, kind="stable")
    return moments[order], np.cumsum(changes[order])[:-1]


def _workers(lengths: NDArray[np.float64], n_running: NDArray[np.int64]) -> int:
    by_number = np.bincount(np.maximum(n_running, 0), lengths)
    at_least = by_number[::-1].cumsum()[::-1]
    enough = np.flatnonzero(at_least > LEAST_SHARE * lengths.sum())
    return max(1, int(enough[-1])) if len(enough) else 1
