"""Which acquisition function an ask uses: one of three, drawn.

The idea of Cowen-Rivers et al. 2022 (HEBO), https://arxiv.org/abs/2012.03826, section 4.3, that
several disagree to good effect, without its search for a Pareto front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hpopt.core.proposals import Floats
from hpopt.numerics import acquisition
from hpopt.numerics.acquisition import Valued

KINDS = ("log_ei", "lcb", "log_pi")
DRAWN = ("log_ei", "log_ei", "lcb")
"""One of these is drawn where the best config is among what is searched: the probability of
improvement would take a small gain that is sure before any large one that is not."""
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Criterion:
    """How promising a prediction is.

    Attributes
    ----------
    kind : {"log_ei", "lcb", "log_pi"}
    best : float
        The target to improve on.
    n : int
        How many values are known: the confidence bound's κ is √(1 + ln n).
    """

    kind: str
    best: float
    n: int

    def __call__(self, mean: Floats, deviation: Floats) -> Valued:
        """Give value and derivatives by mean and deviation, each of shape (n,)."""
        if self.kind == "log_ei":
            return acquisition.log_expected_improvement(mean, deviation, self.best)
        if self.kind == "lcb":
            kappa = math.sqrt(1 + math.log(self.n))
            return acquisition.lower_confidence_bound(mean, deviation, kappa)
        return acquisition.log_probability_of_improvement(mean, deviation, self.best - MARGIN)
