"""The books of a study: journal first, then learning, and what is known so far."""

from __future__ import annotations

import math
import os
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hpopt.core import Optimizer, Problem, Solution, Trial
from hpopt.progress import Snapshot
from hpopt.stopping import Progress
from hpopt.storage import Journal, Storage

COUNTABLE = 10**9
"""A space of more configs has no end that anybody will see."""


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
    best : Trial or None
    held : dict of int to Trial
        Journaled, and not learned yet because of a window.
    n_told, n_bad, n_new : int
        Finished trials; those of them without values; those finished since the books were opened.
    """

    def __init__(
        self, problem: Problem, optimizer: Optimizer, storage: Storage, path: Path | None
    ) -> None:
        self.problem, self.optimizer, self._storage = problem, optimizer, storage
        self._folder = None if path is None else f"{path}.files"
        self._n_possible = optimizer.n_possible
        self.best: Trial | None = None
        self._best_loss = math.inf
        self.held: dict[int, Trial] = {}
        self.n_told = self.n_bad = self.n_new = self._n_since_best = 0
        self._journal: Journal | None = storage.load()
        for trial in self._journal.trials:
            self._count(trial)
        self.n_new = 0
        if self.best is not None:
            self.best = replace(self.best, solution=self._restored(self.best.solution))

    def prepare(self, window: int | None) -> None:
        """Make the optimizer ready to be asked: the first time it is told the journal.

        Parameters
        ----------
        window : int or None
            Without one it learns all that has finished, in the order in which it did. With one
            it learns in the order of numbers, no more than the next solution asks for.
        """
        if self._journal is not None:
            self._replay(self._journal, window)
            self._journal = None
        if window is None and self.held:
            self.optimizer.tell([self.held[number] for number in sorted(self.held)])
            self.held.clear()

    def _replay(self, journal: Journal, window: int | None) -> None:
        told = list(journal.trials)
        if window is not None:
            told.sort(key=lambda trial: trial.number)
            n_unbroken = sum(place == trial.number for place, trial in enumerate(told))
            numbers = [solution.number for solution in journal.pending]
            n_asked = 1 + max([*numbers, *(trial.number for trial in told[-1:])], default=-1)
            n = min(n_unbroken, max(0, n_asked - window))
            self.held = {trial.number: trial for trial in told[n:]}
            told = told[:n]
        pending = [*journal.pending, *(trial.solution for trial in self.held.values())]
        self.optimizer.replay(told, [self._restored(solution) for solution in pending])

    def _restored(self, solution: Solution) -> Solution:
        """Give a solution as it was before JSON, which makes lists of tuples."""
        return replace(solution, config=self.problem.space.validate(solution.config))

    def unfinished(self) -> list[Solution]:
        """Give what was asked and never finished, by number."""
        pending = self.optimizer.pending
        return [pending[number] for number in sorted(pending) if number not in self.held]

    def ask(self, n: int, window: int | None = None) -> list[Solution]:
        """Ask for up to n solutions, or with a window for one, and journal them as running."""
        solutions = self.optimizer.ask(n) if window is None else self._ask_in_window(window)
        if solutions:
            self._storage.started(solutions, len(self.optimizer.history))
        return solutions

    def _ask_in_window(self, window: int) -> list[Solution]:
        """Ask for solution k when 0 … k - window are learned, and only if it must be, more."""
        while self.optimizer.history.unbroken <= self.optimizer.n_asked - window:
            if not self._learn_next():
                return []
        while True:
            solutions = self.optimizer.ask(1)
            if solutions or not self._learn_next():
                return solutions

    def _learn_next(self) -> bool:
        """Learn the next number, if it has finished; say whether it has."""
        trial = self.held.pop(self.optimizer.history.unbroken, None)
        if trial is None:
            return False
        self.optimizer.tell(trial)
        return True

    def finish(
        self,
        trials: Sequence[Trial],
        outputs: Mapping[int, str] | None = None,
        *,
        hold: bool = False,
    ) -> None:
        """Journal finished trials, then learn from them, or hold them for a window."""
        if not trials:
            return
        self._storage.append(trials, outputs)
        if hold:
            self.held |= {trial.number: trial for trial in trials}
        else:
            self.optimizer.tell(trials)
        for trial in trials:
            self._count(trial)

    def _count(self, trial: Trial) -> None:
        self.n_told += 1
        self.n_new += 1
        self._n_since_best += 1
        if not trial.ok:
            self.n_bad += 1
            return
        loss = self.optimizer.objectives[0].loss(trial.values)
        if loss < self._best_loss:
            self._n_since_best = 0
        elif self.best is None or loss > self._best_loss or trial.number > self.best.number:
            return
        self.best, self._best_loss = trial, loss

    def why_nothing_left(self) -> str:
        """Say why the optimizer gave nothing."""
        if self.optimizer.pending:
            return "the optimizer waits for solutions that somebody else has asked for"
        return f"all {self.n_told} configurations that there are have been tried"

    def directory(self, solution: Solution) -> str:
        """Give the folder for a trial's files; it is made when the trial first asks for it."""
        if self._folder is None:
            self._folder = f"{tempfile.gettempdir()}{os.sep}hpopt-study-{secrets.token_hex(8)}"
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return f"{self._folder}{os.sep}{solution.number}"

    def progress(self, seconds: float, n_again: int = 0) -> Progress:
        """Give what stopping rules look at; `n_again` asked ones wait to be evaluated again."""
        return Progress(
            n_asked=self.optimizer.n_asked - n_again,
            n_told=self.n_told,
            seconds=seconds,
            objectives=self.optimizer.objectives,
            best=self.best.values if self.best is not None else {},
            n_since_best=self._n_since_best,
        )

    def snapshot(self, *, seconds: float, n_running: int, total: float, limit: float) -> Snapshot:
        """Give what is shown to a person."""
        return Snapshot(
            n_done=self.n_told,
            n_bad=self.n_bad,
            n_new=self.n_new,
            n_running=n_running,
            total=min(total, self._n_possible if self._n_possible < COUNTABLE else math.inf),
            seconds=seconds,
            limit=limit,
            best=self.best,
            objective=self.optimizer.objectives[0],
        )
