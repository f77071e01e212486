"""Trials that go on where an earlier one of their config ended, and the files that it leaves."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core import Curve, Optimizer, Previous, Problem, Solution, Trial
from hpopt.core.amounts import parse_bytes
from hpopt.errors import SettingError
from hpopt.storage import Storage

KEEP_PAUSED = "5 GB"
"""By default: some hundred networks of a million weights, which most disks have room for."""

RETRIED = ("failed", "lost")
"""Statuses that another evaluation may well not have; `retry_failed`."""

# Configs whose values are the same at two fidelities, before it is said: one may be at chance.
ENOUGH_ALIKE = 3
ABOUT_THE_SAME = 1.5  # times as long: of a fidelity three times as high two more would be spent
SHORT = 0.01  # seconds: two evaluations below it are of the same length

logger = logging.getLogger("hpopt")


def bytes_kept(keep_paused: int | str | None) -> int | None:
    """Return the limit of `keep_paused` in bytes; None for no limit.

    Raises
    ------
    SettingError
        It is neither a size, nor 0, nor None.
    """
    if keep_paused is None or (keep_paused == 0 and type(keep_paused) is int):
        return keep_paused
    return parse_bytes(keep_paused, "keep_paused")


class Continuations:
    """Find what a trial goes on from, and remove what no trial can go on from any more.

    A trial with values below the highest fidelity is paused until another of its config is complete
    at a higher one. Its files stay as long as the strategy may continue it, and there is room for
    them. Where they are gone, a later trial begins anew, with the same result. One that was stopped
    early is not gone on from, as it has not spent what it was given.

    A trial that failed may leave checkpoints too, where the problem says by `state_files` which
    files these are. They stay for `retry_failed`, as long as there is room for them.

    Parameters
    ----------
    problem : Problem
    optimizer : Optimizer
    storage : Storage
    folder : callable
        Returns the folder of a trial's number.
    keep : int or None
        How many bytes the files of paused trials may have.
    """

    def __init__(
        self,
        problem: Problem,
        optimizer: Optimizer,
        storage: Storage,
        folder: Callable[[int], str],
        keep: int | None,
    ) -> None:
        self._problem, self._optimizer, self._storage = problem, optimizer, storage
        self._folder, self._keep = folder, keep
        self._paused: dict[int, int] = {}  # the bytes of those that have files, by number
        self._failed: dict[int, int] = {}  # and of those that failed or were lost
        # By default all files of a folder are its state: of a failed trial they may tell why.
        self._names_files = type(problem).state_files is not Problem.state_files
        self._n_alike, self._is_heeded = 0, False

    # -- what a trial goes on from -------------------------------------------------------------

    def previous(self, solution: Solution) -> Previous | None:
        """Return the folder and fidelity of the trial that a solution may go on from."""
        earlier = self._earlier(solution)
        if earlier is None or earlier.solution.fidelity is None:
            return None
        return Previous(Path(self._folder(earlier.number)), earlier.solution.fidelity)

    def joined(self, trials: Sequence[Trial]) -> tuple[list[Trial], str]:
        """Return finished trials with their whole curves, and a warning, where there is one."""
        found, warning = [], ""
        for trial in trials:
            earlier = self._earlier(trial.solution)
            if earlier is None:
                found.append(trial)
                continue
            warning = self._compare(earlier, trial) or warning
            curve = join(earlier.curve, trial.curve)
            found.append(replace(trial, outcome=replace(trial.outcome, curve=curve)))
        return found, warning

    def _earlier(self, solution: Solution) -> Trial | None:
        """Return the complete trial of this config at the highest fidelity below the solution's."""
        own = solution.fidelity
        if own is None:
            return None
        asked = self._optimizer.proposals.fidelities(solution.point)
        lower = sorted(((at, k) for k, at in asked.items() if at < own), reverse=True)
        return next(filter(None, (self._complete(k) for _, k in lower)), None)

    def _complete(self, number: int) -> Trial | None:
        trial = self._finished(number)
        return trial if trial is not None and trial.status == "complete" else None

    def _finished(self, number: int) -> Trial | None:
        with contextlib.suppress(SettingError):  # it has not finished, or is of an earlier stage
            return self._storage.trial(number)
        return None

    def _compare(self, earlier: Trial, later: Trial) -> str:
        """Return a warning where the problem seems to give all fidelities the same evaluation."""
        if self._is_heeded or not later.ok:
            return ""
        # Only values show that it is heeded: on a busy machine times differ by chance.
        is_same = earlier.outcome.values == later.outcome.values
        times = sorted((earlier.seconds, later.seconds))
        self._n_alike += is_same and (times[1] < SHORT or times[1] <= ABOUT_THE_SAME * times[0])
        is_told = self._n_alike >= ENOUGH_ALIKE
        self._is_heeded = is_told or not is_same
        if not is_told:
            return ""
        return (
            f"an evaluation must spend trial.fidelity, but {ENOUGH_ALIKE} configs have the same "
            f"values, after the same time, at {earlier.solution.fidelity:g} and at "
            f"{later.solution.fidelity:g}: use trial.fidelity, or leave the problem's fidelity out"
        )

    # -- what is left of paused trials -----------------------------------------------------------

    def begin(self, root: Path) -> None:
        """Look at the folders that earlier runs have left; one of them may have been killed."""
        if not self._may_leave_files or not root.is_dir():
            return
        for folder in root.iterdir():
            trial = self._finished(int(folder.name)) if folder.name.isdecimal() else None
            if trial is not None:
                self._pause(trial)
        self._remove_needless()

    def ended(self, trials: Sequence[Trial]) -> None:
        """Note trials that have ended, and remove what is not needed any more."""
        if not self._may_leave_files:
            return
        for trial in trials:
            self._pause(trial)
        if self._paused or self._failed:
            self._remove_needless()

    def end(self) -> None:
        """Remove the files of all paused trials: the search is over."""
        for number in [*self._paused]:
            self._remove(number)

    @property
    def _may_leave_files(self) -> bool:
        return self._optimizer.fidelity is not None or self._names_files

    def _pause(self, trial: Trial) -> None:
        """Note the files of a trial, if it is paused; and remove those that it has replaced."""
        own = trial.solution.fidelity
        self._failed.pop(trial.number, None)  # it has been retried
        if not trial.ok and self._names_files:
            self._note_failed(trial)
        if own is None or not trial.ok:
            return
        asked = self._optimizer.proposals.fidelities(trial.solution.point)
        if trial.status == "complete":
            for number in [k for k, at in asked.items() if at < own and k in self._paused]:
                self._remove(number)
        n_bytes = sum(map(_size, self._files(trial.number)))
        if own >= self._optimizer.highest or not n_bytes:
            return
        self._paused[trial.number] = n_bytes
        is_final = trial.reached != own
        if is_final or any(at > own and self._complete(number) for number, at in asked.items()):
            self._remove(trial.number)

    def _note_failed(self, trial: Trial) -> None:
        """Note the checkpoints of a failed trial; remove those of one that never runs again."""
        n_bytes = sum(map(_size, self._files(trial.number)))
        if n_bytes:
            self._failed[trial.number] = n_bytes
            if trial.status not in RETRIED:
                self._remove(trial.number)

    def _remove_needless(self) -> None:
        """Remove the files that the strategy does not need, and the worst beyond the limit."""
        optimizer = self._optimizer
        in_use: set[int] = set()
        for solution in optimizer.pending.values():
            in_use |= optimizer.proposals.fidelities(solution.point).keys()
        idle = [k for k in sorted(self._paused) if k not in in_use and k in optimizer.history]
        wanted = optimizer.continuable(np.array(idle, dtype=np.int64)).tolist() if idle else []
        for number in {*idle} - {*wanted}:
            self._remove(number)
        if self._keep is None:
            return
        # Failed ones first, the oldest first: they run again only if somebody says so.
        failed = sorted(self._failed.keys() - optimizer.pending.keys(), reverse=True)
        dispensable = [*wanted, *failed]
        while dispensable and self._n_bytes > self._keep:
            self._remove(dispensable.pop())

    @property
    def _n_bytes(self) -> int:
        return sum(self._paused.values()) + sum(self._failed.values())

    def _remove(self, number: int) -> None:
        folder = Path(self._folder(number))
        for path in self._files(number):
            with contextlib.suppress(OSError):
                path.unlink()
        inner = [path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()]
        for each in [*sorted(inner, reverse=True), folder]:  # what lies deeper comes first
            with contextlib.suppress(OSError):  # something else is in it
                each.rmdir()
        self._paused.pop(number, None)
        self._failed.pop(number, None)

    def _files(self, number: int) -> list[Path]:
        folder = Path(self._folder(number))
        if not folder.is_dir():
            return []
        try:
            return list(self._problem.state_files(folder))
        except Exception:
            logger.exception("state_files of %r raised: the folder %s stays", self._problem, folder)
            return []


def join(earlier: Curve, later: Curve) -> tuple[tuple[float, float | Any], ...]:
    """Return the whole curve of a trial that went on; what was reported anew is there once."""
    if not later:
        return tuple(earlier)
    # It goes on with what it reports at its end: what is known from the start may come before.
    names = _names(later[-1])
    begin = next(step for step, value in later if _names((step, value)) == names)
    kept = [report for report in earlier if report[0] < begin]
    return (*kept, *(report for report in later if report[0] >= begin)) if kept else tuple(later)


def _names(report: tuple[float, float | Any]) -> set[str] | None:
    return {*report[1]} if isinstance(report[1], Mapping) else None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
