"""Bayesian optimization with a Gaussian process, for spaces of every kind.

Jones, Schonlau & Welch 1998, "Efficient global optimization of expensive black-box functions",
https://doi.org/10.1023/A:1008306431147; Garnett 2023, "Bayesian optimization",
https://bayesoptbook.com.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from hpopt.checks import flag, one_of, whole
from hpopt.core import Optimizer
from hpopt.core.problem import one_objective
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.surrogates.acquisition import DRAWN, KINDS, Acquisition, Chance, Criterion
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch, everything_in
from hpopt.optimizers.surrogates.encoding import Branches, Encoding, Within
from hpopt.optimizers.surrogates.evidence import Evidence
from hpopt.optimizers.surrogates.first_design import first_count, first_point
from hpopt.optimizers.surrogates.surrogate import Fitted, Surrogate, in_words
from hpopt.optimizers.surrogates.trust_region import Box, Side

FEWEST_VALUES = 3
MOST_PENDING = 200
RANDOM_WHEN_STALLED, ELSEWHERE = 4, 4
"""Of so many configs one is drawn at random after a stall, and one comes from another branch:
halfway between, and neither from the box, whose numbers are odd."""
LOOKED_AT_ONCE, MOST_LOOKS = 16, 16
CAUTION, NOVELTY = 2.0, 4.0
"""How much the logarithms of the probabilities of a value, and of another one than what is known,
count beside the acquisition function."""
GAIN = 0.1
"""How much better than the best a config from anywhere should be, in deviations of the targets:
else most asks would climb the hill that was found first, by less and less."""
LIKELY = 0.5


class BayesianOptimization(Optimizer):
    """Ask what a model of the losses finds most promising.

    Use it wherever an evaluation takes longer than some 50 milliseconds, up to some thousand
    evaluations: it finds more with fewer of them than any other strategy here, on floats, whole
    numbers, choices, conditions and lists of layers, with any number of workers. Where
    evaluations are cheaper, or there are many thousands, use ``"tpe"`` or a genetic algorithm:
    thinking takes it 5 to 30 milliseconds an ask.

    Each ask::

        the first `first` configs: a scrambled Sobol' sequence, each branch about three times,
                   at first in its middle
        targets  = losses below the median as they are, the others by rank; failures have none
        model    = Gaussian process, Matérn 5/2 over numbers and choices, fitted by its posterior;
                   pending points are believed to give what it predicts
        chance   = another one, of what failed and what did not
        config   = the best of one acquisition function, by lot log EI, twice in three, or LCB,
                   plus twice the logarithm of the chance where something failed, plus four times
                   that of another value than the nearest config's where near ones gave the same;
                   every second time in a box around the best, which grows with success;
                   every fourth time where a choice that others depend on is another than the
                   best config's (there by lot log EI, LCB, or log PI),
                   and every fourth time at random, when nothing got better for max(20, 4 d)
                   results; otherwise better than the best by 0.1 deviations of the targets

    Beyond `most_points` it learns from the best half, the most recent fifth, and a random choice
    of the others.

    Parameters
    ----------
    first : int, >= 2, optional
        How many configs are tried before there is a model. By default 5 to 12, by the number of
        parameters that matter, and up to 24 where conditions make branches.
    acquisition : {"drawn", "log_ei", "lcb", "log_pi"}
        ``"drawn"`` takes one for each ask, the last in other branches only.
    local : bool
        Whether every second ask looks in the box only.
    most_points : int, >= 20
        How many told points the model is fitted to.

    Raises
    ------
    SettingError
        The problem has several objectives.
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
        one_objective(self.name, self.objectives)
        self._encoding = Encoding(self.space)
        self._n_first = first_count(self._encoding) if self.first is None else self.first
        self._everything = everything_in(self._encoding)
        self._branches = Branches(self._encoding)
        self._surrogate = Surrogate(self._encoding, self.most_points)
        self._side: Side | None = None

    # -- choosing ------------------------------------------------------------------------------

    def _ask(self, number: int, n: int) -> Floats:
        if not self.has_model(number):
            return first_point(self, number, self._n_first)
        evidence = Evidence(self)
        with single_blas_thread():
            fitted = self._surrogate.of(evidence)
            rng = self.generator(number)
            side = self._side_after(evidence)
            if fitted is None or (number % RANDOM_WHEN_STALLED == 0 and side.is_stalled):
                return self.novel(rng.random((1, self.space.d)), rng, before=number)
            return self._promising(number, evidence, fitted, rng)

    def _promising(
        self, number: int, evidence: Evidence, fitted: Fitted, rng: np.random.Generator
    ) -> Floats:
        """Give the best point of the acquisition that is not known.

        Where there are branches, it is every fourth time one of another branch than the best's.
        """
        elsewhere = self._elsewhere(number, fitted)
        kinds = KINDS if elsewhere else DRAWN
        kind = kinds[rng.integers(len(kinds))] if self.acquisition == "drawn" else self.acquisition
        gain = 0.0 if elsewhere or number % 2 else GAIN
        pending = self._pending_features()
        acquisition = Acquisition(
            fitted.process.condition_on(pending) if len(pending) else fitted.process,
            Criterion(kind, float(fitted.warp.targets.min()) - gain, len(evidence)),
            self._chances_beside(fitted, pending),
        )
        box = self._box(evidence, fitted) if self.local and number % 2 else None
        for within in (*elsewhere, None):
            search = AcquisitionSearch(
                self._encoding,
                fitted,
                rng,
                acquisition=acquisition,
                box=box,
                everything=self._everything,
                within=within,
            )
            found = self._first_new(search.ranked(), number)
            if found is not None:
                return found
        return self.novel(rng.random((1, self.space.d)), rng, before=number)

    def _elsewhere(self, number: int, fitted: Fitted) -> list[Within]:
        """Give what lies in another branch than the best, where it is the turn of those."""
        turn, rest = divmod(number + ELSEWHERE // 2, ELSEWHERE)
        return [self._branches.other_than(fitted.best, turn)] if self._branches and not rest else []

    def _first_new(self, ranked: Floats, number: int) -> Floats | None:
        """Give the first of points (n, d) that is not known, shape (1, d); None where all are."""
        for first in range(0, min(len(ranked), LOOKED_AT_ONCE * MOST_LOOKS), LOOKED_AT_ONCE):
            points = ranked[first : first + LOOKED_AT_ONCE]
            new = np.flatnonzero(self.unknown(points, before=number))
            if new.size:
                return points[new[:1]]
        return None

    @staticmethod
    def _chances_beside(fitted: Fitted, pending: Floats) -> list[tuple[float, Chance]]:
        """Give what else a config must have: a value, and another one than its neighbours."""
        chances: list[tuple[float, Chance]] = []
        if fitted.success is not None:
            chances.append((CAUTION, fitted.success))
        if fitted.plateaus is not None:
            chances.append((NOVELTY, fitted.plateaus.around(pending)))
        return chances

    def _pending_features(self) -> Floats:
        """Give the features of what is pending (q, p), of the last ones where they are many."""
        if not self.pending:
            return np.empty((0, len(self._encoding.groups)))
        numbers = sorted(self.pending)[-MOST_PENDING:]
        points = np.array([self.pending[number].point for number in numbers])
        return self._encoding.features(self.space.snap(points))

    def _box(self, evidence: Evidence, fitted: Fitted) -> Box:
        """Give the box around the observed point of the best posterior mean.

        However small, it holds the next values of a number that has few, and its corners lie
        beyond a plateau: else nothing in it would be new.
        """
        centre = fitted.best
        side = self._side_after(evidence).length
        box = Box.around(centre, side, fitted.lengths, self.space.ordered)
        if fitted.plateaus is not None:
            corner = np.zeros(self.space.d)
            corner[self._encoding.groups] = fitted.plateaus.corner()
            box = box.reaching(corner)
        return box.holding(*self._encoding.beside(centre))

    def _side_after(self, evidence: Evidence) -> Side:
        """Give the side of the box after all that is known."""
        if self._side is None:
            n_first = max(self._n_first, len(self.knowledge))
            self._side = Side(self._encoding.n_effective, n_first)
        self._side.learn(evidence.losses)
        return self._side

    def has_model(self, number: int) -> bool:
        """Say whether the first design is over with this number, and enough is told for a model."""
        n = number + len(self.knowledge)
        return n >= self._n_first and len(Evidence(self)) >= FEWEST_VALUES

    def noise_share(self) -> float:
        """Give the noise's share of the model's variance, in [0, 1]; 0 without a model."""
        with single_blas_thread():
            fitted = self._surrogate.of(Evidence(self))
        return 0.0 if fitted is None else fitted.noise_share

    def is_wasted(self, point: Floats) -> bool:
        """Say whether a snapped point (d,) likely gives no value, or one that is known near it.

        What fails by chance is no reason to stay away: to be likely to fail, it must be less than
        half as likely as others to give a value.
        """
        evidence = Evidence(self)
        with single_blas_thread():
            fitted = self._surrogate.of(evidence)
            if fitted is None:
                return False
            features = self._encoding.features(point[None])
            if fitted.success is not None:
                usual = evidence.n_values / len(evidence)
                if np.exp(fitted.success.log_probability(features)[0]) < LIKELY * usual:
                    return True
            if fitted.plateaus is None:
                return False
            plateaus = fitted.plateaus.around(self._pending_features())
            return bool(np.exp(plateaus.log_probability(features)[0]) < LIKELY)

    # -- asking the model ----------------------------------------------------------------------

    def predict(self, configs: Iterable[Mapping[str, Any]]) -> tuple[Floats, Floats]:
        """Say what the model expects of configs.

        Parameters
        ----------
        configs : iterable of n mappings

        Returns
        -------
        mean, deviation : ndarray (n,)
            Of the objective without its noise, in its own units. Beyond the median of what was
            told the model knows ranks only, so that both are coarse there.

        Raises
        ------
        ConfigError
            A config does not fit the space.
        SettingError
            Nothing was told yet, or nothing that differs.
        """
        points = self.space.encode(configs)
        with single_blas_thread():
            fitted = self._model()
            mean, deviation = fitted.process.predict(self._encoding.features(points))
        losses = fitted.warp.losses
        spread = (losses(mean + deviation) - losses(mean - deviation)) / 2
        return self.objectives[0].sign * losses(mean), spread

    def chances(self, configs: Iterable[Mapping[str, Any]]) -> Floats:
        """Say how likely configs are to give a value, shape (n,): all 1 until something failed.

        It takes what `predict` takes, and raises what that raises.
        """
        fitted, points = self._model(), self.space.encode(configs)
        if fitted.success is None:
            return np.ones(len(points))
        with single_blas_thread():
            return np.exp(fitted.success.log_probability(self._encoding.features(points)))

    def lengthscales(self) -> dict[str, float]:
        """Give, by parameter, how far one must go for the objective to become another.

        In shares of a number's range: of 3 and more it hardly matters. For choices it is by how
        much they differ: the larger, the less. The layers of a list have one each.

        Raises
        ------
        SettingError
            Nothing was told yet, or nothing that differs.
        """
        lengths = self._model().lengths.tolist()
        return dict(zip(self._encoding.names, lengths, strict=True))

    def describe(self) -> str:
        """Say in words what the model has learned: which parameters matter, and how much.

        Raises
        ------
        SettingError
            Nothing was told yet, or nothing that differs.
        """
        fitted = self._model()
        return in_words(self._encoding, fitted, self.objectives[0])

    def best_believed(self) -> tuple[dict[str, Any], float, float]:
        """Give the tried config of the best posterior mean: the one to take where noise is large.

        Returns
        -------
        config : dict
        mean, deviation : float
            Of the objective without its noise, in its own units.

        Raises
        ------
        SettingError
            Nothing was told yet, or nothing that differs.
        """
        fitted = self._model()
        config = self.space.decode(fitted.best[None])[0]
        mean, deviation = self.predict([config])
        return config, float(mean[0]), float(deviation[0])

    def _model(self) -> Fitted:
        n_told = len(self.history) + len(self.knowledge) if hasattr(self, "space") else 0
        with single_blas_thread():
            fitted = self._surrogate.of(Evidence(self)) if n_told > 1 else None
        if fitted is None:
            raise SettingError(
                "a model needs two different values at least, but this one was told "
                f"{n_told} and they do not differ: run some trials first"
            )
        return fitted
