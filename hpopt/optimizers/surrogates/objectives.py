"""The Gaussian processes of several objectives, and that of a weighted maximum of them.

Knowles 2006, "ParEGO", https://doi.org/10.1109/TEVC.2005.851274, for the weighted maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics import pareto
from hpopt.numerics.gaussian_process import GaussianProcess
from hpopt.numerics.gaussian_process_fit import Prior, as_hyperparameters, fit_hyperparameters
from hpopt.numerics.hypervolume import most_volume, non_dominated_boxes
from hpopt.numerics.hypervolume_improvement import ExpectedHypervolume
from hpopt.numerics.rank_transform import RankTransform, rank_transform
from hpopt.optimizers.surrogates.acquisition import Feasibility
from hpopt.optimizers.surrogates.constraints import ConstraintModels, ConstraintProcesses
from hpopt.optimizers.surrogates.encoding import Encoding, Ints
from hpopt.optimizers.surrogates.failures import FailureModel
from hpopt.optimizers.surrogates.front_observations import FrontObservations
from hpopt.optimizers.surrogates.refits import AT_REFIT, Data, RefitSchedule
from hpopt.optimizers.surrogates.sight import Sight

# How far the reference point lies beyond the worst of the front, in its ranges: 0 to 0.3 made no
# difference, and the worst of all observations lost half of the share on two of ten problems. A
# front of one point has no range: without the other the boxes would have no volume.
BEYOND, ALONE, NARROW = 0.1, 0.5, 1e-9
MOST_IN_FRONT = 60  # with four objectives: 400 boxes, and an ask of 40 ms more
# Of the sum beside the maximum, as Knowles has it: it tells points of equal maximum apart.
AUGMENTED = 0.05
FIT_OF_SUM = 15  # evaluations of its posterior: it begins near, at what the objectives' fits are
COPIED = 1e-9  # targets of mean 0 and deviation 1 that differ by less are of one objective


@dataclass(frozen=True, slots=True)
class FittedObjectives:
    """A model of each objective that differs, after some observations.

    Attributes
    ----------
    kept : tuple of int
        The objectives, without those whose values are all equal and copies of earlier ones.
    processes : tuple of GaussianProcess
    warps : tuple of RankTransform
        From losses to the targets that they were fitted to, and back.
    thetas : ndarray (m, g + 2)
        The logarithms of their hyper-parameters.
    points, features : ndarray (n, d) and (n, p)
        What they were fitted to.
    losses, targets : ndarray (n, m)
    ranks : ndarray (n,) of int
        The front that each belongs to, from 0; what breaks constraints comes last, by how much.
    is_met : ndarray (n,) of bool
        Which meet all constraints.
    n_observed : int
        How many observations there were, with failures and with those that were left out.
    feasibility : Feasibility or None
        None where no evaluation failed.
    constraints : ConstraintProcesses
    """

    kept: tuple[int, ...]
    processes: tuple[GaussianProcess, ...]
    warps: tuple[RankTransform, ...]
    thetas: Floats
    points: Floats
    features: Floats
    losses: Floats
    targets: Floats
    ranks: Ints
    is_met: NDArray[np.bool_]
    n_observed: int
    feasibility: Feasibility | None
    constraints: ConstraintProcesses

    @property
    def front(self) -> Floats:
        """The targets of the feasible points that no other dominates, shape (k, m)."""
        return np.asarray(self.targets[(self.ranks == 0) & self.is_met])

    @property
    def sights(self) -> list[Sight]:
        """How much each of the processes predicts."""
        return [
            Sight(process, targets, self.n_observed)
            for process, targets in zip(self.processes, self.targets.T, strict=True)
        ]

    @property
    def is_blind(self) -> bool:
        """Whether none of the processes predicts more than next to nothing."""
        return all(sight.is_blind for sight in self.sights)

    @property
    def lost(self) -> list[int]:
        """The objectives with more local optima, or noise, than their processes can describe."""
        return [j for j, sight in zip(self.kept, self.sights, strict=True) if sight.is_lost]

    def improvement(self, believed: Floats) -> ExpectedHypervolume:
        """Return the expected improvement over the front, joined by what is believed of others.

        Parameters
        ----------
        believed : ndarray (q, m)
            The targets of pending points, so that no two are asked in one gap.
        """
        front = self.front
        low, high = front.min(axis=0), front.max(axis=0)
        beyond = np.where(high - low < NARROW, ALONE, BEYOND * (high - low))
        reference = high + beyond
        front = np.concatenate([front, believed])
        front = np.unique(front[pareto.front(front)], axis=0)
        if len(self.kept) == 4 and len(front) > MOST_IN_FRONT:
            front = front[most_volume(front, reference, MOST_IN_FRONT)]
        return ExpectedHypervolume(non_dominated_boxes(front, reference))

    def weighted_maxima(self, weights: Floats, *, raw: bool) -> RankTransform:
        """Return the targets of max_j w_j z_j + 0.05 Σ_j w_j z_j; see `RankTransform`.

        z are the targets or, with `raw`, the losses themselves, each scaled to [0, 1].
        """
        values = self.losses / 2 if raw else self.targets / 2  # halves: no overflow
        low, high = values.min(axis=0), values.max(axis=0)
        shares = weights * (values - low) / (high - low)
        return rank_transform(shares.max(axis=1) + AUGMENTED * shares.sum(axis=1))


class ObjectiveModels:
    """The models of several objectives, which depend on the observations only.

    Failures have a process of their own; the others learn from what gave values.

    Parameters
    ----------
    encoding : Encoding
    n_objectives : int
    most : int
        How many points a model is fitted to at most.
    n_constraints : int
    """

    def __init__(
        self, encoding: Encoding, n_objectives: int, most: int, n_constraints: int = 0
    ) -> None:
        self._encoding, self._most = encoding, most
        self._of_constraints = ConstraintModels(encoding, n_constraints, most)
        self._prior = Prior.for_groups(encoding.n_effective, ~encoding.space.ordered)
        self._schedules = [RefitSchedule(self._prior, encoding.groups) for _ in range(n_objectives)]
        self._of_failures = FailureModel(encoding, most)
        self._fitted: tuple[int, FittedObjectives | None] = (-1, None)

    @property
    def latest(self) -> FittedObjectives | None:
        """The models that were asked for last; None without one."""
        return self._fitted[1]

    def at(self, observed: FrontObservations) -> FittedObjectives | None:
        """Return the models of all observations; None where nothing differs."""
        if self._fitted[0] != len(observed):
            self._fitted = len(observed), self._fit(observed)
        return self._fitted[1]

    def _fit(self, observed: FrontObservations) -> FittedObjectives | None:
        n = len(observed)
        rows = observed.subset(n, self._most, valued=True)
        kept = different_objectives(observed.losses[rows])
        if not kept:
            return None
        losses, ranked = observed.losses[rows][:, list(kept)], observed.ranked[rows]
        points = self._encoding.space.snap(observed.points[rows])
        features = self._encoding.features(points)
        warps = tuple(rank_transform(column) for column in losses.T)
        thetas = np.array([self._theta(observed, n, j) for j in kept])
        return FittedObjectives(
            kept,
            tuple(
                self._process(features, warp.targets, theta)
                for warp, theta in zip(warps, thetas, strict=True)
            ),
            warps,
            thetas,
            points,
            features,
            losses,
            np.stack([warp.targets for warp in warps], axis=1),
            pareto.non_dominated_ranks(ranked[:, list(kept)]),
            ~observed.is_broken[rows],
            n,
            self._of_failures.at(observed),
            self._of_constraints.at(observed),
        )

    def of_targets(
        self, fitted: FittedObjectives, targets: Floats, weights: Floats
    ) -> GaussianProcess:
        """Return a process of other targets (n,) of the same points, fitted now.

        Its fit begins at the mean of the objectives' hyper-parameters by these weights, so that
        it depends on nothing else.
        """
        theta = fit_hyperparameters(
            fitted.features,
            targets,
            self._encoding.groups,
            self._prior,
            weights @ fitted.thetas,
            evaluations=FIT_OF_SUM,
            tolerance=AT_REFIT,
        )
        return self._process(fitted.features, targets, theta)

    def _theta(self, observed: FrontObservations, n: int, objective: int) -> Floats:
        def data(n: int) -> Data | None:
            rows = observed.subset(n, self._most, valued=True)
            warp = rank_transform(observed.losses[rows, objective])
            if warp.is_flat:
                return None
            return self._encoding.features_at(observed.points[rows]), warp.targets

        return self._schedules[objective].hyperparameters(n, data)

    def _process(self, features: Floats, targets: Floats, theta: Floats) -> GaussianProcess:
        return GaussianProcess(features, targets, self._encoding.groups, as_hyperparameters(theta))


def different_objectives(losses: Floats) -> tuple[int, ...]:
    """Return which columns of losses (n, m) have different values, and copy no earlier one.

    A copy may have another scale and origin: it would only make the boxes of a front degenerate.
    """
    kept: list[int] = []
    targets: list[Floats] = []
    for j, column in enumerate(losses.T):
        own = rank_transform(column).targets
        if own.any() and not any(np.allclose(own, each, atol=COPIED) for each in targets):
            kept.append(j)
            targets.append(own)
    return tuple(kept)
