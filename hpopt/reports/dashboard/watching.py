"""A study file that is followed: what has finished since, what runs, and what has become of it."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpopt.errors import HpoptError
from hpopt.reports import words
from hpopt.reports.data import StudyData
from hpopt.reports.page.packing import cut, packed_study
from hpopt.reports.reader import Reader
from hpopt.reports.source import Source
from hpopt.sheets import config_in_short
from hpopt.storage import Writer, writer_of
from hpopt.storage.running import Running

Opening = Callable[[], Source]

SETTLED_SECONDS = 0.1
"""A file that changed this short ago is read once more: file systems count time in steps of some
milliseconds, and a second change in the same step would not be seen."""

WHOLE_SECONDS, WHOLE_SHARE = 15.0, 0.01
"""How often all numbers of a study that changes are looked at, and the most of the time that it may
take: 0.1 s to 0.2 s at 100,000 trials."""

MARGIN = 1_000
"""How many numbers below the lowest pending one are looked at too: those that were journaled out of
order. It takes less than a millisecond."""

PATIENCE_SECONDS = 2.0  # between two tries to read a file that cannot be read

MOST_BEHIND = 0.02
"""How much of a study may have changed before it is packed anew for the next page that is opened,
which takes a second at 100,000 trials; until then, a page gets what has changed on top."""

SAME = ("created", "seed", "space")  # of a header: what a study keeps for good

MOST_RUNNING = 200  # shown; their number is always said


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a study beside its trials; it is replaced, never changed.

    Attributes
    ----------
    problem : str
        Why it cannot be read now; empty where it can.
    is_reading : bool
        Whether it is being read for the first time.
    writer : Writer or None
        The process that writes it.
    running : tuple of dict
        What has been asked and has not finished, as a page shows it: ``number``, ``since`` (epoch
        seconds), ``step`` and ``value`` (its last report), ``where``, ``config``.
    n_running : int
        How many there are.
    """

    problem: str = ""
    is_reading: bool = True
    writer: Writer | None = None
    running: tuple[dict[str, Any], ...] = ()
    n_running: int = 0


@dataclass(frozen=True, slots=True)
class Edition:
    """A study as it was packed at some time.

    Attributes
    ----------
    epoch : int
        Of which file it is: it grows where another was put in its place.
    version : int
        How often something had changed until then.
    packed : dict
        See `packed_study`.
    """

    epoch: int
    version: int
    packed: dict[str, Any] = field(repr=False)


