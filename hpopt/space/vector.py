"""Many real numbers of one range: thousands of coordinates as one parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import whole
from hpopt.errors import ConfigError, SpaceError
from hpopt.space.counting import power
from hpopt.space.numeric import Float
from hpopt.space.parameter import (
    Bools,
    Floats,
    Ints,
    Parameter,
    Resolution,
    When,
)
from hpopt.space.prior import Belief, Normal


@dataclass(frozen=True)
class Vector(Parameter):
    """A list of a fixed number of real numbers of one range, such as the weights of a network.

    It means the same as that many `Float`, and costs next to nothing for thousands of numbers.

    Parameters
    ----------
    length : int, at least 1
    low, high : float
        The range of each number. ``low < high`` must hold.
    when : mapping of str to value or values, optional
        The parameter exists only where its parents have those values.
    default : optional
        A value that the parameter takes, for a config that leaves it out; see `Space.filled`.
    prior : float or Normal, optional
        Where good values of all its numbers are believed to lie.

    Examples
    --------
    >>> Space({"weights": Vector(5000, -3, 3)})
    """

    kind: ClassVar[str] = "vector"
    required: ClassVar[tuple[str, ...]] = ("length", "low", "high")
    optional: ClassVar[tuple[str, ...]] = ("prior",)
    length: int
    low: float
    high: float
    when: When | None = None
    default: Any = field(default=None, kw_only=True, hash=False)
    prior: float | Normal | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        length = whole("length", self.length, 1, error=SpaceError)
        object.__setattr__(self, "length", length)
        for name in ("low", "high", "prior"):
            object.__setattr__(self, name, getattr(self._each, name))
        self._check_when_and_default()

    @cached_property
    def _each(self) -> Float:
        # The parameter of one number; its methods work on arrays of any shape.
        return Float(self.low, self.high, prior=self.prior)

    def believed(self, start: int) -> list[tuple[Ints, Belief]]:
        belief = self._each.belief
        return [] if belief is None else [(start + np.arange(self.length), belief)]

    @property
    def width(self) -> int:  # type: ignore[override]
        return self.length

    @property
    def levels(self) -> NDArray[np.int64]:  # type: ignore[override]
        return np.zeros(self.length, dtype=np.int64)

    @property
    def ordered(self) -> Bools:  # type: ignore[override]
        return np.ones(self.length, dtype=bool)

    @property
    def size(self) -> float:
        return math.inf

    def check(self, value: Any, name: str) -> list[float]:
        """Return a user's list or array as a list of numbers, rounded as the space rounds."""
        if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable):
            raise ConfigError(f"{name} must be a list of {self.length} numbers, but got {value!r}")
        try:
            numbers = np.asarray(value if isinstance(value, np.ndarray) else list(value))
        except ValueError:
            numbers = np.array([None])
        if numbers.dtype.kind not in "iuf" or numbers.shape != (self.length,):
            raise ConfigError(
                f"{name} must be a list of {self.length} numbers, but got an array of shape "
                f"{numbers.shape} and dtype {numbers.dtype}"
            )
        outside = np.flatnonzero(~((numbers >= self.low) & (numbers <= self.high)))
        if outside.size:
            place = int(outside[0])
            raise ConfigError(
                f"{name}[{place}] must lie in [{self.low}, {self.high}], but got "
                f"{numbers[place].item()!r}"
            )
        canonical: list[float] = self.decode(self.encode([numbers]))[0]
        return canonical

    def encode(self, values: Any) -> Floats:
        return self._each.unit(np.asarray(values, dtype=np.float64))

    def decode(self, block: Floats) -> list[Any]:
        values: list[Any] = self._each.codes(block).tolist()
        return values

    def codes(self, block: Floats) -> Floats:
        return self._each.codes(block)

    def snap(self, block: Floats) -> Floats:
        return block

    def active(self, block: Floats) -> Bools:
        return np.ones(block.shape, dtype=bool)

    def neighbours(self, row: Floats, resolution: int, step: float = 0.0) -> Floats:
        """Return the blocks that differ by a step in one number, shape (m, width)."""
        moved = []
        for place in range(self.length):
            for coordinate in self._each.neighbours(row[place : place + 1], resolution, step):
                other = row.copy()
                other[place] = coordinate[0]
                moved.append(other)
        return np.array(moved).reshape(-1, self.length)

    def count(self, resolution: Resolution) -> float:
        each = self._each.count(resolution)
        return each if math.isinf(each) else power(int(each), self.length)

    def unrank(self, index: int, resolution: Resolution) -> Floats:
        """Return the block of the grid's list number `index`; the last number changes fastest."""
        base = int(self._each.count(resolution))
        digits = []
        for _ in range(self.length):
            index, digit = divmod(index, base)
            digits.append(self._each.unrank(digit, resolution)[0])
        return np.array(digits[::-1])

    def settings(self) -> dict[str, Any]:
        return {"length": self.length, "low": self.low, "high": self.high}
