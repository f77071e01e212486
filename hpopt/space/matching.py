"""All mappings that forbid, tested on many points at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hpopt.space.forbidden import Forbidden, ForbiddenMatch
from hpopt.space.parameter import Bools, Floats, Parameter

MOST_ENTRIES = 2**22
"""A parameter's table has no more entries than this: one for each of its values and mappings."""


class Matching:
    """Mappings of names to values as tables over the codes of those names.

    Parameters
    ----------
    predicates : sequence of Forbidden
    parameters : mapping of str to Parameter
    columns : mapping of str to slice
        Which coordinates belong to each.

    Attributes
    ----------
    others : tuple of Forbidden
        The predicates that have no tables: functions, and values of lists and of parameters that
        are continuous.
    """

    def __init__(
        self,
        predicates: Sequence[Forbidden],
        parameters: Mapping[str, Parameter],
        columns: Mapping[str, slice],
    ) -> None:
        n_all = max(1, len(predicates))
        tabled = {
            name
            for name, parameter in parameters.items()
            if parameter.width == 1 and 0 < parameter.levels[0] < MOST_ENTRIES // n_all
        }
        matches = [
            each
            for each in predicates
            if isinstance(each, ForbiddenMatch) and {*each.names} <= tabled
        ]
        self.others = tuple(each for each in predicates if each not in matches)
        self._tables: list[tuple[int, Bools]] = []
        for name in dict.fromkeys(name for each in matches for name in each.names):
            parameter = parameters[name]
            # The last row is for points in which the parameter does not exist.
            table = np.zeros((int(parameter.levels[0]) + 1, len(matches)), dtype=bool)
            for place, match in enumerate(matches):
                if name not in match.values:
                    table[:, place] = True
                else:
                    block = parameter.encode(match.values[name])
                    table[parameter.codes(block)[:, 0].astype(np.int64), place] = True
            self._tables.append((columns[name].start, table))

    def hold(self, codes: Floats) -> Bools:
        """Return which points match a mapping, shape (n,), by their codes (nan: absent)."""
        if not self._tables:
            return np.zeros(len(codes), dtype=bool)
        found: Bools = np.ones((len(codes), self._tables[0][1].shape[1]), dtype=bool)
        for column, table in self._tables:
            rows = np.where(np.isnan(codes[:, column]), len(table) - 1, codes[:, column])
            np.logical_and(found, table.take(rows.astype(np.int64), axis=0), out=found)
        return np.asarray(found.any(axis=1))
