"""When a parameter exists: the values that its parents must have."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from hpopt.errors import ConfigError, SpaceError
from hpopt.space.parameter import Bools, Floats, Parameter, hint_of_tuple, identity

# Conditions of parents, their parents …, of all parameters together: no space of a person has so
# many, and a hostile file of some hundred kB can have 10**9.
MOST_LOOKED_AT = 10**6
# Values of a parent up to which a table says whether each is allowed: 4 kB a condition. For more
# they are searched in a sorted list.
MOST_TABLED = 4096


class Conditions:
    """The `when` of all parameters of a space, checked and in codes.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        In the order in which they may depend on one another.

    Attributes
    ----------
    parents : set of str
        The parameters that others depend on.

    Raises
    ------
    SpaceError
        A parent is unknown, is declared later, has no countable values; or a parameter can never
        exist.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        earlier: set[str] = set()
        self._values: dict[tuple[str, str], frozenset[str]] = {}
        self._allowed: dict[str, dict[str, Floats]] = {}
        for name in parameters:
            self._allowed[name] = self._checked(name, earlier)
            earlier.add(name)
        self.parents = {parent for allowed in self._allowed.values() for parent in allowed}
        self._check_possible()
        self._tables = {
            name: {parent: self._table(parent, codes) for parent, codes in allowed.items()}
            for name, allowed in self._allowed.items()
        }

    def allowed_codes(self, name: str) -> dict[str, Floats]:
        """Return the codes that each parent of a parameter must have."""
        return self._allowed[name]

    def _checked(self, name: str, earlier: AbstractSet[str]) -> dict[str, Floats]:
        allowed: dict[str, Floats] = {}
        for parent, values in (self._parameters[name].when or {}).items():
            parameter = self._parent(name, parent, earlier)
            try:
                checked = [parameter.check(value, parent) for value in values]
            except ConfigError as error:
                raise SpaceError(
                    f"{name!r} can never exist when {parent!r} is one of {list(values)}: {error}"
                    + hint_of_tuple(parameter, parent, values)
                ) from None
            allowed[parent] = np.unique(parameter.codes(parameter.encode(checked))[:, 0])
            self._values[name, parent] = frozenset(map(identity, checked))
        return allowed

    def _parent(self, name: str, parent: str, earlier: AbstractSet[str]) -> Parameter:
        if parent not in self._parameters:
            raise SpaceError(
                f"the parents of a parameter must be in the space, but {name!r} has the parent "
                f"{parent!r}; there are {list(self._parameters)}"
            )
        if parent not in earlier:
            raise SpaceError(
                "the parents of a parameter must be declared before it (so that there is no "
                f"cycle), but {name!r} has the parent {parent!r}: declare {parent!r} first"
            )
        parameter = self._parameters[parent]
        if parameter.width != 1 or not parameter.levels[0]:
            raise SpaceError(
                f"a parent must have a countable number of values, but {parent!r}, the parent of "
                f"{name!r}, is a {parameter.kind}"
            )
        return parameter

    def _table(self, parent: str, allowed: Floats) -> Bools | None:
        n = int(self._parameters[parent].levels[0])
        return np.isin(np.arange(n), allowed) if n <= MOST_TABLED else None

    def _check_possible(self) -> None:
        """Raise unless each parameter exists for some values of its parents and theirs."""
        n_looked = 0
        for name, conditions in self._allowed.items():
            if len(conditions) < 2:  # what its one parent asks for has been checked
                continue
            required: dict[str, Floats] = {}
            open_names = [name]
            while open_names:
                for parent, codes in self._allowed[open_names.pop()].items():
                    n_looked += 1
                    if parent not in required:
                        required[parent] = codes
                        open_names.append(parent)
                    elif codes is not required[parent]:
                        required[parent] = np.intersect1d(required[parent], codes)
                        if not required[parent].size:
                            raise SpaceError(
                                f"{name!r} can never exist: its conditions ask for values of "
                                f"{parent!r} that exclude one another"
                            )
                if n_looked > MOST_LOOKED_AT:
                    raise SpaceError(
                        f"a space must have fewer conditions on conditions, but {name!r} and "
                        f"those before it have more than {MOST_LOOKED_AT} together"
                    )

    def masks(self, points: Floats, columns: Mapping[str, slice]) -> dict[str, Bools]:
        """Return a mask (n,) for each parameter: the points in which it exists; read-only."""
        codes = {
            parent: self._parameters[parent].codes(points[:, columns[parent]])[:, 0].astype(int)
            for parent in self.parents
        }
        everywhere = np.ones(len(points), dtype=bool)
        masks: dict[str, Bools] = {}
        for name, conditions in self._allowed.items():
            masks[name] = everywhere
            for parent, allowed in conditions.items():
                table, here = self._tables[name][parent], codes[parent]
                fits = np.isin(here, allowed) if table is None else table[here]
                masks[name] = masks[name] & masks[parent] & fits
        return masks

    def why_absent(self, name: str, config: Mapping[str, Any]) -> str | None:
        """Return why a parameter does not exist in a canonical config; None where it does."""
        for parent in self._allowed[name]:
            if parent not in config:
                return f"{parent} is absent too"
            if identity(config[parent]) not in self._values[name, parent]:
                wanted = list((self._parameters[name].when or {})[parent])
                return f"it needs {parent} in {wanted}, but {parent} is {config[parent]!r}"
        return None
