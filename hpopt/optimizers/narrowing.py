"""Search in rounds, each in the space that the rounds before it have narrowed.

The three rounds of Aszemi & Dominic 2019, "Hyperparameter optimization in convolutional neural
network using genetic algorithms", https://doi.org/10.14569/IJACSA.2019.0100638, §V, around any
strategy, and with a statistical test where the paper decides by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import share, whole
from hpopt.core import Optimizer, Phase
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics import pareto
from hpopt.optimizers.registry import as_settings, strategy_of
from hpopt.optimizers.stages import Stage, Stages
from hpopt.space import Narrowed, Space
from hpopt.space.narrowing import narrow_space
from hpopt.space.peeling import Rules

FIRST_ROUND = 40  # trials: with fewer the test can hardly drop anything


class Narrowing(Stages):
    """Search, drop the values and ranges that underperform, and go on in the smaller space.

    Use it around a strategy that keeps sampling the whole space (random search, the genetic
    algorithms) where ranges are generous: rates that diverge, layers that never help. Where the
    ranges are good nothing is dropped, and a round only restarts the strategy.

    ::

        space = the whole space
        for each round:
            the strategy searches the space, knowing all results so far
            space = the whole space, without what underperforms in all results

    `Space.narrow` describes the test. The last round lasts until the study ends; where its space is
    exhausted, the search goes on in the whole space. A round begins when all results before it are
    there.

    Parameters
    ----------
    optimizer : str, mapping or Optimizer
        The strategy of each round: a name, a mapping with name and arguments
        (``{"name": "random"}``), or an instance.
    rounds : int, >= 1
    trials_per_round : int or sequence of int, optional
        The number of solutions of each round but the last: one for all, or one for each. By
        default 40, and twice as many from round to round.
    confidence : float, in (0, 1)
        The confidence that what is dropped in a round underperforms.
    keep : float, in [0, 1]
        The share of the best trials, whose values are never dropped.

    Attributes
    ----------
    narrowed : list of Narrowed
        The space of each round that has begun, with the reasons; the first is the whole space.
    """

    name: ClassVar[str] = "narrowing"

    def __init__(
        self,
        *,
        optimizer: str | Mapping[str, Any] | Optimizer = "genetic",
        rounds: int = 3,
        trials_per_round: int | Sequence[int] | None = None,
        confidence: float = 0.8,
        keep: float = 0.1,
    ) -> None:
        self.optimizer = strategy_of("optimizer of the narrowing", optimizer)
        self.rounds = whole("rounds", rounds, 1)
        self.trials_per_round = _per_round(trials_per_round, self.rounds)
        self.confidence, self.keep = share("confidence", confidence), share("keep", keep)
        self._rules = Rules(self.keep, self.confidence)

    def settings(self) -> dict[str, Any]:
        """Return the arguments as JSON data, those of the strategy too."""
        return super().settings() | {"optimizer": as_settings(self.optimizer)}

    def _setup(self) -> None:
        super()._setup()
        self.narrowed: list[Narrowed[Space]] = []
        self.check_stage("the optimizer of the narrowing", self.optimizer)

    @property
    def phase(self) -> Phase | None:
        """The round, why its space is smaller, and the phase of its strategy."""
        phase = super().phase
        if phase is None or phase.reason or self._index >= self.rounds:
            return phase
        return replace(phase, reason=str(self.narrowed[self._index]).replace("\n", "; "))

    def _stage_in_words(self, index: int) -> str:
        if index < self.rounds:
            return f"round {index + 1} of {self.rounds}"
        return "the whole space again, as the last narrowed one is exhausted"

    def _stage(self, index: int, points: Floats, losses: Floats) -> Stage | None:
        if index > self.rounds:
            return None
        if index == self.rounds:  # the last narrowed space is exhausted
            return Stage(self.optimizer, None, self.space)
        if len(self.narrowed) == index:
            self.narrowed.append(self._narrow(index, points, losses))
        return Stage(self.optimizer, self._n(index), self.narrowed[index].space)

    def _n(self, index: int) -> int | None:
        if index == self.rounds - 1:
            return None
        given = self.trials_per_round
        if given is None:
            return FIRST_ROUND << index
        return given if isinstance(given, int) else given[index]

    def _narrow(self, index: int, points: Floats, losses: Floats) -> Narrowed[Space]:
        if index == 0:
            return Narrowed(self.space, (), 0)
        scores, sign = losses[:, 0], float(self.objectives[0].sign)
        if losses.shape[1] > 1:
            scores, sign = np.empty(len(losses)), 1.0
            scores[pareto.order(losses)] = np.arange(len(losses))
            scores[np.isinf(losses).any(axis=1)] = np.inf
        return narrow_space(
            self.space, self.space.decode(points), scores, rules=self._rules, sign=sign
        )


def _per_round(value: Any, rounds: int) -> int | tuple[int, ...] | None:
    if value is None:
        return None
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != rounds - 1:
            raise SettingError(
                f"trials_per_round must have a number for each of the {rounds} rounds but the "
                f"last, but got {list(value)}"
            )
        return tuple(whole("trials_per_round", each, 1) for each in value)
    return whole("trials_per_round", value, 1)
