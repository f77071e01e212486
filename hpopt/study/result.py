"""What a run gave."""

from __future__ import annotations

from hpopt.core import Trial
from hpopt.sheets import Sheet
from hpopt.study.record import Record
from hpopt.study.stored_trials import Opening


class Result(Record):
    """What a run gave.

    Attributes
    ----------
    best : Trial
        The best feasible trial when the run ended; None where none meets all constraints. Raises
        NoValuesError where no trial has values.
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
        self._reason = reason
        self._best = record._first()
        self._trials: list[Trial] | None = None

    def _first(self) -> Trial | None:
        return self._best

    @property
    def trials(self) -> list[Trial]:
        """All finished trials of the study when they were first asked for, by number."""
        if self._trials is None:
            self._trials = super().trials
        return list(self._trials)

    def _best_in_table(self) -> Sheet:
        """Return the five best trials as a table, of several objectives the front."""
        from hpopt.reports.digest import digest
        from hpopt.reports.tables import BEST_SHOWN, best_or_front

        read = digest(self, n_best=BEST_SHOWN)
        return best_or_front(read, self.objectives, top=BEST_SHOWN) if read.best else Sheet()

    def __repr__(self) -> str:
        best = self._best
        found = "no values" if best is None else f"best {dict(best.values)} at {best.config}"
        if best is not None and not self.ranking.is_feasible(best):
            found = self.ranking.nearest_in_words(best)
        return f"<Result of {self._describe_counts()}: {found}; ended as {self.reason}>"
