"""A search space: named parameters in order, and the way to coordinates and back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import ConfigError, SpaceError, UnknownNameError
from hpopt.space.conditions import Conditions
from hpopt.space.forbidden import Forbidden, ForbiddenLayer, forbidden_from_json
from hpopt.space.grid import Grid
from hpopt.space.layout import SequenceLayout
from hpopt.space.parameter import DORMANT, Bools, Floats, Parameter, Resolution, identity

TRIES = 10_000
Predicate = Callable[[dict[str, Any]], bool] | Mapping[str, Any]


class Space(Mapping[str, Parameter]):
    """What may be chosen.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        In the order in which they may depend on one another: the parents named in a
        parameter's `when` come before it.
    forbid : sequence, optional
        Configs that are never proposed: functions of a config that say True for such a one
        (parameters that are not active are absent from it), or mappings of names to a value or
        values, which forbid the configs that match them all.

    Attributes
    ----------
    d : int
        The number of coordinates.
    levels : ndarray (d,) of int
        How many values each coordinate distinguishes; 0 for a continuous one.
    ordered : ndarray (d,) of bool
        Whether near coordinates mean similar values.
    sequences : tuple of SequenceLayout
        Where the variable-length lists lie.
    forbidden, predicates : tuple of Forbidden
        Its own predicates; these and those of its lists' layers.

    Raises
    ------
    SpaceError
        The space cannot be built; the message names the parameter.

    Examples
    --------
    >>> space = Space({
    ...     "optimizer": Categorical(["adam", "sgd"]),
    ...     "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
    ... })
    >>> space.decode(space.encode([{"optimizer": "adam"}]))
    [{'optimizer': 'adam'}]
    """

    def __init__(
        self, parameters: Mapping[str, Parameter], forbid: Sequence[Predicate] = ()
    ) -> None:
        _check_parameters(parameters)
        self._parameters = dict(parameters)
        self._columns: dict[str, slice] = {}
        start = 0
        for name, parameter in self._parameters.items():
            self._columns[name] = slice(start, start + parameter.width)
            start += parameter.width
        self.d = start
        self.levels: NDArray[np.int64] = np.concatenate([p.levels for p in self.values()])
        self.ordered: Bools = np.concatenate([p.ordered for p in self.values()])
        self.conditions = Conditions(self._parameters)
        self.sequences: tuple[SequenceLayout, ...] = tuple(
            layout
            for name, parameter in self.items()
            for layout in parameter.layouts(self._columns[name].start)
        )
        if isinstance(forbid, str | Mapping) or not isinstance(forbid, Iterable):
            raise SpaceError(f"forbid must be a list of predicates, but got {forbid!r}")
        self.forbidden = tuple(Forbidden.of(predicate, self) for predicate in forbid)
        self._in_layers = tuple(
            ForbiddenLayer(name, test) for name, p in self.items() for test in p.forbidden
        )
        self.predicates: tuple[Forbidden, ...] = self.forbidden + self._in_layers
        self._check_not_all_forbidden()

    # -- a mapping of names to parameters ----------------------------------------------------

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and identity(self.to_json()) == identity(other.to_json())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name!r}: {parameter!r}" for name, parameter in self.items())
        forbid = f", forbid={list(self.forbidden)!r}" if self.forbidden else ""
        return f"Space({{{inside}}}{forbid})"

    def columns(self, name: str) -> slice:
        """Say which coordinates belong to a parameter."""
        return self._columns[name]

    def active(self, points: Floats) -> Bools:
        """Say which coordinates matter.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]

        Returns
        -------
        ndarray (n, d) of bool
        """
        points = self._as_points(points)
        masks = self.conditions.masks(points, self._columns)
        blocks = []
        for name, parameter in self._parameters.items():
            block = masks[name][:, None]
            if parameter.width > 1:  # a single coordinate matters wherever its parameter exists
                block = block & parameter.active(points[:, self._columns[name]])
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    # -- the crossings -----------------------------------------------------------------------

    def decode(self, points: Floats) -> list[dict[str, Any]]:
        """Give the configs at points.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]

        Returns
        -------
        list of n dict
            Active parameters only, plain Python values.
        """
        points = self._as_points(points)
        values = [p.decode(points[:, self._columns[name]]) for name, p in self.items()]
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
        """Give the points of configs; coordinates that are not active are 0.5.

        Parameters
        ----------
        configs : iterable of n mappings

        Returns
        -------
        ndarray (n, d), in [0, 1]

        Raises
        ------
        ConfigError
            One of them does not fit the space.
        """
        checked = [self._checked(config) for config in configs]
        points = np.full((len(checked), self.d), DORMANT)
        for name, parameter in self._parameters.items():
            rows = [row for row, config in enumerate(checked) if name in config]
            if rows:
                block = parameter.encode([checked[row][name] for row in rows])
                points[rows, self._columns[name]] = block
        return points

    def snap(self, points: Floats) -> Floats:
        """Move each discrete coordinate to the centre of its cell; the configs stay the same."""
        points = self._as_points(points)
        blocks = [p.snap(points[:, self._columns[name]]) for name, p in self.items()]
        return np.concatenate(blocks, axis=1)

    def codes(self, points: Floats) -> Floats:
        """Give numbers that are equal where the configs are: nan where not active, shape (n, d)."""
        points = self._as_points(points)
        blocks = [p.codes(points[:, self._columns[name]]) for name, p in self.items()]
        return np.where(self.active(points), np.concatenate(blocks, axis=1), np.nan)

    def keys_of(self, points: Floats) -> list[bytes]:
        """Give the canonical keys of points.

        Two points have the same key exactly where their configs are equal after rounding.
        """
        codes = self.codes(points) + 0.0
        return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in codes]

    def key(self, config: Mapping[str, Any]) -> bytes:
        """Give the canonical key of a config."""
        return self.keys_of(self.encode([config]))[0]

    def _as_points(self, points: Floats) -> Floats:
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.d:
            raise ConfigError(f"points must have the shape (n, {self.d}), but got {points.shape}")
        return points

    # -- configs that a user gives -----------------------------------------------------------

    def validate(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Give a user's config in its canonical form.

        Raises
        ------
        ConfigError
            It does not fit: an unknown name, a value out of range, a parameter that is missing
            or should not be there, a forbidden combination.
        """
        checked = self._checked(config)
        for forbidden in self.predicates:
            if forbidden(checked):
                raise ConfigError(f"this config is forbidden by {forbidden}: {checked}")
        return checked

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

    # -- drawing -----------------------------------------------------------------------------

    def allowed(self, points: Floats) -> Bools:
        """Say which points no `forbid` excludes, shape (n,)."""
        if not self.predicates:
            return np.ones(len(points), dtype=bool)
        configs = self.decode(points)
        return np.array(
            [not any(f(config) for f in self.predicates) for config in configs], dtype=bool
        )

    def mended(self, points: Floats, rng: np.random.Generator) -> Floats:
        """Draw the layers of lists anew that their own space forbids."""
        if not self._in_layers:
            return points
        blocks = [p.mended(points[:, self._columns[name]], rng) for name, p in self.items()]
        return np.concatenate(blocks, axis=1)

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw n allowed points, uniform in the unit cube.

        Raises
        ------
        SpaceError
            Fewer than one in 10,000 points is allowed.
        """
        points = self.mended(rng.random((n, self.d)), rng)
        if not self.predicates:
            return points
        wrong = ~self.allowed(points)
        for _ in range(TRIES):
            if not wrong.any():
                return points
            points[wrong] = self.mended(rng.random((int(wrong.sum()), self.d)), rng)
            wrong[wrong] = ~self.allowed(points[wrong])
        raise SpaceError(
            f"forbid must leave something to draw, but {TRIES} draws in a row were forbidden"
        )

    def sample(self, n: int = 1, *, seed: int | None = None) -> list[dict[str, Any]]:
        """Draw n configs, uniform in the unit cube."""
        return self.decode(self.random(n, np.random.default_rng(seed)))

    def _check_not_all_forbidden(self) -> None:
        if not self.forbidden:
            return
        rng = np.random.default_rng(0)
        if self.allowed(self.mended(rng.random((256, self.d)), rng)).any():
            return
        grid = self.grid()
        if grid.size <= TRIES:
            rest = np.array([grid.point(index) for index in range(int(grid.size))])
        else:
            rest = self.mended(rng.random((TRIES, self.d)), rng)
        if not self.allowed(rest).any():
            raise SpaceError(
                f"forbid must leave at least one config, but all of {len(rest)} tried are "
                f"forbidden by {', '.join(map(str, self.forbidden))}"
            )

    # -- grid and size -----------------------------------------------------------------------

    def grid(self, resolution: Resolution = None) -> Grid:
        """Give the grid of configs; see `Grid`."""
        return Grid(self._parameters, self.conditions, resolution)

    @property
    def size(self) -> float:
        """How many configs there are: an int, or inf. Forbidden ones are counted too."""
        return self.grid().size

    def neighbours(self, config: Mapping[str, Any], resolution: int = 11) -> list[dict[str, Any]]:
        """Give the allowed configs that are one step away on the grid.

        Parameters
        ----------
        config : mapping
        resolution : int
            Into how many points the range of a continuous parameter is divided.

        Returns
        -------
        list of dict
            The next values of an ordered parameter, all other choices of a categorical one; for
            a Sequence one layer changed, deleted or doubled.
        """
        return self.decode(self.neighbour_points(self.encode([config])[0], resolution))

    def neighbour_points(self, point: Floats, resolution: int = 11) -> Floats:
        """Give the allowed points one step away from a point (d,), shape (m, d)."""
        active = self.active(point[None])[0]
        moved = []
        for name, parameter in self._parameters.items():
            columns = self._columns[name]
            if active[columns.start]:
                blocks = parameter.neighbours(point[columns], resolution)
                points = np.repeat(point[None], len(blocks), axis=0)
                points[:, columns] = blocks
                moved.append(points)
        neighbours = np.concatenate(moved) if moved else np.empty((0, self.d))
        return neighbours[self.allowed(neighbours)] if len(neighbours) else neighbours

    # -- JSON --------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Give the space as JSON data (`forbid` functions by name only)."""
        document: dict[str, Any] = {
            "parameters": [[name, parameter.to_json()] for name, parameter in self.items()]
        }
        if self.forbidden:
            document["forbid"] = [forbidden.to_json() for forbidden in self.forbidden]
        return document

    @classmethod
    def from_json(
        cls, document: Mapping[str, Any], forbid: Sequence[Predicate] | None = None
    ) -> Space:
        """Make a space of its JSON data, or of a mapping of names to parameters' data.

        Parameters
        ----------
        document : mapping
            What `to_json` gave; or ``{"lr": {"type": "float", "low": 1e-4, "high": 1.0}}``.
        forbid : sequence, optional
            Stands in for the stored predicates; functions cannot be restored from JSON.
        """
        if not isinstance(document, Mapping):
            raise SpaceError(f"a space must be a mapping, but got {document!r}")
        stored = document.get("parameters")
        parameters = stored if isinstance(stored, list) else list(document.items())
        if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in parameters):
            raise SpaceError(
                f"the parameters of a space must be pairs of name and table, but got {parameters!r}"
            )
        if forbid is None:
            forbid = forbidden_from_json(
                document.get("forbid", ()) if isinstance(stored, list) else ()
            )
        return cls({name: Parameter.from_json(name, data) for name, data in parameters}, forbid)

    def differences(self, other: Space) -> list[str]:
        """Say in words how another space differs from this one; empty where it does not."""
        found = []
        for name in [*self, *(name for name in other if name not in self)]:
            mine = self[name].to_json() if name in self else None
            theirs = other[name].to_json() if name in other else None
            if mine is None or theirs is None:
                found.append(f"{name!r} is only in the {'new' if mine is None else 'stored'} space")
            elif identity(mine) != identity(theirs):
                found.append(f"{name!r} is {theirs} but was {mine}")
        if not found and list(self) != list(other):
            found.append(f"the order is {list(other)} but was {list(self)}")
        mine_forbidden = [forbidden.to_json() for forbidden in self.forbidden]
        their_forbidden = [forbidden.to_json() for forbidden in other.forbidden]
        if identity(mine_forbidden) != identity(their_forbidden):
            found.append(f"forbid is {their_forbidden} but was {mine_forbidden}")
        return found


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
