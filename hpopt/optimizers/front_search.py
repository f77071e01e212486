"""Search for the front of several objectives by a model of each.

Emmerich et al. 2006, "Single- and multiobjective evolutionary optimization assisted by Gaussian
random field metamodels", https://doi.org/10.1109/TEVC.2005.859463 (expected hypervolume
improvement); Knowles 2006, "ParEGO", https://doi.org/10.1109/TEVC.2005.851274.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpopt.core import Optimizer, Phase
from hpopt.core.phase import DENSITIES, IN_TURN, MODELS, results_in_words
from hpopt.core.proposals import Floats
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.steady_state import SteadyState
from hpopt.optimizers.surrogates.acquisition import Acquisition, Criterion, Score
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.choice import best_new
from hpopt.optimizers.surrogates.constraints import OnlyProbabilities
from hpopt.optimizers.surrogates.encoding import Encoding, everything_in
from hpopt.optimizers.surrogates.facts import feasibility_phase, first_configs, last_number
from hpopt.optimizers.surrogates.first_design import FEWEST_VALUES, FirstDesign, first_count
from hpopt.optimizers.surrogates.front_acquisition import FrontAcquisition
from hpopt.optimizers.surrogates.front_observations import FrontObservations
from hpopt.optimizers.surrogates.objectives import FittedObjectives, ObjectiveModels
from hpopt.optimizers.surrogates.pending import pending_features
from hpopt.optimizers.surrogates.surrogate import FEASIBILITY_WEIGHT
from hpopt.optimizers.tpe import TPE

# One ask in four is the models' where one is lost in local optima, the others are evolution's: ZDT4
# had 0.67 of its front so after 200, as with evolution alone, and 0.30 with the models alone. With
# every second ask it had 0.25 after 100, and 0.37 so.
WHEN_LOST = 4


@dataclass(frozen=True, slots=True)
class Parents:
    """Points whose mutants are candidates, the better the less their `means` are."""

    points: Floats
    means: Floats


class FrontSearch(Optimizer):
    """Ask what models of 2 to 4 objectives find most promising, for a host.

    ``"bayesian"`` is the host; see there. Each ask::

        targets = losses of each objective below its median as they are, the others by rank
        models  = a Gaussian process of each objective that differs; pending points have the values
                  that they predict (kriging believer), and join the front
        config  = the maximum of the log expected hypervolume improvement over the front, or, every
                  second time, of log EI of max_j w_j z_j + 0.05 Σ_j w_j z_j, with new random
                  weights w and z the targets or, every fourth time, the losses in their ranges
                  + 2 log P(feasible) where something failed
                  + log P(met) for each constraint; alone, while no config meets all;
                  three times in four that of `SteadyState`, while a model is lost in local optima

    Parameters
    ----------
    first : int or None
    most_points : int
        See `BayesianOptimization`.
    """

    def __init__(self, *, first: int | None, most_points: int) -> None:
        self.first, self.most_points = first, most_points

    def _setup(self) -> None:
        self._encoding = Encoding(self.space)
        self.n_first = first_count(self._encoding) if self.first is None else self.first
        self._design = FirstDesign(self._encoding, self.n_first)
        self._everything = everything_in(self._encoding)
        n_of = len(self.objectives), self.most_points, len(self.constraints)
        self._models = ObjectiveModels(self._encoding, *n_of)
        self._tpe = self.host(TPE())
        self._evolution = self.host(SteadyState())

    def has_model(self, number: int) -> bool:
        """Return whether this number is past the first design, with enough values for models."""
        n = number + len(self.knowledge)
        return n >= self.n_first and len(self.history.all_losses) >= FEWEST_VALUES

    def phase_at(self, number: int) -> Phase:
        """Return the phase that an ask is in; no model is fitted for it."""
        if not self.has_model(number):
            return first_configs(self.n_first, "Gaussian processes")
        if seeking := feasibility_phase(self, self.most_points):
            return seeking
        n, fitted = len(self.history.all_losses), self._models.latest
        if fitted is not None and fitted.is_blind:
            why = "the Gaussian processes explain little of them"
            return Phase("TPE", why, results_in_words(n, np.inf), DENSITIES)
        learned = results_in_words(n, self.most_points)
        if fitted is not None and fitted.lost:
            names = " and ".join(self.objectives[j].name for j in fitted.lost)
            why = f"{names}: more local optima, or noise, than a model describes"
            return Phase("Gaussian processes and steady state in turn", why, learned, IN_TURN)
        return Phase("Gaussian processes", "", learned, MODELS)

    def facts_of(self, host: Optimizer) -> list[str]:
        """Return facts about the objectives, in words."""
        fitted = self._models.latest
        if fitted is None or not self.has_model(last_number(host)):
            return []
        left_out = [each.name for j, each in enumerate(self.objectives) if j not in fitted.kept]
        if left_out:
            return [f"{' and '.join(left_out)} told nothing apart from the others so far"]
        if len(np.unique(fitted.front, axis=0)) == 1:
            return ["one config is the best in all objectives so far"]
        return []

    # -- choosing ------------------------------------------------------------------------------

    def _ask(self, number: int, n: int) -> Floats:
        if not self.has_model(number):
            return self._design.point(self, number)
        rng = self.generator(number)
        with single_blas_thread():
            fitted = self._models.at(FrontObservations(self))
            if fitted is None:
                return self.novel(rng.random((1, self.space.d)), rng, before=number)
            if not fitted.is_met.any():
                return self._maximise(number, number, fitted, rng)
            if fitted.is_blind:
                return self._tpe.propose(number, 1)
            if not fitted.lost:
                return self._maximise(number, number, fitted, rng)
            if number % WHEN_LOST:
                return self._evolution.propose(number, 1)
            return self._maximise(number, number // WHEN_LOST, fitted, rng)

    def _maximise(
        self, number: int, turn: int, fitted: FittedObjectives, rng: np.random.Generator
    ) -> Floats:
        """Return the best new point by the acquisition, shape (1, d)."""
        # Members of the front in random order, then of the second front, and so on.
        order = fitted.ranks + rng.random(len(fitted.ranks))
        search = AcquisitionSearch(
            self._encoding,
            Parents(fitted.points, order),
            rng,
            acquisition=self._acquisition(turn, fitted, rng),
            box=None,
            everything=self._everything,
        )
        return best_new(self, search, number)

    def _acquisition(self, turn: int, fitted: FittedObjectives, rng: np.random.Generator) -> Score:
        pending = pending_features(self, self._encoding)
        probabilities = fitted.constraints.probabilities(pending)
        if fitted.feasibility is not None:
            probabilities.append((FEASIBILITY_WEIGHT, fitted.feasibility))
        if not fitted.is_met.any():
            return OnlyProbabilities(probabilities)
        if turn % 2:
            weights = rng.dirichlet(np.ones(len(fitted.kept)))
            warp = fitted.weighted_maxima(weights, raw=turn % 4 == 3)
            if not warp.is_flat:
                process = self._models.of_targets(fitted, warp.targets, weights)
                if len(pending):
                    process = process.condition_on(pending)
                best, n = float(warp.targets[fitted.is_met].min()), fitted.n_observed
                return Acquisition(process, Criterion("log_ei", best, n), probabilities)
        processes, believed = fitted.processes, np.empty((0, len(fitted.kept)))
        if len(pending):
            believed = np.stack([each.mean(pending) for each in processes], axis=1)
            processes = tuple(each.condition_on(pending) for each in processes)
        return FrontAcquisition(processes, fitted.improvement(believed), probabilities)
