"""Named parameters in order, and the conversion between configs and coordinates."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space.columns import Columns
from hpopt.space.conditions import Conditions
from hpopt.space.layout import SequenceLayout
from hpopt.space.parameter import INACTIVE, Bools, Floats, Parameter
from hpopt.space.prior import Prior
from hpopt.space.scalar import Scalar

# Each takes 8 bytes in every trial, and some tens in the space: 10**6 is any number well above the
# largest networks whose weights are searched.
MOST_COORDINATES = 10**6


class Coordinates(Mapping[str, Parameter]):
    """A mapping of names to parameters, each with its columns of the unit cube.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The parents named in a parameter's `when` come before it.

    Raises
    ------
    SpaceError
        They make no space; the message names the parameter.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        _check_parameters(parameters)
        self._parameters = dict(parameters)
        self._columns: dict[str, slice] = {}
        start = 0
        for name, parameter in self._parameters.items():
            self._columns[name] = slice(start, start + parameter.width)
            start += parameter.width
        if start > MOST_COORDINATES:
            raise SpaceError(
                f"a space must have at most {MOST_COORDINATES} coordinates, but this has {start}: "
                "shorten its lists"
            )
        self.d = start
        self.levels: NDArray[np.int64] = np.concatenate([p.levels for p in self.values()])
        self.ordered: Bools = np.concatenate([p.ordered for p in self.values()])
        self.conditions = Conditions(self._parameters)
        self._at_once = Columns(self._parameters, self._columns)
        self._decoders = [
            (p, self._columns[name], p.values_of if isinstance(p, Scalar) else None)
            for name, p in self._parameters.items()
        ]
        # Without conditions and lists everything exists: most spaces, and the fastest way.
        self._is_plain = not self.conditions.parents and self.d == len(self._parameters)
        self.sequences: tuple[SequenceLayout, ...] = tuple(
            layout
            for name, parameter in self.items()
            for layout in parameter.layouts(self._columns[name].start)
        )

    # -- a mapping of names to parameters ----------------------------------------------------

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def columns(self, name: str) -> slice:
        """Return the coordinates that belong to a parameter."""
        return self._columns[name]

    def active(self, points: Floats) -> Bools:
        """Return which coordinates matter.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]

        Returns
        -------
        ndarray (n, d) of bool
        """
        points = self._as_points(points)
        if self._is_plain:
            return np.ones(points.shape, dtype=bool)
        masks = self.conditions.masks(points, self._columns)
        blocks = []
        for name, parameter in self._parameters.items():
            block = masks[name][:, None]
            if parameter.width > 1:  # a single coordinate matters wherever its parameter exists
                block = block & parameter.active(points[:, self._columns[name]])
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    @cached_property
    def prior(self) -> Prior | None:
        """Where good values are believed to lie; None where no parameter has a prior."""
        parts = [
            part
            for name, parameter in self._parameters.items()
            for part in parameter.believed(self._columns[name].start)
        ]
        return Prior(parts) if parts else None

    def drawn(self, uniforms: Floats) -> Floats:
        """Return the points of draws (n, d) that are uniform in [0, 1]: quantiles of the priors.

        Without priors they are the points themselves.
        """
        return uniforms if self.prior is None else self.prior.points(uniforms)

    def half_drawn(self, uniforms: Floats) -> Floats:
        """Return the points that a search begins with: every second one is `drawn`.

        What is believed must not be all there is: it may be wrong.
        """
        if self.prior is None:
            return uniforms
        points = np.array(uniforms)
        points[::2] = self.drawn(uniforms[::2])
        return points

    @property
    def middle(self) -> Floats:
        """The point in the middle of all ranges, or of what is believed of them, shape (d,)."""
        middle: Floats = self.drawn(np.full((1, self.d), 0.5))[0]
        return middle

    def filled(
        self, config: Mapping[str, Any], rng: np.random.Generator | None = None
    ) -> dict[str, Any]:
        """Return a config with the defaults of the parameters that are absent from it.

        Only parameters that exist there are filled, those of layers too. What has no default
        stays absent, and so does what depends on it; what is given is kept as it is.

        Parameters
        ----------
        rng : Generator, optional
            Samples what has no default. Whether the config is then a valid one must be checked:
            it may be forbidden, and what is given may not exist beside what is sampled.

        Raises
        ------
        ConfigError
            A value on which others depend does not fit.
        """
        filled: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            if name in config:
                filled[name] = parameter.filled(config[name], rng)
            elif (parameter.default is None and rng is None) or not self._exists(name, filled):
                continue
            elif parameter.default is not None:
                filled[name] = copy.deepcopy(parameter.default)
            elif rng is not None:
                filled[name] = parameter.sample(rng)
        return filled | {name: value for name, value in config.items() if name not in filled}

    def _exists(self, name: str, config: Mapping[str, Any]) -> bool:
        """Return whether a parameter exists where its parents have the values of a config."""
        parents = {
            parent: self._parameters[parent].check(config[parent], parent)
            for parent in self.conditions.allowed_codes(name)
            if parent in config
        }
        return self.conditions.why_absent(name, parents) is None

    # -- conversion --------------------------------------------------------------------------

    def decode(self, points: Floats) -> list[dict[str, Any]]:
        """Return the configs at points.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]

        Returns
        -------
        list of n dict
            Active parameters only, plain Python values.
        """
        points = self._as_points(points)
        codes = self._at_once.codes(points).T.tolist()
        values = [
            values_of(codes[where.start]) if values_of else p.decode(points[:, where])
            for p, where, values_of in self._decoders
        ]
        names = list(self._parameters)
        if not self.conditions.parents:
            return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
        masks = self.conditions.masks(points, self._columns)
        shown = zip(*(masks[name].tolist() for name in names), strict=True)
        return [
            {name: value for name, value, here in zip(names, row, mask, strict=True) if here}
            for row, mask in zip(zip(*values, strict=True), shown, strict=True)
        ]

    def encode(self, configs: Iterable[Mapping[str, Any]]) -> Floats:
        """Return the points of configs; coordinates that are not active are 0.5.

        Returns
        -------
        ndarray (n, d), in [0, 1]

        Raises
        ------
        ConfigError
            One of them does not fit the space.
        """
        checked = [self._checked(config) for config in configs]
        points = np.full((len(checked), self.d), INACTIVE)
        for name, parameter in self._parameters.items():
            rows = [row for row, config in enumerate(checked) if name in config]
            if rows:
                block = parameter.encode([checked[row][name] for row in rows])
                points[rows, self._columns[name]] = block
        return points

    def snap(self, points: Floats) -> Floats:
        """Move each discrete coordinate to the centre of its cell; the configs stay the same."""
        return self._at_once.snapped(self._as_points(points))

    def codes(self, points: Floats) -> Floats:
        """Return numbers (n, d) that are equal where configs are; nan where not active."""
        codes: Floats = self._codes(self._as_points(points)).copy()
        return codes

    def keys_of(self, points: Floats) -> list[bytes]:
        """Return the canonical keys of points.

        Two points have the same key exactly where their configs are equal after rounding.
        """
        codes, size = self._codes(self._as_points(points)).tobytes(), 8 * self.d
        return [
            hashlib.blake2b(codes[start : start + size], digest_size=16).digest()
            for start in range(0, len(codes), size)
        ]

    def _codes(self, points: Floats) -> Floats:
        # Read-only and not copied: what is remembered must not be changed.
        codes = self._at_once.codes(points)
        return codes if self._is_plain else np.where(self.active(points), codes, np.nan)

    def key(self, config: Mapping[str, Any]) -> bytes:
        """Return the canonical key of a config."""
        return self.keys_of(self.encode([config]))[0]

    def _as_points(self, points: Floats) -> Floats:
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.d:
            raise ConfigError(f"points must have the shape (n, {self.d}), but got {points.shape}")
        return points

    def _checked(self, config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        if not isinstance(config, Mapping):
            raise ConfigError(f"a config must be a mapping of names to values, but got {config!r}")
        for name in config:
            if name not in self._parameters:
                unknown = UnknownNameError("parameter", str(name), self._parameters)
                raise ConfigError(f"{unknown} (in {prefix.rstrip('.') or 'the config'})")
        checked: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            reason = self.conditions.why_absent(name, checked)
            if reason is None and name not in config:
                raise ConfigError(f"{prefix}{name} is missing: the config is {dict(config)!r}")
            if reason is not None and name in config:
                raise ConfigError(f"{prefix}{name} must be left out, as {reason}")
            if reason is None:
                checked[name] = parameter.check(config[name], prefix + name)
        return checked


def _check_parameters(parameters: Any) -> None:
    if not isinstance(parameters, Mapping):
        raise SpaceError(
            f"a space must be a mapping of names to parameters, but got {parameters!r}"
        )
    if not parameters:
        raise SpaceError("a space must have at least one parameter, but got none")
    for name, parameter in parameters.items():
        if not isinstance(name, str) or not name:
            raise SpaceError(f"the name of a parameter must be a non-empty str, but got {name!r}")
        if not isinstance(parameter, Parameter):
            raise SpaceError(
                f"{name!r} must be a Float, Int, Ordinal, Categorical or Sequence, but got "
                f"{parameter!r}"
            )
