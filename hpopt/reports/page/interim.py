"""What can be said of a study without any model; in place of findings that are not made yet."""

from __future__ import annotations

import numpy as np

from hpopt.reports.data import StudyData
from hpopt.reports.findings import (
    Answer,
    FailedBy,
    Failures,
    Findings,
    FrontPart,
    Limits,
    Outlook,
    Recipe,
    Times,
)
from hpopt.reports.importance import importance
from hpopt.reports.source import Source


def plain_findings(data: StudyData, source: Source) -> Findings:
    """Return facts that need no model."""
    best = data.best
    trial = None if best is None else int(data.numbers[best])
    config = {} if best is None else _config(data, best)
    values = {} if best is None else {n: float(v[best]) for n, v in data.values.items()}
    said = "" if trial is None else f"The best is trial {trial}."
    causes = tuple(_cause(data, source, k) for k in range(len(data.causes)))
    front = tuple(data.numbers[data.on_front].tolist())
    header = data.header
    wall = float(np.ptp(np.append(data.started, data.started + data.seconds))) if len(data) else 0.0
    return Findings(
        Answer(trial, None, config, values, None, "", {}, (said,)),
        Outlook(len(data), trial, 0, 50, None, None, None, None, False, ()),
        {each.name: importance(data, each.name) for each in data.objectives},
        (),
        Limits((), (), ()),
        Failures(int(data.is_failure.sum()), causes, (), ()),
        Times(wall, float(data.seconds.sum()), 0.0, 0.0, 1, np.nan, 0.0, ()),
        FrontPart(front, None, {}, ()) if len(data.objectives) > 1 else None,
        Recipe({"hpopt": str(header.get("hpopt"))}, header["seed"], "", "", ()),
    )


def _config(data: StudyData, row: int) -> dict[str, str]:
    found = {each.name: each.label(each.values[row]) for each in data.columns}
    return {name: text for name, text in found.items() if text}


def _cause(data: StudyData, source: Source, k: int) -> FailedBy:
    cause, rows = data.causes[k], data.cause == k
    traceback = source.trial(cause.first).traceback or ""
    lost = float(data.seconds[rows].sum())
    return FailedBy(cause.status, cause.error, int(rows.sum()), cause.first, traceback, lost)
