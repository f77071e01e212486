"""What a search with one objective learns from its observations, of which some may not count."""

from __future__ import annotations

from hpopt.core import Optimizer
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.surrogate import Fitted, Surrogate
from hpopt.optimizers.surrogates.transfer import EVERYTHING, Transfer
from hpopt.optimizers.surrogates.trust_region import TrustRegion


class Learner:
    """The model and the trust region of an optimizer.

    Both learn one observation after the other, and begin again where the verdict on what was known
    before the search changes: so they depend on the observations only.

    Parameters
    ----------
    optimizer : Optimizer
    encoding : Encoding
    n_first : int
        How many configs are tried before there is a model.
    most : int
        How many points the model is fitted to at most.
    """

    def __init__(self, optimizer: Optimizer, encoding: Encoding, n_first: int, most: int) -> None:
        self._optimizer, self._encoding = optimizer, encoding
        self._n_first, self._most = n_first, most
        self.transfer = Transfer(encoding)
        self.verdict = EVERYTHING
        self._begin()

    def _begin(self) -> None:
        n_constraints = len(self._optimizer.constraints)
        self._surrogate = Surrogate(self._encoding, self._most, n_constraints)
        self._trust_region: TrustRegion | None = None

    @property
    def observed(self) -> Observations:
        """The observations that count."""
        verdict = self.transfer.verdict(self._optimizer)
        if verdict is not self.verdict:
            self.verdict = verdict
            self._begin()
        return Observations(self._optimizer, verdict)

    @property
    def fitted(self) -> Fitted | None:
        """The model of them; None where their losses are all equal."""
        observed = self.observed
        return self._surrogate.model(observed)

    @property
    def latest(self) -> Fitted | None:
        """The model that was asked for last; None without one."""
        return self._surrogate.latest

    @property
    def region(self) -> TrustRegion:
        """The trust region after them."""
        observed = self.observed
        if self._trust_region is None:
            n_first, n_known = max(self._n_first, observed.n_known), observed.n_known
            self._trust_region = TrustRegion(self._encoding.n_effective, n_first, n_known)
        self._trust_region.learn(observed.feasible)
        return self._trust_region
