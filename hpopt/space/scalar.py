"""Parameters of one coordinate, and what numbers have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import flag, positive, real, whole
from hpopt.errors import ConfigError, SpaceError
from hpopt.space.formula import Formula, Formulas
from hpopt.space.parameter import (
    Bools,
    Floats,
    Ints,
    Parameter,
    Resolution,
)
from hpopt.space.prior import WIDTH, Belief, Bell, Normal, checked_normal

NARROW = 1e-6  # of a range: ratios differ from differences by less than a millionth of it


class Scalar(Parameter):
    """A parameter of one coordinate."""

    width = 1

    @property
    @abstractmethod
    def n_levels(self) -> int:
        """How many values it has; 0 where it is continuous."""

    @property
    @abstractmethod
    def formula(self) -> Formula:
        """How its coordinate becomes a code."""

    @cached_property
    def _alone(self) -> Formulas:
        return Formulas([self.formula])

    def __getstate__(self) -> dict[str, Any]:
        # A space travels with every call to a worker; this is made again from the rest.
        made = ("_alone", "belief")
        return {name: value for name, value in vars(self).items() if name not in made}

    @cached_property
    def belief(self) -> Belief | None:
        """The density of its coordinate; None without a prior."""
        return self._belief()

    @abstractmethod
    def _belief(self) -> Belief | None: ...

    def believed(self, start: int) -> list[tuple[Ints, Belief]]:
        return [] if self.belief is None else [(np.array([start]), self.belief)]

    def codes(self, block: Floats) -> Floats:
        return self._alone.codes(block.reshape(-1, 1)).reshape(block.shape)

    @abstractmethod
    def code(self, value: Any) -> float:
        """Return the code of a canonical value."""

    @abstractmethod
    def unit(self, codes: Floats) -> Floats:
        """Return the coordinates of codes."""

    @property
    def levels(self) -> Any:  # type: ignore[override]
        return np.array([self.n_levels])

    @property
    def ordered(self) -> Bools:  # type: ignore[override]
        return np.array([True])

    @property
    def size(self) -> float:
        return self.n_levels or math.inf

    @abstractmethod
    def values_of(self, codes: list[float]) -> list[Any]:
        """Return the values of n codes as plain Python ones."""

    def decode(self, block: Floats) -> list[Any]:
        return self.values_of(self.codes(block[:, 0]).tolist())

    def encode(self, values: Sequence[Any]) -> Floats:
        codes = np.array([self.code(value) for value in values], dtype=np.float64)
        return self.unit(codes)[:, None]

    def snap(self, block: Floats) -> Floats:
        return self.unit(self.codes(block)) if self.n_levels else block

    def active(self, block: Floats) -> Bools:
        return np.ones(block.shape, dtype=bool)

    def neighbours(self, row: Floats, resolution: int, step: float = 0.0) -> Floats:
        """Return the values a step below and a step above, cut at the ends.

        A step is the share `step` of the grid, and one of its points at least.
        """
        n_steps = max(1, round(step * ((self.n_levels or resolution) - 1)))
        if self.n_levels:
            code, last = self.codes(row)[0], self.n_levels - 1
            codes = np.unique([max(code - n_steps, 0), min(code + n_steps, last)])
            return self.unit(codes[codes != code].astype(np.float64))[:, None]
        grid = np.linspace(0.0, 1.0, resolution)
        values, own = self.codes(grid), self.codes(row)[0]
        below, above = grid[values < own][-n_steps:][:1], grid[values > own][:n_steps][-1:]
        return np.concatenate([below, above])[:, None]

    def count(self, resolution: Resolution) -> float:
        if resolution is None:
            return self.size
        n = whole("a resolution", resolution, 1, error=SpaceError)
        return min(n, self.n_levels) if self.n_levels else n

    def unrank(self, index: int, resolution: Resolution) -> Floats:
        """Return the coordinate of the grid's value `index`: evenly spread, with both ends."""
        count = int(self.count(resolution))
        if not self.n_levels:
            return np.array([index / (count - 1) if count > 1 else 0.5])
        if count == 1 and self.n_levels > 1:
            code = (self.n_levels - 1) // 2
        else:
            code = index * (self.n_levels - 1) // max(count - 1, 1)
        return self.unit(np.array([float(code)]))


