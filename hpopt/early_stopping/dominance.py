"""Early stopping with several objectives: stop what many trials that cost no more dominate."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import real, whole
from hpopt.core import Curve, Objective, Trial, losses
from hpopt.core.curves import by_objective, step_means
from hpopt.early_stopping.progress import Floats
from hpopt.early_stopping.rule import EarlyStoppingRule, Experience, StopTest
from hpopt.early_stopping.rungs import check_rungs, first_rung, rungs_up_to
from hpopt.errors import SettingError, StudyWarning
from hpopt.numerics.pareto import front

# The first rung, without `low`, and the last one, as shares of the steps: 6 and 24 of 52 epochs.
# What has come beyond half of the way saves little by a stop.
FIRST_SHARE, LAST_SHARE = 1 / 8, 1 / 2
# Trials that cost no more, below which a trial goes on: so the cheapest ones always do.
FEWEST_PEERS = 3
# Trials that are compared with, the latest: a snapshot of so many takes some 30 kB.
MOST_PEERS = 500
# The improvement that a trial is given the benefit of: nine in ten had less. Where good trainings
# begin slowly, `bayesian` found less than without stopping: shares of .897 for .920, and of .929
# for .947. With it .913 and .945, and elsewhere more; see benchmarks/objectives/README.md.
HOPE = 0.9

NOT_REPORTED = (
    "early stopping by dominance must know all objectives while a trial runs, but no trial has "
    "reported {names}: nothing is stopped. Report what is known, as in "
    "trial.report(step, {{{example}}})"
)


@dataclass(frozen=True)
class DominanceRule(EarlyStoppingRule):
    """Stop at each rung what more than a third of the trials that cost no more dominate.

    It is the rule for several objectives. Some of them are known before the training, or after its
    first step: parameters, memory, latency. The others change from step to step, as an error does.
    At a rung a trial is compared with those that are no worse in any known objective, of which
    there must be three: it is stopped where more than a share of `dominated` of them are also no
    worse in all that change, and better in one. So what is on the front at a rung is never stopped,
    nor are the few cheapest trials. Nor what may still come to the front: the objectives that
    change are taken to improve as much as nine in ten complete trials did at most from this rung to
    the end, and if no complete trial dominates the result, it goes on.

    The rungs are the steps low, low · reduction, low · reduction² …, up to half of the steps of the
    longest complete trial. What counts at a rung is the last report of an objective at or before
    it; one of nan or infinity is worse than every other. A step that is reported several times, as
    once a fold, counts with the mean of its reports. Trials that failed are not compared with.

    When to use it: several objectives of which at least one can be told at once. When not: where
    none is known before the end; where good trainings start slowly (raise `low`).

    Parameters
    ----------
    known : str or sequence of str, optional
        The objectives that are known from the first report of them on. By default those of which
        no trial has reported two different values.
    dominated : float, in (0, 1)
        The smaller, the more is stopped.
    low : float, > 0, optional
        The first rung. By default an eighth of the steps of the longest of the first `min_trials`
        complete trials, as a whole number where that is at least 1.
    reduction : float, at least 1.1
        How much further the next rung is.
    min_trials : int, at least 1
        How many trials must be complete, and how many must have reached a rung, before one is
        stopped there.
    """

    takes_several: ClassVar[bool] = True

    known: str | Sequence[str] | None = None
    dominated: float = 1 / 3
    low: float | None = None
    reduction: float = 2
    min_trials: int = 5

    def __post_init__(self) -> None:
        if self.known is not None:
            object.__setattr__(self, "known", _names(self.known))
        share = real(self.dominated)
        if share is None or not 0 < share < 1:
            raise SettingError(
                f"0 < dominated < 1 must hold, but got {self.dominated!r}: a trial is stopped "
                "where a larger share of those that cost no more dominate it"
            )
        example = "with 2, each rung is twice as far as the one before"
        check_rungs(self.low, self.reduction, example)
        object.__setattr__(self, "min_trials", whole("min_trials", self.min_trials, 1))

    def begin(self, objective: Objective) -> Experience:
        """Return the experience of one objective: then all trials are compared."""
        return self.begin_several((objective,))

    def begin_several(self, objectives: Sequence[Objective]) -> Experience:
        """Return the experience of a new study of these objectives, without trials yet.

        Raises
        ------
        SettingError
            Something in `known` is none of them, or none is left that changes.
        """
        names = [objective.name for objective in objectives]
        known = self.known or ()
        strange = [name for name in known if name not in names]
        if strange or len({*known}) == len(names):
            raise SettingError(
                f"known must name some of the objectives {names}, but got {list(known)}: those "
                "that a trial knows from its first report on"
            )
        return _Peers(self, objectives)


def _names(known: Any) -> tuple[str, ...]:
    names = (known,) if isinstance(known, str) else known
    if not isinstance(names, tuple | list) or not all(isinstance(each, str) for each in names):
        raise SettingError(
            f"known must be a list of names of objectives, but got {known!r}: leave it out where "
            "they are reported once"
        )
    return tuple(names)


class _Peers(Experience):
    """Keep for each rung what the trials with values that reached it had reported."""

    def __init__(self, rule: DominanceRule, objectives: Sequence[Objective]) -> None:
        self._rule, self._objectives = rule, tuple(objectives)
        self._names = [objective.name for objective in objectives]
        self._low = rule.low
        self._waiting: list[_Reports] = []  # until the first rung is known
        self._reached: list[_Reached] = []
        self._ends: deque[Floats] = deque(maxlen=MOST_PEERS)  # first and final losses, (2, m)
        self._reported: set[str] = set()
        self._changing: set[str] = set()
        self._n_complete, self._high = 0, 0.0
        self._is_warned, self._is_known = False, True
        self._test: StopTest | None = None

    def learn(self, trial: Trial) -> None:
        """Learn what a trial with values, complete or stopped, had reported at each rung."""
        if not trial.ok or not trial.outcome.curve:
            return
        found = _Reports(trial.outcome.curve, self._objectives)
        self._waiting.append(found)
        self._reported |= found.names
        self._changing |= found.changing
        if trial.status == "complete":
            self._n_complete += 1
            self._high = max(self._high, found.last)
            found.end = losses(self._objectives, trial.outcome.values)
            self._ends.append(np.array([found.at(found.last)[0], found.end]))
            if self._low is None and self._n_complete >= self._rule.min_trials and self._high > 0:
                self._low = first_rung(FIRST_SHARE, self._high)
        if self._low is not None:
            for each in self._waiting:
                self._enter(each, self._low)
            self._waiting.clear()
        self._is_known = False

    def _enter(self, found: _Reports, low: float) -> None:
        for place, rung in rungs_up_to(found.last, low, self._rule.reduction):
            if place == len(self._reached):
                self._reached.append(_Reached(rung))
            self._reached[place].add(found)

    def snapshot(self) -> StopTest | None:
        """Return the test of what is known now; None while there are too few trials."""
        if not self._is_known:
            self._test, self._is_known = self._made(), True
        return self._test

    def _made(self) -> StopTest | None:
        rule = self._rule
        if self._n_complete < rule.min_trials:
            return None
        missing = [name for name in self._names if name not in self._reported]
        if missing:
            self._warn(missing)
            return None
        named = {*self._names} - self._changing if rule.known is None else {*rule.known}
        is_known = np.array([name in named for name in self._names])
        rungs = [
            each.rung(is_known) for each in self._reached if each.step <= LAST_SHARE * self._high
        ]
        rungs = [each for each in rungs if len(each.others) >= rule.min_trials]
        if not rungs or is_known.all():
            return None
        ends = _comparable(self._ends, is_known)
        best = np.unique(ends[front(ends)], axis=0)
        return _Dominated(tuple(rungs), best, self._objectives, is_known, rule.dominated)

    def _warn(self, missing: Sequence[str]) -> None:
        if not self._is_warned:
            self._is_warned = True
            example = ", ".join(f"{name!r}: …" for name in self._names)
            message = NOT_REPORTED.format(names=" or ".join(map(repr, missing)), example=example)
            warnings.warn(message, StudyWarning, stacklevel=2)


class _Reports:
    """What one trial has reported, by objective, as losses.

    Attributes
    ----------
    last : float
        Its last step.
    names, changing : set of str
        The objectives that it has reported, and those of which it reported different values.
    end : ndarray (m,) or None
        Its final losses, where it is complete.
    """

    end: Floats | None = None

    def __init__(self, curve: Curve, objectives: Sequence[Objective]) -> None:
        found = by_objective(curve, [objective.name for objective in objectives])
        self.last = float(curve[-1][0])
        self.names = {*found}
        self.changing = {
            name
            for name, reports in found.items()
            if len({value for _, value in reports if math.isfinite(value)}) > 1
        }
        self._curves = [
            step_means(found[each.name], each.sign) if each.name in found else None
            for each in objectives
        ]

    def at(self, step: float) -> Floats:
        """Return the first losses and the latest ones by a step, shape (2, m).

        Infinite where they are not finite, nan where there are none.
        """
        rows = np.full((2, len(self._curves)), np.nan)
        for column, curve in enumerate(self._curves):
            if curve is not None and curve[0][0] <= step:
                place = int(np.searchsorted(curve[0], step, side="right")) - 1
                found = curve[1][[0, place]]
                rows[:, column] = np.where(np.isfinite(found), found, np.inf)
        return rows


def _comparable(rows: Iterable[Floats], is_known: NDArray[np.bool_]) -> Floats:
    """Return the losses (n, m) that count of those that have all: known ones are the first."""
    both = np.array([*rows]).reshape(-1, 2, len(is_known))
    table = np.where(is_known, both[:, 0], both[:, 1])
    return np.asarray(table[~np.isnan(table).any(axis=1)])


class _Reached:
    """What trials had reported by a rung, and by how much the complete ones improved after it."""

    def __init__(self, step: float) -> None:
        self.step = step
        self._rows: deque[Floats] = deque(maxlen=MOST_PEERS)  # as of `_Reports.at`
        self._gains: deque[Floats] = deque(maxlen=MOST_PEERS)

    def add(self, found: _Reports) -> None:
        self._rows.append(found.at(self.step))
        if found.end is not None:
            with np.errstate(all="ignore"):  # of the largest numbers
                self._gains.append(self._rows[-1][1] - found.end)

    def rung(self, is_known: NDArray[np.bool_]) -> _Rung:
        gains = np.array(self._gains).reshape(-1, len(is_known))
        gains = gains[~np.isnan(gains).any(axis=1)]
        # "higher", as between infinite ones there is no number.
        hope = np.quantile(gains, HOPE, axis=0, method="higher") if len(gains) else np.inf
        others = _comparable(self._rows, is_known)
        return _Rung(self.step, others, np.where(is_known, 0.0, hope))


@dataclass(frozen=True, eq=False)
class _Rung:
    """A step, the losses (n, m) there of those to compare with, and what may be gained (m,)."""

    step: float
    others: Floats
    gains: Floats


@dataclass(frozen=True, eq=False)
class _Dominated:
    """Compare a curve at all rungs that it has passed with the trials that reached them."""

    rungs: tuple[_Rung, ...]
    front: Floats
    objectives: tuple[Objective, ...]
    is_known: NDArray[np.bool_]
    most: float

    def __call__(self, curve: Curve) -> bool:
        if not curve or curve[-1][0] < self.rungs[0].step:
            return False
        reports = _Reports(curve, self.objectives)
        for rung in self.rungs:
            own = _comparable([reports.at(rung.step)], self.is_known)
            if rung.step <= reports.last and len(own) and self._is_dominated(own[0], rung):
                return True
        return False

    def _is_dominated(self, own: Floats, rung: _Rung) -> bool:
        with np.errstate(all="ignore"):  # of the largest numbers
            if not (self.front <= own - rung.gains).all(axis=1).any():
                return False
        is_known, others = self.is_known, rung.others
        peers = others[(others[:, is_known] <= own[is_known]).all(axis=1)][:, ~is_known]
        now = own[~is_known]
        dominate = (peers <= now).all(axis=1) & (peers < now).any(axis=1)
        return len(peers) >= FEWEST_PEERS and bool(dominate.sum() > self.most * len(peers))
