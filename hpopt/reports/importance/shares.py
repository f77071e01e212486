"""How much of the differences between trials each parameter, and each pair, accounts for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Share:
    """What one parameter accounts for.

    Attributes
    ----------
    name : str
        As in `hpopt.reports.columns.Column`.
    share : float, in [0, 1]
        Of the variance of the objective: of the parameter alone, averaged over all others. What
        models do not explain, noise for one, is nobody's. A parameter that some configs lack counts
        where it is active; that it is active or not is its parent's doing.
    low, high : float, in [0, 1]
        The interval of the share: 5 % as if all that is not explained were noise, to 95 % as if it
        were divided as what is explained.
    total : float, in [0, 1]
        With all interactions in which it takes part.
    active : float, in (0, 1]
        In which share of the space it exists.
    """

    name: str
    share: float
    low: float
    high: float
    total: float
    active: float = 1.0


@dataclass(frozen=True, slots=True)
class PairShare:
    """What two parameters account for together, beyond what each does alone.

    Attributes
    ----------
    names : tuple of two str
    share, low, high : float, in [0, 1]
        As of `Share`.
    """

    names: tuple[str, str]
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """What is expected of the objective at each setting of one parameter, all others averaged.

    Attributes
    ----------
    name : str
    at : ndarray (m,)
        Settings, ascending, as `Column.values` has them: of a listed parameter places.
    value, low, high : ndarray (m,)
        In the objective's own unit and direction, and an interval of 5 % to 95 %. Outliers were
        cut: see `Importance.target`.
    """

    name: str
    at: Floats
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class ProcessShares:
    """What each parameter alone accounts for in the mean of a Gaussian process.

    Attributes
    ----------
    shares : dict of str to float
        The most important first; empty where the process could not be fitted.
    skill : float
        R² of its predictions of each trial from all others; nan without a process. Where it is
        small, the shares say nothing.
    n_trials : int
    """

    shares: Mapping[str, float]
    skill: float
    n_trials: int


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """What mattered to one objective.

    Attributes
    ----------
    objective : str
    shares : tuple of Share
        All parameters, the most important first; empty unless `is_known`.
    pairs : tuple of PairShare
        Those of the most important parameters, the largest first; empty unless `is_known`.
    marginals : dict of str to Marginal
        Of all parameters; empty unless `is_known`.
    rest : tuple of float
        ``rest[k]``: what all parameters after the first k of `shares` account for together, with
        all of their interactions; its interval's upper end is `rest_high`.
    rest_high : tuple of float
    n_trials : int
        How many trials it was computed from.
    skill : float, in [0, 1]
        Which share of the variance of trials that they had not seen the trees explain (a squared
        correlation), and all shares together at most; nan where none could be grown.
    is_known : bool
        Whether that is enough to say what mattered.
    target : str
        What was explained, in words: the values, and where outliers were cut.
    sentences : tuple of str
        What people read.
    process : ProcessShares or None
        The second opinion of a Gaussian process; None unless `is_known`.
    """

    objective: str
    shares: tuple[Share, ...]
    pairs: tuple[PairShare, ...]
    marginals: dict[str, Marginal]
    rest: tuple[float, ...]
    rest_high: tuple[float, ...]
    n_trials: int
    skill: float
    is_known: bool
    target: str
    sentences: tuple[str, ...]
    process: ProcessShares | None = None

    def of(self, name: str) -> Share | None:
        """Return the share of a parameter; None where there is none."""
        return next((each for each in self.shares if each.name == name), None)
