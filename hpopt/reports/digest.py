"""Read a study's trials once: the best, the counts, the pending, the errors."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from hpopt.core import Front, Ranking, Trial
from hpopt.core.spent import Spent
from hpopt.study import Record


@dataclass(frozen=True, slots=True)
class Digest:
    """The state of a study.

    Attributes
    ----------
    best : list of Trial
        Best first, by the first objective.
    front : list of Trial
        Of several objectives, the trials that no other is better than in all of them, the best by
        the first objective first; empty for one objective.
    counts : dict of str to int
        Number of finished trials by status; only those that there are.
    pending : list of int
        Numbers of the trials that were started and have not finished.
    errors : list of Trial
        The last ones without values, the latest first.
    seconds : float
        How long all evaluations took together.
    spent : str
        What was spent of the problem's fidelity; empty where nothing was saved.
    knee : Trial or None
        That of the front.
    hypervolume : float
        That of the front, from the worst values of all trials.
    """

    best: list[Trial]
    front: list[Trial]
    counts: dict[str, int]
    pending: list[int]
    errors: list[Trial]
    seconds: float
    spent: str = ""
    knee: Trial | None = None
    hypervolume: float = 0.0

    @property
    def n_done(self) -> int:
        """How many trials have finished."""
        return sum(self.counts.values())


def digest(record: Record, *, n_best: int = 5, n_errors: int = 3) -> Digest:
    """Read a study once; memory does not grow with its trials.

    Parameters
    ----------
    record : Record
        It may be running: what ends meanwhile is in it, or not.
    n_best, n_errors : int
        How many trials to keep of each.
    """
    pending = dict.fromkeys(record.pending_numbers)
    counts: Counter[str] = Counter()
    errors: deque[Trial] = deque(maxlen=n_errors)
    spent = Spent(record.fidelity)
    ranking, front = Ranking(record.objectives), Front(record.objectives)
    seconds = 0.0

    def fine() -> Iterator[Trial]:
        """Count every trial, and yield those with values."""
        nonlocal seconds
        for trial in record.iterate():
            counts[trial.status] += 1
            seconds += trial.seconds
            spent.add(trial)
            pending.pop(trial.number, None)
            if trial.ok:
                if len(record.objectives) > 1:
                    front.add(trial)
                yield trial
            else:
                errors.appendleft(trial)

    best = ranking.top(fine(), n_best)
    shown = sorted(front.trials(), key=ranking.key)
    return Digest(
        best,
        shown,
        dict(counts),
        list(pending),
        list(errors),
        seconds,
        str(spent),
        knee=ranking.knee(shown),
        hypervolume=front.hypervolume(),
    )
