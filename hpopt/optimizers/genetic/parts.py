"""The kinds of parts that a genetic algorithm is assembled from.

A part is a value: its settings are attributes, it keeps nothing from call to call, and draws only
from the generator that it is passed, so that a search follows from its seed and its observations.
All parts work on whole arrays of genes in [0, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from hpopt.errors import SettingError, UnknownNameError
from hpopt.optimizers.genetic.population import Floats, Ints, Population
from hpopt.space import Space

OWN = "part of your own"


class Part:
    """The base class of all parts.

    Attributes
    ----------
    name : str
        Its name in settings; empty for a user's own part.
    """

    __slots__ = ()
    name: ClassVar[str] = ""


class Initialisation(Part, ABC):
    """How the first generation is drawn."""

    __slots__ = ()

    @abstractmethod
    def draw(self, n: int, space: Space, rng: np.random.Generator) -> Floats:
        """Return n points, shape (n, d), in [0, 1]."""


class Selection(Part, ABC):
    """Who become parents."""

    __slots__ = ()

    @abstractmethod
    def select(self, losses: Floats, n: int, rng: np.random.Generator) -> Ints:
        """Return the places of the two parents of each of n children, shape (n, 2).

        Parameters
        ----------
        losses : ndarray (k, n_objectives)
            Of those who may become parents, to be minimised; infinite for one that failed.
        n : int
        rng : Generator
        """


class Crossover(Part, ABC):
    """How the genes of two parents are mixed."""

    __slots__ = ()

    @abstractmethod
    def cross(
        self, mothers: Floats, fathers: Floats, space: Space, rng: np.random.Generator
    ) -> Floats:
        """Return one child of each pair of parents; all shapes are (n, d)."""


class Mutation(Part, ABC):
    """How genes change at random.

    Attributes
    ----------
    rates : tuple of str
        The names of its attributes that a self-adaptation may scale.
    """

    __slots__ = ()
    rates: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return changed points, in [0, 1], shape (n, d); `points` must not be modified."""

    def insistent(self, space: Space) -> Mutation:
        """Return the mutation of children that were proposed before: one that is likely to act."""
        return self


class Replacement(Part, ABC):
    """Who live on as the next parents."""

    __slots__ = ()

    @abstractmethod
    def replace(self, parents: Population, offspring: Population, n: int) -> Population:
        """Return the next parents.

        Parameters
        ----------
        parents : Population
            Those that it returned last; empty for the first generation.
        offspring : Population
            The generation that was just evaluated, in the order of numbers.
        n : int
            The size of the population.

        Returns
        -------
        Population
            Where it is empty, the next generation is drawn by the initialisation.
        """


class Adaptation(Part, ABC):
    """How mutations change from generation to generation."""

    __slots__ = ()

    @abstractmethod
    def adapt(
        self, mutations: tuple[Mutation, ...], before: Population, after: Population
    ) -> tuple[Mutation, ...]:
        """Return the mutations of the next generation.

        Parameters
        ----------
        mutations : tuple of Mutation
            Those of the generation that was just evaluated.
        before, after : Population
            The parents before and after it.
        """


class Restart(Part, ABC):
    """When to begin again."""

    __slots__ = ()

    @abstractmethod
    def carried(self, ideals: Floats) -> int | None:
        """Return how many of the best a restart keeps; None to go on.

        Parameters
        ----------
        ideals : ndarray (g, n_objectives)
            The least losses among the parents after each generation since the last restart.
        """


P = TypeVar("P", bound=Part)


class Kind(Mapping[str, type[P]]):
    """A kind of part: hpopt's parts of this kind by name, and how an argument becomes one.

    Parameters
    ----------
    argument : str
        The name of the argument, for messages.
    base : type
        The class that all parts of this kind derive from.
    *parts : type
        Those of hpopt.
    """

    def __init__(self, argument: str, base: type[P], *parts: type[P]) -> None:
        self._argument, self._base = argument, base
        self._parts = {part.name: part for part in parts}

    def __getitem__(self, name: str) -> type[P]:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def part(self, value: Any) -> P:
        """Return the part of an argument: a name, ``{"part": name, setting: value}``, or a part.

        Raises
        ------
        UnknownNameError
            There is no such name or setting; suggests the nearest.
        SettingError
            It is something else, or a setting is out of its range.
        """
        name = self._argument
        if isinstance(value, self._base):
            return value
        if isinstance(value, Mapping) and OWN in value:
            raise SettingError(
                f"{name} was a {OWN}, {value[OWN]}, which cannot be made of data: give the "
                "optimizer with that part again"
            )
        if isinstance(value, str):
            value = {"part": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("part"), str):
            raise SettingError(
                f"{name} must be one of {', '.join(map(repr, sorted(self)))}, a mapping such as "
                f'{{"part": "{min(self)}"}}, or a {self._base.__name__}, but got {value!r}'
            )
        if value["part"] not in self:
            raise UnknownNameError(name, value["part"], self)
        made = self[value["part"]]
        settings = {key: each for key, each in value.items() if key != "part"}
        fields = getattr(made, "__dataclass_fields__", {})
        for key in settings:
            if key not in fields:
                raise UnknownNameError(f"setting of {name} {value['part']!r}", str(key), fields)
        return made(**settings)

    def optional(self, value: Any) -> P | None:
        """Return the part of an argument, or None for None; see `part`."""
        return None if value is None else self.part(value)

    def several(self, value: Any) -> tuple[P, ...]:
        """Return the parts of an argument, which may be one or a list; see `part`."""
        listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return tuple(map(self.part, listed))


def as_data(value: Any) -> Any:
    """Return parts as JSON data that `Kind.part` takes, and other values as they are.

    Of a user's own part it is only the repr, from which the part cannot be made again.
    """
    if isinstance(value, tuple):
        return [as_data(each) for each in value]
    if not isinstance(value, Part):
        return value
    if value.name and is_dataclass(value):
        settings = asdict(value)
        return {"part": value.name} | {key: as_data(each) for key, each in settings.items()}
    # The default repr has an address, which is another one in each process.
    has_default_repr = type(value).__repr__ is object.__repr__
    return {
        OWN: f"{type(value).__module__}.{type(value).__qualname__}"
        if has_default_repr
        else repr(value)
    }
