"""Read a study's trials once: the best, the counts, the pending, the errors."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from hpopt.core import STATUSES, Front, Ranking, Trial
from hpopt.core.spent import Spent
from hpopt.reports.source import Source

# Points of a front to the power of all but one objective, as the time of a hypervolume grows: half
# a second, as a page that is shown anew each second may take.
QUICK = 100_000


@dataclass(frozen=True, slots=True)
class Digest:
    """The state of a study.

    Attributes
    ----------
    best : list of Trial
        Best first, by the first objective. With constraints those that break one come last, also
        where they ended before their objectives were known.
    ranking : Ranking
        The study's.
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
    n_configs : int
        How many configs these trials are of; 0 for a problem without a fidelity.
    knee : Trial or None
        That of the front.
    hypervolume : float or None
        That of the front, from the worst values of all feasible trials; None where it would take
        long.
    n_feasible : int
        How many trials meet all constraints.
    """

    best: list[Trial]
    ranking: Ranking
    front: list[Trial]
    counts: dict[str, int]
    pending: list[int]
    errors: list[Trial]
    seconds: float
    spent: str = ""
    n_configs: int = 0
    knee: Trial | None = None
    hypervolume: float | None = None
    n_feasible: int = 0

    @property
    def n_done(self) -> int:
        """How many trials have finished."""
        return sum(self.counts.values())


def digest(record: Source, *, n_best: int = 5, n_errors: int = 3) -> Digest:
    """Read a study once; memory does not grow with its trials.

    Parameters
    ----------
    record : Record or Source
        It may be running: what ends meanwhile is in it, or not.
    n_best, n_errors : int
        How many trials to keep of each.
    """
    pending = dict.fromkeys(record.pending_numbers)
    counts: Counter[str] = Counter()
    errors: deque[Trial] = deque(maxlen=n_errors)
    spent = Spent(record.fidelity)
    ranking, front = record.ranking, Front(record.objectives, record.constraints)
    seconds, n_feasible = 0.0, 0

    def fine() -> Iterator[Trial]:
        """Count every trial, and yield those that did not fail."""
        nonlocal seconds, n_feasible
        for trial in record.iterate():
            counts[trial.status] += 1
            seconds += trial.seconds
            spent.add(trial)
            pending.pop(trial.number, None)
            if trial.ok:
                n_feasible += ranking.is_feasible(trial)
                if len(record.objectives) > 1:
                    front.add(trial)
            if trial.outcome.is_failure:
                errors.appendleft(trial)
            else:
                yield trial

    best = ranking.top(fine(), n_best)
    shown = sorted(front.trials(), key=ranking.key)
    is_quick = len(shown) ** (len(record.objectives) - 1) <= QUICK
    return Digest(
        best,
        ranking,
        shown,
        {status: counts[status] for status in STATUSES if counts[status]},
        list(pending),
        list(errors),
        seconds,
        str(spent),
        spent.n_configs,
        knee=ranking.knee(shown),
        hypervolume=front.hypervolume() if is_quick else None,
        n_feasible=n_feasible,
    )
