"""What the trainings of a search have cost in seconds, and what new ones are predicted to cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Trial
from hpopt.core.problem import Fidelity
from hpopt.core.proposals import Floats
from hpopt.numerics.curve_rows import log_times
from hpopt.numerics.ridge import fit_ridge
from hpopt.optimizers.surrogates.acquisition import Score
from hpopt.optimizers.surrogates.encoding import Encoding

# Configs with measured seconds before prices are compared: with fewer, leaving each out cannot tell
# a price that the config explains from chance. As many as the first configs are by default: on six
# tasks of LCBench their prices correlated with those of full trainings by 0.2 to 0.6.
FEWEST_PRICED = 10


@dataclass(frozen=True, slots=True)
class Prices:
    """The predicted logarithm of the seconds that a unit of the fidelity takes.

    Linear in the features of a config and the logarithmic time of a training's length: what a
    training takes before it begins counts for more in a short one, and the promising configs have
    the long ones.
    """

    weights: Floats
    by_length: float
    intercept: float

    def log(self, features: Floats, lengths: Floats | float = 0.0) -> Floats:
        """Return the logarithm at features (n, p), by default in trainings of all the fidelity.

        Parameters
        ----------
        lengths : ndarray (n,) or float
            Logarithmic times; 0 is the highest fidelity.
        """
        found: Floats = self.intercept + features @ self.weights + self.by_length * lengths
        return found


@dataclass(frozen=True, slots=True)
class PerCost:
    """A logarithmic acquisition less the logarithm of what a config costs.

    Attributes
    ----------
    score : Score
    prices : Prices
    """

    score: Score
    prices: Prices

    def __call__(self, features: Floats) -> Floats:
        """Return the value at features (m, p), shape (m,)."""
        return self.score(features) - self.prices.log(features)

    def with_gradient(self, features: Floats) -> tuple[Floats, Floats]:
        """Return the value and its gradient by the features, shapes (m,) and (m, p)."""
        value, gradient = self.score.with_gradient(features)
        return value - self.prices.log(features), gradient - self.prices.weights


class Costs:
    """The seconds of a search's trainings, by config.

    Parameters
    ----------
    encoding : Encoding
    fidelity : Fidelity
    """

    def __init__(self, encoding: Encoding, fidelity: Fidelity) -> None:
        self._encoding, self._resumes = encoding, fidelity.resumes
        self._low, self._high = float(fidelity.low), float(fidelity.high)
        self._places: dict[int, int] = {}
        self._points: list[Floats] = []
        self._reached: list[float] = []
        # Of each training: the config's place, how much of the fidelity it spent, its seconds (nan
        # where they are not known), and whether it spent all that it might.
        self._trainings: list[tuple[int, float, float, bool]] = []
        self._prices: tuple[int, Prices | None] = (0, None)

    def add(self, trial: Trial, config: int, reached: float) -> None:
        """Learn what a trial took.

        Parameters
        ----------
        config : int
            The number under which its config was first proposed.
        reached : float
            The fidelity that its values are of.
        """
        place = self._places.setdefault(config, len(self._points))
        if place == len(self._points):
            self._points.append(trial.solution.point)
            self._reached.append(0.0)
        begun = self._reached[place] if self._resumes else 0.0
        self._reached[place] = max(self._reached[place], reached)
        is_known = 0 < trial.seconds < math.inf
        # One that stopped, failed, or came to an end by itself spent less than it might.
        is_whole = trial.status == "complete" and reached == trial.solution.fidelity
        seconds = trial.seconds if is_known else math.nan
        self._trainings.append((place, max(reached - begun, 0.0), seconds, is_whole))

    def prices(self) -> Prices | None:
        """Return what configs are predicted to take; None where too few seconds are known."""
        n = len(self._trainings)
        if self._prices[0] != n:
            self._prices = n, self._fitted()
        return self._prices[1]

    def _fitted(self) -> Prices | None:
        places, amounts, seconds, is_whole = self._columns()
        used = is_whole & np.isfinite(seconds) & (amounts > 0)
        priced, which, n = np.unique(places[used], return_inverse=True, return_counts=True)
        if len(priced) < FEWEST_PRICED:
            return None
        # A row a config: two of its trainings tell the same of what the config explains.
        spent, taken = np.bincount(which, amounts[used]), np.bincount(which, seconds[used])
        lengths = log_times(spent / n, self._low, self._high)
        features = np.column_stack([self._features()[priced], lengths])
        weights, intercept = fit_ridge(features, np.log(taken / spent))
        return Prices(weights[:-1], float(weights[-1]), intercept)

    def owes_complete(self, prices: Prices, pending: Floats, share: float, free: float) -> bool:
        """Return whether configs that are trained to the end have had less than their share.

        Parameters
        ----------
        prices : Prices
            Where seconds are not known.
        pending : ndarray (m, d)
            The points of trainings to the highest fidelity that have no result yet.
        share : float
            Of all seconds told.
        free : float
            How many trainings of a usual config are not owed.
        """
        places, amounts, seconds, _ = self._columns()
        features = self._features()
        lengths = log_times(np.maximum(amounts, self._low), self._low, self._high)
        predicted = amounts * np.exp(prices.log(features[places], lengths))
        spent = np.where(np.isfinite(seconds), seconds, predicted)
        of_complete = (np.array(self._reached) >= self._high)[places]
        if not self._resumes:  # what a config's earlier trainings took was spent in vain
            of_complete &= amounts >= self._high
        whole = self._high * np.exp(prices.log(self._encoding.features_at(pending)))
        usual = self._high * math.exp(float(prices.log(features).mean()))
        complete = float(spent[of_complete].sum() + whole.sum())
        return complete < share * float(spent.sum()) - free * usual

    def _features(self) -> Floats:
        return self._encoding.features_at(np.array(self._points))

    def _columns(self) -> tuple[NDArray[np.int64], Floats, Floats, NDArray[np.bool_]]:
        places, amounts, seconds, is_whole = zip(*self._trainings, strict=True)
        return np.array(places), np.array(amounts), np.array(seconds), np.array(is_whole)
