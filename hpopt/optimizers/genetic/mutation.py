"""How genes change at random.

Eiben & Smith 2015, "Introduction to Evolutionary Computing", §4.3 to §4.4; changes of length as
in Camero et al. 2019, https://arxiv.org/abs/1909.02425.

An ordered gene (a number, an ordinal, a length) can step to near values; one of a categorical
parameter has none, so it is always drawn anew.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import one_of, positive, share
from hpopt.errors import SettingError
from hpopt.numerics import variation
from hpopt.optimizers.genetic.parts import Kind, Mutation
from hpopt.optimizers.genetic.population import Floats
from hpopt.space import SequenceLayout, Space

KINDS = ("insert", "copy", "delete")


@dataclass(frozen=True, slots=True)
class Length(Mutation):
    """Change each list of layers by one layer, within the bounds of its length.

    Parameters
    ----------
    probability : float, in [0, 1]
        Of each list of each individual to change.
    kinds : sequence of {"insert", "copy", "delete"}
        The changes, equally likely: a random layer is inserted anywhere, a layer is doubled, or
        one is removed. A change beyond the bounds is left out.
    """

    name: ClassVar[str] = "length"
    rates: ClassVar[tuple[str, ...]] = ("probability",)
    probability: float = 0.2
    kinds: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        share("length probability", self.probability)
        if isinstance(self.kinds, str) or not self.kinds:
            raise SettingError(f"kinds must be a list of some of {KINDS}, but got {self.kinds!r}")
        kinds = tuple(one_of("kind of a change of length", kind, KINDS) for kind in self.kinds)
        object.__setattr__(self, "kinds", kinds)  # frozen; from JSON it comes as a list

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return changed points, shape (n, d)."""
        for layout in space.sequences:
            points = self._change(points, layout, rng)
        return points

    def _change(self, points: Floats, layout: SequenceLayout, rng: np.random.Generator) -> Floats:
        n = len(points)
        lengths = layout.lengths(points)
        drawn = np.floor(rng.random(n) * len(self.kinds)).astype(np.int64)
        kinds = np.array([KINDS.index(kind) for kind in self.kinds])[drawn]
        chosen = rng.random(n) < self.probability
        where = rng.random(n)
        fresh = rng.random((n, layout.slot))

        inserts, shrinks = kinds == 0, kinds == 2
        inserts |= (kinds == 1) & (lengths == 0)  # nothing is there to be doubled
        grows = chosen & ~shrinks & (lengths < layout.max_length)
        shrinks &= chosen & (lengths > layout.min_length)
        rows = np.flatnonzero(grows | shrinks)
        if not rows.size:
            return points
        slots, lengths = layout.slots(points[rows]), lengths[rows]
        inserts, grows, shrinks = inserts[rows], grows[rows], shrinks[rows]
        places = np.floor(where[rows] * np.maximum(lengths + inserts, 1)).astype(np.int64)
        copies = slots[np.arange(rows.size), np.minimum(places, layout.max_length - 1)]
        layers = np.where(inserts[:, None], fresh[rows], copies)
        places = np.minimum(places, layout.max_length - 1)
        longer = variation.insert_layers(slots, places, layers)
        shorter = variation.delete_layers(slots, places)
        changed: Floats = points.copy()
        changed[rows] = layout.replaced(
            points[rows],
            lengths + grows - shrinks.astype(np.int64),
            np.where(grows[:, None, None], longer, shorter),
        )
        return changed


Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class EachGene(Mutation):
    """A change of each gene with a probability; None is one over the number of active genes."""

    probability: float | None = None

    def check_probability(self) -> None:
        """Raise SettingError where it is no probability."""
        if self.probability is not None:
            share("mutation probability", self.probability)

    def insistent(self, space: Space) -> Mutation:
        """Return it with at least one expected change of each individual."""
        return replace(self, probability=at_least_one_in(space.d, self.probability))


