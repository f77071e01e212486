"""Dimensions of a space that can be narrowed, and how the trials at their values ranked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import SettingError
from hpopt.space.choice import Listed
from hpopt.space.parameter import Bools, Floats, Parameter
from hpopt.space.scalar import Scalar

Path = tuple[str, ...]


@dataclass(slots=True)
class Dimension:
    """A parameter, or the length of a list, that can be narrowed.

    A parameter of a layer may occur several times in a trial, and a conditional one not at all. A
    trial lies outside an end where any of its layers does.

    Attributes
    ----------
    path : tuple of str
        Its name, below the names of the lists that it is in.
    parameter : Parameter
        For the length of a list, the list.
    last : float
        The position of its upper end: 1 where it is continuous, else the number of levels - 1.
    least, most : ndarray (n,)
        The lowest and the highest position that occurs in each trial; nan where it does not.
    has : ndarray (n, k) of bool
        Which of its listed values occur in each trial; k = 0 for numbers and lengths.
    ends : list of float
        The positions between which it is kept.
    dropped : set of int
        The places of the listed values that are dropped.
    """

    path: Path
    parameter: Parameter
    last: float
    least: Floats
    most: Floats
    has: Bools
    ends: list[float] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.ends = [0.0, self.last]

    @property
    def occurs(self) -> Bools:
        """The trials in which it occurs, shape (n,)."""
        return ~np.isnan(self.least)

    @property
    def is_discrete(self) -> bool:
        """Whether its positions are levels."""
        return not isinstance(self.parameter, Scalar) or self.parameter.n_levels > 0

    @property
    def is_ordered(self) -> bool:
        """Whether its ends mean something."""
        return bool(self.parameter.ordered[0])

    @property
    def n_left(self) -> float:
        """The number of levels that are kept; for a continuous one the width that is."""
        low, high = self.ends
        if not self.is_discrete:
            return high - low
        return sum(low <= level <= high for level in range(int(self.last) + 1)) - len(
            [place for place in self.dropped if low <= place <= high]
        )

    def value(self, position: float) -> Any:
        """Return the value at a position; for the length of a list, the length."""
        if not isinstance(self.parameter, Scalar):
            sequence: Any = self.parameter
            return int(sequence.min_length + position)
        position_ = np.array([position])
        unit = self.parameter.unit(position_) if self.is_discrete else position_
        return self.parameter.decode(unit[:, None])[0]


def dimensions_of(
    parameters: Mapping[str, Parameter], trials: Sequence[Sequence[Mapping[str, Any]]], path: Path
) -> list[Dimension]:
    """Return the dimensions of parameters.

    Parameters
    ----------
    trials : sequence of n sequences of mappings
        The canonical configs of these parameters in each trial: its layers, or itself alone.
    path : tuple of str
        The names of the lists that they are in.
    """
    found: list[Dimension] = []
    for name, parameter in parameters.items():
        values = [[config[name] for config in configs if name in config] for configs in trials]
        if isinstance(parameter, Scalar):
            found.append(_dimension_of_scalar((*path, name), parameter, values))
        elif parameter.layouts(0):
            found += _dimensions_of_list((*path, name), parameter, values)
    return [dimension for dimension in found if dimension.last > 0]


def _dimensions_of_list(
    path: Path, sequence: Any, values: Sequence[Sequence[Any]]
) -> list[Dimension]:
    low, high = sequence.min_length, sequence.max_length
    lengths = [np.array([float(len(each) - low) for each in lists]) for lists in values]
    layers = [[layer for each in lists for layer in each] for lists in values]
    length = _dimension(path, sequence, float(high - low), lengths)
    return [length, *dimensions_of(sequence.layer, layers, path)]


def _dimension_of_scalar(
    path: Path, parameter: Scalar, values: Sequence[Sequence[Any]]
) -> Dimension:
    block = parameter.encode([value for several in values for value in several])
    positions = parameter.codes(block[:, 0]) if parameter.n_levels else block[:, 0]
    stops = np.cumsum([len(several) for several in values])
    last = float(parameter.n_levels - 1 if parameter.n_levels else 1)
    return _dimension(path, parameter, last, np.split(positions, stops[:-1]))


def _dimension(
    path: Path, parameter: Parameter, last: float, positions: Sequence[Floats]
) -> Dimension:
    least = np.array([each.min() if each.size else np.nan for each in positions])
    most = np.array([each.max() if each.size else np.nan for each in positions])
    n_values = parameter.n_levels if isinstance(parameter, Listed) else 0
    has = np.zeros((len(positions), n_values), dtype=bool)
    if n_values:
        for row, each in enumerate(positions):
            has[row, each.astype(np.int64)] = True
    return Dimension(path, parameter, last, least, most, has)


def ranks(losses: Floats) -> Floats:
    """Return ranks from 0 (the least loss) to n - 1; equal losses share the mean of theirs."""
    _, places, counts = np.unique(losses, return_inverse=True, return_counts=True)
    firsts = np.cumsum(counts) - counts
    return np.asarray((firsts + (counts - 1) / 2)[places.ravel()])


def rank_sum_p_values(losses: Floats, subsets: Bools) -> Floats:
    """Return the p-value of each subset of trials: that it ranks as badly by chance alone.

    The one-sided rank-sum test of Mann & Whitney 1947, "On a test of whether one of two random
    variables is stochastically larger than the other",
    https://doi.org/10.1214/aoms/1177730491, in its normal approximation with the corrections for
    ties and continuity: z = (U - n1 n2 / 2 - 1/2) / sigma,
    sigma² = n1 n2 / 12 · (n + 1 - sum(t³ - t) / (n (n - 1))).

    Parameters
    ----------
    losses : ndarray (n,)
        Infinite where the evaluation gave no values.
    subsets : ndarray (k, n) of bool
        The trials that are tested for being worse than the others, k times.

    Returns
    -------
    ndarray (k,), in [0, 1]
        1 where a subset has none or all of them.
    """
    from scipy.special import ndtr

    n = len(losses)
    n_inside = subsets.sum(axis=1)
    n_pairs = n_inside * (n - n_inside)
    _, counts = np.unique(losses, return_counts=True)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum()) / max(1, n * (n - 1))
    sigma = np.sqrt(n_pairs / 12 * (n + 1 - ties))
    above = subsets @ ranks(losses) - n_inside * (n_inside - 1) / 2
    z = (above - n_pairs / 2 - 0.5) / np.where(sigma > 0, sigma, 1.0)
    return np.where(sigma > 0, ndtr(-z), 1.0)


def configs_and_losses(
    trials: Iterable[Any], objective: str | None, direction: str
) -> tuple[list[Mapping[str, Any]], NDArray[np.float64]]:
    """Return the configs and losses of trials; a loss is infinite where there are no values.

    Raises
    ------
    SettingError
        The direction does not exist, the trials have no such objective, or none is named and
        they have several values.
    """
    if direction not in ("minimize", "maximize"):
        raise SettingError(f"direction must be 'minimize' or 'maximize', but got {direction!r}")
    found = list(trials)
    for trial in found:
        if not hasattr(trial, "config") or not hasattr(trial, "values"):
            raise SettingError(
                "trials must be hpopt.Trial, or have a config and values like one, but got "
                f"{trial!r:.80}"
            )
    names = list(dict.fromkeys(name for trial in found for name in trial.values))
    if objective is None and len(names) > 1:
        raise SettingError(f"objective must be one of the values {names}, but none was named")
    name = objective if objective is not None else (names or [""])[0]
    if names and name not in names:
        raise SettingError(f"objective must be one of the values {names}, but got {name!r}")
    sign = 1.0 if direction == "minimize" else -1.0
    given = [sign * float(trial.values.get(name, math.nan)) for trial in found]
    losses = np.array([math.inf if math.isnan(loss) else loss for loss in given])
    return [trial.config for trial in found], losses
