"""Several studies of one objective, head to head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Objective
from hpopt.digits import in_digits
from hpopt.errors import SettingError
from hpopt.reports.data import StudyData
from hpopt.reports.findings.times import in_order_of_time
from hpopt.reports.phrases import in_time, listed, trials

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One study among several that are compared.

    Attributes
    ----------
    name : str
    numbers, seconds, best : ndarray (m,)
        After how many finished trials, and seconds since its first start, the best was bettered,
        and what it was then; in the order of time.
    n_trials : int
    wall : float
        Seconds from the first start to the last end.
    """

    name: str
    numbers: Floats
    seconds: Floats
    best: Floats
    n_trials: int
    wall: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several studies of one objective, head to head.

    Attributes
    ----------
    objective : str
    runs : tuple of Run
    after_trials, after_seconds : tuple of (str, float)
        Name and best value of each study after as many trials, or seconds, as the shortest one
        has; the best first.
    n_trials : int
    seconds : float
        How many those are.
    """

    objective: str
    runs: tuple[Run, ...]
    after_trials: tuple[tuple[str, float], ...]
    after_seconds: tuple[tuple[str, float], ...]
    n_trials: int
    seconds: float
    sentences: tuple[str, ...]


def compared(several: Sequence[StudyData]) -> Comparison:
    """Return several studies head to head, by their first objective.

    Raises
    ------
    SettingError
        They are fewer than two, or their first objectives differ.
    """
    objectives = {each.objectives[0] for each in several}
    if len(several) < 2 or len(objectives) != 1:
        found = listed(sorted(f"{each.direction} {each.name}" for each in objectives))
        raise SettingError(
            "to compare, there must be two studies or more with the same first objective, but got "
            f"{len(several)} ({found}): compare those alone that have the same"
        )
    objective = objectives.pop()
    runs = tuple(_run(each, name) for each, name in zip(several, _names(several), strict=True))
    n_trials = min(run.n_trials for run in runs)
    timed = all(run.wall > 0 for run in runs)
    seconds = min(run.wall for run in runs) if timed else 0.0
    after_trials = _ranked(runs, objective, n_trials=n_trials)
    after_seconds = _ranked(runs, objective, seconds=seconds) if timed else ()
    said = [
        *_in_words(after_trials, runs, objective, f"after {trials(n_trials)} each"),
        *_in_words(after_seconds, runs, objective, f"after {in_time(seconds)} each"),
    ]
    if after_trials:
        said.append(
            "Each is one run: another seed may turn the order round. A strategy is better than "
            "another only where it is so over several seeds."
        )
    return Comparison(
        objective.name, runs, after_trials, after_seconds, n_trials, seconds, tuple(said)
    )


def _names(several: Sequence[StudyData]) -> list[str]:
    """Return a name for each study; of those with the same name, with a number."""
    names = [each.name for each in several]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: k + 1].count(name)})"
        for k, name in enumerate(names)
    ]


def _run(data: StudyData, name: str) -> Run:
    order = in_order_of_time(data)
    losses = np.where(data.is_feasible & data.is_comparable, data.losses(), np.inf)[order]
    best = np.minimum.accumulate(losses)
    better = np.flatnonzero(losses < np.append(np.inf, best[:-1]))
    ends = (data.started + data.seconds)[order]
    known = data.started[data.started > 0]
    start = float(known.min()) if len(known) == len(data) and len(data) else np.nan
    wall = float(ends.max() - start) if np.isfinite(start) else 0.0
    values = data.objectives[0].sign * best[better]
    numbers = np.asarray(better + 1, dtype=np.float64)
    return Run(name, numbers, ends[better] - start, values, len(data), wall)


def _ranked(
    runs: Sequence[Run],
    objective: Objective,
    *,
    n_trials: float = np.inf,
    seconds: float = np.inf,
) -> tuple[tuple[str, float], ...]:
    """Return each study's best within a number of trials, or of seconds; the best first."""
    found = []
    for run in runs:
        is_within = run.numbers <= n_trials
        if np.isfinite(seconds):
            is_within &= run.seconds <= seconds
        if is_within.any():
            found.append((run.name, float(run.best[is_within][-1])))
    return tuple(sorted(found, key=lambda each: objective.sign * each[1]))


def _in_words(
    ranked: Sequence[tuple[str, float]], runs: Sequence[Run], objective: Objective, when: str
) -> list[str]:
    if not ranked:
        return []
    (first, best), *others = ranked
    without = [run.name for run in runs if run.name not in dict(ranked)]
    equal = [name for name, value in others if value == best]
    behind = [f"{name} {in_digits(value)}" for name, value in others if value != best]
    said = f"{when[0].upper()}{when[1:]}, "
    said += f"{listed([first, *equal])} {'are level' if equal else 'leads'}"
    said += f" with {objective.name} {in_digits(best)}"
    if behind:
        said += f" (ahead of {listed(behind)})"
    if without:
        said += f"; {listed(without)} had no value yet"
    return [f"{said}."]
