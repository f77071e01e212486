"""What a problem of several objectives is, and the share of the best front that a search has found.

numpy only, so that peers run it too.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recorded import Parameter, existing

Floats = NDArray[np.float64]

NUMBERS = 6
"""Parameters of ZDT and DTLZ."""
MARGIN = 0.1
"""How far the reference point lies beyond the worst of the front, in its ranges."""
KNOWN = Path(__file__).resolve().parent / "best_known.json"

Evaluate = Callable[[Mapping[str, Any]], Sequence[float]]


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes
    ----------
    name : str
    parameters : tuple of Parameter
        Those that others depend on come before these.
    objectives : tuple of str
        All to be minimised.
    evaluate : callable
        Gives the losses of a config, and after them what must be at most 0.
    ideal, reference : ndarray (m,)
        The box in which volumes are taken.
    volume : float
        What the best front has of it, in shares of the box.
    constraints : tuple of str
        What must be at most 0.
    """

    name: str
    parameters: tuple[Parameter, ...]
    objectives: tuple[str, ...]
    evaluate: Evaluate
    ideal: Floats
    reference: Floats
    volume: float
    constraints: tuple[str, ...] = ()

    def values(self, config: Mapping[str, Any]) -> Floats:
        """Give the losses and the constraints; entries that do not exist are passed over."""
        return np.array(self.evaluate(self.existing(config)), dtype=np.float64)

    def losses(self, config: Mapping[str, Any]) -> Floats:
        """Give the losses of one config; entries that do not exist in it are passed over."""
        return self.values(config)[: len(self.objectives)]

    def existing(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what does not exist where others are as they are."""
        return existing(self.parameters, config)


class Trace:
    """Record one run: the share of the best front's volume after each evaluation that adds to it.

    Attributes
    ----------
    rows : list of (evaluation, different, minus the share)
        From the first feasible one on; the last row is that of the last evaluation. Minus, as the
        runs of all benchmarks are of losses; inf where nothing was feasible.
    seconds : float
        Processor time that the evaluations took.
    """

    def __init__(self, problem: Problem, budget: int) -> None:
        self.rows: list[tuple[int, int, float]] = []
        self.seconds = 0.0
        self._problem, self._budget = problem, budget
        self._front = np.empty((0, len(problem.objectives)))
        self._seen: set[tuple[Any, ...]] = set()
        self._n, self._share = 0, 0.0

    def evaluate(self, config: Mapping[str, Any]) -> Floats:
        """Give losses and constraints, and count it; beyond the budget nothing is recorded."""
        begin = time.process_time()
        values = self._problem.values(config)
        if self._n < self._budget:
            self._n += 1
            self._seen.add(tuple(self._problem.existing(config).items()))
            losses, broken = np.split(values, [len(self._problem.objectives)])
            if (broken <= 0).all():
                self._add(losses)
        self.seconds += time.process_time() - begin
        return values

    def _add(self, losses: Floats) -> None:
        problem = self._problem
        scaled = (losses - problem.ideal) / (problem.reference - problem.ideal)
        worse = (self._front <= scaled).all(axis=1)
        adds = (scaled < 1).all() and not worse.any()
        if adds:
            left = self._front[(self._front < scaled).any(axis=1)]
            self._front = np.vstack([left, scaled])
            self._share = volume(self._front) / problem.volume
        if adds or not self.rows:
            self.rows.append((self._n, len(self._seen), -self._share))

    def finished(self) -> list[tuple[int, int, float]]:
        """Give the rows, the last evaluation's with them."""
        if not self.rows:
            self.rows.append((self._n, len(self._seen), math.inf))
        if self.rows[-1][0] < self._n:
            self.rows.append((self._n, len(self._seen), -self._share))
        return self.rows


def volume(front: Floats) -> float:
    """Give what points of [0, 1]^m dominate of it, by slices of the last loss."""
    if not len(front):
        return 0.0
    if front.shape[1] == 1:
        return 1.0 - float(front.min())
    front = front[np.argsort(front[:, -1], kind="stable")]
    edges = np.append(front[1:, -1], 1.0)
    if front.shape[1] == 2:
        return float(((1.0 - np.minimum.accumulate(front[:, 0])) * (edges - front[:, 1])).sum())
    heights = edges - front[:, -1]
    return sum(
        float(height) * volume(front[: row + 1, :-1])
        for row, height in enumerate(heights)
        if height > 0
    )


def boxed(losses: Floats, higher: float = 1.0) -> tuple[Floats, Floats, float]:
    """Give ideal and reference of a front, and its share of the box between them.

    The last loss's reference is raised by a factor, if one is given.
    """
    front = losses[non_dominated(losses)]
    ideal, worst = front.min(axis=0), front.max(axis=0)
    reference = worst + MARGIN * (worst - ideal)
    reference[-1] *= higher
    return ideal, reference, volume((front - ideal) / (reference - ideal))


def non_dominated(losses: Floats) -> NDArray[np.bool_]:
    """Say which rows no other one dominates; of equal rows only the first."""
    order = np.lexsort(losses.T[::-1])
    kept = np.zeros(len(losses), dtype=bool)
    if losses.shape[1] == 2:  # each must have less of the second than all before it
        second = losses[order, 1]
        kept[order] = second < np.append(np.inf, np.minimum.accumulate(second)[:-1])
        return kept
    front = np.empty((0, losses.shape[1]))
    for row in order:
        if not (front <= losses[row]).all(axis=1).any():
            kept[row] = True
            front = np.vstack([front, losses[row]])
    return kept


def best_known(name: str) -> Floats:
    """Give a front that `best_known.py` has found."""
    return np.array(json.loads(KNOWN.read_text(encoding="utf-8"))[name])
