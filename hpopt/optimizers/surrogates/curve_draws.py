"""What freeze-thaw draws for an ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpopt.core.proposals import Floats

KINDS = ("log_pi", "log_ei", "lcb")
# The wish is 1.5 deviations times 10^U(-3, -0.3) below what is in hand: small ones and large ones.
FARTHEST_WISH, WISHES = 1.5, (-3.0, -0.3)
# Half of the new configs are sought near the best one, in a box of sides from 0.8 down to 0.05.
# Without, regret after 5, 10 and 20 trainings was .44, .34, .28; with it .34, .29, .26.
LOCAL, LONGEST, HALVINGS = 0.5, 0.8, 4


@dataclass(frozen=True, slots=True)
class Draws:
    """Drawn always in this order, whatever is then used.

    Attributes
    ----------
    horizon : float
        One of the levels: what a config promises if it is trained so much longer.
    wish : float
        How far below the value in hand a target is to be.
    kind : {"log_pi", "log_ei", "lcb"}
        The acquisition.
    at_random : bool
        Whether a new config is a random one.
    side : float or None
        Of the box around the best config in which a new one is sought; None for anywhere.
    """

    horizon: float
    wish: float
    kind: str
    at_random: bool
    side: float | None

    @staticmethod
    def of(levels: Floats, random_share: float, rng: np.random.Generator) -> Draws:
        """Return the draws of a generator."""
        horizon = float(levels[rng.integers(len(levels))])
        wish = FARTHEST_WISH * 10.0 ** rng.uniform(*WISHES)
        kind = KINDS[rng.integers(len(KINDS))]
        at_random, side = rng.random() < random_share, LONGEST * 2.0 ** -rng.uniform(0, HALVINGS)
        return Draws(horizon, wish, kind, at_random, side if rng.random() < LOCAL else None)

    @property
    def log_kind(self) -> str:
        """The acquisition that ranks as `kind` does, but is the logarithm of a gain.

        The logarithm of a cost can be subtracted from it. Of log EI that leaves the improvement
        per cost; of log PI, with p of an attempt that costs c, the least expected cost until one
        succeeds, c / p. A bound is no gain, and how much a difference in cost counts would depend
        on the targets' unit; how far it lies below the value in hand is one.
        """
        return "log_lcb" if self.kind == "lcb" else self.kind