class Watch:
    """Follow one study.

    One thread calls `look`. Others take what it has found; they wait for a short reading at most.

    Parameters
    ----------
    path : Path
        The study file.
    opening : callable
        Returns the study, to be read; it is called again where the file was replaced.
    """

    def __init__(self, path: Path, opening: Opening) -> None:
        self.path = path
        self._opening = opening
        self._inode = _inode(path)
        self.state = State()
        self.epoch = time.time_ns() // 10**6  # another one after each start of the server
        self._guard, self._packing = threading.Lock(), threading.Lock()
        self._begin(opening())
        self._next_try = 0.0

    def _begin(self, source: Source) -> None:
        self.source, self.reader = source, Reader(source)
        self.version = 0
        self._edition: Edition | None = None
        self._oldest = 0  # the version since when all changes are known
        self._changed: dict[int, int] = {}  # number of a trial → the version that it changed at
        self.best: int | None = None  # their numbers
        self.front: list[int] = []
        self._times: Any = None
        self._first, self._next_whole, self._is_partly = 0, 0.0, False

    def look(self) -> bool:
        """Read what is new; return whether there is something."""
        if time.monotonic() < self._next_try:
            return False
        before = (self.state, self.epoch, self.version)
        try:
            self._read()
            if self._edition is None:  # so that the first page need not wait for it
                self.edition()
        except (HpoptError, OSError) as error:
            self._next_try = time.monotonic() + PATIENCE_SECONDS
            self._times, self._next_whole = None, 0.0
            self.state = State(str(error), self.state.is_reading)
        return (self.state, self.epoch, self.version) != before

    def _read(self) -> None:
        inode = _inode(self.path)
        if inode != self._inode or self._is_another():
            source = self._opening()  # an error where it is gone, or of the future
            with self._guard:
                self._begin(source)
                self.epoch += 1
                self.state = State()
            self._inode = inode
        writer = writer_of(self.path)
        if writer != self.state.writer:
            self._next_whole, self._is_partly = 0.0, True  # it may have reopened trials
        times = _times_of(self.path)
        is_overdue = self._is_partly and time.monotonic() >= self._next_whole
        if times != self._times or is_overdue:
            running: Sequence[Running] = self._read_trials()
        elif self.state.n_running and writer is not None:  # their reports are not in the file
            running = self.source.running_from(self._first)
        else:
            return
        now = time.time()
        is_settled = all(at is None or abs(now - at[0]) > SETTLED_SECONDS for at in times)
        self._times = times if is_settled else None
        shown = tuple(_running(each) for each in running[:MOST_RUNNING])
        self.state = State("", False, writer, shown, len(running))

    def _is_another(self) -> bool:
        """Return whether another study was copied over the file."""
        if self._times is not None or time.monotonic() < self._next_whole:
            return False
        known, found = self.source.header, self._opening().header
        return any(known.get(key) != found.get(key) for key in SAME)

    def _read_trials(self) -> list[Running]:
        began = time.monotonic()
        is_whole = began >= self._next_whole
        if is_whole:
            self._first = 0
        # First what runs: what ends between the two readings is then both, and never neither.
        running = self.source.running_from(self._first)
        with self._guard:
            changed = set(self.reader.update(self._first))
            if changed:
                self.version += 1
                self._changed.update(dict.fromkeys(changed, self.version))
                self._find_best(changed)
        self._is_partly = self._first > 0
        if is_whole:
            now = time.monotonic()
            self._next_whole = now + max(WHOLE_SECONDS, (now - began) / WHOLE_SHARE)
        lowest = min((each.number for each in running), default=self.reader.highest + 1)
        self._first = max(0, lowest - MARGIN)
        return [each for each in running if each.number not in changed]

    def _find_best(self, changed: set[int]) -> None:
        members = {*self.front, *([] if self.best is None else [self.best])}
        # Where one of them has changed, another one may come in its place; else only a new one.
        data = self.reader.data(None if members & changed or not members else members | changed)
        self.best = None if data.best is None else int(data.numbers[data.best])
        self.front = data.numbers[data.on_front].tolist() if len(data.objectives) > 1 else []

    def edition(self) -> Edition | None:
        """Return the study packed for a new page, perhaps without its last changes; None before.

        Those come by `changes`.
        """
        if self.state.is_reading:
            return None
        with self._packing:
            known = self._edition
            if known is not None and self._is_fresh(known):
                return known
            with self._guard:
                data, epoch, version = self.reader.data(), self.epoch, self.version
            made = Edition(epoch, version, packed_study(data))
            with self._guard:
                if epoch == self.epoch:
                    # Pages that are open have the last edition, and what came after it.
                    self._forget_changes(0 if known is None else known.version)
                    self._edition = made
            return made

    def _is_fresh(self, edition: Edition) -> bool:
        with self._guard:
            n_after = sum(at > edition.version for at in self._changed.values())
            return edition.epoch == self.epoch and n_after <= MOST_BEHIND * len(self.reader)

    def _forget_changes(self, version: int) -> None:
        self._oldest = version
        self._changed = {number: at for number, at in self._changed.items() if at > version}

    def changes(self, epoch: int, version: int) -> dict[str, Any] | None:
        """Return the trials that changed after a version, packed; None where they are not known.

        Its ``best`` and ``front`` are those of the whole study.
        """
        with self._guard:
            if epoch != self.epoch or not self._oldest <= version <= self.version:
                return None
            data = self.reader.data([n for n, at in self._changed.items() if at > version])
            best, front = self.best, self.front
        return {**packed_study(data), "best": best, "front": front}

    def data(self) -> StudyData:
        """Return all that has been read."""
        with self._guard:
            return self.reader.data()


def _running(each: Running) -> dict[str, Any]:
    _, step, value, where = words.running(each)
    config = cut(config_in_short(each.solution.config))
    return {
        "number": each.number,
        "since": each.since if each.since is not None and math.isfinite(each.since) else None,
        "step": step,
        "value": value,
        "where": where,
        "config": config,
    }


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _times_of(path: Path) -> tuple[tuple[float, int] | None, ...]:
    """Return when the study and its log were last written, and how long they are."""
    found: list[tuple[float, int] | None] = []
    for each in (path, path.with_name(f"{path.name}-wal")):
        status = None
        with contextlib.suppress(OSError):
            status = each.stat()
        found.append(None if status is None else (status.st_mtime, status.st_size))
    return tuple(found)
