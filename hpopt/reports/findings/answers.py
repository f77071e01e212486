"""The answer: the best config, how sure its value is, and what is nearly as good."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hpopt.digits import in_digits
from hpopt.reports.data import StudyData
from hpopt.reports.findings.configs import labels, long_vectors, same_config
from hpopt.reports.findings.parts import Answer
from hpopt.reports.phrases import listed, quoted, trials
from hpopt.reports.source import Source

NEAR_BY_RANK = 30  # of the best trials, whose values are compared with their neighbours'
NEAR = 0.05  # of the ranges, on average over the parameters: as near as settings are alike
LEAST_NEAR = 8  # pairs of neighbours: a median of fewer says little
MEDIAN_OF_DIFFERENCES = 0.954  # of two normal values, in standard deviations of one
MOST_LOOKED_AT = 50  # trials after the best, among which another config is looked for
WITHIN = {
    "repeats": "That is within the noise: nobody can tell which of them is better.",
    "folds": "That is within the noise: nobody can tell which of them is better.",
    "neighbours": "That may be noise: evaluate both again to see which of them is better.",
}
CLOSE = 1e-6  # relative: as near as a mean of folds is to the value that it was rounded to


def answer_of(data: StudyData, source: Source | None = None) -> Answer:
    """Return the best trial, and the best one with another config."""
    best = data.best
    if best is None:
        return Answer(None, None, {}, {}, None, "", {}, (_why_none(data),))
    second = _second(data, best)
    noise, noise_from = noise_of(data, best, source)
    here = labels(data, best)
    there = {} if second is None else labels(data, second)
    names = [name for name in {**here, **there} if here.get(name) != there.get(name)]
    differences = {name: (here.get(name, ""), there.get(name, "")) for name in names}
    said = [_of_best(data, best)]
    if second is not None:
        said += _of_second(data, best, second, differences)
        gap = float(data.losses()[second] - data.losses()[best])
        if noise is not None and gap < 2 * noise:
            said.append(WITHIN[noise_from])
    if noise is not None:
        said.append(_of_noise(noise, noise_from))
    return Answer(
        int(data.numbers[best]),
        None if second is None else int(data.numbers[second]),
        here,
        {name: float(v[best]) for name, v in data.values.items() if not np.isnan(v[best])},
        noise,
        noise_from,
        differences if second is not None else {},
        tuple(said),
    )


def noise_of(data: StudyData, best: int, source: Source | None = None) -> tuple[float | None, str]:
    """Return the standard deviation of a value at one config, and what it is known from."""
    for found, known_from in (
        (_from_repeats(data), "repeats"),
        (None if source is None else _from_folds(data, source, best), "folds"),
        (_from_neighbours(data), "neighbours"),
    ):
        if found is not None and math.isfinite(found):
            return found, known_from
    return None, ""


def _why_none(data: StudyData) -> str:
    if not len(data):
        return "No trial has finished yet."
    if not data.ok.any():
        if data.is_failure.all():
            which = "The one trial" if len(data) == 1 else f"All {len(data)} trials"
            return f"{which} failed: there is no value yet."
        return f"None of {trials(len(data))} has a value yet."
    nearest = int(data.numbers[data.order[0]])
    return (
        f"None of {trials(int(data.ok.sum()))} with values meets all constraints; trial {nearest} "
        "comes nearest."
    )


def _of_best(data: StudyData, best: int) -> str:
    objective, *others = data.objectives
    value = in_digits(data.values[objective.name][best])
    most = "highest" if objective.direction == "maximize" else "lowest"
    said = f"The best of {trials(int(data.ok.sum()))} with values is trial {data.numbers[best]}, "
    said += f"with the {most} {objective.name}: {value}"
    if data.fidelity is not None and not np.isnan(data.reached[best]):
        said += f" at {in_digits(data.reached[best])} {data.fidelity.name}"
    if data.constraints:
        said += ", and it meets all constraints"
    known = data.values[objective.name][data.ok]
    if len(known) > 1 and np.all(known == known[0]):
        return f"All {len(known)} values of {objective.name} are the same: {value}."
    several = " Of several objectives there is no single best: see the front." if others else ""
    return f"{said}.{several}"


def _second(data: StudyData, best: int) -> int | None:
    """Return the best comparable trial of another config."""
    for row in data.order[1 : MOST_LOOKED_AT + 1]:
        is_fit = data.is_feasible[row] and data.is_comparable[row]
        if is_fit and not same_config(data.columns, best, int(row)):
            return int(row)
    return None


def _of_second(
    data: StudyData,
    best: int,
    second: int,
    differences: Mapping[str, tuple[str, str]],
) -> list[str]:
    objective = data.objectives[0]
    values = data.values[objective.name]
    gap = float(data.losses()[second] - data.losses()[best])
    name = f"The next best with another config, trial {data.numbers[second]}, "
    if gap == 0:
        said = [name + f"has the same {objective.name}."]
    else:
        word = "more" if objective.direction == "minimize" else "less"
        said = [name + f"has {in_digits(values[second])}: {in_digits(_short(gap))} {word}."]
    if len(differences) > 4:
        of = f"{len(differences)} of {len(data.columns)}"
        of = f"at least {len(differences)}" if long_vectors(data.space) else of
        said.append(f"It differs in {of} parameters.")
    elif differences:
        told = [
            f"{quoted(name)} ({quoted(there) or 'none'}, the best: {quoted(here) or 'none'})"
            for name, (here, there) in differences.items()
        ]
        said.append(f"It differs in {listed(told)}.")
    return said


def _of_noise(noise: float, known_from: str) -> str:
    about = in_digits(_short(noise))
    if known_from == "repeats":
        return f"Repeated evaluations of one config differ by {about} (standard deviation)."
    if known_from == "folds":
        return f"The mean over the folds of the best has a standard error of {about}."
    return (
        f"Values of the best configs differ by about {about} from those of nearly the same ones "
        "(standard deviation): the noise is at most that."
    )


def _short(value: float) -> float:
    return float(f"{value:.2g}")


def _from_repeats(data: StudyData) -> float | None:
    """Return the spread of trials with one config and one fidelity."""
    rows = np.flatnonzero(data.ok & data.is_comparable & np.isfinite(data.losses()))
    if len(rows) < 2 or not data.columns:
        return None
    cells = np.column_stack([np.nan_to_num(each.values[rows], nan=-1e99) for each in data.columns])
    _, which, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        return None
    values, which = data.losses()[rows], which.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.bincount(which, values) / counts
        squares = ((values - means[which]) ** 2).sum()
        return float(np.sqrt(squares / (counts - 1).sum()))


def _from_folds(data: StudyData, source: Source, best: int) -> float | None:
    """Return the standard error of a mean that the evaluation left in `info` as a list."""
    value = data.values[data.objectives[0].name][best]
    for each in source.trial(int(data.numbers[best])).info.values():
        if not isinstance(each, list) or not 2 <= len(each) <= 100:
            continue
        if not all(isinstance(part, int | float) for part in each):
            continue
        parts = np.array(each, dtype=np.float64)
        if np.isfinite(parts).all() and math.isclose(parts.mean(), value, rel_tol=CLOSE):
            return float(parts.std(ddof=1) / math.sqrt(len(parts)))
    return None


def _from_neighbours(data: StudyData) -> float | None:
    """Return how much the best trials differ from those with nearly the same settings."""
    rows = [row for row in data.order if data.is_feasible[row] and data.is_comparable[row]]
    near = np.array(rows[: 4 * NEAR_BY_RANK], dtype=np.int64)
    losses = data.losses()[near]
    if len(near) <= LEAST_NEAR or not data.columns or not np.isfinite(losses).all():
        return None
    gaps = np.zeros((len(near), len(near)))
    for each in data.columns:
        here = each.values[near] if each.kind == "categorical" else each.unit[near]
        apart = np.abs(here[:, None] - here[None])
        if each.kind == "categorical":
            apart = (apart > 0).astype(np.float64)
        absent = np.isnan(here)
        gaps += np.where(absent[:, None] & absent[None], 0.0, np.nan_to_num(apart, nan=1.0))
    gaps = gaps / len(data.columns)
    np.fill_diagonal(gaps, np.inf)
    nearest = gaps[:NEAR_BY_RANK].argmin(axis=1)
    ranks = np.arange(len(nearest))
    close = gaps[ranks, nearest] <= NEAR
    if close.sum() < LEAST_NEAR:
        return None
    found = np.abs(losses[ranks] - losses[nearest])[close]
    return float(np.median(found)) / MEDIAN_OF_DIFFERENCES or None
