"""How much of a fidelity a study has spent, and how much it has saved."""

from __future__ import annotations

from hpopt.core.amounts import counted, in_figures
from hpopt.core.problem import Fidelity
from hpopt.core.trial import Trial


class Spent:
    """Count what was spent of a fidelity: a continuation spends the rest only, if it resumes.

    Parameters
    ----------
    fidelity : Fidelity or None
        The problem's.
    """

    def __init__(self, fidelity: Fidelity | None) -> None:
        self._fidelity = fidelity
        self._reached: dict[int, float] = {}
        self._sum = 0.0

    def add(self, trial: Trial) -> None:
        """Count a finished trial."""
        solution = trial.solution
        if self._fidelity is not None and solution.fidelity is not None:
            # One config, one seed, where there are fidelities.
            before = self._reached.get(solution.seed, 0.0)
            self._reached[solution.seed] = max(before, solution.fidelity)
            before = before if self._fidelity.resumes else 0.0
            self._sum += max(0.0, solution.fidelity - before)

    @property
    def n_configs(self) -> int:
        """How many configs have had a trial; 0 without a fidelity."""
        return len(self._reached)

    def __str__(self) -> str:
        """Return what was spent of what all configs take: ``480 epochs of 2,160``.

        Empty where nothing was saved.
        """
        if self._fidelity is None:
            return ""
        spent, whole = self._sum, len(self._reached) * self._fidelity.high
        if spent >= whole:
            return ""
        return f"{counted(spent, self._fidelity.name)} of {in_figures(whole)}"
