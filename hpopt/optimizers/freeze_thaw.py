"""Freeze-thaw Bayesian optimization: where to look and how long to train, as one decision.

Swersky, Snoek & Adams 2014, "Freeze-thaw Bayesian optimization", https://arxiv.org/abs/1406.3896;
a random horizon and a random wish as Rakotoarison et al. 2024, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", https://arxiv.org/abs/2404.16795.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import share, whole
from hpopt.core import Optimizer, Phase, Proposer, Solution, Trial
from hpopt.core.hosting import latest
from hpopt.core.objective import one_objective
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.numerics.curve_process import CurveProcess
from hpopt.numerics.curve_rows import halved_levels, log_times
from hpopt.optimizers.surrogates.acquisition import Acquisition, Criterion
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.choice import first_new
from hpopt.optimizers.surrogates.curve_draws import Draws
from hpopt.optimizers.surrogates.curve_model import CurveModel, FittedCurves
from hpopt.optimizers.surrogates.curves import ConfigCurve, ObservedCurves, Segment
from hpopt.optimizers.surrogates.encoding import Encoding, everything_in
from hpopt.optimizers.surrogates.facts import first_configs
from hpopt.optimizers.surrogates.first_design import FirstDesign
from hpopt.optimizers.surrogates.trust_region import Box
from hpopt.optimizers.tpe import TPE

# A first run takes about a 16th of the highest fidelity: half of it was as good.
SHORTEST = 16
FEWEST_CURVES = 3  # two give no scale beside the prior's
# A third of the configs that could have been trained in full by now must have been, less one:
# without this, low fidelities that mislead lose everything; ordinary curves hardly notice it.
FULL_SHARE, FREE = 0.33, 1.0
# From ten configs on, where a config says less than this share of the variance of first values, TPE
# proposes. On TaskSet's four tasks (14 and 16 runs) regret after 10 trainings was .30 with it and
# .40 without, after 20 the same; where losses are smooth (skill about .9) nothing changes. Random
# configs were worse.
JUDGED, SKILL = 10, 0.2


class FreezeThaw(Optimizer):
    """Train many configs a little, and go on with those whose curves promise most.

    Use it where an evaluation takes long, reports its objective while it trains and can be
    continued: within 1 to 20 full trainings of work it finds more than strategies that train every
    config to the end. The problem must have a fidelity. Not where a low fidelity says nothing of a
    high one; where an evaluation cannot be continued, its beginning is paid again.

    Each ask::

        the first `first` configs: a scrambled Sobol' sequence, trained about a 16th of the way
        levels   = the highest fidelity, a half, a quarter … of it
        model    = a Gaussian process over configs and logarithmic time, of the losses at levels;
                   pending trainings end at its means
        horizon  = one of the levels, and one of: the probability of being below a wish, log EI, LCB
        new      = the config of the best acquisition if trained as far as the horizon, half of the
                   time in a box around the best; one in ten is random; TPE's where the model does
                   not predict
        paused   = each config that is not finished, with its acquisition after the horizon more
        next     = the best of all: a new config to the first level, a paused one to its next level

    What is improved on is the best value in hand, or what its curve is expected to end at where
    that is worse. A third of the configs that the work so far could have trained in full is, from
    start to end at once. And from four complete curves on, a level is ignored, with all below it,
    if its values do not rank these as their ends do.

    Parameters
    ----------
    first : int, >= 2
        How many configs are tried before there is a model.
    random_share : float, in [0, 1]
        The share of new configs that are random: they are cheap at the first level.

    Raises
    ------
    SettingError
        The problem has no fidelity, or several objectives.
    """

    name: ClassVar[str] = "freeze_thaw"

    def __init__(self, *, first: int = 10, random_share: float = 0.1) -> None:
        self.first = whole("first", first, 2)
        self.random_share = share("random_share", random_share)

    def _setup(self) -> None:
        one_objective(self.name, self.objectives)
        if self.fidelity is None:
            raise SettingError(
                f"{self.name!r} chooses how long each trial trains, so the problem must have a "
                "fidelity, but it has none: give it one, as in fidelity=(1, 27), or take "
                "'bayesian'"
            )
        self._low, self._high = self.fidelity.low, self.fidelity.high
        self._encoding = Encoding(self.space)
        self._everything = everything_in(self._encoding)
        self._design = FirstDesign(self._encoding, self.first)
        levels = halved_levels(self._low, self._high)
        shortest = int(np.abs(np.log(levels * SHORTEST / self._high)).argmin())
        self._levels = self._audible = levels[shortest:]
        self._tpe = self.host(Proposer(TPE(first=FEWEST_CURVES), learns=latest))
        self._segments: list[Segment] = []
        self._observed = ObservedCurves([], self._high)
        self._model = CurveModel(self._encoding, self._low, self._high)
        self._fitted: tuple[int, FittedCurves | None] = (-1, None)

    def _learned(self) -> None:
        for row in range(len(self._segments), len(self.knowledge)):  # of the highest fidelity
            point, losses = self.knowledge.points[row], self.knowledge.losses[row, :1]
            end, is_dead = np.array([self._high]), not math.isfinite(losses[0])
            self._add(Segment(-1 - row, point, end, losses, self._high, is_dead, is_over=True))

    def _tell(self, trials: Sequence[Trial]) -> None:
        history = self.history
        for trial in trials:
            row = history.row(trial.number)
            segment = Segment.of(
                trial,
                self.proposals.first(trial.solution.point, trial.number),
                loss=float(history.losses[row, 0]),
                reached=float(history.fidelities[row]),
                sign=self.objectives[0].sign,
                levels=self._levels,
            )
            self._add(segment)

    def _add(self, segment: Segment) -> None:
        self._segments.append(segment)
        self._observed.add(segment)
        if segment.reached >= self._high:  # a complete curve may show that a level is mute
            self._audible = self._observed.audible(self._levels)

    # -- choosing ------------------------------------------------------------------------------

    def _start_fidelity(self, number: int) -> float:
        return float(self._levels[0])

    def _ask(self, number: int, n: int) -> Floats:
        return self._ask_at(number, n)[0]

    def _ask_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        with single_blas_thread():
            points, fidelity = self._next(number)
        return points, np.full(len(points), fidelity)

    def _next(self, number: int) -> tuple[Floats, float]:
        """Return the next point, shape (1, d), or none, and its fidelity."""
        pending = [self.pending[k] for k in sorted(self.pending) if k < number]
        fitted = self._fit() if self._has_model(number) else None
        if fitted is None:
            point = self._design.point(self, number)
            return (point, float(self._levels[0])) if len(point) else self._continued(pending)
        rng, levels = self.generator(number), self._audible
        draws = Draws.of(levels, self.random_share, rng)
        process = self._believing(fitted, pending)
        if self._owes_complete(pending):
            kind = "log_ei" if draws.kind == "log_pi" else draws.kind
            criterion = Criterion(kind, float(fitted.means.min()), len(fitted.places))
            search = self._search(fitted, process, criterion, self._high, rng)
            new = self._best_new(search, number, rng)
            return (new, self._high) if len(new) else self._continued(pending)
        # A value in hand is worth no more than where its curve is going: some rise.
        in_hand = float(np.maximum(fitted.last, fitted.means).min())
        best = in_hand - draws.wish if draws.kind == "log_pi" else in_hand
        criterion = Criterion(draws.kind, best, len(fitted.places))
        search = self._search(fitted, process, criterion, draws.horizon, rng, side=draws.side)
        new = self._best_new(search, number, rng)
        value = float(search.acquisition(self._features(new))[0]) if len(new) else -math.inf
        curves = [self._observed.curves[place] for place in fitted.places]
        if paused := self._paused(curves, pending):
            reached = np.array([curves[place].reached for place in paused])
            times = self._times(np.minimum(reached + draws.horizon, self._high))
            values = criterion(*process.predict(np.array(paused), times))[0]
            place = int(values.argmax())
            if not len(new) or values[place] > value:
                return fitted.points[paused[place]][None], self._level_above(reached[place])
        if self._is_blind(fitted) and not draws.at_random and len(new):
            found = self._tpe.propose(number, 1)
            new = found if len(found) else new
        if draws.at_random and len(new):
            new = self.novel(rng.random((1, self.space.d)), rng, before=number)
        return (new, float(levels[0])) if len(new) else self._continued(pending)

    def _is_blind(self, fitted: FittedCurves) -> bool:
        return len(fitted.places) >= JUDGED and fitted.skill < SKILL

    def _has_model(self, number: int) -> bool:
        enough = len(self._observed.curves) >= FEWEST_CURVES
        return enough and number + len(self.knowledge) >= self.first

    def _continued(self, pending: Sequence[Solution]) -> tuple[Floats, float]:
        """Return the best paused config and its next level, where no config is new; or nothing."""
        curves = self._observed.curves
        paused = [curves[place] for place in self._paused(curves, pending)]
        if not paused:
            return np.empty((0, self.space.d)), self._high
        best = min(paused, key=lambda each: (each.losses[-1], each.config))
        return best.point[None], self._level_above(best.reached)

    def _level_above(self, reached: float) -> float:
        levels = self._audible
        return float(levels[levels > reached][0])

    def _fit(self) -> FittedCurves | None:
        n = len(self._segments)
        if self._fitted[0] != n:
            levels = self._audible
            self._fitted = n, self._model.fitted(self._observed, self._segments, levels)
        return self._fitted[1]

    def _owes_complete(self, pending: Sequence[Solution]) -> bool:
        """Return whether fewer configs were trained to the end than the work so far asks for."""
        n_complete = self._observed.n_complete
        n_complete += sum(each.fidelity == self._high for each in pending)
        return n_complete < FULL_SHARE * self._observed.work - FREE

    def _paused(self, curves: Sequence[ConfigCurve], pending: Sequence[Solution]) -> list[int]:
        """Return the places of the curves that can be continued."""
        busy = {self._config(each) for each in pending}
        return [
            place
            for place, each in enumerate(curves)
            if not each.is_over and each.reached < self._high and each.config not in busy
        ]

    def _believing(self, fitted: FittedCurves, pending: Sequence[Solution]) -> CurveProcess:
        """Return the process if pending trainings ended at its means."""
        if not pending:
            return fitted.process
        places = np.array([self._observed.place(self._config(each)) for each in pending])
        features = self._features(np.array([each.point for each in pending]))
        ends = np.array([self._high if s.fidelity is None else s.fidelity for s in pending])
        return fitted.believing(places, features, self._times(ends))

    def _config(self, solution: Solution) -> int:
        return self.proposals.first(solution.point, solution.number)

    def _times(self, steps: Floats) -> Floats:
        return log_times(steps, self._low, self._high)

    def _features(self, points: Floats) -> Floats:
        return self._encoding.features(self.space.snap(points))

    def _search(
        self,
        fitted: FittedCurves,
        process: CurveProcess,
        criterion: Criterion,
        horizon: float,
        rng: np.random.Generator,
        *,
        side: float | None = None,
    ) -> AcquisitionSearch:
        """Return the search for the best new config if it is trained as far as a horizon."""
        box = None
        if side is not None:
            centre = fitted.points[fitted.means.argmin()]
            box = Box.around(centre, side, process.lengths, self.space.ordered)
            box = box.including(*self._encoding.beside(centre))
        time = float(self._times(np.array([horizon]))[0])
        return AcquisitionSearch(
            self._encoding,
            fitted,
            rng,
            acquisition=Acquisition(process.at(time), criterion),
            box=box,
            everything=self._everything,
        )

    def _best_new(self, search: AcquisitionSearch, number: int, rng: np.random.Generator) -> Floats:
        """Return the best new point of a search, shape (1, d), or none where nothing is new."""
        found = first_new(search.ranked(), lambda points: self.unknown(points, before=number))
        if found is not None:
            return found
        return self.novel(rng.random((1, self.space.d)), rng, before=number)

    # -- asking the model ----------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Whether the model chooses yet."""
        if not self._has_model(max(self.n_asked - 1, 0)):
            return first_configs(self.first, "a model of curves")
        n_complete, n = self._observed.n_complete, len(self._observed.curves)
        return Phase("model of curves", learned=f"{n} configs, {n_complete} trained to the end")

    @property
    def n_possible(self) -> float:
        """The number of configs times that of the levels: an int, or inf."""
        return self.space.size * len(self._levels)

    def continuable(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of these observed solutions may be asked again, the likeliest first.

        Those are that are not finished, in the order of what is expected at their end.
        """
        points = self.history.points[self.history.rows(numbers)]
        known = zip(points, numbers.tolist(), strict=True)
        places = [self._observed.place(self.proposals.first(*each)) for each in known]
        with single_blas_thread():
            fitted = self._fit() if self._has_model(self.n_asked) else None
        expected = {} if fitted is None else dict(zip(fitted.places, fitted.means, strict=True))
        rows = self._paused([self._observed.curves[place] for place in places], ())
        rows.sort(key=lambda row: expected.get(places[row], math.inf))
        return numbers[rows]

    def best_believed(self) -> tuple[dict[str, Any], float]:
        """Return the config that is expected to be best if trained to the end, and its value there.

        It need not have been trained so far. The value is in the objective's units.

        Raises
        ------
        SettingError
            There are no two different values yet.
        """
        with single_blas_thread():
            fitted = self._fit() if len(self._observed.curves) > 1 else None
        if fitted is None:
            raise SettingError(
                "a model needs at least two different values, but there are none yet: run some "
                "trials first"
            )
        best = int(fitted.means.argmin())
        loss = float(fitted.bend.losses(fitted.means[best : best + 1])[0])
        return self.space.decode(fitted.points[[best]])[0], self.objectives[0].sign * loss
