"""A study as far as it has come: the journal is written first, then the optimizer learns."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hpopt.core import Optimizer, Outcome, Previous, Problem, Solution, Trial
from hpopt.early_stopping import EarlyStoppingRule, StopTest
from hpopt.errors import StudyWarning
from hpopt.stopping import Progress
from hpopt.storage import Storage
from hpopt.study.callers import users_level
from hpopt.study.continuation import Continuations
from hpopt.study.failures import Kind, kind_of
from hpopt.study.folders import TrialFolders
from hpopt.study.replay import replay, restored
from hpopt.study.tally import Tally, n_configs
from hpopt.study.travelling_rule import TravellingRule


class StudyState:
    """Keep the storage, the optimizer and the counts of a study in step.

    What a trial gave counts as soon as it is journaled. The optimizer learns it at once too, or
    with a window when the numbers say so: that solution k is asked knowing exactly 0 … k - window
    makes a search the same at any number of workers.

    Any thread may call the methods. Hold `lock` to do several steps as one.

    Attributes
    ----------
    problem : Problem
    optimizer : Optimizer
        Bound. It knows the journal after `prepare`.
    storage : Storage
    lock : threading.RLock
    changed : threading.Condition
        Of this lock; notified of finished trials.
    """

    def __init__(
        self,
        problem: Problem,
        optimizer: Optimizer,
        storage: Storage,
        path: Path | None,
        *,
        keep_paused: int | None = None,
    ) -> None:
        self.problem, self.storage = problem, storage
        # Optimizers are not thread-safe. And nobody may ask between the moment when a trial is
        # journaled and the moment when the optimizer learns it.
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._folders = TrialFolders(path)
        self._keep_paused = keep_paused
        self._kinds_before: set[Kind] = set()
        self._begin(optimizer)

    def _begin(self, optimizer: Optimizer) -> None:
        """Take a bound optimizer that knows nothing yet, and forget all that was read."""
        self.optimizer = optimizer
        self._n_possible: float | None = None
        # Journaled, and not learned yet because of a window.
        self._held: dict[int, Trial] = {}
        # Asked, and not journaled because the disk was full: the next to be given.
        self._unjournaled: list[Solution] = []
        self._rule: TravellingRule | None = None
        self._tally: Tally | None = None
        self._is_replayed = False
        self._continuations = Continuations(
            self.problem, optimizer, self.storage, self._folders.of, self._keep_paused
        )

    # -- what is known ---------------------------------------------------------------------------

    @property
    def tally(self) -> Tally:
        """What has been found so far; reads the journal, if nothing has yet."""
        with self.lock:
            if self._tally is None:
                tally = Tally.of(self.optimizer)
                for trial in self.storage.observations():
                    tally.count(trial)
                self._tally = self._of_earlier_runs(tally)
            return self._tally

    def progress(self, seconds: float = 0.0, *, n_ready: int = 0) -> Progress:
        """Return what a stopping rule may look at.

        Parameters
        ----------
        seconds : float
            How long the run has taken.
        n_ready : int
            How many were asked before and run again: rules are to leave room for them.
        """
        tally, optimizer = self.tally, self.optimizer
        return Progress(
            n_asked=optimizer.n_asked - n_ready,
            n_told=tally.n_told,
            seconds=seconds,
            objectives=optimizer.objectives,
            best={} if tally.best is None else tally.best.outcome.values,
            n_since_best=tally.n_since_best,
        )

    @property
    def n_possible(self) -> float:
        """How many trials there can be at most."""
        # Kept, as a space may take a while to count and each display asks.
        if self._n_possible is None:
            self._n_possible = self.optimizer.n_possible
        return self._n_possible

    def with_status(self, statuses: Container[str]) -> list[Trial]:
        """Return the finished trials of these statuses, by number."""
        return [trial for trial in self.storage.trials() if trial.status in statuses]

    def n_finished(self) -> int:
        """Count the finished trials without reading them."""
        return sum(n for status, n in self.storage.count().items() if status != "pending")

    def unfinished(self) -> list[Solution]:
        """Return what was asked and has not finished, by number."""
        with self.lock:
            pending = self.optimizer.pending
            others = {*self._held, *(solution.number for solution in self._unjournaled)}
            return [pending[number] for number in sorted(pending) if number not in others]

    def why_nothing_left(self) -> str:
        """Return why the optimizer has proposed nothing."""
        if self.optimizer.pending:
            return "the optimizer waits for solutions that somebody else has asked for"
        n_told, n_tried = self.tally.n_told, len(self.optimizer.proposals)
        if n_tried >= n_configs(self.problem.space):
            return f"all {n_tried} configurations that there are have been tried"
        return f"the strategy has nothing left to try after {n_told} trials"

    def phase(self) -> str:
        """Return the name of the strategy's phase; empty where it has none.

        Of a strategy that has an `explanation` only, it is what stands before the colon.
        """
        with self.lock:
            phase = self.optimizer.phase
            return phase.name if phase else self.optimizer.explanation.partition(":")[0]

    def explanation(self) -> str:
        """Return what the strategy does now, and why; see `Optimizer.explanation`."""
        with self.lock:
            return self.optimizer.explanation

    def doing(self) -> str:
        """Return the same without the reason and the best value; see `Optimizer.doing`."""
        with self.lock:
            return self.optimizer.doing or self.optimizer.explanation

    def has_failed_like(self, failures: Sequence[Trial]) -> bool:
        """Return whether the study has values, and failed like this before these failures."""
        if self.tally.best is None:
            return False
        kind, numbers = kind_of(failures[0]), {trial.number for trial in failures}
        return kind in self._kinds_before or any(
            trial.number not in numbers and not trial.ok and kind_of(trial) == kind
            for trial in self.storage.trials()
        )

    @property
    def early_stopping(self) -> EarlyStoppingRule | None:
        """The rule of early stopping that is heeded now."""
        return None if self._rule is None else self._rule.rule

    def stop_test(self, solution: Solution) -> StopTest | None:
        """Return the test of early stopping that goes with a pending solution."""
        return None if self._rule is None else self._rule.test_for(solution.number)

    def directory(self, solution: Solution) -> str:
        """Return the folder for a trial's files, which is made when the trial asks for it."""
        return self._folders.of(solution.number)

    def previous(self, solution: Solution) -> Previous | None:
        """Return what an earlier trial of a solution's config has left for it to go on from."""
        with self.lock:
            return self._continuations.previous(solution)

    def end_search(self) -> None:
        """Remove what only a longer search would need, as nothing is left to try."""
        with self.lock:
            if not self.optimizer.pending:
                self._continuations.end()

    # -- taking up the journal -------------------------------------------------------------------

    def prepare(self, window: int | None) -> None:
        """Make the optimizer ready to be asked: the first time it is told the journal.

        Parameters
        ----------
        window : int or None
            Without one the optimizer learns all that has finished, in the order in which it did.
            With one it learns in the order of numbers, no more than the next solution asks for.
        """
        with self.lock:
            if not self._is_replayed:
                self._replay(window)
                self._is_replayed = True
                if self._folders.root is not None:
                    self._continuations.begin(Path(self._folders.root))
            if window is None and self._held:
                self.optimizer.tell([self._held[number] for number in sorted(self._held)])
                self._held.clear()

    def stop_early(self, rule: EarlyStoppingRule | None, window: int | None) -> None:
        """Have this rule of early stopping know what the optimizer knows, and none without one."""
        with self.lock:
            self.optimizer.expect_early_stopping(rule is not None)
            if rule is None:
                self._rule = None
            # An equal rule knows the journal already: it has learned with the optimizer.
            elif self._rule is None or rule != self._rule.rule:
                optimizer = self.optimizer
                self._rule = TravellingRule(rule, optimizer.objectives, optimizer.constraints)
                trials = self.storage.observations() if window is None else self.storage.trials()
                pending = {
                    each.solution.number: each.asked_after for each in self.storage.pending()
                }
                self._rule.catch_up((t for t in trials if t.number not in self._held), pending)

    def reopen(self, failed: Sequence[Trial], optimizer: Optimizer, window: int | None) -> None:
        """Have trials be pending again, with a bound optimizer that never knew their results."""
        with self.lock:  # nobody may ask an optimizer that does not know the journal yet
            self.storage.reopen([trial.number for trial in failed])
            self._kinds_before = {kind_of(trial) for trial in failed}
            self._begin(optimizer)
            self.prepare(window)

    def _replay(self, window: int | None) -> None:
        n = None
        if window is not None:
            n_asked = self.tally.n_told + len(self.storage.pending_numbers())
            n = max(0, n_asked - window)
        tally, self._held = replay(self.optimizer, self.storage, self.problem, n)
        if self._tally is None:
            self._tally = self._of_earlier_runs(tally)

    def _of_earlier_runs(self, tally: Tally) -> Tally:
        tally.n_new = 0
        tally.best, tally.nearest = map(self._restored, (tally.best, tally.nearest))
        return tally

    def _restored(self, trial: Trial | None) -> Trial | None:
        if trial is None:
            return None
        return replace(trial, solution=restored(trial.solution, self.problem))

    # -- going on --------------------------------------------------------------------------------

    def ask(self, n: int, window: int | None = None) -> list[Solution]:
        """Ask for up to n solutions, and journal them as running.

        Raises
        ------
        StudyError
            They could not be journaled. The next call tries again with the same ones.
        """
        solutions: list[Solution] = []
        with self.lock:
            while len(solutions) < n:
                if not self._unjournaled:
                    self._unjournaled = self._propose(n - len(solutions), window)
                part = self._unjournaled[: n - len(solutions)]
                if not part:
                    break
                # With how many results were known, so that early stopping can be replayed.
                self.storage.started(part, len(self.optimizer.history))
                del self._unjournaled[: len(part)]
                solutions += part
        return solutions

    def _propose(self, n: int, window: int | None) -> list[Solution]:
        solutions = self.optimizer.ask(n) if window is None else self._ask_in_window(window)
        if self._rule is not None:
            self._rule.send_with(solutions)
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
        """Learn the trial of the next number, if it has finished; return whether it has."""
        trial = self._held.pop(self.optimizer.history.n_contiguous, None)
        if trial is None:
            return False
        self._learn([trial])
        return True

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
        with self.lock:
            tally = self.tally  # read before the journal has these
            trials, warning = self._continuations.joined(trials)
            # First the journal: what is learned but not journaled would be lost by a crash, and
            # a resumed search would ask something else.
            self.storage.append(trials, outputs)
            if hold:
                self._held |= {trial.number: trial for trial in trials}
            else:
                self._learn(trials)
            self._count(tally, trials)
            self._continuations.ended(trials)
        if warning:
            warnings.warn(warning, StudyWarning, stacklevel=users_level())

    def _learn(self, trials: Sequence[Trial]) -> None:
        self.optimizer.tell(trials)
        if self._rule is not None:
            self._rule.learn(trials)

    def add(self, config: Mapping[str, object], outcome: Outcome) -> Trial:
        """Journal a result that was never asked for under the next number, then learn it."""
        with self.lock:
            tally = self.tally
            trial = Trial(self.optimizer.solution_of(config), outcome)
            self.storage.append([trial])
            self.optimizer.add(trial)
            if self._rule is not None:
                self._rule.learn([trial])
            self._count(tally, [trial])
        return trial

    def _count(self, tally: Tally, trials: Sequence[Trial]) -> None:
        for trial in trials:
            tally.count(trial)
        if self._rule is not None:
            self._rule.drop(trials)
        self.changed.notify_all()
