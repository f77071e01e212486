"""How much a Gaussian process predicts of what it was fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess

# A process is blind where noise is more than this share of the variance, or, after this many
# observations, where less than this share is predicted when left out. Sooner, skill is as low on
# smooth problems. On recorded networks and made spaces mostly at chance, a noise of 0.25 alone was
# worse; on smooth ones hardly any process is blind.
NOISY, UNSKILLED, FEWEST_JUDGED = 0.05, 0.2, 20
# A process is lost in local optima where, after this many observations, it leaves more than this to
# noise, or predicts less than this share. On NAS-Bench-201, lcbench, ZDT1, DTLZ2 and a made-up
# network noise was at most 0.005, and skill above 0.55; on ZDT4, with 21^5 local fronts, noise was
# 0.3 and skill 0.2 to 0.55. Sooner skill is as low on smooth problems.
RUGGED_NOISE, RUGGED_SKILL, FEWEST_RUGGED = 0.02, 0.5, 25


@dataclass(frozen=True, slots=True)
class Sight:
    """What a process predicts of its targets.

    Attributes
    ----------
    process : GaussianProcess
    targets : ndarray (n,)
        That it was fitted to.
    n_observed : int
        How many observations there were, with failures and with those that were left out.
    """

    process: GaussianProcess
    targets: Floats
    n_observed: int

    @property
    def noise_share(self) -> float:
        """The noise's share of the variance of an observation, in [0, 1]."""
        parameters = self.process.parameters
        return parameters.nu / (parameters.nu + float(np.exp(parameters.scale)))

    @property
    def skill(self) -> float:
        """The share of the targets' variance that is predicted, each by all others; at most 1.

        Below 0 their mean predicts better; it is taken without the target, too.
        """
        targets, errors = self.targets, self.process.left_out_errors()
        n = len(targets)
        from_mean = (targets - targets.mean()) * (n / (n - 1))
        return 1.0 - float(errors @ errors) / float(from_mean @ from_mean)

    @property
    def is_blind(self) -> bool:
        """Whether the process predicts next to nothing."""
        if self.is_noisy:
            return True
        return self.n_observed >= FEWEST_JUDGED and self.skill < UNSKILLED

    @property
    def is_lost(self) -> bool:
        """Whether local optima, or noise, are more than the process can describe."""
        if self.n_observed < FEWEST_RUGGED:
            return False
        return self.noise_share > RUGGED_NOISE or self.skill < RUGGED_SKILL

    @property
    def is_noisy(self) -> bool:
        """Whether it is blind because of noise."""
        return self.noise_share > NOISY
