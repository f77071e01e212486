"""The Gaussian processes of a space: of its losses, and of what fails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Objective
from hpopt.core.constraint import BROKEN
from hpopt.core.proposals import Floats
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters
from hpopt.numerics.rank_transform import RankTransform, rank_transform
from hpopt.optimizers.surrogates.acquisition import Feasibility, Probability
from hpopt.optimizers.surrogates.constraints import (
    ConstraintModels,
    ConstraintProcesses,
    OnlyProbabilities,
)
from hpopt.optimizers.surrogates.duplicate_values import DuplicateValues, Metric
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.failures import FailureModel
from hpopt.optimizers.surrogates.first_design import first_count
from hpopt.optimizers.surrogates.inert_numbers import lean_metric, metrics_of
from hpopt.optimizers.surrogates.observations import Observations
from hpopt.optimizers.surrogates.refits import Data, FirstData, RefitSchedule, anchor_at, looked_at
from hpopt.optimizers.surrogates.sight import Sight

# The weights of log P(a value) and log P(another value than the nearest one) beside the criterion.
FEASIBILITY_WEIGHT, NOVELTY_WEIGHT = 2.0, 4.0
LIKELY = 0.5  # a config less likely than this to give a new value gives way to others


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model of the observations.

    Attributes
    ----------
    process : GaussianProcess
        Of the losses.
    points : ndarray (n, d)
        The points that it was fitted to.
    means : ndarray (n,)
        Its means there; where a constraint is broken, more than all others, and the more it is
        broken.
    incumbent : float
        The least target of those that break no constraint; infinite without any.
    n_observed : int
        How many observations there were, with failures and with those that were left out.
    share_of_values : float
        How many of them gave a value.
    warp : RankTransform
        From losses to the targets that it was fitted to, and back.
    lengths : ndarray (d,)
        Lengthscales of the coordinates.
    feasibility : Feasibility or None
        None where no evaluation failed.
    constraints : ConstraintProcesses
    duplicates : DuplicateValues or None
        None where no plateaus are seen.
    usual : float
        The median of the targets of the first design, which stands for the whole space: later
        observations are mostly better.
    """

    process: GaussianProcess
    points: Floats
    means: Floats
    incumbent: float
    n_observed: int
    share_of_values: float
    warp: RankTransform
    lengths: Floats
    feasibility: Feasibility | None
    constraints: ConstraintProcesses
    duplicates: DuplicateValues | None
    usual: float

    @property
    def best(self) -> Floats:
        """The observed point of the best mean, shape (d,)."""
        return np.asarray(self.points[self.means.argmin()])

    def likely_new(self, features: Floats, pending: Floats) -> NDArray[np.bool_]:
        """Return which features (m, p) likely give another value than the nearest point's.

        The features (q, p) of pending points count as known.
        """
        if self.duplicates is None:
            return np.ones(len(features), dtype=bool)
        known = self.duplicates.with_pending(pending)
        return known.log_probability(features) > math.log(LIKELY)

    def promising(self, features: Floats, *, near: bool = False) -> NDArray[np.bool_]:
        """Return which features (m, p) are expected to be better than half of the space is.

        With `near`, better than half of the observations, too: what lies near the best is refined.
        """
        usual = float(np.median(self.warp.targets)) if near else np.inf
        return np.asarray(self.process.mean(features) < min(usual, self.usual))

    def likely_wasted(self, features: Floats, pending: Floats) -> NDArray[np.bool_]:
        """Return which features (m, p) likely give no value, or that of their neighbour.

        Failures by chance do not count: a point is likely to fail only where a value is less than
        half as probable as elsewhere.
        """
        wasted = ~self.likely_new(features, pending)
        if self.feasibility is not None:
            chance = np.exp(self.feasibility.log_probability(features))
            wasted |= chance < LIKELY * self.share_of_values
        return wasted

    def probabilities(self, pending: Floats) -> list[tuple[float, Probability]]:
        """Return the probabilities of a value, of a new one, and that constraints are met.

        Each has its weight.

        Parameters
        ----------
        pending : ndarray (q, p)
            The features of pending points.
        """
        weighted = self.constraints.probabilities(pending)
        if self.feasibility is not None:
            weighted.append((FEASIBILITY_WEIGHT, self.feasibility))
        if self.duplicates is not None:
            weighted.append((NOVELTY_WEIGHT, self.duplicates.with_pending(pending)))
        return weighted

    def log_chance(self, features: Floats) -> Floats:
        """Return the log probability of a value that meets all constraints, shape (m,)."""
        known = [each for _, each in self.constraints.probabilities(features[:0])]
        if self.feasibility is not None:
            known.append(self.feasibility)
        return OnlyProbabilities([(1.0, each) for each in known])(features)

    @property
    def sight(self) -> Sight:
        """How much the process predicts."""
        return Sight(self.process, self.warp.targets, self.n_observed)

    @property
    def is_blind(self) -> bool:
        """Whether the process predicts next to nothing."""
        return self.sight.is_blind


