"""A journal that is kept in memory and ends with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hpopt.core.trial import STATUSES, Solution, Trial
from hpopt.storage.storage import (
    OUTPUT_CHARACTERS,
    Header,
    Journal,
    Storage,
    closed,
    finished_twice,
    no_such_trial,
    reopened_unfinished,
    started_differently,
    started_when_finished,
)


class MemoryStorage(Storage):
    """Keep a study in memory: for short searches and for tests.

    It keeps the very objects it gets, so they must not be changed afterwards.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._closed = False
        self._header: Header | None = None
        self._pending: dict[int, Solution] = {}
        self._finished: dict[int, Trial] = {}  # in the order of observation
        self._places: dict[int, int] = {}  # number → how many were observed before, in all
        self._n_observed = 0
        self._asked_after: dict[int, int] = {}
        self._outputs: dict[int, str] = {}

    @classmethod
    def copy_of(cls, storage: Storage) -> MemoryStorage:
        """Return all that a storage holds, in memory; unlike others it can be pickled."""
        copy, journal = cls(), storage.load()
        copy._header = storage.header()
        copy._pending = {each.number: each for each in journal.pending}
        copy._finished = {each.number: each for each in journal.trials}
        copy._count_observed(copy._finished)
        copy._asked_after = dict(journal.asked_after)
        outputs = {number: storage.output(number) for number in copy._finished}
        copy._outputs = {number: output for number, output in outputs.items() if output}
        return copy

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_guard"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _guard=threading.RLock())

    def header(self) -> Header | None:
        """Return the header; None in a fresh study."""
        with self._open():
            return None if self._header is None else dict(self._header)

    def write_header(self, header: Header) -> None:
        """Keep plain data about the study."""
        with self._open():
            self._header = dict(header)

    def started(self, solutions: Sequence[Solution], asked_after: int) -> None:
        """Journal that these are about to be evaluated."""
        with self._open():
            new: dict[int, Solution] = {}
            for solution in solutions:
                number = solution.number
                if number in self._finished:
                    raise started_when_finished(number)
                known = self._pending.get(number) or new.setdefault(number, solution)
                if known != solution:
                    raise started_differently(number)
            self._pending.update(new)
            self._asked_after.update(dict.fromkeys(new, asked_after))

    def append(self, trials: Sequence[Trial], outputs: Mapping[int, str] | None = None) -> None:
        """Journal that these have finished, in this order."""
        with self._open():
            new: dict[int, Trial] = {}
            for trial in trials:
                number = trial.number
                if number in self._finished or number in new:
                    raise finished_twice(number)
                new[number] = Trial(self._pending.get(number, trial.solution), trial.outcome)
            self._finished.update(new)
            self._count_observed(new)
            for number in new:
                self._pending.pop(number, None)
                if outputs and outputs.get(number):
                    self._outputs[number] = outputs[number][-OUTPUT_CHARACTERS:]

    def reopen(self, numbers: Sequence[int]) -> None:
        """Make finished trials pending again."""
        with self._open():
            new: dict[int, Solution] = {}
            for number in numbers:
                if number not in self._finished or number in new:
                    raise reopened_unfinished(number)
                new[number] = self._finished[number].solution
            self._pending.update(new)
            for number in new:
                del self._finished[number], self._places[number]
                self._asked_after[number] = 0
                self._outputs.pop(number, None)

    def load(self) -> Journal:
        """Read the journal as it is now."""
        with self._open():
            pending = tuple(self._pending[number] for number in sorted(self._pending))
            return Journal(tuple(self._finished.values()), pending, dict(self._asked_after))

    def observed_after(self, place: int = -1, first: int = 0) -> Iterator[tuple[int, Trial]]:
        """Read what was observed after a place, by number, from number `first` on."""
        with self._open():
            places = self._places.items()
            new = sorted(number for number, at in places if at > place and number >= first)
            return iter([(self._places[number], self._finished[number]) for number in new])

    def _count_observed(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._places[number] = self._n_observed
            self._n_observed += 1

    def trials(self) -> Iterator[Trial]:
        """Read the finished trials by number."""
        with self._open():
            numbers = sorted(self._finished)
        for number in numbers:
            yield self._finished[number]

    def trial(self, number: int) -> Trial:
        """Read one finished trial."""
        with self._open():
            if number not in self._finished:
                raise no_such_trial(number, pending=number in self._pending)
            return self._finished[number]

    def output(self, number: int) -> str:
        """Read the end of what a trial printed."""
        with self._open():
            if number not in self._finished and number not in self._pending:
                raise no_such_trial(number)
            return self._outputs.get(number, "")

    def count(self) -> dict[str, int]:
        """Count the trials of each status, and those pending."""
        with self._open():
            counts = dict.fromkeys(("pending", *STATUSES), 0)
            counts["pending"] = len(self._pending)
            for trial in self._finished.values():
                counts[trial.status] += 1
            return counts

    def close(self) -> None:
        """Close it for good."""
        with self._guard:
            self._closed = True

    def _open(self) -> threading.RLock:
        if self._closed:
            raise closed()
        return self._guard
