"""The trials of which a page has everything: exact configs, curves, errors and tracebacks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpopt.core import Trial
from hpopt.reports.data import StudyData
from hpopt.reports.page.packing import cut
from hpopt.reports.source import Source

MOST_BEST, MOST_ON_FRONT, MOST_OTHERS = 40, 60, 60  # each takes a kB or so
MOST_STEPS = 200  # of a curve: as many as its picture has pixels for
MOST_OF_A_TRACEBACK = 4_000  # characters of its end, where the error is
MOST_OF_A_CONFIG = 20_000  # characters: hundreds of parameters


def told_trials(source: Source, data: StudyData) -> dict[str, dict[str, Any]]:
    """Return all of the best trials, of the front, one of each error, and some between.

    Parameters
    ----------
    source : Source
    data : StudyData
        What has been read of it.

    Returns
    -------
    dict of str to dict
        Number of a trial (keys of JSON are texts) → ``config`` (as JSON text), ``seed``,
        ``curve`` (pairs), ``error`` and ``traceback``, where it has them.
    """
    objective = data.objectives[0].name
    return {str(n): told_trial(source.trial(n), objective) for n in _chosen(data)}


def _chosen(data: StudyData) -> list[int]:
    rows = list(data.order[:MOST_BEST])
    if len(data.objectives) > 1:
        rows += list(np.flatnonzero(data.on_front)[:MOST_ON_FRONT])
    spread = np.linspace(0, len(data) - 1, min(len(data), MOST_OTHERS)).round().astype(int)
    numbers = {int(data.numbers[row]) for row in (*rows, *spread)}
    return sorted(numbers | {cause.first for cause in data.causes})


def told_trial(trial: Trial, objective: str) -> dict[str, Any]:
    """Return all of one trial: see `told_trials`."""
    config = json.dumps(trial.config, indent=2, default=str, ensure_ascii=False)
    found: dict[str, Any] = {
        "config": config if len(config) <= MOST_OF_A_CONFIG else cut(config),
        "seed": trial.solution.seed,
    }
    curve = _curve(trial, objective)
    if curve:
        found["curve"] = curve
    if trial.error:
        found["error"] = cut(trial.error)
    if trial.traceback:
        found["traceback"] = last_of(trial.traceback)
    return found


def last_of(traceback: str) -> str:
    """Return the end of a traceback, where the error is."""
    left_out = len(traceback) - MOST_OF_A_TRACEBACK
    if left_out <= 0:
        return traceback
    return f"({left_out} characters before)\n{traceback[-MOST_OF_A_TRACEBACK:]}"


def _curve(trial: Trial, objective: str) -> list[list[float]]:
    pairs = []
    for step, value in trial.curve:
        one = value.get(objective) if isinstance(value, Mapping) else value
        if one is not None and np.isfinite(one) and np.isfinite(step):
            pairs.append([float(step), float(one)])
    if len(pairs) <= MOST_STEPS:
        return pairs
    places = np.linspace(0, len(pairs) - 1, MOST_STEPS).round().astype(int)
    return [pairs[place] for place in places]
