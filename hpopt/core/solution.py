"""A solution: one configuration that an optimizer proposes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Config = dict[str, Any]
Point = NDArray[np.float64]


def copy_data(data: Any) -> Any:
    """Return a deep copy of plain data."""
    # Dicts and lists only: nothing else in it can be changed.
    if isinstance(data, dict):
        return {key: copy_data(value) for key, value in data.items()}
    return [copy_data(value) for value in data] if isinstance(data, list) else data


@dataclass(frozen=True, slots=True)
class Solution:
    """One proposed configuration.

    Attributes
    ----------
    number : int
        Its place in the study, from 0. It never changes, not even across a crash.
    config : dict
        The configuration as a user sees it: active parameters only, plain Python values.
    point : ndarray (d,), in [0, 1]
        The same as coordinates; inactive ones keep their value. Read-only.
    seed : int, in [0, 2**32)
        For everything random in this evaluation; follows from the study's seed and `number`.
    fidelity : float or None
        The resource this evaluation may spend, where the problem declares one.
    """

    number: int
    config: Config
    point: Point = field(compare=False, repr=False)
    seed: int
    fidelity: float | None = None
