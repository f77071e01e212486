"""A search space: named parameters in order, and the way to coordinates and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from hpopt.checks import in_order
from hpopt.errors import ConfigError, SpaceError
from hpopt.sheets import Sheet
from hpopt.space.changes import with_changes
from hpopt.space.coordinates import Coordinates
from hpopt.space.differences import parameter_differences
from hpopt.space.dimensions import configs_and_losses
from hpopt.space.forbidden import (
    Forbidden,
    ForbiddenLayer,
    ForbiddenTables,
    forbidden_from_json,
    remaining_predicates,
)
from hpopt.space.grid import Grid
from hpopt.space.narrowing import Narrowed, configs_in, narrow_space
from hpopt.space.parameter import Bools, Floats, Parameter, Resolution, identity
from hpopt.space.peeling import Rules

TRIES = 10_000  # if one point in 1,000 is allowed, so many are all forbidden once in 20,000 times
# 39 forbidden pairs of 40 switches, of whose draws 1 in 2,500 is allowed, take some 30 steps.
STEPS = 1_000
Predicate = Callable[[dict[str, Any]], bool] | Mapping[str, Any]


class Space(Coordinates):
    """What may be chosen.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        In the order in which they may depend on one another: the parents named in a
        parameter's `when` come before it.
    forbid : sequence, optional
        Configs that are never proposed: functions that return True for such a config (inactive
        parameters are absent from it), or mappings of names to a value or values, which forbid
        the configs that match all of them.

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
        super().__init__(parameters)
        if isinstance(forbid, str | Mapping) or not isinstance(forbid, Iterable):
            raise SpaceError(f"forbid must be a list of predicates, but got {forbid!r}")
        in_order("forbid", forbid, SpaceError)
        self.forbidden = tuple(Forbidden.from_user(predicate, self) for predicate in forbid)
        self._tables = ForbiddenTables(self.forbidden, self._parameters, self._columns)
        self._in_layers = tuple(
            ForbiddenLayer(name, test) for name, p in self.items() for test in p.forbidden
        )
        self.predicates: tuple[Forbidden, ...] = self.forbidden + self._in_layers
        self._check_not_all_forbidden()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and identity(self.to_json()) == identity(other.to_json())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name!r}: {parameter!r}" for name, parameter in self.items())
        forbid = f", forbid={list(self.forbidden)!r}" if self.forbidden else ""
        return f"Space({{{inside}}}{forbid})"

    def describe(self) -> Sheet:
        """Return a table in words: what may be chosen for each parameter, where, its default.

        Print it; in a notebook it is HTML, as the space itself. The parameters of a list's layers
        are indented.
        """
        from hpopt.space.description import described

        return described(self, self.forbidden)

    def _repr_html_(self) -> str:
        return self.describe()._repr_html_()

    # -- configs that a user gives -----------------------------------------------------------

    def validate(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a user's config in its canonical form.

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

    # -- drawing -----------------------------------------------------------------------------

    def allowed(self, points: Floats) -> Bools:
        """Return a mask (n,) of the points that no `forbid` excludes."""
        if not self.predicates:
            return np.ones(len(points), dtype=bool)
        codes = self._codes(self._as_points(points))
        allowed = ~self._tables.any_holds(codes)
        for name in dict.fromkeys(layer.name for layer in self._in_layers):
            columns = self._columns[name]
            absent = np.isnan(codes[:, columns.start])
            allowed &= self._parameters[name].allowed(points[:, columns]) | absent
        if self._tables.others:
            rows = np.flatnonzero(allowed)
            configs = self.decode(points[rows])
            allowed[rows] = [not any(f(c) for f in self._tables.others) for c in configs]
        return allowed

    def repaired(self, points: Floats, rng: np.random.Generator) -> Floats:
        """Return points with the layers sampled anew that their own space forbids."""
        if not self._in_layers:
            return points
        blocks = [p.repaired(points[:, self._columns[name]], rng) for name, p in self.items()]
        return np.concatenate(blocks, axis=1)

    def random(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw n allowed points: from priors, by default uniform in the unit cube.

        Where fewer than one in 10,000 points is allowed, those that are left are drawn otherwise.

        Raises
        ------
        SpaceError
            None was found that is allowed.
        """
        points = self.repaired(self.drawn(rng.random((n, self.d))), rng)
        if not self.predicates:
            return points
        wrong = ~self.allowed(points)
        for _ in range(TRIES):
            if not wrong.any():
                return points
            uniforms = rng.random((int(wrong.sum()), self.d))
            points[wrong] = self.repaired(self.drawn(uniforms), rng)
            wrong[wrong] = ~self.allowed(points[wrong])
        found = self.allowed_points(int(wrong.sum()), rng)
        if len(found) == wrong.sum():
            points[wrong] = found
            return points
        raise SpaceError(
            f"forbid must leave something to draw, but {TRIES} draws in a row were forbidden"
        )

    def allowed_points(self, n: int, rng: np.random.Generator) -> Floats:
        """Search for n allowed points where nearly all draws are forbidden.

        One parameter of a forbidden combination is drawn anew until none is left (WalkSAT,
        Selman, Kautz and Cohen 1994), so they are not uniform.

        Returns
        -------
        ndarray (m, d), in [0, 1], m <= n
            Without those of which 1,000 steps were in vain.
        """
        points = self.drawn(rng.random((n, self.d)))
        wrong = np.arange(n)
        for _ in range(STEPS):
            points[wrong] = self.repaired(points[wrong], rng)
            wrong = wrong[~self.allowed(points[wrong])]
            if not wrong.size:
                break
            for row, config in zip(wrong, self.decode(points[wrong]), strict=True):
                held = [each for each in self.predicates if each(config)]
                names = held[rng.integers(len(held))].names or tuple(self)
                columns = self._columns[names[rng.integers(len(names))]]
                points[row, columns] = rng.random(columns.stop - columns.start)
        return np.delete(points, wrong, axis=0)

    def sample(self, n: int = 1, *, seed: int | None = None) -> list[dict[str, Any]]:
        """Draw n configs: from priors, by default uniform in the unit cube."""
        return self.decode(self.random(n, np.random.default_rng(seed)))

    def _check_not_all_forbidden(self) -> None:
        if not self.forbidden:
            return
        # A quick look first: only where it finds nothing are the whole grid, or many points, tried.
        rng = np.random.default_rng(0)
        if self.allowed(self.repaired(rng.random((256, self.d)), rng)).any():
            return
        grid = self.grid()
        if grid.size <= TRIES:
            rest = np.array([grid.point(index) for index in range(int(grid.size))])
        else:
            rest = self.repaired(rng.random((TRIES, self.d)), rng)
            if len(self.allowed_points(1, rng)):
                return
        if not self.allowed(rest).any():
            raise SpaceError(
                f"forbid must leave at least one config, but all of {len(rest)} tried are "
                f"forbidden by {', '.join(map(str, self.forbidden))}"
            )

    # -- grid and size -----------------------------------------------------------------------

    def grid(self, resolution: Resolution = None) -> Grid:
        """Return the grid of configs; see `Grid`."""
        return Grid(self._parameters, self.conditions, resolution)

    @cached_property
    def size(self) -> float:
        """How many configs there are: an int, or inf.

        Forbidden ones are counted too. It is inf where a parameter is continuous, from 2**14,000
        on, and where the conditions are too entangled to be counted.
        """
        return self.grid().size

    def neighbours(
        self, config: Mapping[str, Any], resolution: int = 11, step: float = 0.0
    ) -> list[dict[str, Any]]:
        """Return the allowed configs that are one step away on the grid.

        Parameters
        ----------
        resolution : int
            Into how many points the range of a continuous parameter is divided.
        step : float, in [0, 1]
            How far an ordered parameter steps, as a share of its grid: one of its values at
            least, and to its end where that is nearer.

        Returns
        -------
        list of dict
            The next values of an ordered parameter, all other choices of a categorical one; for
            a Sequence one layer changed, deleted or doubled.
        """
        return self.decode(self.neighbour_points(self.encode([config])[0], resolution, step))

    def neighbour_points(self, point: Floats, resolution: int = 11, step: float = 0.0) -> Floats:
        """Return the allowed points one step away from a point (d,), shape (m, d)."""
        active = self.active(point[None])[0]
        moved = []
        for name, parameter in self._parameters.items():
            columns = self._columns[name]
            if active[columns.start]:
                blocks = parameter.neighbours(point[columns], resolution, step)
                points = np.repeat(point[None], len(blocks), axis=0)
                points[:, columns] = blocks
                moved.append(points)
        neighbours = np.concatenate(moved) if moved else np.empty((0, self.d))
        return neighbours[self.allowed(neighbours)] if len(neighbours) else neighbours

    # -- smaller spaces ----------------------------------------------------------------------

    def changed(self, changes: Mapping[str, Parameter]) -> Space:
        """Return the space with some parameters replaced by name; `forbid` stays as it is.

        A parameter that cannot exist any more, because what it depends on lost the values that
        it needs, is left out.

        Raises
        ------
        UnknownNameError
            A change is of a parameter that is not there.
        """
        parameters = with_changes(self, changes)
        return Space(parameters, remaining_predicates(self.forbidden, parameters))

    def narrow(
        self,
        trials: Iterable[Any],
        *,
        objective: str | None = None,
        direction: str = "minimize",
        keep: float = 0.1,
        confidence: float = 0.95,
        min_values: int = 2,
        min_width: float = 0.1,
    ) -> Narrowed[Space]:
        """Drop the values and the ends of ranges that underperform, and say why.

        A value, or what lies beyond an end, is dropped where its trials rank worse than the
        others by a one-sided rank-sum test, with five trials at least on both sides. A
        conditional parameter is judged where it exists, one of a list's layers by the trials in
        which it occurs. What is dropped takes its trials along, then everything is tested again.

        Parameters
        ----------
        trials : iterable of Trial
            Or of anything that has a ``config`` and ``values``. Trials without values are the
            worst; those that do not fit the space are left out.
        objective : str, optional
            The value to judge by; needed where there are several.
        direction : {"minimize", "maximize"}
        keep : float, in [0, 1]
            The share of the trials, the best ones, of which nothing is dropped. Of the best
            trial nothing ever is.
        confidence : float, in (0, 1)
            Of the test, over all that is tested at the same time.
        min_values : int, >= 1
            How many values each parameter keeps at least.
        min_width : float, in [0, 1]
            The share of its range that each number keeps at least.

        Returns
        -------
        Narrowed
            With ``space`` and ``reasons``; print it.
        """
        rules = Rules(keep, confidence, min_values, min_width)
        sign = 1.0 if direction == "minimize" else -1.0
        given, losses = configs_and_losses(trials, objective, direction)
        places, configs = configs_in(self, given)
        return narrow_space(self, configs, losses[places], rules=rules, sign=sign)

    # -- JSON --------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return the space as JSON data (`forbid` functions by name only)."""
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
        """Return the space of such JSON data, or of a mapping of names to parameters' data.

        Parameters
        ----------
        document : mapping
            What `to_json` returned; or ``{"lr": {"type": "float", "low": 1e-4, "high": 1.0}}``.
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

    def differences(self, other: Space, within: str = "") -> list[str]:
        """Describe how another space differs from this one; empty where it does not.

        Defaults and priors are no difference: they do not change what may be chosen.

        Parameters
        ----------
        other : Space
            The newer one: ``"units was Int(8, 64) and is Int(8, 128)"``.
        within : str, optional
            What stands before each name.
        """
        found = parameter_differences(self, other, within)
        was, now = ([each.to_json() for each in space.forbidden] for space in (self, other))
        if identity(was) != identity(now):
            where = f" in {within.rstrip('.')}" if within else ""
            found.append(f"forbid{where} is {now} but was {was}")
        return found
