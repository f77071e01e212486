"""What a search does now, in words: the phase that it is in, and facts about its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hpopt.core.history import History
from hpopt.core.objective import Objective
from hpopt.core.ranking import comparable
from hpopt.digits import in_digits
from hpopt.numerics.ties import TIED

Floats = NDArray[np.float64]

# What the ways do that most searches go, for those who chose none.
MODEL = "a model chooses"
MODELS = "models choose"
DENSITIES = "choosing near the better results"
EVOLUTION = "good configs are combined and changed"
IN_TURN = "a model and evolution choose in turn"

RECENT = 10  # results: few enough to follow a change, and a share of them is read at a glance


@dataclass(frozen=True, slots=True)
class Phase:
    """A way in which a strategy chooses configs, for as long as it does.

    Attributes
    ----------
    name : str
        Such as ``Gaussian process``. A run tells when it changes.
    reason : str
        Why it is this one; empty where nobody would ask.
    learned : str
        What its model learns from, such as ``43 results``; empty without a model.
    plain : str
        The same as the name for those who do not know that: ``a model chooses``; empty where the
        name says it.
    """

    name: str
    reason: str = ""
    learned: str = ""
    plain: str = field(default="", compare=False)

    @property
    def without_reason(self) -> str:
        """The name, in plain words too, and what the model learns from."""
        named = f"{self.name} on {self.learned}" if self.learned else self.name
        return f"{self.plain} ({named})" if self.plain else named

    def __str__(self) -> str:
        return f"{self.without_reason}{f': {self.reason}' if self.reason else ''}"


def results_in_words(n: int, most: float) -> str:
    """Return how many of n results a model learns from that takes `most` at most."""
    if n > most:
        return f"{most:g} of {n} results"
    return f"{n} result{'s' * (n != 1)}"


def best_in_words(history: History, objectives: Sequence[Objective]) -> str:
    """Return the best feasible value of each objective, in its units; empty without one.

    Of several fidelities they are of the highest that has any.
    """
    is_broken = history.is_broken
    which = comparable(history.losses, history.fidelities, is_broken) & ~is_broken
    best = history.measured[which].min(axis=0, initial=np.inf)
    parts = []
    for objective, loss in zip(objectives, best.tolist(), strict=True):
        name = f"{objective.name} " if len(objectives) > 1 else ""
        if loss < np.inf:
            parts.append(f"best {name}{in_digits(objective.sign * loss + 0.0)}")  # + 0.0: no -0
    return ", ".join(parts)


def recent_in_words(history: History) -> str:
    """Return how many of the last 10 results repeated a known value or failed; else empty."""
    if len(history) < RECENT:
        return ""
    losses = history.all_measured
    rows = [
        row for row in range(len(losses) - RECENT, len(losses)) if np.isfinite(losses[row]).all()
    ]
    n_repeated, n_failed = sum(_is_repeated(losses, row) for row in rows), RECENT - len(rows)
    if n_repeated and n_failed:
        return f"{n_repeated} of the last {RECENT} repeated a known value, {n_failed} failed"
    n, what = (n_repeated, "repeated a known value") if n_repeated else (n_failed, "failed")
    return f"{n} of the last {RECENT} {what}" if n else ""


def _is_repeated(losses: Floats, row: int) -> bool:
    """Return whether an earlier row has the same losses, but for rounding."""
    width = TIED * abs(losses[row])
    low, high = losses[row] - width, losses[row] + width
    return bool(((losses[:row] >= low) & (losses[:row] <= high)).all(axis=1).any())
