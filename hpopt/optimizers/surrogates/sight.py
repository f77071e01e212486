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
    def is_noisy(self) -> bool:
        """Whether it is blind because of noise."""
        return self.noise_share > NOISY
