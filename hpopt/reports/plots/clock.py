"""The time of a search: from its first trial on, without the pauses between its runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpopt.errors import SettingError
from hpopt.reports.data import Floats, Ints, StudyData
from hpopt.reports.findings.times import least_pause

UNITS = ((86400.0 * 2, 86400.0, "days"), (7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"))


@dataclass(frozen=True, eq=False)
class Clock:
    """When trials began and ended.

    Attributes
    ----------
    rows : ndarray (m,) of int
        Trials whose times are known.
    begins, ends : ndarray (m,)
        In `unit`, from the first trial on.
    unit : str
    scale : float
        Seconds in it.
    note : str
        Says what was left out.
    """

    rows: Ints
    begins: Floats
    ends: Floats
    unit: str
    scale: float
    note: str


def clock_of(data: StudyData) -> Clock:
    """Return the times of a study's trials.

    Raises
    ------
    SettingError
        None is known.
    """
    is_known = np.isfinite(data.started) & np.isfinite(data.seconds) & (data.started > 0)
    rows = np.flatnonzero(is_known & (data.seconds >= 0))
    if not len(rows):
        raise SettingError(
            "a figure over time must have a trial that says when it began, but got none of "
            f"{len(data)} finished trials: show it over trials"
        )
    begins = data.started[rows] - data.started[rows].min()
    ends = begins + data.seconds[rows]
    order = np.argsort(begins, kind="stable")
    busy = np.maximum.accumulate(ends[order])
    gaps = begins[order][1:] - busy[:-1]
    least = least_pause(data.seconds[rows])
    pauses = np.where(gaps > least, gaps, 0.0)
    lost = np.zeros(len(rows))
    lost[order[1:]] = np.cumsum(pauses)
    begins, ends = begins - lost, ends - lost
    scale, unit = unit_of(float(ends.max()))
    notes = []
    if pauses.any():
        long, name = unit_of(float(pauses.sum()))
        n = int(np.count_nonzero(pauses))
        said = (
            f"a pause of {pauses.sum() / long:.3g} {name} is"
            if n == 1
            else (f"{n} pauses of {pauses.sum() / long:.3g} {name} in all are")
        )
        notes.append(f"{said} left out")
    if len(rows) < len(data):
        notes.append(f"{len(data) - len(rows):,} trials do not say when they began")
    return Clock(rows, begins / scale, ends / scale, unit, scale, "; ".join(notes))


def unit_of(seconds: float) -> tuple[float, str]:
    """Return the seconds in a unit that is good for an amount of time, and its name."""
    return next(((s, name) for least, s, name in UNITS if seconds >= least), (1.0, "seconds"))
