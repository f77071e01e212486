"""The books of a study: journal first, then learning, and what is known so far."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hpopt.core import Optimizer, Problem, Solution, Trial, losses
from hpopt.progress import Snapshot
from hpopt.stopping import Progress
from hpopt.storage import Journal, Storage


class Books:
    """Keep an optimizer, a storage and the counts of a study in step.

    Attributes
    ----------
    problem : Problem
    optimizer : Optimizer
        Bound; it has been told the journal.
    best : Trial or None
    held : dict of int to Trial
        Journaled and not told yet, as lower numbers are still running (see `window`).
    n_told, n_bad, n_new : int
        Trials told; those of them without values; those told since the books were opened.
    """

    def __init__(
        self, problem: Problem, optimizer: Optimizer, storage: Storage, path: Path | None
    ) -> None:
        self.problem, self.optimizer, self._storage = problem, optimizer, storage
        self._path = path
        self._scratch: Path | None = None
        self._n_possible = optimizer.n_possible
        self.best: Trial | None = None
        self._best_loss = math.inf
        self.held: dict[int, Trial] = {}
        self.n_told = self.n_bad = self.n_new = self._n_since_best = 0

    def take_up(self, journal: Journal, window: int | None = None) -> None:
        """Replay a journal: in the order of its trials, or of their numbers with a window.

        With a window, trials that ended before a lower number did are held back again.
        """
        told = list(journal.trials)
        if window is not None:
            told.sort(key=lambda trial: trial.number)
            n_unbroken = sum(place == trial.number for place, trial in enumerate(told))
            self.held = {trial.number: trial for trial in told[n_unbroken:]}
            told = told[:n_unbroken]
        pending = [*journal.pending, *(trial.solution for trial in self.held.values())]
        self.optimizer.replay(told, [self._restored(solution) for solution in pending])
        for trial in told:
            self._count(trial)
        self.n_new = 0
        if self.best is not None:
            self.best = replace(self.best, solution=self._restored(self.best.solution))

    def _restored(self, solution: Solution) -> Solution:
        """Give a solution as it was before JSON, which makes lists of tuples."""
        return replace(solution, config=self.problem.space.validate(solution.config))

    @property
    def n_in_order(self) -> int:
        """The largest k for which the numbers 0 … k - 1 have all been told."""
        return self.optimizer.history.unbroken

    def unfinished(self) -> list[Solution]:
        """Give what was asked and never told, by number."""
        pending = self.optimizer.pending
        return [pending[number] for number in sorted(pending) if number not in self.held]

    def ask(self, n: int) -> list[Solution]:
        """Ask for up to n solutions and journal that they are about to be evaluated."""
        solutions = self.optimizer.ask(n)
        if solutions:
            self._storage.started(solutions, self.n_told)
        return solutions

    def journal(self, trials: Sequence[Trial], outputs: Mapping[int, str] | None = None) -> None:
        """Write finished trials; when it returns they are safe."""
        self._storage.append(trials, outputs)

    def tell(self, trial: Trial) -> None:
        """Learn from a trial that is journaled."""
        self.optimizer.tell(trial)
        self._count(trial)

    def _count(self, trial: Trial) -> None:
        self.n_told += 1
        self.n_new += 1
        self._n_since_best += 1
        if not trial.ok:
            self.n_bad += 1
            return
        loss = float(losses(self.optimizer.objectives, trial.values)[0])
        better = loss < self._best_loss
        equal = self.best is not None and loss == self._best_loss
        if better or (equal and self.best is not None and trial.number < self.best.number):
            self.best, self._best_loss = trial, loss
        if better:
            self._n_since_best = 0

    def why_nothing_left(self) -> str:
        """Say why the optimizer gave nothing; empty where it waits for pending results."""
        if self.optimizer.pending:
            return ""
        return f"all {self.n_told} configurations that there are have been tried"

    def directory(self, solution: Solution) -> Path:
        """Give the folder for a trial's files; it is made when the trial first asks for it."""
        if self._path is not None:
            return self._path.with_name(self._path.name + ".files") / str(solution.number)
        if self._scratch is None:
            self._scratch = Path(tempfile.gettempdir()) / f"hpopt-study-{time.time_ns():x}"
            weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        return self._scratch / str(solution.number)

    def progress(self, seconds: float) -> Progress:
        """Give what stopping rules look at."""
        return Progress(
            n_asked=self.optimizer.n_asked,
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
            total=min(total, self._n_possible),
            seconds=seconds,
            limit=limit,
            best=self.best,
            objective=self.optimizer.objectives[0],
        )
