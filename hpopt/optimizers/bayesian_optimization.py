"""Bayesian optimization with a Gaussian process, for spaces of every kind.

Jones, Schonlau & Welch 1998, "Efficient global optimization of expensive black-box functions",
https://doi.org/10.1023/A:1008306431147; Garnett 2023, "Bayesian optimization",
https://bayesoptbook.com.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import flag, one_of, whole
from hpopt.core import Optimizer, Phase
from hpopt.core.objective import at_most_four
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.front_search import FrontSearch
from hpopt.optimizers.surrogates.acquisition import (
    DRAWN,
    KINDS,
    Acquisition,
    Criterion,
)
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.branches import Branches
from hpopt.optimizers.surrogates.choice import first_new, likely_feasible, random_promising, wished
from hpopt.optimizers.surrogates.encoding import Encoding, everything_in
from hpopt.optimizers.surrogates.facts import (
    branch_in_words,
    feasibility_phase,
    first_configs,
    last_number,
    model_phase,
    stall_in_words,
)
from hpopt.optimizers.surrogates.first_design import FEWEST_VALUES, FirstDesign, first_count
from hpopt.optimizers.surrogates.learner import Learner
from hpopt.optimizers.surrogates.pending import pending_features
from hpopt.optimizers.surrogates.search_box import search_box
from hpopt.optimizers.surrogates.surrogate import Fitted, description
from hpopt.optimizers.surrogates.turns import Turn, turn_of
from hpopt.optimizers.tpe import TPE

# The gain over the best that a config from anywhere must promise, in deviations of the targets:
# else most asks climb the hill that was found first, by less and less. 0.05 and a gain in every
# second ask were worse.
GAIN = 0.1


class BayesianOptimization(Optimizer):
    """Ask what a model of the losses finds most promising.

    Use it where an evaluation takes longer than some 50 milliseconds, for up to some thousand
    evaluations: it needs fewer of them than any other strategy here, on floats, whole numbers,
    choices, conditions and lists of layers, with any number of workers. Where evaluations are
    cheaper, or there are many thousands, use ``"tpe"`` or a genetic algorithm: an ask takes 5 to 30
    milliseconds.

    What it learned of other studies is checked: see `Transfer`. Each ask::

        the first `first` configs: a scrambled Sobol' sequence, each branch about three times,
                   first with its own numbers in the middle of their ranges
        targets  = losses below the median as they are, the others by rank; failures have none
        model    = Gaussian process, Matérn 5/2 over numbers and choices, maximum a posteriori;
                   pending points have the values that it predicts (kriging believer)
        feasible = a second process, of failed and other evaluations
        config   = the maximum of log EI (twice in three) or LCB, chosen at random,
                   + 2 log P(feasible) where something failed
                   + log P(met) for each constraint, from a process of its values; alone, while
                   no config meets all
                   + 4 log P(a new value) where near configs gave equal values
                   + 10/n log prior, where parameters have one, after n results (πBO)
                   every second time in a trust region around the best;
                   every fourth time in the branch that challenges the best config's, where
                   conditions make branches (there log EI, LCB or log PI, at random);
                   otherwise anywhere, with a gain of at least 0.1 deviations of the targets;
                   every fourth time a random config, after max(20, 4 d) results without a new best;
                   where values repeat, one that is expected to be good, and half as many after each
                   further stall, and as few from anywhere;
                   that of TPE, while the process predicts next to nothing

    With two to four objectives each has a process of its own, and a config is the maximum of the
    log expected hypervolume improvement over the front or, every second time, of log EI of a
    weighted maximum of the objectives, with new random weights (ParEGO).

    Beyond `most_points` observations it learns from the best half, the most recent fifth, and a
    random choice of the others.

    Parameters
    ----------
    first : int, >= 2, optional
        How many configs are tried before there is a model. By default 5 to 12, by the number of
        active parameters, and up to 24 where conditions make branches.
    acquisition : {"drawn", "log_ei", "lcb", "log_pi"}
        ``"drawn"`` takes one of them at random for each ask, log PI in other branches only.
    local : bool
        Whether every second ask searches the trust region only.
    most_points : int, >= 20
        How many observations the model is fitted to at most.

    Raises
    ------
    SettingError
        The problem has more than four objectives.
    """

    name: ClassVar[str] = "bayesian"

    def __init__(
        self,
        *,
        first: int | None = None,
        acquisition: str = "drawn",
        local: bool = True,
        most_points: int = 200,
    ) -> None:
        self.first = None if first is None else whole("first", first, 2)
        self.acquisition = one_of("acquisition", acquisition, ("drawn", *KINDS))
        self.local = flag("local", local)
        self.most_points = whole("most_points", most_points, 20)

    def _setup(self) -> None:
        at_most_four(self.name, self.objectives)
        self._several: FrontSearch | None = None
        if len(self.objectives) > 1:
            self._several = self.host(FrontSearch(first=self.first, most_points=self.most_points))
            return
        self._encoding = Encoding(self.space)
        self._n_first = first_count(self._encoding) if self.first is None else self.first
        self._design = FirstDesign(self._encoding, self._n_first)
        self._everything = everything_in(self._encoding)
        self._branches = Branches(self._encoding)
        self.learner = Learner(self, self._encoding, self._n_first, self.most_points)
        self._tpe = self.host(TPE())

    @property
    def phase(self) -> Phase:
        """Whether the Gaussian process chooses yet."""
        return self.phase_at(last_number(self))

    def phase_at(self, number: int) -> Phase:
        """Return the phase that an ask is in; no model is fitted for it."""
        if self._several is not None:
            return self._several.phase_at(number)
        if not self.has_model(number):
            return first_configs(self._n_first, "a Gaussian process")
        n, latest = len(self.learner.observed), self.learner.latest
        return feasibility_phase(self, self.most_points) or model_phase(latest, n, self.most_points)

    def _facts(self) -> list[str]:
        return self.facts_of(self)

    def facts_of(self, host: Optimizer) -> list[str]:
        """Return facts about the last ask, of this strategy or of its host, in words."""
        if self._several is not None:
            return self._several.facts_of(host)
        if not self.has_model(last_number(host)):
            return []
        said = [branch_in_words(host), stall_in_words(self.learner.region, self.learner.latest)]
        return [*said, *self.learner.verdict.facts]

    # -- choosing ------------------------------------------------------------------------------

    def _ask(self, number: int, n: int) -> Floats:
        if self._several is not None:
            return self._several.propose(number, n)
        check = self.check_point(number)
        if check is not None:
            return check
        if not self.has_model(number):
            return self._design.point(self, number)
        with single_blas_thread():
            fitted = self.learner.fitted
            if fitted is not None and fitted.incumbent == np.inf:
                return likely_feasible(self, self._encoding, fitted, self._everything, number)
            if fitted is not None and fitted.is_blind:
                found = self._tpe.propose(number, 1)
                if not self.is_wasted(found[0]):
                    return found
            rng = self.generator(number)
            region = self.learner.region
            turn = turn_of(number, n_stalls=region.n_stalls, has_branches=bool(self._branches))
            if fitted is not None and turn is Turn.RANDOM and region.values_repeat:
                return self.novel(random_promising(self._encoding, fitted, rng), rng, before=number)
            if fitted is None or turn is Turn.RANDOM:
                return self.novel(rng.random((1, self.space.d)), rng, before=number)
            return self._maximise(number, turn, fitted)

    def _maximise(self, number: int, turn: Turn, fitted: Fitted) -> Floats:
        """Return the best new point by the acquisition, shape (1, d)."""
        rng, region = self.generator(number), self.learner.region
        pending = pending_features(self, self._encoding)
        process = fitted.process.condition_on(pending) if len(pending) else fitted.process
        probabilities = fitted.probabilities(pending)
        best, n = fitted.incumbent, fitted.n_observed
        branch = None
        if turn is Turn.ELSEWHERE:
            bound = Acquisition(process, Criterion("lcb", best, n), probabilities)
            branch = self._branches.challenger(bound, fitted, rng)
            if branch is None:
                turn = turn_of(number, n_stalls=region.n_stalls, has_branches=False)
        kinds = KINDS if turn is Turn.ELSEWHERE else DRAWN
        kind = kinds[rng.integers(len(kinds))] if self.acquisition == "drawn" else self.acquisition
        gain = GAIN if turn is Turn.ANYWHERE else 0.0
        acquisition = Acquisition(process, Criterion(kind, best - gain, n), probabilities)
        box, repeats = None, region.values_repeat
        if self.local and turn is Turn.NEAR:
            box = search_box(self._encoding, fitted, region.side, pending, rng)
        wishes = wished(self._encoding, fitted, pending, turn, values_repeat=repeats)
        is_new = partial(self.unknown, before=number)
        for within in (None,) if branch is None else (branch, None):
            search = AcquisitionSearch(
                self._encoding,
                fitted,
                rng,
                acquisition=acquisition,
                box=box,
                everything=self._everything,
                within=within,
            )
            found = first_new(search.ranked(), is_new, *wishes)
            if found is not None:
                return found
        return self.novel(rng.random((1, self.space.d)), rng, before=number)

    def check_point(self, number: int) -> Floats | None:
        """Return the point (1, d) of a number that checks what was learned; None of most."""
        if self._several is not None:
            return None
        return self.learner.transfer.first_point(self, number, self._design)

    def has_model(self, number: int) -> bool:
        """Return whether this number is past the first design, with enough values for a model."""
        if self._several is not None:
            return self._several.has_model(number)
        observed = self.learner.observed
        n = number + observed.n_known
        return n >= self._n_first and len(observed) >= FEWEST_VALUES

    def is_blind(self, number: int) -> bool:
        """Return whether there is a model for this number, which predicts next to nothing."""
        if not self.has_model(number):
            return False
        with single_blas_thread():
            fitted = self.learner.fitted
        return fitted is not None and fitted.is_blind

    def is_wasted(self, point: Floats) -> bool:
        """Return whether a snapped point (d,) likely gives no value, or that of its neighbour."""
        with single_blas_thread():
            fitted = self.learner.fitted
            there = self._encoding.features(point[None])
            pending = pending_features(self, self._encoding)
            return fitted is not None and bool(fitted.likely_wasted(there, pending)[0])

    # -- asking the model ----------------------------------------------------------------------

    def predict(self, configs: Iterable[Mapping[str, Any]]) -> tuple[Floats, Floats]:
        """Return the posterior of the objective at configs.

        Parameters
        ----------
        configs : iterable of n mappings

        Returns
        -------
        mean, deviation : ndarray (n,)
            Of the objective without its noise, in its units. Both are coarse beyond the median of
            the observations, where the model knows ranks only.

        Raises
        ------
        ConfigError
            A config does not fit the space.
        SettingError
            There are no two different values yet, or several objectives.
        """
        points = self.space.encode(configs)
        with single_blas_thread():
            fitted = self._model()
            mean, deviation = fitted.process.predict(self._encoding.features(points))
        losses = fitted.warp.losses
        spread = (losses(mean + deviation) - losses(mean - deviation)) / 2
        return self.objectives[0].sign * losses(mean), spread

    def chances(self, configs: Iterable[Mapping[str, Any]]) -> Floats:
        """Return the probability of a value that meets all constraints at configs, shape (n,).

        Without constraints it is 1 until something failed. Parameters and errors are those of
        `predict`.
        """
        fitted, points = self._model(), self.space.encode(configs)
        with single_blas_thread():
            return np.exp(fitted.log_chance(self._encoding.features(points)))

    def lengthscales(self) -> dict[str, float]:
        """Return the lengthscale of each parameter: the larger, the less the parameter matters.

        For a number it is a share of its range; with 3 and more the number hardly matters. For a
        categorical parameter it is relative to the distance of two choices. Each layer of a list
        has its own. Errors are those of `predict`.
        """
        lengths = self._model().lengths.tolist()
        return dict(zip(self._encoding.names, lengths, strict=True))

    def describe(self) -> str:
        """Return in words which parameters matter, and how much; errors are those of `predict`."""
        fitted = self._model()
        return description(self._encoding, fitted, self.objectives[0])

    def best_believed(self) -> tuple[dict[str, Any], float, float]:
        """Return the evaluated config of the best posterior mean: to be used where noise is large.

        Returns
        -------
        config : dict
        mean, deviation : float
            Of the objective without its noise, in its units.

        Raises
        ------
        SettingError
            There are no two different values yet.
        """
        fitted = self._model()
        config = self.space.decode(fitted.best[None])[0]
        mean, deviation = self.predict([config])
        return config, float(mean[0]), float(deviation[0])

    def _model(self) -> Fitted:
        if hasattr(self, "space") and self._several is not None:
            raise SettingError(
                "a model can be asked about one objective, but this search has "
                f"{len(self.objectives)}: use its front"
            )
        n_told = len(self.history) + len(self.knowledge) if hasattr(self, "space") else 0
        with single_blas_thread():
            fitted = self.learner.fitted if n_told > 1 else None
        if fitted is None:
            raise SettingError(
                "a model needs at least two different values, but this one was told "
                f"{n_told} and they do not differ: run some trials first"
            )
        return fitted
