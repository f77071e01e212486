"""The contract of storages: the journal that a study writes, and what is read back from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from hpopt.core.handle import Curve
from hpopt.core.trial import Solution, Trial
from hpopt.errors import SettingError, StudyError

OUTPUT_CHARACTERS = 20_000
"""How much of what a trial prints is kept: its last characters."""

Header = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Journal:
    """Everything that replaying a study needs.

    Attributes
    ----------
    trials : tuple of Trial
        The finished ones, in the order in which they were observed.
    pending : tuple of Solution
        Those that were started and never finished, by number.
    asked_after : mapping of int to int
        Number of a started solution, finished or not, → how many trials had been observed when
        it was asked: the interleaving. A trial that finished without having been started is
        not in it.
    """

    trials: tuple[Trial, ...] = ()
    pending: tuple[Solution, ...] = ()
    asked_after: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pending:
    """A solution that was started and has not finished.

    Attributes
    ----------
    solution : Solution
    asked_after : int
        How many trials had been observed when it was asked.
    since : float or None
        When it was started, in seconds since the epoch, where that is known.
    curve : sequence of (step, value)
        What was reported of it by `Storage.reported`.
    """

    solution: Solution
    asked_after: int
    since: float | None = None
    curve: Curve = ()


class Storage(ABC):
    """A journal of trials: what a call has written is kept when the call returns.

    A write is kept whole or, when it raises, not at all, and the storage stays usable.
    One storage may be used from several threads; one of them at a time writes. Close it, or
    use it as a context manager.

    What is read equals what was written, but for what JSON does not know: a tuple in a config
    comes back as a list (``space`` gives its parameters' own values back). Points come back
    as read-only arrays. nan and infinities come back as they were.

    To write one, subclass this and let ``hpopt.testing.StorageContract`` prove it.
    """

    @abstractmethod
    def header(self) -> Header | None:
        """Return what was stored when the study was made; None in a fresh storage."""

    @abstractmethod
    def write_header(self, header: Header) -> None:
        """Keep plain data (JSON) about the study, in place of what was there."""

    @abstractmethod
    def started(self, solutions: Sequence[Solution], asked_after: int) -> None:
        """Journal that these are about to be evaluated.

        Parameters
        ----------
        solutions : sequence of Solution
            Starting one again that never finished changes nothing.
        asked_after : int
            How many trials had been observed when they were asked.

        Raises
        ------
        StudyError
            A number is finished, or pending with another config.
        """

    def reported(self, number: int, curve: Curve) -> None:  # noqa: B027
        """Keep all that was reported so far of a pending solution, for `pending`.

        It is for solutions that are asked, reported and told by several processes, one after the
        other. By default nothing is kept.
        """

    @abstractmethod
    def append(self, trials: Sequence[Trial], outputs: Mapping[int, str] | None = None) -> None:
        """Journal that these have finished, in this order.

        Parameters
        ----------
        trials : sequence of Trial
            Where the solution was started, the solution as started stands.
        outputs : mapping of int to str, optional
            Number of a trial → what it printed; the last 20,000 characters are kept.

        Raises
        ------
        StudyError
            A number is finished already: none of the trials is kept then.
        """

    @abstractmethod
    def reopen(self, numbers: Sequence[int]) -> None:
        """Make finished trials pending again: their results are forgotten, their output too.

        They are as if they were started now, before any observation: their ``asked_after`` is 0.

        Raises
        ------
        StudyError
            A number has not finished: none of the trials is reopened then.
        """

    @abstractmethod
    def load(self) -> Journal:
        """Read the journal as it was at one moment, for replay."""

    def observations(self) -> Iterator[Trial]:
        """Read the finished trials in the order in which they were observed, best one by one."""
        return iter(self.load().trials)

    def observed_after(self, place: int = -1, first: int = 0) -> Iterator[tuple[int, Trial]]:
        """Read the finished trials that were observed after a place, each with its own, by number.

        Only those of number `first` or more: whoever follows a long study need not look at all of
        it each time. Places grow with each observation, and a trial that was reopened has another
        one when it finishes again. A storage that has no places gives all trials each time, at -1.
        """
        return ((-1, trial) for trial in self.trials() if trial.number >= first)

    def pending(self, first: int = 0) -> list[Pending]:
        """Read what was started and has not finished, by number, from number `first` on."""
        journal = self.load()
        pending = [each for each in journal.pending if each.number >= first]
        return [Pending(each, journal.asked_after.get(each.number, 0)) for each in pending]

    def pending_numbers(self) -> list[int]:
        """Read the numbers of what was started and has not finished."""
        return [each.solution.number for each in self.pending()]

    @abstractmethod
    def trials(self) -> Iterator[Trial]:
        """Read the finished trials by number, without holding them all in memory.

        Trials may be written meanwhile; those are among them, or not.
        """

    @abstractmethod
    def trial(self, number: int) -> Trial:
        """Read one finished trial.

        Raises
        ------
        SettingError
            There is no finished trial of this number.
        """

    @abstractmethod
    def output(self, number: int) -> str:
        """Read the end of what a trial printed; empty while it is pending.

        Raises
        ------
        SettingError
            There is no solution of this number.
        """

    @abstractmethod
    def count(self) -> dict[str, int]:
        """Count the trials of each status, and those ``"pending"``; all are there, also at 0."""

    @property
    def location(self) -> Path | None:
        """The file that the study is in now; None in memory, or in what is no file."""
        return None

    def watch(self, *, ended: bool = False) -> list[str]:
        """Check what the storage depends on; return in sentences what has become of it.

        It is called several times a second while a study runs, and should cost next to nothing.

        Parameters
        ----------
        ended : bool
            Whether the run has ended, so that this is the last look.
        """
        return []

    @abstractmethod
    def close(self) -> None:
        """Close it for good; closing again is allowed, anything else raises StudyError."""

    def __enter__(self) -> Storage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def finished_twice(number: int) -> StudyError:
    """Make the error for a trial that is appended again."""
    return StudyError(f"a trial is told once, but trial {number} has finished already")


def started_when_finished(number: int) -> StudyError:
    """Make the error for a solution that is started after it has finished."""
    return StudyError(f"a finished trial is not evaluated again, but {number} was started again")


def started_differently(number: int) -> StudyError:
    """Make the error for a number that is pending with another config."""
    return StudyError(
        f"a number has one config, seed and fidelity for good, but {number} is pending with "
        "others: resume the study with the optimizer, settings and seed that it was started with"
    )


def reopened_unfinished(number: int) -> StudyError:
    """Make the error for a trial that is reopened but has not finished."""
    return StudyError(f"only a finished trial can be reopened, but {number} has not finished")


def no_such_trial(number: int, *, pending: bool = False) -> SettingError:
    """Make the error for the number of a trial that cannot be read."""
    why = "it has not finished" if pending else "the study has no such number"
    return SettingError(f"the number of a finished trial is wanted, but got {number!r}: {why}")


def closed() -> StudyError:
    """Make the error for the use of a closed storage."""
    return StudyError("a storage must be open, but this one has been closed: open it again")