@dataclass(frozen=True, slots=True)
class Moving(EachGene):
    """A move of ordered genes, and a new draw of others: a subclass returns how far they go."""

    @abstractmethod
    def moves(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return how far each gene goes, as a share of its range."""

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return changed points, shape (n, d)."""
        chosen = rng.random(points.shape) < probabilities(self.probability, space.active(points))
        moves = self.moves(points.shape, rng)
        fresh = rng.random(points.shape)
        moved = variation.move_genes(points, space.levels, space.ordered, moves, fresh)
        return np.where(chosen, moved, points)


@dataclass(frozen=True, slots=True)
class Mixed(EachGene):
    """Let each gene step or draw it anew.

    Parameters
    ----------
    probability : float, in [0, 1], optional
        Of each gene to mutate. By default one over the number of active genes, and one of them
        at least.
    step : float, in [0, 1]
        The share of an ordered gene's mutations that step; the others are drawn anew among the
        other values.
    scale : float, > 0
        Standard deviation of a step, as a share of the gene's range. Discrete genes move by one
        level at least; the ends of the range reflect.
    """

    name: ClassVar[str] = "mixed"
    rates: ClassVar[tuple[str, ...]] = ("probability",)
    step: float = 0.5
    scale: float = 0.1

    def __post_init__(self) -> None:
        self.check_probability()
        share("step of a mutation", self.step)
        positive("scale of a mutation", self.scale)

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return changed points, shape (n, d)."""
        active = space.active(points)
        return variation.mutate(
            points,
            space.levels,
            space.ordered,
            rng,
            probability=probabilities(self.probability, active),
            step=self.step,
            scale=self.scale,
            sure=changeable(active, space) if self.probability is None else None,
        )


@dataclass(frozen=True, slots=True)
class Reset(EachGene):
    """Replace each gene by a new uniform draw, which may give the same value again.

    Parameters
    ----------
    probability : float, in [0, 1], optional
        Of each gene. By default one over the number of active genes.
    """

    name: ClassVar[str] = "reset"
    rates: ClassVar[tuple[str, ...]] = ("probability",)

    def __post_init__(self) -> None:
        self.check_probability()

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return changed points, shape (n, d)."""
        chosen = rng.random(points.shape) < probabilities(self.probability, space.active(points))
        return np.where(chosen, rng.random(points.shape), points)


@dataclass(frozen=True, slots=True)
class Gaussian(Moving):
    """Add a normal step to each gene; draw a categorical one anew among the other choices.

    Parameters
    ----------
    probability : float, in [0, 1], optional
        Of each gene. By default one over the number of active genes.
    scale : float, > 0
        Standard deviation, as a share of the gene's range. Discrete genes move by one level at
        least; the ends of the range reflect.
    """

    name: ClassVar[str] = "gaussian"
    rates: ClassVar[tuple[str, ...]] = ("probability", "scale")
    scale: float = 0.1

    def __post_init__(self) -> None:
        self.check_probability()
        positive("scale of a mutation", self.scale)

    def moves(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return how far each gene goes, as a share of its range."""
        return self.scale * rng.standard_normal(shape)


@dataclass(frozen=True, slots=True)
class Step(Moving):
    """Add a uniform step to each gene; draw a categorical one anew among the other choices.

    Parameters
    ----------
    probability : float, in [0, 1], optional
        Of each gene. By default one over the number of active genes.
    most : float, > 0
        The largest step in either direction, as a share of the gene's range. Discrete genes move
        by one level at least; the ends of the range reflect.
    """

    name: ClassVar[str] = "step"
    rates: ClassVar[tuple[str, ...]] = ("probability", "most")
    most: float = 0.3

    def __post_init__(self) -> None:
        self.check_probability()
        positive("most of a step", self.most)

    def moves(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return how far each gene goes, as a share of its range."""
        return self.most * (2.0 * rng.random(shape) - 1.0)


@dataclass(frozen=True, slots=True)
class OneGene(Mutation):
    """Change one gene of an individual, drawn uniformly among those that are active.

    Parameters
    ----------
    probability : float, in [0, 1]
        Of each individual to be changed.
    step : float, in [0, 1]
        The share of an ordered gene's mutations that step; the others are drawn anew among the
        other values.
    scale : float, > 0
        Standard deviation of a step, as a share of the gene's range.
    """

    name: ClassVar[str] = "one_gene"
    rates: ClassVar[tuple[str, ...]] = ("probability",)
    probability: float = 1.0
    step: float = 0.0
    scale: float = 0.1

    def __post_init__(self) -> None:
        share("mutation probability", self.probability)
        share("step of a mutation", self.step)
        positive("scale of a mutation", self.scale)

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return changed points, shape (n, d)."""
        changed = rng.random((len(points), 1)) < self.probability
        weights = rng.random(points.shape) * changeable(space.active(points), space)
        one = np.arange(space.d) == weights.argmax(axis=1)[:, None]
        steps = space.ordered & (rng.random(points.shape) < self.step)
        moves = self.scale * rng.standard_normal(points.shape)
        fresh = rng.random(points.shape)
        moved = variation.move_genes(points, space.levels, steps, moves, fresh)
        return np.where(changed & one, moved, points)

    def insistent(self, space: Space) -> Mutation:
        """Return it with a change of each individual."""
        return replace(self, probability=1.0)


def probabilities(probability: float | None, active: Bools) -> Any:
    """Return the probability of each gene to mutate: a number, or an array (n, 1)."""
    if probability is not None:
        return probability
    return 1.0 / np.maximum(1, active.sum(axis=1))[:, None]


def changeable(active: Bools, space: Space) -> Bools:
    """Return which genes can change: active ones with more than one value, shape (n, d)."""
    return np.asarray(active & (space.levels != 1))


def at_least_one_in(d: int, probability: float | None) -> float | None:
    """Return a probability with which at least one of d genes is expected to mutate."""
    return None if probability is None else max(probability, 1.0 / d)


MUTATIONS = Kind("mutation", Mutation, Gaussian, Length, Mixed, OneGene, Reset, Step)  # type: ignore[type-abstract]
