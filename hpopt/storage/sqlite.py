"""The study file: a journal of trials in SQLite, from Python's standard library.

https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from operator import index, itemgetter
from pathlib import Path
from typing import Any, Literal, TypeVar

from hpopt.core.handle import Curve
from hpopt.core.trial import STATUSES, Solution, Trial
from hpopt.errors import SettingError, StudyError
from hpopt.storage import files, rows
from hpopt.storage.connection import (
    SPARE_BYTES,
    connect_to_read,
    lacks_log,
    n_bytes_of,
)
from hpopt.storage.damage import SQLITE_ERRORS, damaged, how_it_lacks_its_log, study_error
from hpopt.storage.encoding import decode, encode
from hpopt.storage.lock import WriterLock
from hpopt.storage.open_file import OpenFile
from hpopt.storage.rescue import rescued
from hpopt.storage.storage import (
    Header,
    Journal,
    Pending,
    Storage,
    closed,
    finished_twice,
    no_such_trial,
    reopened_unfinished,
    started_differently,
    started_when_finished,
)

Mode = Literal["w", "r"]
Item = TypeVar("Item")

TRIAL = f"{rows.SOLUTION_COLUMNS}, {rows.OUTCOME_COLUMNS}"
# Trials, and bytes of them, that are read at once: many enough that the query costs nothing beside
# them, few enough that a long study is never in memory (SQLite takes 999 variables at most).
AT_ONCE, BYTES_AT_ONCE = 500, 2**22

LOOK_SECONDS = 1.0
"""How often the writer looks whether its file is still in its place: three system calls."""

STATUS, OBSERVED, ASKED_AFTER = rows.STATUS, rows.END, rows.END + 1
"""Places in the rows of TRIAL and JOURNAL."""

JOURNAL = f"SELECT {TRIAL}, told, asked_after FROM trials ORDER BY number"
NEXT_TRIALS = f"""SELECT {TRIAL} FROM trials
    WHERE number > ? AND status IS NOT NULL ORDER BY number LIMIT {AT_ONCE}"""
NEXT_OBSERVED = f"""SELECT {TRIAL}, told FROM trials
    WHERE number > ? AND told > ? AND status IS NOT NULL ORDER BY number LIMIT {AT_ONCE}"""
OBSERVED_NUMBERS = "SELECT number FROM trials WHERE status IS NOT NULL ORDER BY told"
NEXT_PENDING = f"""SELECT {rows.SOLUTION_COLUMNS}, asked_after, started, curve FROM trials
    WHERE number >= ? AND status IS NULL ORDER BY number"""
PENDING_NUMBERS = "SELECT number FROM trials WHERE status IS NULL ORDER BY number"
ONE_TRIAL = f"SELECT {TRIAL} FROM trials WHERE number = ?"
COUNT = f"""SELECT TOTAL(status IS NULL),
    {", ".join(f"TOTAL(status = '{status}')" for status in STATUSES)} FROM trials"""


class SQLiteStorage(Storage):
    """Keep a study in one SQLite file.

    A killed process loses nothing that was written, a power cut at most the last second. One
    process writes; any number of others read meanwhile, and nobody waits for anybody. Cost a
    trial and memory do not grow with the study. The file must lie on a disk of this machine:
    the log beside it (``-wal``) does not work over a network. It is one file once closed.

    Parameters
    ----------
    path : path
        The study file. In mode ``"w"`` it and its folder are made where they are missing.
    mode : {"w", "r"}
        To write, as the only one; or to read, also on a read-only disk.

    Raises
    ------
    StudyLockedError
        It is being written already.
    StudyFileError
        There is something else, or a damaged study, or nothing to read.
    StudyError
        The disk does not allow it.
    """

    def __init__(self, path: str | os.PathLike[str], mode: Mode = "w") -> None:
        if mode not in ("w", "r"):
            raise SettingError(f"mode must be 'w' or 'r', but got {mode!r}")
        self.path = files.study_path(path)
        self._guard = threading.RLock()
        self._closed = False
        self._file: OpenFile | None = None
        self._finish: weakref.finalize[[], SQLiteStorage] | None = None
        self._next_look = 0.0
        self._is_looked_after = True
        self._said: list[str] = []
        self._last_said = ""
        self._names_said = False
        if mode == "r":
            files.examine(self.path, is_alone=lacks_log(self.path))
        else:
            self._open_to_write()

    def _open_to_write(self) -> None:
        files.make_folder(self.path)
        is_alone = lacks_log(self.path)
        lock = WriterLock(self.path)
        try:
            if not self.path.exists():
                files.create(self.path)
            files.examine(self.path, is_alone=is_alone)
            file = OpenFile.of(self.path, lock)
        except BaseException as error:
            lock.release()
            if isinstance(error, SQLITE_ERRORS):
                raise study_error(error, self.path) from None
            raise
        self._hold(file)
        if is_alone:
            self._said.append(
                f"{self.path} may lack its last trials: {how_it_lacks_its_log(self.path)}, or "
                "another program has closed it"
            )
        with self._reading() as connection:
            query = "SELECT COALESCE(MAX(told), -1) + 1 FROM trials"
            (self._next_place,) = connection.execute(query).fetchone()

    def _hold(self, file: OpenFile) -> None:
        if self._finish is not None:
            self._finish.detach()
        self._file = file
        # Also when it is forgotten, and when the interpreter ends: one file, and no lock.
        self._finish = weakref.finalize(self, file.close)

    @property
    def location(self) -> Path | None:
        """Where the study is now; None in memory, where its file was lost and cannot be saved."""
        return self.path if self._file is None else self._file.path

    def watch(self, *, ended: bool = False) -> list[str]:
        """Check that the file is still in its place, else save all of it; return what happened."""
        with self._guard:
            if not self._closed:
                self._look(at_once=ended)
            said, self._said = self._said, []
        return said

    def _look(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._file is None or (now < self._next_look and not at_once):
            return
        if self._file.path is None and not at_once:  # in memory: once more at the end
            return
        self._next_look, self._is_looked_after = now + LOOK_SECONDS, True
        file, sentence = rescued(self._file, self.path)
        if file is not self._file:
            self._hold(file)
        if sentence and sentence != self._last_said:
            self._last_said = sentence
            self._said.append(sentence)
        if file.n_names > 1 and not self._names_said:
            self._names_said = True
            self._said.append(
                f"the study file {file.path} has {file.n_names} names (hard links), and its log "
                "has only one: who opens it by another name sees an old state, or damages it; "
                "copy it when the run has ended, and keep one name"
            )

    def header(self) -> Header | None:
        """Return the header; None in a fresh study."""
        with self._reading() as connection:
            row = connection.execute("SELECT header FROM study").fetchone()
        if row is None:
            return None
        try:
            header = decode(row[0])
            if not isinstance(header, dict):
                raise TypeError(f"it is {header!r:.80}")
            return header
        except (ValueError, TypeError) as error:
            raise damaged(self.path, f"its header: {error}") from None

    def write_header(self, header: Header) -> None:
        """Keep plain data about the study."""

        def write(connection: sqlite3.Connection, text: str) -> None:
            connection.execute("INSERT OR REPLACE INTO study (id, header) VALUES (1, ?)", (text,))

        self._write(write, [encode(header)])

    def started(self, solutions: Sequence[Solution], asked_after: int) -> None:
        """Journal that these are about to be evaluated."""

        def write(connection: sqlite3.Connection, row: rows.Row) -> None:
            try:
                connection.execute(rows.INSERT_SOLUTION, row)
            except sqlite3.IntegrityError:
                _check_started_again(connection, row)

        now = time.time()
        self._write(write, [(*rows.row_of_solution(each), asked_after, now) for each in solutions])

    def reported(self, number: int, curve: Curve) -> None:
        """Keep all that was reported so far of a pending solution."""

        def write(connection: sqlite3.Connection, row: rows.Row) -> None:
            connection.execute(rows.REPORTED, row)

        self._write(write, [(rows.encoded_curve(curve) if curve else None, int(number))])

    def append(self, trials: Sequence[Trial], outputs: Mapping[int, str] | None = None) -> None:
        """Journal that these have finished, in this order."""
        outputs = outputs or {}

        def write(connection: sqlite3.Connection, trial: Trial) -> None:
            # Counted before it is written: a failed write leaves a gap, never two of the same.
            place, self._next_place = self._next_place, self._next_place + 1
            number = int(trial.solution.number)
            output = rows.kept_output(outputs[number]) if number in outputs else None
            outcome = (*rows.row_of_outcome(trial.outcome), place, output)
            if connection.execute(rows.FINISH_SOLUTION, (*outcome, number)).rowcount == 1:
                return
            row = (*outcome, *rows.row_of_solution(trial.solution))
            if connection.execute(rows.INSERT_TRIAL, row).rowcount != 1:
                raise finished_twice(number)

        self._write(write, trials)

    def reopen(self, numbers: Sequence[int]) -> None:
        """Make finished trials pending again."""
        now = time.time()

        def write(connection: sqlite3.Connection, number: int) -> None:
            if connection.execute(rows.REOPEN, (now, int(number))).rowcount != 1:
                raise reopened_unfinished(number)

        self._write(write, numbers)

    def load(self) -> Journal:
        """Read the journal as it is now."""
        trials: list[tuple[int, Trial]] = []
        pending: list[Solution] = []
        asked_after: dict[int, int] = {}
        with self._reading() as connection:
            for row in self._growing(connection.execute(JOURNAL)):
                if row[STATUS] is None:
                    pending.append(rows.solution_of_row(row[:STATUS]))
                else:
                    trials.append((row[OBSERVED], rows.trial_of_row(row)))
                if not {type(row[OBSERVED]), type(row[ASKED_AFTER])} <= {int, type(None)}:
                    raise rows.damaged_trial(row[0], TypeError("its place in the journal"))
                if row[ASKED_AFTER] is not None:
                    asked_after[row[0]] = row[ASKED_AFTER]
        trials.sort(key=itemgetter(0))
        return Journal(tuple([trial for _, trial in trials]), tuple(pending), asked_after)

    def observations(self) -> Iterator[Trial]:
        """Read the finished trials in the order of observation, some hundred at a time."""
        with self._reading() as connection:
            numbers = array("q", (number for (number,) in connection.execute(OBSERVED_NUMBERS)))
        n_bytes = 0
        for place in range(0, len(numbers), AT_ONCE):
            wanted = numbers[place : place + AT_ONCE].tolist()
            query = f"SELECT {TRIAL} FROM trials WHERE number IN ({','.join('?' * len(wanted))})"
            with self._reading() as connection:
                found = {row[0]: row for row in connection.execute(query, wanted)}
            n_bytes += sum(map(rows.length_of_row, found.values()))
            self._check_length(n_bytes)
            for number in wanted:
                if number not in found:
                    raise damaged(self.path, f"trial {number} is not where it should be")
                yield rows.trial_of_row(found[number])

    def pending(self, first: int = 0) -> list[Pending]:
        """Read what was started and has not finished, by number, from number `first` on."""
        with self._reading() as connection:
            found = connection.execute(NEXT_PENDING, (first,)).fetchall()
        return [rows.pending_of_row(row) for row in self._growing(found)]

    def pending_numbers(self) -> list[int]:
        """Read the numbers of what was started and has not finished."""
        with self._reading() as connection:
            found = connection.execute(PENDING_NUMBERS).fetchall()
        return [number for (number,) in self._growing(found)]

    def trials(self) -> Iterator[Trial]:
        """Read the finished trials by number, some hundred at a time."""
        return map(rows.trial_of_row, self._by_number(NEXT_TRIALS, ()))

    def observed_after(self, place: int = -1, first: int = 0) -> Iterator[tuple[int, Trial]]:
        """Read what was observed after a place by number, from `first` on, some hundred at once."""
        for row in self._by_number(NEXT_OBSERVED, (place,), first - 1):
            if type(row[OBSERVED]) is not int:
                raise rows.damaged_trial(row[0], TypeError("its place in the journal"))
            yield row[OBSERVED], rows.trial_of_row(row)

    def _by_number(
        self, query: str, arguments: tuple[int, ...], last: int = -1
    ) -> Iterator[rows.Row]:
        n_bytes = 0
        while True:
            # Short reads: a long one would keep the writer's log from being reused.
            with self._reading() as connection:
                found, length = _some(connection.execute(query, (last, *arguments)))
            if not found:
                return
            n_bytes += length
            self._check_length(n_bytes)
            yield from self._growing(found, last)
            last = found[-1][0]

    def trial(self, number: int) -> Trial:
        """Read one finished trial."""
        row = self._row(ONE_TRIAL, number)
        if row is None or row[STATUS] is None:
            raise no_such_trial(number, pending=row is not None)
        return rows.trial_of_row(row)

    def output(self, number: int) -> str:
        """Read the end of what a trial printed."""
        row = self._row("SELECT output FROM trials WHERE number = ?", number)
        if row is None:
            raise no_such_trial(number)
        return rows.output_of_cell(number, row[0])

    def count(self) -> dict[str, int]:
        """Count the trials of each status, and those pending."""
        with self._reading() as connection:
            counts = connection.execute(COUNT).fetchone()
        return {name: int(n) for name, n in zip(("pending", *STATUSES), counts, strict=True)}

    def close(self) -> None:
        """Close it for good, and leave one file without a lock."""
        with self._guard:
            if not self._closed and self._finish is not None:
                if not self._is_looked_after:
                    self._look(at_once=True)
                self._finish()
            self._closed = True

    def _row(self, query: str, number: int) -> Any:
        # What can be no number has no row.
        with self._reading() as connection, suppress(TypeError, OverflowError):
            return connection.execute(query, (index(number),)).fetchone()
        return None

    def _growing(self, found: Iterable[rows.Row], last: int = -1) -> Iterator[rows.Row]:
        for row in found:
            if row[0] <= last:  # in a damaged file the same rows may come without an end
                raise damaged(self.path, f"its trial {row[0]} comes after {last}")
            last = row[0]
            yield row

    def _check_length(self, n_bytes: int) -> None:
        # More than the file has: in a damaged one, pages come again and again.
        is_read_only = self._file is None  # a writer's may be gone, and be rescued soon
        if is_read_only and n_bytes > SPARE_BYTES and n_bytes > n_bytes_of(self.path) + SPARE_BYTES:
            raise damaged(self.path, "its trials are longer than the file")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise closed()
        try:
            if self._file is None:
                with closing(connect_to_read(self.path)) as connection:
                    yield connection
            else:
                with self._guard:
                    yield self._file.connection
        except SQLITE_ERRORS as error:
            raise study_error(error, self.path) from None

    def _write(
        self, write: Callable[[sqlite3.Connection, Item], None], items: Sequence[Item]
    ) -> None:
        with self._guard:
            file = self._file_to_write()
            connection = file.connection
            try:
                if len(items) == 1:  # a transaction by itself, without two statements more
                    write(connection, items[0])
                else:
                    connection.execute("BEGIN IMMEDIATE")
                    for item in items:
                        write(connection, item)
                    connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):
                    connection.rollback()
                if isinstance(error, SQLITE_ERRORS):
                    raise study_error(error, self.path) from None
                raise
            finally:
                file.touch()

    def _file_to_write(self) -> OpenFile:
        if self._closed:
            raise closed()
        if self._file is None:
            raise StudyError(
                f"a study must be opened for writing to be changed, but {self.path} was opened "
                "for reading"
            )
        self._look()
        self._is_looked_after = False
        self._file.check()
        return self._file


def _some(found: Iterable[rows.Row]) -> tuple[list[rows.Row], int]:
    """Take rows until they are long together; return them and their length, in bytes."""
    taken: list[rows.Row] = []
    n_bytes = 0
    for row in found:
        taken.append(row)
        n_bytes += rows.length_of_row(row)
        if n_bytes > BYTES_AT_ONCE:
            break
    return taken, n_bytes


def _check_started_again(connection: sqlite3.Connection, row: Sequence[Any]) -> None:
    number = row[0]
    query = "SELECT status, config, seed, fidelity FROM trials WHERE number = ?"
    status, config, seed, fidelity = connection.execute(query, (number,)).fetchone()
    if status is not None:
        raise started_when_finished(number)
    if (config, seed, fidelity) != (row[1], row[3], row[4]):
        raise started_differently(number)
