"""The process of a search's learning curves, and when its hyper-parameters are fitted again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.proposals import Floats
from hpopt.numerics.curve_process import CurveParameters, CurveProcess, CurveRows
from hpopt.numerics.curve_process_fit import CurvePosterior, curve_prior, fit_curves
from hpopt.numerics.curve_rows import Bend, kept_rows, log_times
from hpopt.optimizers.surrogates.curves import ObservedCurves, Segment
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.refits import KeptFits

Ints = NDArray[np.int64]

MOST_ROWS = 300  # of the process, whose inverse then takes 4 ms; with 450 it is 11
# Of a fit: with 300 rows its 10 to 30 evaluations of the posterior would take 7 ms each, with
# these 3. A lengthscale needs no more.
MOST_FITTED = 180
GROWTH = 1.12  # a fit is made again when there are so many times the segments: it changes little
# Every fifth fit begins at the prior, and those between at that one: resuming takes two fits.
FITS_AN_ANCHOR = 5
AT_ANCHOR, AT_REFIT = 30, 12  # evaluations of the posterior in a fit, at most
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class FittedCurves:
    """A model of the curves.

    Attributes
    ----------
    process : CurveProcess
    bend : Bend
        From losses to the process's targets, and back.
    places : ndarray (N,) of int
        Of the process's trials among the observed curves.
    points : ndarray (N, d)
    means : ndarray (N,)
        What is expected at the end, as a target.
    last : ndarray (N,)
        The last targets.
    skill : float, at most 1
        The share of the variance of first targets that the other configs predict: of each config,
        with its whole curve left out. 0 and less: they say nothing of it.
    """

    process: CurveProcess
    bend: Bend
    places: Ints
    points: Floats
    means: Floats
    last: Floats
    skill: float

    def believing(self, places: Ints, features: Floats, times: Floats) -> CurveProcess:
        """Return the process if curves ended at its means at times (m,).

        Its trials are followed by those that have no row yet.

        Parameters
        ----------
        places : ndarray (m,) of int
            Of the curves; -1 where nothing is observed.
        features : ndarray (m, p)
        """
        rows = {place: row for row, place in enumerate(self.places.tolist())}
        unseen = [k for k, place in enumerate(places.tolist()) if place not in rows]
        new = {k: len(rows) + place for place, k in enumerate(unseen)}
        trials = [new[k] if k in new else rows[place] for k, place in enumerate(places.tolist())]
        process = self.process.with_trials(features[unseen]) if unseen else self.process
        return process.condition_on(np.array(trials), times)


@dataclass(frozen=True, slots=True)
class _Data:
    rows: CurveRows
    bend: Bend
    places: Ints
    points: Floats


class CurveModel:
    """The process of all curves, which depends on what was told only, not on when it is asked.

    Parameters
    ----------
    encoding : Encoding
    low, high : float
        The fidelities at u = 1 and at the end.
    """

    def __init__(self, encoding: Encoding, low: float, high: float) -> None:
        self._encoding, self._low, self._high = encoding, low, high
        self._prior = curve_prior(encoding.n_effective, ~encoding.space.ordered)
        self._fits = KeptFits()

    def fitted(
        self, observed: ObservedCurves, segments: Sequence[Segment], levels: Floats
    ) -> FittedCurves | None:
        """Return the model of all segments; None where their losses are all equal.

        Parameters
        ----------
        observed : ObservedCurves
            The curves of all segments.
        levels : ndarray (k,), ascending
            At which curves are looked at.
        """
        data = self._data(observed, levels, MOST_ROWS)
        if data is None:
            return None
        theta = self._hyperparameters(segments, levels)
        process = CurveProcess(data.rows, CurveParameters.of(theta))
        n = len(data.places)
        means = process.mean(np.arange(n), np.zeros(n))
        ends = np.append(np.flatnonzero(np.diff(data.rows.trials)), len(data.rows.trials) - 1)
        last = data.rows.targets[ends]
        skill = _skill(process, data.rows)
        return FittedCurves(process, data.bend, data.places, data.points, means, last, skill)

    def _hyperparameters(self, segments: Sequence[Segment], levels: Floats) -> Floats:
        n, anchor = fit_at(len(segments))
        theta = self._fitted_once(segments[:anchor], levels, self._prior.start, is_anchor=True)
        if n == anchor:
            return theta
        return self._fitted_once(segments[:n], levels, theta, is_anchor=False)

    def _fitted_once(
        self, segments: Sequence[Segment], levels: Floats, start: Floats, *, is_anchor: bool
    ) -> Floats:
        def fit() -> Floats:
            data = self._data(ObservedCurves(segments, self._high), levels, MOST_FITTED)
            if data is None:
                return start
            return fit_curves(
                CurvePosterior(data.rows, self._prior),
                self._prior,
                start,
                evaluations=AT_ANCHOR if is_anchor else AT_REFIT,
                tolerance=TOLERANCE,
            )

        return self._fits.once((len(segments), len(levels)), fit, at_anchor=is_anchor)

    def _data(self, observed: ObservedCurves, levels: Floats, most: int) -> _Data | None:
        """Return at most so many rows, with the trials that have one."""
        curves, steps, losses = observed.rows(levels[0])
        if not len(curves):
            return None
        ends = np.append(curves[1:] != curves[:-1], True)
        places, last = curves[ends], losses[ends]
        trials = np.cumsum(ends) - ends
        bend = Bend.of(last, losses)
        if bend.is_flat:
            return None
        # The same in every search: which of the others are kept is of no importance.
        priorities = np.random.default_rng(0).random(len(observed.curves))[places]
        kept = kept_rows(trials, last, most, priorities)
        known, which = np.unique(trials[kept], return_inverse=True)
        places = places[known]
        points = np.array([observed.curves[k].point for k in places])
        points = self._encoding.space.snap(points)
        rows = CurveRows(
            self._encoding.features(points),
            self._encoding.groups,
            which,
            log_times(steps[kept], self._low, self._high),
            bend.targets(losses[kept]),
        )
        return _Data(rows, bend, places, points)


def _skill(process: CurveProcess, rows: CurveRows) -> float:
    first = rows.targets[np.flatnonzero(np.append(True, np.diff(rows.trials) > 0))]
    n = len(first)
    # The mean of the others is what a model without configs predicts.
    plain = (first - first.mean()) * n / max(n - 1, 1)
    errors, _ = process.left_out()
    variance = float(plain @ plain)
    return 1.0 - float(errors @ errors) / variance if variance > 0.0 else 0.0


def fit_at(n: int) -> tuple[int, int]:
    """Return to how many of n segments hyper-parameters are fitted, and how many its anchor has."""
    fitted, anchor, turn = 1, 1, 0
    while (following := math.ceil(GROWTH * fitted)) <= n:
        fitted, turn = following, turn + 1
        if turn % FITS_AN_ANCHOR == 0:
            anchor = fitted
    return fitted, anchor
