"""A variable-length list of layers, each a small space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import whole
from hpopt.errors import ConfigError, SpaceError
from hpopt.space.counting import MOST, plus, power
from hpopt.space.grid import Grid
from hpopt.space.layout import SequenceLayout
from hpopt.space.parameter import (
    INACTIVE,
    Bools,
    Floats,
    Ints,
    Parameter,
    Resolution,
    Test,
    When,
)
from hpopt.space.prior import Belief
from hpopt.space.space import Space


@dataclass(frozen=True)
class Sequence(Parameter):
    """A list of between `min_length` and `max_length` layers; its value is a list of dicts.

    Its coordinates are its length (equal cells), then `max_length` slots of one layer each.

    Parameters
    ----------
    space : Space or mapping of str to Parameter
        What may be chosen for each layer, with conditions among its own parameters.
    min_length, max_length : int
        ``0 <= min_length <= max_length`` must hold, and ``max_length >= 1``.
    when : mapping of str to value or values, optional
        The parameter exists only where its parents have those values.
    default : optional
        A value that the parameter takes, for a config that leaves it out; see `Space.filled`.
    """

    kind: ClassVar[str] = "sequence"
    required: ClassVar[tuple[str, ...]] = ("space", "min_length", "max_length")
    space: Space | Mapping[str, Parameter]
    min_length: int
    max_length: int
    when: When | None = None
    default: Any = field(default=None, kw_only=True, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.space, Space):
            object.__setattr__(self, "space", Space(self.space))
        for name in ("min_length", "max_length"):
            least = 1 if name == "max_length" else 0
            value = whole(name, getattr(self, name), least, error=SpaceError)
            object.__setattr__(self, name, value)
        if self.min_length > self.max_length:
            raise SpaceError(
                f"min_length <= max_length must hold, but got min_length={self.min_length}, "
                f"max_length={self.max_length}"
            )
        self._check_when_and_default()

    @property
    def layer(self) -> Space:
        """The space of one layer."""
        return cast("Space", self.space)

    @property
    def width(self) -> int:  # type: ignore[override]
        return 1 + self.max_length * self.layer.d

    @property
    def levels(self) -> NDArray[np.int64]:  # type: ignore[override]
        return np.concatenate(
            [[self._layout.n_lengths], np.tile(self.layer.levels, self.max_length)]
        )

    @property
    def ordered(self) -> Bools:  # type: ignore[override]
        return np.concatenate([[True], np.tile(self.layer.ordered, self.max_length)])

    def layouts(self, start: int) -> tuple[SequenceLayout, ...]:
        return (SequenceLayout(start, self.layer.d, self.min_length, self.max_length),)

    @property
    def _layout(self) -> SequenceLayout:
        return self.layouts(0)[0]

    @property
    def size(self) -> float:
        count = self.count(None)
        return math.inf if count >= MOST else count

    def believed(self, start: int) -> list[tuple[Ints, Belief]]:
        slots = start + 1 + self.layer.d * np.arange(self.max_length)
        return [
            ((slots[:, None] + columns).ravel(), belief)
            for name, parameter in self.layer.items()
            for columns, belief in parameter.believed(self.layer.columns(name).start)
        ]

    @property
    def forbidden(self) -> tuple[Test, ...]:
        return self.layer.predicates

    # -- values and coordinates --------------------------------------------------------------

    def _slots(self, block: Floats) -> Floats:
        """Return all slots as points of the layer's space, shape (n * max_length, layer.d)."""
        return np.ascontiguousarray(block[:, 1:]).reshape(-1, self.layer.d)

    def _joined(self, first: Floats, slots: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([first[:, None], slots.reshape(len(first), self.width - 1)], axis=1)

    def check(self, value: Any, name: str) -> list[dict[str, Any]]:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, AbstractSequence):
            raise ConfigError(f"{name} must be a list of layers, but got {value!r}")
        if not self.min_length <= len(value) <= self.max_length:
            raise ConfigError(
                f"{name} must have {self.min_length} to {self.max_length} layers, but got "
                f"{len(value)}"
            )
        return [self.layer._checked(layer, f"{name}[{i}].") for i, layer in enumerate(value)]

    def filled(self, value: Any, rng: np.random.Generator | None = None) -> Any:
        if isinstance(value, str | bytes) or not isinstance(value, AbstractSequence):
            return value
        return [
            self.layer.filled(layer, rng) if isinstance(layer, Mapping) else layer
            for layer in value
        ]

    def _check_when_and_default(self) -> None:
        super()._check_when_and_default()
        for layer in self.default or ():
            if any(forbidden(layer) for forbidden in self.forbidden):
                raise SpaceError(f"default must hold layers that are allowed, but got {layer}")

    def encode(self, values: AbstractSequence[Any]) -> Floats:
        slots = np.full((len(values), self.max_length, self.layer.d), INACTIVE)
        for row, layers in enumerate(values):
            if layers:
                slots[row, : len(layers)] = self.layer.encode(layers)
        return self._joined(
            self._layout.length_coordinates([len(layers) for layers in values]), slots
        )

    def decode(self, block: Floats) -> list[Any]:
        lengths = self._layout.lengths(block)
        used = np.arange(self.max_length) < lengths[:, None]
        layers = iter(self.layer.decode(self._slots(block)[used.ravel()]))
        return [[next(layers) for _ in range(length)] for length in lengths.tolist()]

    def codes(self, block: Floats) -> Floats:
        return self._joined(
            self._layout.lengths(block).astype(np.float64), self.layer.codes(self._slots(block))
        )

    def snap(self, block: Floats) -> Floats:
        return self._joined(
            self._layout.length_coordinates(self._layout.lengths(block)),
            self.layer.snap(self._slots(block)),
        )

    def active(self, block: Floats) -> Bools:
        """Return which coordinates matter: the length, and the slots within it."""
        used = (
            np.repeat(np.arange(self.max_length), self.layer.d)
            < self._layout.lengths(block)[:, None]
        )
        slots = self.layer.active(self._slots(block)).reshape(used.shape)
        return self._joined(np.ones(len(block), dtype=bool), slots & used)

    def allowed(self, block: Floats) -> Bools:
        """Return which lists have no layer that its space forbids, shape (n,)."""
        allowed = self.layer.allowed(self._slots(block)).reshape(len(block), self.max_length)
        unused = np.arange(self.max_length) >= self._layout.lengths(block)[:, None]
        return np.asarray((allowed | unused).all(axis=1))

    def repaired(self, block: Floats, rng: np.random.Generator) -> Floats:
        """Sample the layers anew that their space forbids, inactive ones too."""
        slots = self._slots(block)
        forbidden = ~self.layer.allowed(slots)
        if forbidden.any():
            slots = slots.copy()
            slots[forbidden] = self.layer.random(int(forbidden.sum()), rng)
        return self._joined(block[:, 0], slots)

    # -- the grid ----------------------------------------------------------------------------

    def neighbours(self, row: Floats, resolution: int, step: float = 0.0) -> Floats:
        """Return the lists with one layer changed, deleted, or doubled."""
        length = int(self._layout.lengths(row[None])[0])
        slots = row[1:].reshape(self.max_length, self.layer.d)
        moved = []
        for place in range(length):
            for layer in self.layer.neighbour_points(slots[place], resolution, step):
                changed = slots.copy()
                changed[place] = layer
                moved.append((length, changed))
        if length > self.min_length:
            for place in range(length):
                rest = np.delete(slots, place, axis=0)
                moved.append((length - 1, np.concatenate([rest, slots[place][None]])))
        if length < self.max_length:
            for place in range(max(length, 1)):
                new = slots[place] if length else np.full(self.layer.d, INACTIVE)
                longer = np.insert(slots, place, new, axis=0)[: self.max_length]
                moved.append((length + 1, longer))
        if not moved:
            return np.empty((0, self.width))
        lengths, blocks = zip(*moved, strict=True)
        return self._joined(self._layout.length_coordinates(lengths), np.array(blocks))

    def count(self, resolution: Resolution) -> float:
        grid = self._grid(resolution)
        if not grid.n_addressed:
            return math.inf
        total: float = 0
        for length in range(self.min_length, self.max_length + 1):
            total = plus(total, power(grid.n_addressed, length))
        return total

    def unrank(self, index: int, resolution: Resolution) -> Floats:
        """Return the block of list number `index`: short lists first, the last layer fastest."""
        grid, length = self._grid(resolution), self.min_length
        while index >= (below := power(grid.n_addressed, length)):
            index -= below
            length += 1
        slots = np.full((self.max_length, self.layer.d), INACTIVE)
        for place in reversed(range(length)):
            index, digit = divmod(index, grid.n_addressed)
            slots[place] = grid.point(digit)
        return np.concatenate([[self._layout.length_coordinates(length)], slots.ravel()])

    def _grid(self, resolution: Resolution) -> Grid:
        # The last grid is kept: points are asked for one by one.
        key = repr(resolution)
        if key not in self._grids:
            self._grids.clear()
            self._grids[key] = self.layer.grid(resolution)
        return self._grids[key]

    @cached_property
    def _grids(self) -> dict[str, Grid]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_grids"}

    # -- JSON --------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        return {
            "space": self.layer.to_json(),
            "min_length": self.min_length,
            "max_length": self.max_length,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Sequence:
        """Return the list of such settings; its space may be JSON data."""
        space = settings.get("space")
        return super().from_settings(
            settings if space is None else {**settings, "space": Space.from_json(space)}
        )
