"""Find out what a build asks for: run it again and again, with other values."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hpopt.integrations.keras_tuner.entries import Entry, are_met
from hpopt.integrations.presence import MOST_VALUES
from hpopt.numerics.sampling import keyed_generator

# Builds with random values at the end, for what exists only where several others have values that
# are not their defaults: of a pair of choices among two, 8 miss one combination in 10.
RANDOM_BUILDS = 8
# A build takes some 50 ms, so that these take a quarter of a minute.
MOST_BUILDS = 300

Values = dict[str, Any]
Build = Callable[[Mapping[str, Any]], Any]
"""Builds with values by name, and returns what was asked: KerasTuner's HyperParameters, or ours."""


@dataclass(slots=True)
class Recorded:
    """What builds asked for.

    Attributes
    ----------
    entries : list of Entry
        Each once, in the order in which they were met.
    runs : list of dict
        Of each build the values of what was active in it.
    failures : list of (dict, Exception)
        The values of builds that raised an error, and it.
    is_whole : bool
        Whether all that was to be tried has been.
    """

    entries: list[Entry] = field(default_factory=list)
    runs: list[Values] = field(default_factory=list)
    failures: list[tuple[Values, Exception]] = field(default_factory=list)
    is_whole: bool = True


def recorded(build: Build, read: Callable[[Any], list[Entry]], also: list[Values]) -> Recorded:
    """Build with the defaults, then with other values of whatever is asked for.

    Parameters
    ----------
    build : callable
        Runs the user's build; see `Build`.
    read : callable
        Returns the entries of what it was given.
    also : list of dict
        Further values to build with.

    Raises
    ------
    Exception
        Whatever the build with the defaults raises.
    """
    return _Recorder(build, read).found(also)


class _Recorder:
    def __init__(self, build: Build, read: Callable[[Any], list[Entry]]) -> None:
        self._build, self._read = build, read
        self._found = Recorded()
        self._varied: set[tuple[Any, ...]] = set()
        self._tried: list[Values] = []
        # Values to build with; of a range also the entry, and what there was before it changed.
        self._queue = deque[tuple[Values, Entry | None, frozenset[str]]]()

    def found(self, also: list[Values]) -> Recorded:
        first = self._run({})
        if first is None:
            raise self._found.failures[0][1]
        self._queue.extend((dict(values), None, frozenset()) for values in also)
        self._work()
        for number in range(RANDOM_BUILDS if self._varied else 0):
            self._queue.append((self._drawn(number), None, frozenset()))
            self._work()
        self._found.is_whole = not self._queue
        return self._found

    def _work(self) -> None:
        while self._queue and len(self._tried) < MOST_BUILDS:
            values, entry, before = self._queue.popleft()
            after = self._run(values)
            if entry is not None and after is not None and frozenset(after) != before:
                # The number of layers, say: what lies between the ends counts too.
                others = self._between(entry)
                self._queue.extend(
                    ({**values, entry.name: each}, None, frozenset()) for each in others
                )

    def _run(self, values: Values) -> Values | None:
        """Build, and queue other values of what is asked for the first time."""
        if values in self._tried:
            return None
        self._tried.append(values)
        try:
            asked = self._build(values)
        except Exception as error:  # a combination that the user's code refuses
            self._found.failures.append((values, error))
            return None
        entries = self._read(asked)
        known = {(each.name, each.definition, each.conditions) for each in self._found.entries}
        self._found.entries += [
            each for each in entries if (each.name, each.definition, each.conditions) not in known
        ]
        active = {each.name: each for each in entries if are_met(each.conditions, asked.values)}
        own = {name: asked.values[name] for name in active}
        self._found.runs.append(own)
        for entry in active.values():
            self._vary(entry, own)
        return own

    def _vary(self, entry: Entry, own: Values) -> None:
        key = entry.name, entry.definition
        if key in self._varied:
            return
        self._varied.add(key)
        listed, names = entry.listed, frozenset(own)
        if listed is not None:
            others = [value for value in listed if value != own[entry.name]][:MOST_VALUES]
            self._queue.extend(({**own, entry.name: v}, None, names) for v in others)
            return
        ends = {entry.value_of(entry.low), entry.value_of(entry.high)} - {own[entry.name]}
        self._queue.extend(({**own, entry.name: end}, entry, names) for end in sorted(ends))

    def _between(self, entry: Entry) -> list[Any]:
        parameter = entry.parameter()
        n = 0 if parameter is None else int(parameter.levels[0])
        if not 0 < n <= MOST_VALUES:
            return []
        every: Any = parameter
        values = [entry.value_of(v) for v in every.values_of([float(k) for k in range(n)])]
        return values[1:-1]

    def _drawn(self, number: int) -> Values:
        values: Values = {}
        for place, entry in enumerate(self._found.entries):
            parameter = entry.parameter()
            if parameter is not None:
                rng = keyed_generator(0, number, place)
                values[entry.name] = entry.value_of(parameter.sample(rng))
        return values


def names_in(recording: Recorded) -> list[str]:
    """Return the names that were active in any build."""
    return list(dict.fromkeys(itertools.chain.from_iterable(recording.runs)))
