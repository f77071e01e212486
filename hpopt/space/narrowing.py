"""Narrow a space: drop the values and ends of ranges that underperform, and say why.

The three rounds of Aszemi & Dominic 2019, "Hyperparameter optimization in convolutional neural
network using genetic algorithms", https://doi.org/10.14569/IJACSA.2019.0100638, drop by hand the
values "that are not performing well". Here something is dropped where a rank test says so, one
after the other, as in the peeling of Friedman & Fisher 1999, "Bump hunting in high-dimensional
data", https://doi.org/10.1023/A:1008894516817.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import ConfigError, SpaceError
from hpopt.space.changes import with_settings
from hpopt.space.choice import Listed
from hpopt.space.coordinates import Coordinates
from hpopt.space.dimensions import Dimension, Path, dimensions_of
from hpopt.space.parameter import Floats, Parameter
from hpopt.space.peeling import Peeling, Rules

S = TypeVar("S", bound=Coordinates)


@dataclass(frozen=True)
class Narrowed(Generic[S]):
    """A smaller space, and why it is smaller. Printed, it explains itself.

    Attributes
    ----------
    space : Space
        Each of its configs is one of the space that was narrowed.
    reasons : tuple of str
        What was dropped, and on what evidence.
    n_trials : int
        How many trials were the evidence.
    """

    space: S
    reasons: tuple[str, ...]
    n_trials: int

    def __str__(self) -> str:
        if self.reasons:
            return "\n".join(self.reasons)
        if not self.n_trials:
            return "the whole space, as nothing is known of it"
        return f"nothing underperforms clearly in {self.n_trials} trials"


def narrow_space(
    space: S,
    configs: Sequence[Mapping[str, Any]],
    losses: Floats,
    *,
    rules: Rules | None = None,
    sign: float = 1.0,
) -> Narrowed[S]:
    """Return a space without what underperforms.

    Parameters
    ----------
    configs : sequence of n mappings
        Canonical ones of this space.
    losses : ndarray (n,)
        To be minimised; infinite where the evaluation gave no values.
    rules : Rules, optional
    sign : float, 1 or -1
        What a loss is multiplied with in the reasons.
    """
    rules = rules or Rules()
    trials = [[config] for config in configs]
    if not np.isfinite(losses).any():
        return Narrowed(space, (), len(trials))
    found = dimensions_of(space, trials, ())
    reasons = Peeling(found, losses, rules, sign).run()
    try:
        smaller: Any = _changed(space, found, ())
    except SpaceError as error:  # what is left can hardly be drawn
        return Narrowed(space, (f"nothing is dropped, as then {error}",), len(trials))
    return Narrowed(smaller, tuple(reasons), len(trials))


def configs_in(
    space: Coordinates, configs: Sequence[Mapping[str, Any]]
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the places of the configs that lie in a space, and their canonical forms."""
    places, found = [], []
    for place, config in enumerate(configs):
        try:
            found.append(space._checked(config))
        except ConfigError:
            continue
        places.append(place)
    return places, found


def _changed(space: Any, found: Sequence[Dimension], path: Path) -> Any:
    changes: dict[str, Parameter] = {}
    for name, parameter in space.items():
        own = [dimension for dimension in found if dimension.path == (*path, name)]
        settings: dict[str, Any] = _settings(own[0]) if own else {}
        layer = getattr(parameter, "layer", None)
        if layer is not None:
            smaller = _changed(layer, found, (*path, name))
            settings |= {"space": smaller} if smaller is not layer else {}
        if settings:
            changes[name] = with_settings(parameter, settings)
    return space.changed(changes) if changes else space


def _settings(dimension: Dimension) -> dict[str, Any]:
    """Return the settings of a parameter that its ends and dropped values change."""
    low, high = dimension.ends
    if isinstance(dimension.parameter, Listed):
        listed: NDArray[np.int64] = np.arange(dimension.parameter.n_levels)
        kept = [p for p in listed.tolist() if low <= p <= high and p not in dimension.dropped]
        if len(kept) == dimension.parameter.n_levels:
            return {}
        return {dimension.parameter.noun: [dimension.value(place) for place in kept]}
    names = (
        ("min_length", "max_length") if hasattr(dimension.parameter, "layer") else ("low", "high")
    )
    moved = zip(names, (low, high), (0.0, dimension.last), strict=True)
    return {name: dimension.value(end) for name, end, before in moved if end != before}