class Surrogate:
    """The model of the observations, which depends on them only.

    Failures, and penalties that are returned in their place, have a process of their own, so that
    one by chance does not spoil a good place. Only where all losses are equal a failure counts as
    the worst one.

    Parameters
    ----------
    encoding : Encoding
    most : int
        How many points a model is fitted to at most.
    n_constraints : int
    """

    def __init__(self, encoding: Encoding, most: int, n_constraints: int = 0) -> None:
        self._encoding, self._most = encoding, most
        self._of_constraints = ConstraintModels(encoding, n_constraints, most)
        d, is_choice = encoding.n_effective, ~encoding.space.ordered
        self._of_losses = RefitSchedule(Prior.for_groups(d, is_choice), encoding.groups)
        self._of_failures = FailureModel(encoding, most)
        self._fitted: tuple[int, Fitted | None] = (-1, None)
        self._lean: tuple[int, Metric | None] = (-1, None)  # by the number it was chosen from

    def model(self, observed: Observations) -> Fitted | None:
        """Return the model of all observations; None where their losses are all equal."""
        n = len(observed)
        if self._fitted[0] != n:
            self._fitted = (n, self._fit(observed, n))
        return self._fitted[1]

    @property
    def latest(self) -> Fitted | None:
        """The model that was asked for last; None without one."""
        return self._fitted[1]

    def _fit(self, observed: Observations, n: int) -> Fitted | None:
        rows, warp = self._rows_and_targets(observed, n)
        if warp.is_flat:
            return None

        theta = self._of_losses.hyperparameters(n, self._losses(observed))
        points = self._encoding.space.snap(observed.points[rows])
        features = self._encoding.features(points)
        process = self._process(features, warp.targets, theta)
        lengths, known, ranked = np.exp(theta[:-2]), observed.losses[rows], observed.ranked[rows]
        means, is_broken = process.mean(features), observed.is_broken[rows]
        means[is_broken] = means.max() + ranked[is_broken] / BROKEN
        # What is to be improved on is what this study found, as soon as it found anything.
        counts = ~is_broken & observed.is_own[rows]
        counts = counts if counts.any() else ~is_broken
        # Not so where failures count as the worst loss: then they have no model of their own.
        valued = bool(np.isfinite(known).all())
        return Fitted(
            process,
            points,
            means,
            float(warp.targets[counts].min(initial=np.inf)),
            n,
            float(observed.valued(n).mean()),
            warp,
            lengths,
            self._of_failures.at(observed) if valued else None,
            self._of_constraints.at(observed),
            self._duplicates(observed, n, features, known, lengths) if valued else None,
            float(np.interp(self._usual_loss(observed), warp.levels, warp.at)),
        )

    def _losses(self, observed: Observations) -> FirstData:
        def losses(n: int) -> Data | None:
            rows, warp = self._rows_and_targets(observed, n)
            if warp.is_flat:
                return None
            return self._encoding.features_at(observed.points[rows]), warp.targets

        return losses

    def _rows_and_targets(
        self, observed: Observations, n: int
    ) -> tuple[NDArray[np.int64], RankTransform]:
        """Return the rows, of the first n, that losses are learned from, and their targets."""
        rows = observed.subset(n, self._most, valued=True)
        warp = rank_transform(observed.losses[rows])
        if warp.is_flat and len(rows) < n:  # all values are equal: let failures count as the worst
            rows = observed.subset(n, self._most)
            warp = rank_transform(observed.losses[rows])
        return rows, warp

    def _usual_loss(self, observed: Observations) -> float:
        """Return the median of the first design's losses; of later ones where they all failed."""
        n_first = first_count(self._encoding)
        valued = observed.valued(len(observed))
        first = observed.losses[:n_first][valued[:n_first]]
        return float(np.median(first if len(first) else observed.losses[valued]))

    def _duplicates(
        self, observed: Observations, n: int, features: Floats, losses: Floats, lengths: Floats
    ) -> DuplicateValues | None:
        """Return the duplicate-value model, in which numbers that change nothing do not count."""
        if not self._encoding.smooth.any() or len(np.unique(losses)) == len(losses):
            return None
        n_looked = looked_at(n)
        if self._lean[0] != n_looked:
            self._lean = n_looked, self._lean_metric(observed, n_looked)
        if self._lean[1] is not None:
            return DuplicateValues.of_metric(features, losses, self._lean[1])
        return DuplicateValues.detected(features, losses, *metrics_of(self._encoding, lengths))

    def _lean_metric(self, observed: Observations, n: int) -> Metric | None:
        rows, warp = self._rows_and_targets(observed, n)
        if warp.is_flat:
            return None
        theta = self._of_losses.hyperparameters(anchor_at(n), self._losses(observed))
        features, losses = self._encoding.features_at(observed.points[rows]), observed.losses[rows]
        return lean_metric(self._encoding, features, losses, np.exp(theta[:-2]))

    def _process(self, features: Floats, targets: Floats, theta: Floats) -> GaussianProcess:
        return GaussianProcess(features, targets, self._encoding.groups, as_hyperparameters(theta))


GRADES = (
    (0.5, "decides within half of its range, or less"),
    (1.5, "matters"),
    (4.0, "matters little"),
    (np.inf, "hardly matters"),
)


def _grade(length: float) -> str:
    return next(words for below, words in GRADES if length < below)


def description(encoding: Encoding, fitted: Fitted, objective: Objective) -> str:
    """Return a line for each coordinate, the most important first, and one for the noise."""
    varies = encoding.space.levels != 1
    order = [j for j in np.argsort(fitted.lengths, kind="stable").tolist() if varies[j]]
    width = max((len(encoding.names[j]) for j in order), default=0)
    lines = [
        f"{encoding.names[j]:<{width}}  {_grade(fitted.lengths[j])} "
        f"(lengthscale {fitted.lengths[j]:.2g})"
        for j in order
    ]
    noise = float(np.sqrt(fitted.process.parameters.nu)) * fitted.warp.slope
    lines.append(f"noise of {objective.name}: about {noise:.2g}")
    return "\n".join(lines)
