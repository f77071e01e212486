"""Which parameters exist when: read off runs of somebody's code that asks for them as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Values of which it is kept in which runs they were: of more, too few are seen.
MOST_VALUES = 128

When = dict[str, list[Any]]


class Presence:
    """What names runs had, and their values, as bits: bit k is the k-th run."""

    def __init__(self) -> None:
        self._n = 0
        self._present: dict[str, int] = {}
        self._with_value: dict[str, dict[Any, int]] = {}

    def __len__(self) -> int:
        return self._n

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a run: the values, which can be hashed, of the names that it had."""
        bit = 1 << self._n
        self._n += 1
        for name, value in values.items():
            self._present[name] = self._present.get(name, 0) | bit
            known = self._with_value.setdefault(name, {})
            if len(known) <= MOST_VALUES:
                known[value] = known.get(value, 0) | bit

    def runs_of(self, name: str) -> int:
        """Return the bits of the runs that had a name."""
        return self._present.get(name, 0)

    def conditions(
        self, names: Sequence[str], parents: Mapping[str, Sequence[Any] | None]
    ) -> dict[str, When]:
        """Return the names whose conditions are known, with them; parents come first.

        Parameters
        ----------
        names : sequence of str
            Of parameters; those that no run had are left out.
        parents : mapping of str to sequence or None
            Those of them that have few values. Of numbers all values in their order: one that
            nobody has seen is taken for the nearest seen one.

        Returns
        -------
        dict of str to dict
            Name → parent → values; empty where every run had it.
        """
        everywhere, found = (1 << self._n) - 1, dict[str, When]()
        seen = {name: self._present[name] for name in names if name in self._present}
        # A parent exists wherever its child does; sorting is stable, so the order stays.
        for name in sorted(seen, key=lambda name: -seen[name].bit_count()):
            able = [p for p in found if p in parents and seen[p] & seen[name] == seen[name]]
            when = self._when(seen[name], everywhere, [p for p in able if seen[p] != seen[name]])
            if when is not None:
                found[name] = {p: self._closed(p, codes, parents[p]) for p, codes in when.items()}
        return found

    def _when(
        self, present: int, everywhere: int, parents: Sequence[str]
    ) -> dict[str, set[Any]] | None:
        """Return the values of parents in just the runs `present`; None where none decide.

        The greedy cover of all other runs: the parent that rules out the most comes first.
        """
        left, when = everywhere & ~present, dict[str, set[Any]]()
        options = dict[str, tuple[set[Any], int]]()
        for parent in parents if left else ():
            values = self._with_value[parent]
            codes = {code for code, bits in values.items() if bits & present}
            ruled_out = everywhere
            for code in codes:
                ruled_out &= ~values[code]
            options[parent] = codes, ruled_out
        while left:
            best = max(options, key=lambda p: (options[p][1] & left).bit_count(), default=None)
            if best is None or not options[best][1] & left:
                return None
            when[best], left = options[best][0], left & ~options[best][1]
        return when

    def _closed(self, name: str, codes: set[Any], every: Sequence[Any] | None) -> list[Any]:
        known = [*self._with_value[name]]
        if every is None:
            return [code for code in known if code in codes]
        known.sort()
        return [each for each in every if min(known, key=lambda v: abs(v - each)) in codes]