class Number(Scalar):
    """A number of a range: what Float and Int share."""

    required: ClassVar[tuple[str, ...]] = ("low", "high")
    optional: ClassVar[tuple[str, ...]] = ("log", "step", "prior")
    low: float
    high: float
    log: bool
    step: float | None
    prior: float | Normal | None

    def _check_range(self) -> None:
        for name in ("low", "high"):
            value = getattr(self, name)
            found = real(value)
            if found is None or not math.isfinite(found):
                raise SpaceError(f"{name} must be a finite number, but got {value!r}")
        if self.low == self.high:
            raise SpaceError(
                f"low < high must hold, but got low={self.low}, high={self.high}: what has one "
                f"value is a constant. Write it into the objective, or Categorical([{self.low}])"
            )
        if not self.low < self.high:
            raise SpaceError(f"low < high must hold, but got low={self.low}, high={self.high}")
        if not math.isfinite(self.high - self.low):
            raise SpaceError(f"high - low must be finite, but got low={self.low}, high={self.high}")
        flag("log", self.log, error=SpaceError)
        if self.log and self.low <= 0:
            raise SpaceError(f"low > 0 must hold with log=True, but got low={self.low}")

    def _check_step(self) -> None:
        step = self.step
        if step is None:
            return
        positive("step", step, error=SpaceError)
        if not self._step_divides(step):
            fitting = self.low + max(1, int((self.high - self.low) // step)) * step
            raise SpaceError(
                f"step must divide high - low, but got low={self.low}, high={self.high}, "
                f"step={step}: with this step high could be {fitting:.13g}"
            )

    @abstractmethod
    def _step_divides(self, step: float) -> bool: ...

    def _check_prior(self) -> None:
        object.__setattr__(self, "prior", checked_normal(self.prior, self.low, self.high))

    def _belief(self) -> Belief | None:
        if self.prior is None:
            return None
        given = self.prior if isinstance(self.prior, Normal) else Normal(self.prior)
        centre = float(self._to_unit(np.array([float(given.mean)]))[0])
        if given.sd is None:
            return Bell(centre, WIDTH)
        # With log, powers of ten: of a range too narrow for it they are differences at the mean.
        unit = 1.0 if not self.log else math.log(10) * (1.0 if self.in_log else given.mean)
        low, high = self.edges
        return Bell(centre, unit * given.sd / (high - low))

    @cached_property
    def in_log(self) -> bool:
        """Whether the log makes a difference: a very narrow range is as good as linear."""
        return self.log and self.high - self.low > NARROW * self.high

    @cached_property
    def edges(self) -> tuple[float, float]:
        """What the ends of the unit interval mean, in values or in their logs.

        A discrete number's first and last cells reach half a step beyond the bounds, so that all
        cells of a linear one are equal.
        """
        half = (self.step or 0) / 2
        low, high = self.low - half, self.high + half
        if not self.in_log:
            return low, high
        # Half a step below the bound may be no positive number.
        return math.log(low if low > 0 else self.low / 2), math.log(high)

    def _steps(self) -> Formula:
        low, high = self.edges
        return Formula(
            "log steps" if self.in_log else "steps",
            low,
            high - low,
            least=0.0,
            most=self.n_levels - 1,
            base=self.low,
            step=self.step or 1.0,
        )

    def _to_unit(self, values: Floats) -> Floats:
        low, high = self.edges
        inside = np.log(values) if self.in_log else values
        return ((inside - low) / (high - low)).clip(0.0, 1.0)

    def _check_bounds(self, value: Any, name: str) -> None:
        if not self.low <= value <= self.high:
            raise ConfigError(f"{name} must lie in [{self.low}, {self.high}], but got {value!r}")
