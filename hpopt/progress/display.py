"""What there is to show of a running study, and the contract of what shows it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from hpopt.core import Objective, Solution, Trial
from hpopt.sheets import Sheet


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to show of a running study.

    Attributes
    ----------
    n_done, n_bad : int
        Finished trials of the whole study, and those of them without values.
    n_new : int
        Trials that have finished in this run.
    n_running : int
        Solutions that are being evaluated.
    total : float
        How many trials the study will have: an int, or inf.
    seconds, limit : float
        How long this run has taken and may take (or inf).
    best : Trial or None
    objective : Objective
    doing : str
        What the strategy does now; empty where it does not say.
    spent : str
        What was spent of the problem's fidelity, of what all configs would take; empty where that
        is the same.
    nearest : str
        Where no trial is feasible yet, which is the nearest to it, in words.
    trying : Solution or None
        The newest one that is being evaluated.
    report : (step, value) or None
        What its evaluation last reported, where that is known.
    """

    n_done: int
    n_bad: int
    n_new: int
    n_running: int
    total: float
    seconds: float
    limit: float
    best: Trial | None
    objective: Objective
    doing: str = ""
    spent: str = ""
    nearest: str = ""
    trying: Solution | None = None
    report: tuple[float, float] | None = None

    @property
    def remaining(self) -> float:
        """The time left in seconds, judged by the trials of this run; inf where nobody knows."""
        by_time = self.limit - self.seconds
        by_trials = math.inf
        if self.n_new and self.total < math.inf:
            by_trials = self.seconds / self.n_new * max(0.0, self.total - self.n_done)
        return max(0.0, min(by_time, by_trials))


class ProgressDisplay(ABC):
    """Show snapshots to a person.

    Attributes
    ----------
    shows_result : bool
        Whether `show_result` does anything; by default False.
    """

    shows_result: bool = False

    def begin(self) -> None:  # noqa: B027
        """Start to show."""

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Show the state; called for every trial and several times a second."""

    def say(self, message: str) -> None:  # noqa: B027
        """Show a sentence."""

    def end(self, snapshot: Snapshot, reason: str) -> None:  # noqa: B027
        """Show the final state and why the run ended."""

    def show_result(self, result: Sheet) -> None:  # noqa: B027
        """Show the table of the best trials, after the end."""


class Silent(ProgressDisplay):
    """Show nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""
