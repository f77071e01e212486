"""What a run gave."""

from __future__ import annotations

from hpopt.core import Trial
from hpopt.study.record import Opening, Record


class Result(Record):
    """What a run gave.

    Attributes
    ----------
    best : Trial
        The best trial when the run ended; raises NoValuesError where no trial has values.
    trials : list of Trial
        All trials of the study, by number.
    reason : str
        Why the run ended, in words.
    seconds : float
        How long the run took.
    """

    def __init__(self, record: Record, opening: Opening, reason: str, seconds: float) -> None:
        super().__init__(record.header, record.objectives, record.space, opening, record._path)
        self.reason, self.seconds = reason, seconds
        self._best = record._best_or_none()
        self._trials: list[Trial] | None = None

    def _best_or_none(self) -> Trial | None:
        return self._best

    @property
    def trials(self) -> list[Trial]:
        """All finished trials of the study when they were first asked for, by number."""
        if self._trials is None:
            self._trials = super().trials
        return list(self._trials)

    def __repr__(self) -> str:
        best = self._best
        found = "no values" if best is None else f"best {dict(best.values)} at {best.config}"
        return f"<Result of {self._describe_counts()}: {found}; ended as {self.reason}>"
