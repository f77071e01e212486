"""The books of a study: journal first, then learning, and what is known so far."""

from __future__ import annotations

import itertools
import math
import os
import secrets
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from hpopt.core import Optimizer, Outcome, Problem, Solution, Trial
from hpopt.early_stopping import EarlyStoppingRule, Snapshot
from hpopt.executors.supervision.scratch import folder_prefix
from hpopt.progress import Snapshot as Shown
from hpopt.space import Space
from hpopt.stopping import Progress
from hpopt.storage import Storage
from hpopt.study.failures import kind_of
from hpopt.study.rules import TravellingRules
from hpopt.study.tally import Tally

COUNTABLE = 10**9
"""A space of more configs has no end that anybody will see."""

COUNTED = 10_000
"""Up to so many configs are looked at, one by one, to count those that are not forbidden."""

REPLAYED_AT_ONCE = 2000

P = ParamSpec("P")
T = TypeVar("T")


def one_at_a_time(
    method: Callable[Concatenate[Books, P], T],
) -> Callable[Concatenate[Books, P], T]:
    """Hold the lock of the books: optimizers know nothing of threads."""

    @wraps(method)
    def locked(books: Books, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with books.lock:
            return method(books, *args, **kwargs)

    return locked


class Books:
    """Keep an optimizer, a storage and the counts of a study in step.

    What a trial gave counts as soon as it is journaled. The optimizer learns it at once too, or
    with a window when the numbers say so: that solution k is asked knowing exactly 0 … k - window
    makes a search the same at any number of workers.

    Attributes
    ----------
    problem : Problem
    optimizer : Optimizer
        Bound. It knows the journal after `prepare`.
    held : dict of int to Trial
        Journaled, and not learned yet because of a window.
    rules : TravellingRules
        What early stopping knows of each pending solution.
    lock : threading.RLock
        Held while the optimizer is asked or told.
    changed : threading.Condition
        Of this lock; notified of what is told.
    """

    def __init__(
        self, problem: Problem, optimizer: Optimizer, storage: Storage, path: Path | None
    ) -> None:
        self.problem, self._storage = problem, storage
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._folder = None if path is None else f"{path}.files"
        self.begin(optimizer)

    def begin(self, optimizer: Optimizer, reopened: Iterable[Trial] = ()) -> None:
        """Take this bound optimizer, which knows nothing yet, and forget all that was read.

        These trials had failed, and are pending again in the storage.
        """
        self._failed_before = {kind_of(trial) for trial in reopened}
        self.optimizer = optimizer
        self._n_possible = optimizer.n_possible
        self.held: dict[int, Trial] = {}
        self.rules = TravellingRules(optimizer.objectives[0])
        self._unjournaled: list[Solution] = []
        self._tally: Tally | None = None
        self._is_replayed = False

    @property
    def tally(self) -> Tally:
        """What has been found so far; reads the journal, if nothing has yet."""
        if self._tally is None:
            tally = Tally(self.optimizer.objectives)
            for trial in self._storage.observations():
                tally.count(trial)
            self._tally = self._of_earlier_runs(tally)
        return self._tally

    @one_at_a_time
    def prepare(self, window: int | None) -> None:
        """Make the optimizer ready to be asked: the first time it is told the journal.

        Parameters
        ----------
        window : int or None
            Without one it learns all that has finished, in the order in which it did. With one
            it learns in the order of numbers, no more than the next solution asks for.
        """
        if not self._is_replayed:
            self._replay(window)
            self._is_replayed = True
        if window is None and self.held:
            self.optimizer.tell([self.held[number] for number in sorted(self.held)])
            self.held.clear()

    @one_at_a_time
    def stop_early(self, rule: EarlyStoppingRule | None, window: int | None) -> None:
        """Have this rule of early stopping know what the optimizer knows, and none without one."""
        if self.rules.begin(rule):
            told = self._storage.observations() if window is None else self._storage.trials()
            pending = {each.solution.number: each.asked_after for each in self._storage.pending()}
            self.rules.catch_up((t for t in told if t.number not in self.held), pending)

    def _replay(self, window: int | None) -> None:
        pending = [self._restored(each.solution) for each in self._storage.pending()]
        self.optimizer.replay([], pending)
        if window is None:
            told = self._storage.observations()
        else:
            n_asked = self.tally.n_told + len(pending)
            told = self._until_gap(self._storage.trials(), max(0, n_asked - window))
        tally = Tally(self.optimizer.objectives)
        while chunk := list(itertools.islice(told, REPLAYED_AT_ONCE)):
            self.optimizer.replay(chunk)
            for trial in chunk:
                tally.count(trial)
        if self._tally is None:
            self._tally = self._of_earlier_runs(tally)
        # Those that are held were asked too; they are told when their turn comes.
        held = [self._restored(trial.solution) for trial in self.held.values()]
        self.optimizer.replay([], held)

    def _until_gap(self, trials: Iterable[Trial], n: int) -> Iterator[Trial]:
        """Give trials 0 … n - 1 as far as none is missing, and hold the others."""
        following = 0
        for trial in trials:
            if trial.number == following < n:
                following += 1
                yield trial
            else:
                self.held[trial.number] = trial

    def _of_earlier_runs(self, tally: Tally) -> Tally:
        tally.n_new = 0
        if tally.best is not None:
            best = tally.best
            tally.best = replace(best, solution=self._restored(best.solution))
        return tally

    def _restored(self, solution: Solution) -> Solution:
        """Give a solution as it was before JSON, which makes lists of tuples."""
        return replace(solution, config=self.problem.space.validate(solution.config))

    def unfinished(self) -> list[Solution]:
        """Give what was asked and never finished, by number."""
        pending = self.optimizer.pending
        others = {*self.held, *(solution.number for solution in self._unjournaled)}
        return [pending[number] for number in sorted(pending) if number not in others]

    @one_at_a_time
    def ask(self, n: int, window: int | None = None) -> list[Solution]:
        """Ask for up to n solutions, and journal them as running.

        Raises
        ------
        StudyError
            They could not be journaled. The next call tries again with the same ones.
        """
        solutions: list[Solution] = []
        while len(solutions) < n:
            if not self._unjournaled:
                more = n - len(solutions)
                asked = self.optimizer.ask(more) if window is None else self._ask_in_window(window)
                self.rules.give(asked)
                self._unjournaled = asked
            part = self._unjournaled[: n - len(solutions)]
            if not part:
                break
            self._storage.started(part, len(self.optimizer.history))
            del self._unjournaled[: len(part)]
            solutions += part
        return solutions

    def _ask_in_window(self, window: int) -> list[Solution]:
        """Ask for solution k when 0 … k - window are learned, and only if it must be, more."""
        while self.optimizer.history.n_contiguous <= self.optimizer.n_asked - window:
            if not self._learn_next():
                return []
        while True:
            solutions = self.optimizer.ask(1)
            if solutions or not self._learn_next():
                return solutions

    def _learn_next(self) -> bool:
        """Learn the next number, if it has finished; say whether it has."""
        trial = self.held.pop(self.optimizer.history.n_contiguous, None)
        if trial is None:
            return False
        self._learn([trial])
        return True

    @one_at_a_time
    def finish(
        self,
        trials: Sequence[Trial],
        outputs: Mapping[int, str] | None = None,
        *,
        hold: bool = False,
    ) -> None:
        """Journal finished trials, then learn from them, or hold them for a window.

        Raises
        ------
        StudyError
            They could not be journaled; then nothing of them is taken note of.
        """
        if not trials:
            return
        tally = self.tally  # read before there is more to read
        self._storage.append(trials, outputs)
        if hold:
            self.held |= {trial.number: trial for trial in trials}
        else:
            self._learn(trials)
        for trial in trials:
            tally.count(trial)
            self.rules.drop(trial.number)
        self.changed.notify_all()

    def _learn(self, trials: Sequence[Trial]) -> None:
        self.optimizer.tell(trials)
        self.rules.learn(trials)

    def has_lived_with(self, failures: Sequence[Trial]) -> bool:
        """Return whether the study has values, and failed like this before these failures."""
        if self.tally.best is None:
            return False
        kind, numbers = kind_of(failures[0]), {trial.number for trial in failures}
        return kind in self._failed_before or any(
            trial.number not in numbers and not trial.ok and kind_of(trial) == kind
            for trial in self._storage.trials()
        )

    @one_at_a_time
    def add(self, config: Mapping[str, Any], outcome: Outcome) -> Trial:
        """Journal a result that was never asked for under the next number, then learn it."""
        tally = self.tally
        trial = Trial(self.optimizer.solution_of(config), outcome)
        self._storage.append([trial])
        self.optimizer.add(trial)
        self.rules.learn([trial])
        tally.count(trial)
        self.changed.notify_all()
        return trial

    def watch(self, *, ended: bool = False) -> list[str]:
        """Have the storage look after its file; say in sentences what has become of it."""
        return self._storage.watch(ended=ended)

    def rule_for(self, solution: Solution) -> Snapshot | None:
        """Give the rule of early stopping that goes with a solution."""
        return self.rules.of(solution.number)

    def why_nothing_left(self) -> str:
        """Say why the optimizer gave nothing."""
        if self.optimizer.pending:
            return "the optimizer waits for solutions that somebody else has asked for"
        n_told = self.tally.n_told
        if n_told >= n_configs(self.problem.space):
            return f"all {n_told} configurations that there are have been tried"
        return f"the strategy has nothing left to try after {n_told} trials"

    def directory(self, solution: Solution) -> str:
        """Give the folder for a trial's files; it is made when the trial first asks for it."""
        if self._folder is None:
            name = f"{folder_prefix()}-study-{secrets.token_hex(8)}"
            self._folder = f"{tempfile.gettempdir()}{os.sep}{name}"
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return f"{self._folder}{os.sep}{solution.number}"

    def progress(self, seconds: float, n_again: int = 0) -> Progress:
        """Give what stopping rules look at; `n_again` asked ones wait to be evaluated again."""
        tally = self.tally
        return Progress(
            n_asked=self.optimizer.n_asked - n_again,
            n_told=tally.n_told,
            seconds=seconds,
            objectives=self.optimizer.objectives,
            best=tally.best.values if tally.best is not None else {},
            n_since_best=tally.n_since_best,
        )

    def snapshot(self, *, seconds: float, n_running: int, total: float, limit: float) -> Shown:
        """Give what is shown to a person."""
        tally = self.tally
        return Shown(
            n_done=tally.n_told,
            n_bad=tally.n_bad,
            n_new=tally.n_new,
            n_running=n_running,
            total=min(total, self._n_possible if self._n_possible < COUNTABLE else math.inf),
            seconds=seconds,
            limit=limit,
            best=tally.best,
            objective=self.optimizer.objectives[0],
        )


def n_configs(space: Space) -> float:
    """Count the configs of a space, without the forbidden ones where it is small."""
    grid = space.grid()
    if not space.predicates or grid.size > COUNTED:
        return grid.size
    return int(space.allowed(np.array([grid.point(i) for i in range(int(grid.size))])).sum())
