"""Restarts: when to begin again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from hpopt.checks import whole
from hpopt.optimizers.genetic.parts import Restart
from hpopt.optimizers.genetic.population import Floats


@dataclass(frozen=True, slots=True)
class Stagnation(Restart):
    """Begin again after some generations in which no objective's least loss fell.

    Parameters
    ----------
    generations : int, >= 1
    best : int, >= 0
        How many of the best are kept.
    """

    name: ClassVar[str] = "stagnation"
    generations: int = 10
    best: int = 2

    def __post_init__(self) -> None:
        whole("generations of a restart", self.generations, 1)
        whole("best of a restart", self.best, 0)

    def carried(self, ideals: Floats) -> int | None:
        """Return how many of the best are kept; None to go on."""
        if len(ideals) <= self.generations:
            return None
        before, since = ideals[: -self.generations], ideals[-self.generations :]
        fell = (since.min(axis=0) < before.min(axis=0)).any()
        return None if fell else self.best


@dataclass(frozen=True, slots=True)
class Periodic(Restart):
    """Begin again after some generations, whatever their results.

    Parameters
    ----------
    generations : int, >= 1
        The generation that a restart draws counts.
    best : int, >= 0
        How many of the best are kept.
    """

    name: ClassVar[str] = "periodic"
    generations: int = 10
    best: int = 2

    def __post_init__(self) -> None:
        whole("generations of a restart", self.generations, 1)
        whole("best of a restart", self.best, 0)

    def carried(self, ideals: Floats) -> int | None:
        """Return how many of the best are kept; None to go on."""
        return self.best if len(ideals) >= self.generations else None


RESTARTS: Mapping[str, type[Restart]] = MappingProxyType(
    {part.name: part for part in (Periodic, Stagnation)}
)
