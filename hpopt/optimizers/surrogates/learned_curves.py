"""What a search has learned of its learning curves: their segments, the levels, and the model."""

from __future__ import annotations

import math
from collections.abc import Container
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpopt.core.problem import Fidelity
from hpopt.core.proposals import Floats
from hpopt.numerics.curve_process import CurveProcess
from hpopt.numerics.curve_rows import halved_levels, log_times
from hpopt.optimizers.surrogates.acquisition import Criterion
from hpopt.optimizers.surrogates.costs import Prices
from hpopt.optimizers.surrogates.curve_model import CurveModel, FittedCurves
from hpopt.optimizers.surrogates.curves import ConfigCurve, ObservedCurves, Segment
from hpopt.optimizers.surrogates.encoding import Encoding

# A first run takes about a 16th of the highest fidelity: half of it was as good.
SHORTEST = 16
# Where a continuation begins anew, every second level: levels a quarter apart cost a third more in
# all than the last one, halves would cost twice as much.
BEGUN_ANEW = 2


class Promise(NamedTuple):
    """How promising a paused config is.

    Attributes
    ----------
    value : float
        Of the acquisition.
    point : ndarray (d,)
    reached : float
        The fidelity that it has.
    """

    value: float
    point: Floats
    reached: float


class LearnedCurves:
    """The curves of a search, from its segments alone.

    Parameters
    ----------
    encoding : Encoding
    fidelity : Fidelity

    Attributes
    ----------
    levels : ndarray (k,), ascending
        The fidelities at which curves are looked at and paused, up to the highest.
    audible : ndarray (m,)
        Those that say something of the end, and the end.
    segments : list of Segment
    observed : ObservedCurves
        The same, by config.
    """

    def __init__(self, encoding: Encoding, fidelity: Fidelity) -> None:
        self._encoding = encoding
        self.low, self.high = low, high = float(fidelity.low), float(fidelity.high)
        levels = halved_levels(low, high)
        shortest = int(np.abs(np.log(levels * SHORTEST / high)).argmin())
        levels = levels[shortest:]
        if not fidelity.resumes:
            levels = levels[::-1][::BEGUN_ANEW][::-1]
        self.levels = self.audible = levels
        self.segments: list[Segment] = []
        self.observed = ObservedCurves([], high, resumes=fidelity.resumes)
        self._model = CurveModel(encoding, low, high)
        self._fitted: tuple[int, FittedCurves | None] = (-1, None)

    def add(self, segment: Segment) -> None:
        """Learn one more segment."""
        self.segments.append(segment)
        self.observed.add(segment)
        if segment.reached >= self.high:  # a complete curve may show that a level is mute
            self.audible = self.observed.audible(self.levels)

    @property
    def are_mute(self) -> bool:
        """Whether no level says anything of the end."""
        return len(self.audible) == 1 < len(self.levels)

    def fitted(self) -> FittedCurves | None:
        """Return the model of all segments; None where their losses are all equal."""
        n = len(self.segments)
        if self._fitted[0] != n:
            self._fitted = n, self._model.fitted(self.observed, self.segments, self.audible)
        return self._fitted[1]

    def believing(
        self, fitted: FittedCurves, configs: list[int], points: Floats, ends: Floats
    ) -> CurveProcess:
        """Return the process if pending trainings ended at its means.

        Parameters
        ----------
        fitted : FittedCurves
        configs : list of m int
            Their configs, by number.
        points : ndarray (m, d)
        ends : ndarray (m,)
            Their fidelities.
        """
        if not configs:
            return fitted.process
        places = np.array([self.observed.place(config) for config in configs])
        return fitted.believing(places, self.features(points), self.times(ends))

    def times(self, steps: Floats) -> Floats:
        """Return the logarithmic times of steps."""
        return log_times(steps, self.low, self.high)

    def features(self, points: Floats) -> Floats:
        """Return the features of points (n, d)."""
        return self._encoding.features_at(points)

    def level_above(self, reached: float) -> float:
        """Return the next level at which a paused training is looked at."""
        return float(self.audible[self.audible > reached][0])

    # -- what can be continued -----------------------------------------------------------------

    def paused(self, fitted: FittedCurves, busy: Container[int]) -> list[int]:
        """Return which trials of a model can be continued, without busy configs."""
        paused = {*self.observed.paused(busy)}
        return [row for row, place in enumerate(fitted.places.tolist()) if place in paused]

    def most_promising(
        self,
        fitted: FittedCurves,
        process: CurveProcess,
        criterion: Criterion,
        horizon: float,
        *,
        busy: Container[int],
        prices: Prices | None,
    ) -> Promise | None:
        """Return the paused config of the best acquisition after a horizon more, if any is paused.

        Parameters
        ----------
        fitted : FittedCurves
        process : CurveProcess
            The same, believing what is pending.
        criterion : Criterion
        horizon : float
            Of the fidelity.
        busy : container of int
            Configs that are left out.
        prices : Prices or None
            What configs cost, if that matters.
        """
        paused = self.paused(fitted, busy)
        if not paused:
            return None
        reached = np.array([self.observed.curves[fitted.places[k]].reached for k in paused])
        times = self.times(np.minimum(reached + horizon, self.high))
        values = criterion(*process.predict(np.array(paused), times))[0]
        if prices is not None:
            values = values - prices.log(self.features(fitted.points[paused]))
        best = int(values.argmax())
        return Promise(float(values[best]), fitted.points[paused[best]], float(reached[best]))

    def best_paused(self, busy: Container[int]) -> ConfigCurve | None:
        """Return the paused curve of the lowest last loss, without busy configs."""
        curves = [self.observed.curves[place] for place in self.observed.paused(busy)]
        return min(curves, key=lambda each: (each.losses[-1], each.config), default=None)

    def answer(self, fitted: FittedCurves | None, busy: Container[int]) -> Floats | None:
        """Return the point (d,) of the paused config that is expected to end best of all.

        None where it is complete, or is being continued.
        """
        if fitted is None:
            curve = self.best_paused(busy)
            return None if curve is None else curve.point
        rows = self.paused(fitted, busy)
        best = min(rows, key=lambda row: float(fitted.means[row]), default=-1)
        if (
            best < 0
            or float(np.delete(fitted.means, rows).min(initial=math.inf)) < (fitted.means[best])
        ):
            return None
        point: Floats = fitted.points[best]
        return point

    def by_expected_end(self, fitted: FittedCurves | None, configs: list[int]) -> NDArray[np.int64]:
        """Return the places of the configs that can be continued, the best expected end first."""
        expected = {} if fitted is None else dict(zip(fitted.places, fitted.means, strict=True))
        paused = {*self.observed.paused(())}
        places = [self.observed.place(config) for config in configs]
        rows = [row for row, place in enumerate(places) if place in paused]
        rows.sort(key=lambda row: expected.get(places[row], math.inf))
        return np.array(rows, dtype=np.int64)
