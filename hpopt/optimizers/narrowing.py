"""Search in rounds, each in the space that the rounds before it have narrowed.

The three rounds of Aszemi & Dominic 2019, "Hyperparameter optimization in convolutional neural
network using genetic algorithms", https://doi.org/10.14569/IJACSA.2019.0100638, §V, with a test
in place of the eye, and around any strategy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import share, whole
from hpopt.core import Optimizer
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics import pareto
from hpopt.optimizers.registry import as_settings, strategy_of
from hpopt.optimizers.stages import Stage, Stages
from hpopt.space import Narrowed, Space
from hpopt.space.narrowing import narrow_space
from hpopt.space.peeling import Rules

FIRST_ROUND = 40


class Narrowing(Stages):
    """Search, drop the values and ranges that underperform, and go on in the smaller space.

    Use it around a strategy that draws from the whole space again and again (random search, the
    genetic algorithms), where ranges were chosen generously: rates that diverge, layers that
    never help. Where the ranges are good already nothing is dropped, and the rounds only make
    the strategy begin anew.

    ::

        space = the whole space
        for each round:
            the strategy searches the space, knowing all that was told
            space = the whole space, less what underperforms by all that is told

    What is dropped, and on what evidence, is said by `Space.narrow`. The last round goes on
    as long as is wanted; where its space is exhausted, the search goes on in the whole space.
    A round begins when everything before it has been told.

    Parameters
    ----------
    optimizer : str, mapping or Optimizer
        The strategy of each round: a name, a name and arguments
        (``{"name": "random"}``), or one made by its class.
    rounds : int, >= 1
    trials_per_round : int or sequence of int, optional
        How many solutions each round but the last has: the same number for all, or one for
        each. By default 40, and twice as many from round to round.
    confidence : float, in (0, 1)
        How sure it must be that what is dropped in a round underperforms.
    keep : float, in [0, 1]
        The share of the trials, the best ones, of which nothing is dropped.

    Attributes
    ----------
    narrowed : list of Narrowed
        The space of each round that has begun, and why it is smaller; the first is the whole.
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
        """Give its arguments as JSON data, those of its strategy too."""
        return super().settings() | {"optimizer": as_settings(self.optimizer)}

    def _setup(self) -> None:
        super()._setup()
        self.narrowed: list[Narrowed[Space]] = []
        self.check_stage("the optimizer of the narrowing", self.optimizer)

    def _stage(self, index: int, points: Floats, losses: Floats) -> Stage | None:
        if index > self.rounds:
            return None
        if index == self.rounds:  # the last narrowed space is exhausted
            return Stage(self.optimizer, None, self.space)
        if len(self.narrowed) == index:
            self.narrowed.append(self._narrowed(index, points, losses))
        return Stage(self.optimizer, self._n(index), self.narrowed[index].space)

    def _n(self, index: int) -> int | None:
        """Give how many solutions a round has."""
        if index == self.rounds - 1:
            return None
        given = self.trials_per_round
        if given is None:
            return FIRST_ROUND << index
        return given if isinstance(given, int) else given[index]

    def _narrowed(self, index: int, points: Floats, losses: Floats) -> Narrowed[Space]:
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
