"""Freeze-thaw Bayesian optimization: where to look and how long to train, as one decision.

Swersky, Snoek & Adams 2014, "Freeze-thaw Bayesian optimization", https://arxiv.org/abs/1406.3896;
a random horizon and a random wish as Rakotoarison et al. 2024, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", https://arxiv.org/abs/2404.16795.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import one_of, share, whole
from hpopt.core import Optimizer, Phase, Proposer, Solution, Trial
from hpopt.core.hosting import at_highest, latest
from hpopt.core.objective import one_objective
from hpopt.core.problem import declared
from hpopt.core.proposals import Floats
from hpopt.errors import SettingError
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.registry import as_settings, strategy_of
from hpopt.optimizers.surrogates.acquisition import Criterion
from hpopt.optimizers.surrogates.acquisition_search import AcquisitionSearch
from hpopt.optimizers.surrogates.choice import first_new
from hpopt.optimizers.surrogates.costs import Costs
from hpopt.optimizers.surrogates.curve_draws import Draws
from hpopt.optimizers.surrogates.curve_model import FittedCurves
from hpopt.optimizers.surrogates.curve_search import search_at
from hpopt.optimizers.surrogates.curves import Segment
from hpopt.optimizers.surrogates.encoding import Encoding, everything_in
from hpopt.optimizers.surrogates.first_design import FirstDesign
from hpopt.optimizers.surrogates.learned_curves import LearnedCurves
from hpopt.optimizers.tpe import TPE

FEWEST_CURVES = 3  # two give no scale beside the prior's
# A third of the configs that could have been trained in full by now must have been, less one:
# without this, low fidelities that mislead lose everything; ordinary curves hardly notice it.
FULL_SHARE, FREE = 0.33, {"late": 1.0, "early": 0.0}
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
    high one; where an evaluation cannot be continued, its beginning is paid again, and levels are
    a quarter apart.

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
    start to end at once; these are chosen by `full`. And from four complete curves on, a level is
    ignored, with all below it, if its values do not rank these as their ends do. If all are, every
    config is trained to the end. The last of a study's trials finishes what is expected to be best.

    Parameters
    ----------
    first : int, >= 2
        How many configs are tried before there is a model.
    random_share : float, in [0, 1]
        The share of new configs that are random: they are cheap at the first level.
    full : str, mapping or Optimizer
        Who chooses the configs that are trained from start to end: a strategy's name, a mapping
        with name and arguments, or an instance that is not bound. It learns full trainings only.
    insurance : {"late", "early"}
        Whether the third that is trained to the end is so from the first work on, or less one
        config. Early, misleading levels cost less, and others more.
    cost : {"fidelity", "seconds"}
        What work is counted in. With ``"seconds"``, as measured, the logarithm of the predicted
        seconds per unit of fidelity is subtracted from each acquisition, and LCB is replaced by
        the logarithm of how far it is below the value in hand. The same seed may then give
        another search on another machine. (Resuming is exact all the same.)

    Raises
    ------
    SettingError
        The problem has no fidelity, or several objectives.
    """

    name: ClassVar[str] = "freeze_thaw"

    def __init__(
        self,
        *,
        first: int = 10,
        random_share: float = 0.1,
        full: str | Mapping[str, Any] | Optimizer = "auto",
        insurance: str = "late",
        cost: str = "fidelity",
    ) -> None:
        self.first = whole("first", first, 2)
        self.random_share = share("random_share", random_share)
        self.full = strategy_of("full", full)
        self.insurance = one_of("insurance", insurance, [*FREE])
        self.cost = one_of("cost", cost, ("fidelity", "seconds"))

    def settings(self) -> dict[str, Any]:
        """Return the arguments as JSON data, those of `full` too."""
        return super().settings() | {"full": as_settings(self.full)}

    def expect(self, trials: int) -> None:
        """Take note of how many trials the study shall have; see `Optimizer.expect`."""
        super().expect(trials)
        self._budget = float(trials)

    def _setup(self) -> None:
        one_objective(self.name, self.objectives, use="optimizer='asha' or 'hyperband'")
        fidelity = declared(self.name, self.fidelity)
        self._high = float(fidelity.high)
        self._budget = math.inf
        self._encoding = Encoding(self.space)
        self._everything = everything_in(self._encoding)
        self._design = FirstDesign(self._encoding, self.first)
        self._curves = LearnedCurves(self._encoding, fidelity)
        self._costs = Costs(self._encoding, fidelity)
        self._tpe = self.host(Proposer(TPE(first=FEWEST_CURVES), learns=latest))
        try:
            self._full = self.host(Proposer(self.full, learns=at_highest(1)))
        except SettingError as error:
            raise SettingError(f"full: {error}") from None

    def _learned(self) -> None:
        for row in range(len(self._curves.segments), len(self.knowledge)):
            self._curves.add(Segment.known(self.knowledge, row, self._high))

    def _tell(self, trials: Sequence[Trial]) -> None:
        history = self.history
        for trial in trials:
            row, config = history.row(trial.number), self._config(trial.solution)
            segment = Segment.of(
                trial,
                config,
                # What breaks a constraint is avoided as what fails.
                loss=math.inf if history.is_broken[row] else float(history.losses[row, 0]),
                reached=float(history.fidelities[row]),
                sign=self.objectives[0].sign,
                levels=self._curves.levels,
            )
            self._curves.add(segment)
            if self.cost == "seconds":
                self._costs.add(trial, config, segment.reached)

    # -- choosing ------------------------------------------------------------------------------

    def _start_fidelity(self, number: int) -> float:
        return float(self._curves.levels[0])

    def _ask(self, number: int, n: int) -> Floats:
        return self._ask_at(number, n)[0]

    def _ask_at(self, number: int, n: int) -> tuple[Floats, Floats]:
        with single_blas_thread():
            points, fidelity = self._next(number)
        return points, np.full(len(points), fidelity)

    def _next(self, number: int) -> tuple[Floats, float]:
        """Return the next point, shape (1, d), or none, and its fidelity."""
        pending = [self.pending[k] for k in sorted(self.pending) if k < number]
        if self._curves.are_mute:
            return self._trained_to_the_end(number, pending)
        fitted = self._curves.fitted() if self._has_model(number) else None
        if number == self._budget - 1:  # what is expected to be best is finished
            answer = self._curves.answer(fitted, self._busy(pending))
            if answer is not None:
                return answer[None], self._high
        if fitted is None:
            point = self._design.point(self, number)
            return (
                (point, float(self._curves.levels[0])) if len(point) else self._continued(pending)
            )
        if self._owes_complete(pending):
            return self._trained_to_the_end(number, pending)
        return self._short_or_continued(number, fitted, pending)

    def _short_or_continued(
        self, number: int, fitted: FittedCurves, pending: Sequence[Solution]
    ) -> tuple[Floats, float]:
        """Return a new config at the first level, or a paused one at its next level."""
        rng, levels = self.generator(number), self._curves.audible
        draws = Draws.of(levels, self.random_share, rng)
        points = np.array([each.point for each in pending])
        ends = np.array([self._high if s.fidelity is None else s.fidelity for s in pending])
        configs = [self._config(each) for each in pending]
        process = self._curves.believing(fitted, configs, points, ends)
        # A value in hand is worth no more than where its curve is going: some rise.
        in_hand = float(np.maximum(fitted.last, fitted.means).min())
        best = in_hand - draws.wish if draws.kind == "log_pi" else in_hand
        prices = self._costs.prices()
        kind = draws.kind if prices is None else draws.log_kind
        criterion = Criterion(kind, best, len(fitted.places))
        search = search_at(
            float(self._curves.times(np.array([draws.horizon]))[0]),
            fitted,
            process,
            criterion,
            prices=prices,
            encoding=self._encoding,
            everything=self._everything,
            side=draws.side,
            rng=rng,
        )
        new = self._best_new(search, number, rng)
        value = float(search.acquisition(self._curves.features(new))[0]) if len(new) else -math.inf
        paused = self._curves.most_promising(
            fitted, process, criterion, draws.horizon, busy=self._busy(pending), prices=prices
        )
        if paused is not None and (not len(new) or paused.value > value):
            return paused.point[None], self._curves.level_above(paused.reached)
        if self._is_blind(fitted) and not draws.at_random and len(new):
            found = self._tpe.propose(number, 1)
            new = found if len(found) else new
        if draws.at_random and len(new):
            new = self.novel(rng.random((1, self.space.d)), rng, before=number)
        return (new, float(levels[0])) if len(new) else self._continued(pending)

    def propose_full(self, number: int, n: int) -> Floats:
        """Return new configs to be trained to the end, of the strategy `full`; see `propose`."""
        return self._full.propose(number, n)

    def _trained_to_the_end(self, number: int, pending: Sequence[Solution]) -> tuple[Floats, float]:
        """Return the next config of the strategy that knows full trainings only."""
        new = self.propose_full(number, 1)
        return (new, self._high) if len(new) else self._continued(pending)

    def _is_blind(self, fitted: FittedCurves) -> bool:
        return len(fitted.places) >= JUDGED and fitted.skill < SKILL

    def _has_model(self, number: int) -> bool:
        enough = len(self._curves.observed.curves) >= FEWEST_CURVES
        return enough and number + len(self.knowledge) >= self.first

    def _continued(self, pending: Sequence[Solution]) -> tuple[Floats, float]:
        """Return the best paused config and its next level, where no config is new; or nothing."""
        best = self._curves.best_paused(self._busy(pending))
        if best is None:
            return np.empty((0, self.space.d)), self._high
        return best.point[None], self._curves.level_above(best.reached)

    def _owes_complete(self, pending: Sequence[Solution]) -> bool:
        """Return whether fewer configs were trained to the end than the work so far asks for."""
        to_the_end = [each.point for each in pending if each.fidelity == self._high]
        if (prices := self._costs.prices()) is not None:
            points = np.reshape(to_the_end, (-1, self.space.d))
            return self._costs.owes_complete(prices, points, FULL_SHARE, FREE[self.insurance])
        n_complete = self._curves.observed.n_complete + len(to_the_end)
        return n_complete < FULL_SHARE * self._curves.observed.work - FREE[self.insurance]

    def _busy(self, pending: Sequence[Solution]) -> set[int]:
        """Return the configs of pending solutions."""
        return {self._config(each) for each in pending}

    def _config(self, solution: Solution) -> int:
        return self.proposals.first(solution.point, solution.number)

    def _best_new(self, search: AcquisitionSearch, number: int, rng: np.random.Generator) -> Floats:
        """Return the best new point of a search, shape (1, d), or none where nothing is new."""
        found = first_new(search.ranked(), lambda points: self.unknown(points, before=number))
        if found is not None:
            return found
        return self.novel(rng.random((1, self.space.d)), rng, before=number)

    # -- asking the model ----------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Whether the model of curves chooses yet, or still."""
        if self._curves.are_mute:
            return self.phase_of_full("short trainings do not tell how long ones end")
        shortest = f"{self._curves.levels[0]:g} of {self._units}"
        if not self._has_model(max(self.n_asked - 1, 0)):
            how = f"{self.first} spread over the space, each trained for {shortest}"
            return Phase("first configs", f"{how}, then a model of learning curves")
        n_complete, n = self._curves.observed.n_complete, len(self._curves.observed.curves)
        return Phase(
            "model of learning curves",
            f"configs begin with {shortest}, and the promising ones go on in later trials",
            f"{n} configs, {n_complete} trained to the end",
        )

    def phase_of_full(self, why: str) -> Phase:
        """Return the phase in which all configs are trained to the end, with the reason."""
        phase = self._full.phase or Phase("first configs")
        reason = f"every config gets all {self._units}, as {why}"
        return replace(phase, reason=f"{phase.reason}; {reason}" if phase.reason else reason)

    @property
    def _units(self) -> str:
        return f"{self._high:g} {'' if self.fidelity is None else self.fidelity.name}"

    @property
    def n_possible(self) -> float:
        """The number of configs times that of the levels: an int, or inf."""
        return self.space.size * len(self._curves.levels)

    def continuable(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of these observed solutions may be asked again, the likeliest first.

        Those are that are not finished, in the order of what is expected at their end.
        """
        points = self.history.points[self.history.rows(numbers)]
        known = zip(points, numbers.tolist(), strict=True)
        with single_blas_thread():
            fitted = self._curves.fitted() if self._has_model(self.n_asked) else None
        return numbers[
            self._curves.by_expected_end(fitted, [self.proposals.first(*k) for k in known])
        ]

    def best_believed(self) -> tuple[dict[str, Any], float]:
        """Return the config that is expected to be best if trained to the end, and its value there.

        It need not have been trained so far. The value is in the objective's units.

        Raises
        ------
        SettingError
            There are no two different values yet.
        """
        with single_blas_thread():
            fitted = self._curves.fitted() if len(self._curves.observed.curves) > 1 else None
        if fitted is None:
            raise SettingError(
                "a model needs at least two different values, but there are none yet: run some "
                "trials first"
            )
        best = int(fitted.means.argmin())
        loss = float(fitted.bend.losses(fitted.means[best : best + 1])[0])
        return self.space.decode(fitted.points[[best]])[0], self.objectives[0].sign * loss
