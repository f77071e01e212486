"""Rungs: the fidelities at which configs are compared, and the strategy that proposes new configs.

Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization",
https://arxiv.org/abs/1502.07943, whose successive halving all strategies of rungs repeat.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.checks import number, positive, real
from hpopt.core import Fidelity, Optimizer, Phase, Proposer, Trial
from hpopt.core.amounts import counted
from hpopt.core.hosting import Learns, at_highest, first, latest
from hpopt.core.objective import at_most_four
from hpopt.core.problem import declared
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.hypervolume import best_of_fronts
from hpopt.optimizers.registry import as_settings, strategy_of

Ranked = list[tuple[float, int]]

BLIND = ("grid", "latin_hypercube", "quasi_random", "random")
"""Strategies that learn nothing: shown what never changes, they need not begin anew."""
MODELS = ("auto", "bayesian", "tpe")
"""Strategies that wait for no config, so they may be shown one fidelity only."""
# Values beyond the number of dimensions that a model needs at a fidelity: those of BOHB (Falkner et
# al. 2018, section 4.1: N_min = d + 1, and two more).
FEWEST_BEYOND_D = 3


def rungs_between(fidelity: Fidelity, low: float | None, reduction: float) -> list[float]:
    """Return the rungs low, low · reduction, low · reduction² … and the highest fidelity.

    Between ends that are ints they are rounded. There are as many as come nearest to the reduction
    between all of them: the last but one is not much closer to the last than that.

    Raises
    ------
    SettingError
        `low` is out of the range, there are fewer than two, or two of them are the same.
    """
    least = fidelity.low if low is None else number("low", low, fidelity.low, fidelity.high)
    n = round(math.log(fidelity.high / least) / math.log(reduction))
    rungs = [*(least * reduction**k for k in range(n)), float(fidelity.high)]
    named = f"{fidelity.name}, from {least:g} to {fidelity.high:g} by a reduction of {reduction:g}"
    if len(rungs) < 2:
        raise SettingError(
            f"there must be two rungs at least, but got one ({named}): set a lower low or a "
            "smaller reduction, or use a strategy that trains every config to the end"
        )
    if all(isinstance(end, int) for end in (fidelity.low, fidelity.high)):
        rungs = [float(round(rung)) for rung in rungs]
    if len({*rungs}) < len(rungs):
        same = next(rung for rung, then in itertools.pairwise(rungs) if rung == then)
        raise SettingError(
            f"rungs must be different whole numbers, but got {same:g} twice ({named}): set a "
            "higher low or a larger reduction"
        )
    return rungs


def size_of_bracket(n_rungs: int, lowest: int, reduction: float) -> int:
    """Return how many configs begin in the bracket whose lowest rung is the one of this index.

    Li et al. 2018, algorithm 1, line 3: n = ⌈B/R · η^s / (s + 1)⌉, with B = (s_max + 1) R.
    """
    s = n_rungs - 1 - lowest
    return math.ceil(n_rungs / (s + 1) * reduction**s - 1e-9)  # 1e-9: 3 may be 3.0000000001


class Halving(Optimizer):
    """Compare configs at rungs: subclass it and write `_ask_at`.

    New configs come from another strategy, by `_ask`. What this one is shown of each config::

        "tpe", "bayesian", "auto"     the values of the highest rung that has d + 3 or more
        others that learn             the value at the config's highest rung so far

    A config is ranked at a rung by its objective; of several, by its front among those that have
    ended there, and where a part of a front goes on, it is that of most hypervolume. One that has
    failed, was stopped early or has no finite value never goes on.
    """

    def __init__(
        self,
        *,
        proposer: str | Mapping[str, Any] | Optimizer,
        low: float | None,
        reduction: float,
    ) -> None:
        self.proposer = strategy_of("proposer", proposer)
        if isinstance(self.proposer, Halving) or self.proposer.name == "freeze_thaw":
            raise SettingError(
                "proposer must be a strategy that chooses configs, but got "
                f"{self.proposer.name!r}, which chooses fidelities: give one that "
                "does not, such as 'tpe'"
            )
        self.low = None if low is None else positive("low", low)
        factor = real(reduction)
        if factor is None or not 1 < factor < math.inf:
            raise SettingError(
                f"reduction must be a number greater than 1, but got {reduction!r}: with 3, one "
                "config in three goes on from each rung"
            )
        self.reduction = factor

    def settings(self) -> dict[str, Any]:
        """Return the arguments as JSON data, those of the proposer too."""
        return super().settings() | {"proposer": as_settings(self.proposer)}

    @property
    def n_possible(self) -> float:
        """The largest number of solutions that it can ask for: an int, or inf."""
        return self.space.size * len(self.rungs)

    @property
    def batch_size(self) -> float:
        """That of the proposer."""
        return self._new.batch_size

    def _setup(self) -> None:
        at_most_four(self.name, self.objectives)
        self.rungs = self._rungs_of_problem()
        self._losses: dict[int, Floats] = {}  # of those that have ended, by number
        self._final: set[int] = set()  # of those, what more fidelity would not change
        self._new = self._host_proposer()

    def _rungs_of_problem(self) -> list[float]:
        return rungs_between(declared(self.name, self.fidelity), self.low, self.reduction)

    def _host_proposer(self) -> Optimizer:
        """Return what proposes new configs, hosted."""
        try:
            return self.host(self._shown())
        except SettingError as error:
            raise SettingError(f"proposer: {error}") from None

    def _shown(self) -> Optimizer:
        """Return the proposer, as it is shown results."""
        return Proposer(self.proposer, learns=self._learns())

    def _learns(self) -> Learns:
        if self.proposer.name in BLIND:
            return first
        if self.proposer.name in MODELS:
            return at_highest(self.space.d + FEWEST_BEYOND_D)
        return latest

    def _start_fidelity(self, number: int) -> float:
        return self.rungs[0]

    def _ask(self, number: int, n: int) -> Floats:
        return self._new.propose(number, n)

    def _tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            row = self.history.row(trial.number)
            is_complete = trial.status == "complete"
            none = np.full(len(self.objectives), np.inf)
            self._losses[trial.number] = self.history.losses[row].copy() if is_complete else none
            if trial.reached != trial.solution.fidelity:
                self._final.add(trial.number)

    def _ranked(self, number: int) -> tuple[float, int]:
        """Return what those that have ended at a rung are sorted by: the first loss, and number."""
        return float(self._losses[number][0]), number

    def _best(self, ranked: Ranked, n: int) -> list[int]:
        """Return the n best of sorted solutions, best first; what has failed is left out."""
        if len(self.objectives) == 1:
            return [number for loss, number in ranked[:n] if loss < math.inf]
        losses = np.array([self._losses[number] for _, number in ranked])
        # Crowding in place of volume found as much: mean shares of .575 and .585 on three problems.
        return [ranked[place][1] for place in best_of_fronts(losses, n)] if n else []

    def _rung(self, fidelity: float) -> int:
        """Return the index of the highest rung at or below a fidelity, 0 below all."""
        return max(0, bisect_right(self.rungs, fidelity) - 1)

    def _point(self, number: int) -> Floats:
        """Return the point of an observed solution."""
        point: Floats = self.history.points[self.history.row(number)]
        return point

    @property
    def _none(self) -> Floats:
        return np.empty((0, self.space.d))

    def _at(self, points: Floats, rung: int) -> tuple[Floats, Floats]:
        """Return points as `_ask_at` does, all at the fidelity of a rung."""
        return points, np.full(len(points), float(self.rungs[rung]))

    def _in_units(self, rung: int) -> str:
        at = self.rungs[rung]
        return f"{at:g}" if self.fidelity is None else counted(at, self.fidelity.name)

    def _phase_of(self, way: str) -> Phase:
        """Return the phase of a way to choose fidelities, with that of the proposer."""
        inner = self._new.phase
        name = self.proposer.name or type(self.proposer).__name__
        if inner is None:
            return Phase(f"{way}, new configs by {name}")
        by = inner.name if inner.name.lower() == name else f"{name}, {inner.name}"
        return Phase(f"{way}, new configs by {by}", inner.reason, inner.learned)
