"""The learning curves of a search, by config: what was told of them, segment by segment."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hpopt.core import Trial
from hpopt.core.history import History
from hpopt.core.proposals import Floats
from hpopt.numerics.curve_rows import n_mute, reports_at

ENOUGH_COMPLETE = 4  # complete curves before it is judged what a level says of the end
# A curve whose last value is not the trial's is of something else, or its best weights came back.
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Segment:
    """What one evaluation told of a config's curve.

    Attributes
    ----------
    config : int
        The number under which the config was first proposed; negative where it is known from
        elsewhere.
    point : ndarray (d,)
    steps, losses : ndarray (k,)
        At a few levels, ascending, and at the end. They may repeat what was told before.
    reached : float
        The fidelity that was asked.
    is_dead : bool
        Whether it gave no value.
    is_over : bool
        Whether the config is not to be continued: dead, or stopped early.
    """

    config: int
    point: Floats
    steps: Floats
    losses: Floats
    reached: float
    is_dead: bool = False
    is_over: bool = False

    @staticmethod
    def known(knowledge: History, row: int, high: float) -> Segment:
        """Return the end of a curve that another search has observed."""
        point, losses = knowledge.points[row], knowledge.losses[row, :1]
        is_dead = not math.isfinite(losses[0]) or bool(knowledge.is_broken[row])
        return Segment(-1 - row, point, np.array([high]), losses, high, is_dead, is_over=True)

    @staticmethod
    def of(
        trial: Trial, config: int, *, loss: float, reached: float, sign: int, levels: Floats
    ) -> Segment:
        """Return what a trial tells at levels.

        Parameters
        ----------
        loss, reached : float
            That of the first objective, infinite where there is none, and the fidelity.
        sign : int
            Of the objective: what is reported times this is a loss.
        """
        is_dead = not math.isfinite(loss)
        steps, losses = _reports(trial, sign, reached)
        if len(losses) and (is_dead or math.isclose(losses[-1], loss, rel_tol=SAME)):
            at = reports_at(steps, levels)
            steps, losses = steps[at], losses[at]
        else:
            steps, losses = np.empty(0), np.empty(0)
        if not is_dead:
            before = steps < reached
            steps, losses = np.append(steps[before], reached), np.append(losses[before], loss)
        is_over = is_dead or trial.status == "stopped"
        return Segment(config, trial.solution.point, steps, losses, reached, is_dead, is_over)


def _reports(trial: Trial, sign: int, reached: float) -> tuple[Floats, Floats]:
    """Return steps and losses of the finite reports; of one step the last report counts."""
    curve = {
        step: sign * value
        for step, value in trial.curve
        if 0 < step <= reached and math.isfinite(value)
    }
    steps = np.array(sorted(curve), dtype=np.float64)
    return steps, np.array([curve[step] for step in steps.tolist()], dtype=np.float64)


@dataclass(slots=True)
class ConfigCurve:
    """The joined curve of a config.

    Attributes
    ----------
    config, point
        As in `Segment`.
    steps, losses : list of float
        Ascending. One that is dead ends with nan where it died: at the highest fidelity, which few
        others have reached, the model would take it for the usual end.
    reached : float
        The highest fidelity that was told.
    is_over : bool
    """

    config: int
    point: Floats
    steps: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    reached: float = 0.0
    is_over: bool = False

    def add(self, segment: Segment) -> None:
        """Continue the curve by what is new in a segment."""
        last = self.steps[-1] if self.steps else 0.0
        for step, loss in zip(segment.steps.tolist(), segment.losses.tolist(), strict=True):
            if step > last:
                self.steps.append(step)
                self.losses.append(loss)
        if segment.is_dead and not self.is_over:
            if self.steps and self.steps[-1] == segment.reached:
                self.steps.pop()
                self.losses.pop()
            self.steps.append(segment.reached)
            self.losses.append(math.nan)
        self.reached = max(self.reached, segment.reached)
        self.is_over |= segment.is_over


class ObservedCurves:
    """The curves of all configs, in the order in which they were first told.

    Parameters
    ----------
    segments : iterable of Segment
    high : float
        The highest fidelity.
    resumes : bool
        Whether a continuation costs the rest only.

    Attributes
    ----------
    curves : list of ConfigCurve
    work : float
        What was spent, in trainings of the highest fidelity.
    n_complete : int
        How many configs reached that.
    """

    def __init__(self, segments: Iterable[Segment], high: float, *, resumes: bool = True) -> None:
        self.curves: list[ConfigCurve] = []
        self.work, self.n_complete, self._high, self._resumes = 0.0, 0, high, resumes
        self._places: dict[int, int] = {}
        for segment in segments:
            self.add(segment)

    def add(self, segment: Segment) -> None:
        """Learn one more segment."""
        place = self._places.setdefault(segment.config, len(self.curves))
        if place == len(self.curves):
            self.curves.append(ConfigCurve(segment.config, segment.point))
        curve = self.curves[place]
        if segment.config >= 0:  # what is known from elsewhere was not paid for here
            before = curve.reached if self._resumes else 0.0
            self.work += max(segment.reached - before, 0.0) / self._high
            self.n_complete += curve.reached < self._high <= segment.reached
        curve.add(segment)

    def place(self, config: int) -> int:
        """Return the place of a config in `curves`, -1 where it has none."""
        return self._places.get(config, -1)

    def paused(self, busy: Container[int]) -> list[int]:
        """Return the places of the curves that can be continued, without busy configs."""
        return [
            place
            for place, each in enumerate(self.curves)
            if not each.is_over and each.reached < self._high and each.config not in busy
        ]

    def rows(self, least: float) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Return curve, step and loss of all values from a least step on, of shape (n,) each."""
        lengths = [len(each.steps) for each in self.curves]
        places = np.repeat(np.arange(len(lengths)), lengths)
        steps = np.array([step for each in self.curves for step in each.steps])
        losses = np.array([loss for each in self.curves for loss in each.losses])
        kept = steps >= least
        return places[kept], steps[kept], losses[kept]

    def audible(self, levels: Floats) -> Floats:
        """Return the levels above those that say nothing of the end; see `n_mute`."""
        values = np.array(
            [
                [known[level] for level in levels.tolist()]
                for known in (dict(zip(c.steps, c.losses, strict=True)) for c in self._complete())
                if known.keys() >= set(levels.tolist())
            ]
        )
        return levels if len(values) < ENOUGH_COMPLETE else levels[n_mute(values) :]

    def _complete(self) -> list[ConfigCurve]:
        return [
            each
            for each in self.curves
            if each.steps and each.steps[-1] == self._high and math.isfinite(each.losses[-1])
        ]
