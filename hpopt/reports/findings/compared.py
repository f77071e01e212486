"""Several studies of one objective, head to head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
