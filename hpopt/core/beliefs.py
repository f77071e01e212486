"""What a strategy learns of a trial that was stopped early: its believed final loss."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.core.curves import step_means
from hpopt.core.handle import Curve
from hpopt.core.trial import Trial

Floats = NDArray[np.float64]
End = Callable[[Floats, Floats, float, float], float]
"""From what others had at a step and ended at, and a trial's loss there and as told, to its end."""

# Complete trials that a stopped one is compared with, the latest: more would hardly move a line.
MOST_TRIALS = 100
# Reports of a curve that are kept, evenly spread: far more steps than rules stop at.
MOST_REPORTS = 1000
# Pairs below which the slope of a line is chance: then it is 1, and all of a distance is believed.
FEWEST_PAIRS = 3


@dataclass(frozen=True, slots=True)
class _Complete:
    steps: Floats
    losses: Floats
    final: float

    def at(self, step: float) -> float:
        """Return what it had last reported by a step; nan where it had not come so far."""
        if not self.steps[0] <= step <= self.steps[-1]:
            return math.nan
        return float(self.losses[np.searchsorted(self.steps, step, side="right") - 1])


class Beliefs:
    """Believe what stopped trials would have ended at.

    A trial that was stopped at step t had not come to its end: beside the final values of others,
    its last one would make its neighbourhood look bad. With the losses x that the complete
    trials of the same fidelity had last reported by step t, and their final losses y, a trial that
    had come to x* is believed to end at::

        median(y) + b (x* - median(x)),   b = the slope of y on x about the medians, at least 0

    so at the median of the others, and as far from it as the distance at t tells of that at the
    end; but at no better than the best of them, and at no worse than was measured, or the median.
    A trial that has been better than all of them is believed as measured, and so is one that they
    cannot be compared with: it reported nothing, or none of them had come so far.

    Of several objectives each is believed by itself. As what is cheap ends elsewhere than what is
    dear, the median of all is no place to draw a trial to. So one that had come to x* is believed
    to have gone on as far as the median of the others, to ``x* - median(x - y)``, but to no better
    than the best of them. What it knew from the start stays as it is.

    Only the order in which trials are learned decides, so replaying a journal gives the same. The
    journal, and all that people look at, has values as measured.

    Parameters
    ----------
    sign : int
        1 where values are minimised, else -1.
    is_alone : bool
        Whether it is the only objective.
    """

    def __init__(self, sign: int, *, is_alone: bool = True) -> None:
        self._sign, self._is_alone = sign, is_alone
        self._complete: dict[float | None, deque[_Complete]] = {}
        self._changes = False  # whether any trial has reported two different values

    def believed(self, trial: Trial, loss: float, curve: Curve | None = None) -> float:
        """Return the loss to learn in place of the measured one, which it is for most trials.

        Of several objectives, `curve` is what the trial has reported of this one.
        """
        outcome = trial.outcome
        curve = outcome.curve if curve is None else curve
        if not outcome.ok or not curve:
            return loss
        complete = self._complete.setdefault(trial.solution.fidelity, deque(maxlen=MOST_TRIALS))
        steps, losses = step_means(curve, self._sign)
        self._changes = self._changes or bool((losses != losses[0]).any())
        if outcome.status == "stopped":
            if not self._is_alone and not self._changes:
                return loss
            end = _forecast if self._is_alone else _improved
            return _believed(float(steps[-1]), float(losses[-1]), loss, complete, end)
        kept = np.linspace(0, len(steps) - 1, min(len(steps), MOST_REPORTS)).astype(np.int64)
        complete.append(_Complete(steps[kept], losses[kept], loss))
        return loss


def _believed(
    step: float, reached: float, loss: float, complete: deque[_Complete], end: End
) -> float:
    """Return what a trial that was stopped at a step, where it had reached a loss, ends at."""
    pairs = np.array([(each.at(step), each.final) for each in complete]).reshape(-1, 2)
    x, y = pairs[np.isfinite(pairs).all(axis=1)].T
    if not len(x) or loss <= y.min():
        return loss
    if not math.isfinite(reached):  # it has diverged
        return max(loss, float(y.max()))
    with np.errstate(all="ignore"):  # of the largest numbers
        believed = end(x, y, reached, loss)
    # If only by a digit, so that neither `Optimizer.best` nor an end of the front is a forecast.
    worse = math.nextafter(float(y.min()), math.inf)
    return max(believed, worse) if math.isfinite(believed) else loss


def _improved(x: Floats, y: Floats, reached: float, loss: float) -> float:
    """Return the end after the median improvement; not finite where it cannot be told."""
    return reached - float(np.median(x - y))


def _forecast(x: Floats, y: Floats, reached: float, loss: float) -> float:
    """Return the end on the line through the others; not finite where it cannot be told."""
    middle, end = float(np.median(x)), float(np.median(y))
    slope = float((x - middle) @ (y - end) / ((x - middle) @ (x - middle)))
    if len(x) < FEWEST_PAIRS or not math.isfinite(slope):
        slope = 1.0
    believed = end + max(slope, 0.0) * (reached - middle)
    return min(believed, max(loss, end)) if math.isfinite(believed) else math.nan
