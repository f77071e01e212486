"""Descend on a grid by approximate gradients: poll all neighbours, step downhill, restart.

Mahto & Chauhan, "An approximate gradient based hyper-parameter optimization in a neural network
architecture", Algorithm 1; step sizes as in pattern search, Conn, Scheinberg & Vicente 2009,
"Introduction to Derivative-Free Optimization", chapter 7.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import number, one_of, share, whole
from hpopt.core.objective import one_objective
from hpopt.core.origin import Origin
from hpopt.core.proposals import Floats
from hpopt.numerics import neighbourhood
from hpopt.numerics.sampling import latin_hypercube
from hpopt.optimizers.batches import Batches, BatchGenerator, Results
from hpopt.optimizers.found import Found

GRADIENTS = ("finite_differences", "simplex", "smoothing")
MOVES = ("descent", "neighbour")
LENGTHS = np.array([1.0, 2.0])  # of the steps downhill that are polled: one step, and a bolder one
NEARBY = 2.0  # steps: known points no farther away, in every coordinate, fit the gradient

Asking = Generator[Floats, Results, None]


@dataclass(frozen=True, slots=True)
class Centre:
    """The current point, its loss, and the gradient last estimated."""

    point: Floats
    loss: float
    gradient: Floats


class NeighbourhoodSearch(Batches):
    """Walk downhill on the grid from neighbour to neighbour, with steps that adapt.

    Use it for up to a dozen parameters, mostly ordered, where near configs have similar losses:
    there it needs a fraction of the evaluations of a grid or of random search. A poll can be
    evaluated at the same time. With many categorical parameters, or many narrow valleys, a genetic
    algorithm is better.

    ::

        x = the best of `initial` points of a Latin hypercube
        repeat:
            poll the neighbours of x: each ordered parameter a step up and down, every
                other choice, each list with a layer changed, deleted or doubled
            x = the best that was polled, and the step grows     where it is better than x
                x, and the step shrinks                          else, while it can
                a fresh start elsewhere                          else: x is a local optimum
            g = the gradient at x, estimated from what is known around it;
                with move="descent" the next poll also tries x - length * step * g / max|g|

    Known configs are looked up instead of being polled.

    Parameters
    ----------
    initial : int, >= 1
        The number of points of the Latin hypercube. Not used where there are `start=` configs or
        results of other searches: then the search begins at the best of them.
    gradient : {"simplex", "finite_differences", "smoothing"}
        How it is estimated: from the linear function that fits all near results, from differences
        to the neighbours, or from Gaussian samples around the point, which are then polled in place
        of the ordered neighbours, until these decide on a local optimum.
    move : {"descent", "neighbour"}
        Whether points down the gradient are polled too, in all coordinates at once, or
        neighbours only.
    poll : int, >= 1, optional
        How many are polled at once, the most promising by the gradient first; the search moves on
        as soon as one of them is better. None for all: more run at the same time, and more are
        evaluated where there are many neighbours.
    step : float, in [0, 1]
        The first step as a share of each parameter's grid; one value of it at least.
    grow : float, >= 1
        The factor by which the step grows after a success, up to `step`.
    shrink : float, in [0, 0.9]
        The factor by which it shrinks after a failure, down to one value.
    resolution : int, >= 2
        The number of grid values of a continuous parameter, and the finest grid of one with many
        values: steps shrink to this share of its range.
    restarts : int, >= 0, optional
        How many fresh starts follow the first. By default as many as the budget allows.
    """

    name: ClassVar[str] = "neighbourhood"
    plain: ClassVar[str] = "walking from config to better neighbours"

    def __init__(
        self,
        *,
        initial: int = 10,
        gradient: str = "simplex",
        move: str = "descent",
        poll: int | None = 12,
        step: float = 0.25,
        grow: float = 2.0,
        shrink: float = 0.5,
        resolution: int = 33,
        restarts: int | None = None,
    ) -> None:
        self.initial = whole("initial", initial, 1)
        self.gradient = one_of("gradient", gradient, GRADIENTS)
        self.move = one_of("move", move, MOVES)
        self.poll = None if poll is None else whole("poll", poll, 1)
        self.step = share("step", step)
        self.grow = number("grow", grow, 1.0)
        self.shrink = number("shrink", shrink, 0.0, 0.9)
        self.resolution = whole("resolution", resolution, 2)
        self.restarts = None if restarts is None else whole("restarts", restarts, 0)

    def _setup(self) -> None:
        one_objective(self.name, self.objectives)
        super()._setup()
        self._least = 1.0 / (self.resolution - 1)
        self._movable = self.space.ordered.copy()
        self._movable[[layout.start for layout in self.space.sequences]] = False
        self._continuous = self.space.levels == 0
        # From coordinates to steps of the grid.
        self._scale = np.where(self._continuous, self.resolution - 1.0, self.space.levels)

    def _batches(self) -> BatchGenerator:
        found, batches = Found(self.space), count()
        found.add(self.knowledge.points, self.knowledge.losses[:, 0])
        if self.start:
            yield from self._evaluate(np.empty((0, self.space.d)), found)
        for n_walks in count(1):
            x, loss = found.best()
            if n_walks > 1 or loss == np.inf:
                x, loss = yield from self._fresh_start(found, batches)
            if loss == np.inf:
                return
            yield from self._walk(x, loss, found, batches)
            if self.restarts is not None and n_walks > self.restarts:
                return

    def _evaluate(self, points: Floats, found: Found) -> Asking:
        results = yield points
        found.add(results.points, results.losses[:, 0])

    def _fresh_start(
        self, found: Found, batches: Iterator[int]
    ) -> Generator[Floats, Results, tuple[Floats, float]]:
        """Return the best of some new points; its loss is infinite where nothing is left to try."""
        while True:
            rng = self.generator(next(batches))
            points = self.space.half_drawn(latin_hypercube(self.initial, self.space.d, rng))
            points = self._on_grid(points)
            points = self.novel(points, rng, before=self.next_number)
            if not len(points):
                return points, np.inf
            yield from self._evaluate(points, found)
            losses = _or_inf(found.losses(points))
            best = int(np.argmin(losses))
            if losses[best] < np.inf:
                return points[best], float(losses[best])

    def _walk(self, x: Floats, loss: float, found: Found, batches: Iterator[int]) -> Asking:
        """Go downhill from x until no neighbour is better."""
        step = longest = max(self.step, self._least)
        smoothing = draws = self.gradient == "smoothing"
        here = Centre(x, loss, np.zeros(self.space.d))
        while True:
            rng = self.generator(next(batches))
            points = self._candidates(here, step, draws, found, rng)
            losses = yield from self._evaluate_poll(points, here, found, rng)
            if draws or not smoothing:
                here = replace(here, gradient=self._gradient(here, step, found, points))
            best = int(np.argmin(losses)) if len(points) else -1
            if best >= 0 and losses[best] < here.loss:
                here = Centre(points[best], float(losses[best]), here.gradient)
                step, draws = min(longest, step * self.grow), smoothing
            elif self._shrunk(step) < step:  # nothing is better at this distance
                step = self._shrunk(step)
            elif draws:
                draws = False  # the neighbours themselves say whether this is an optimum
            else:
                return

    def _evaluate_poll(
        self, points: Floats, here: Centre, found: Found, rng: np.random.Generator
    ) -> Generator[Floats, Results, Floats]:
        """Have unknown points evaluated, the most promising first, until one is better.

        Returns the losses of all points, infinite where they were not evaluated.
        """
        slopes = (points - here.point) @ (here.gradient * self._scale)
        expected = np.where(found.are_same_branch(points, here.point), slopes, 0.0)
        # By expected loss; other branches, of which the gradient says nothing, count as level.
        order = np.lexsort((rng.random(len(points)), expected))
        losses = found.losses(points)
        wanted = np.isnan(losses) & self.unknown(points, before=self.next_number)
        losses[np.isnan(losses)] = np.inf
        left = order[wanted[order]]
        while left.size and not (losses < here.loss).any():
            chosen, left = np.split(left, [self.poll or left.size])
            self.note_origins(points[chosen], [self._origin(here.point)] * len(chosen))
            yield from self._evaluate(points[chosen], found)
            losses[chosen] = _or_inf(found.losses(points[chosen]))
        return losses

    def _origin(self, centre: Floats) -> Origin:
        """Return that of the neighbours of a point."""
        number = self.proposals.first(centre)
        if number < 0:  # it was found by another search
            rows = np.flatnonzero((self.knowledge.points == centre).all(axis=1))
            return Origin(parents=tuple((-1 - rows[:1]).tolist()))
        return Origin(parents=(number,))

    def _candidates(
        self, here: Centre, step: float, draws: bool, found: Found, rng: np.random.Generator
    ) -> Floats:
        """Return the points of a poll: neighbours or samples around the centre, and downhill."""
        neighbours = self.space.neighbour_points(here.point, self.resolution, step)
        steps = self._steps(here.point, step)
        offsets = np.empty((0, self.space.d))
        if draws:
            ordered = found.are_same_branch(neighbours, here.point)
            neighbours = neighbours[~ordered]
            offsets = neighbourhood.gaussian_offsets(int(ordered.sum()), steps, rng)
        if self.move == "descent":
            downhill = neighbourhood.descent_offsets(here.gradient, steps, LENGTHS)
            offsets = np.concatenate([downhill, offsets])
        offsets = np.rint(offsets)
        moved = self._on_grid((here.point + offsets / self._scale).clip(0.0, 1.0))
        return np.concatenate([np.where(offsets == 0, here.point, moved), neighbours])

    def _gradient(self, here: Centre, step: float, found: Found, drawn: Floats) -> Floats:
        """Return the gradient per grid step, largest component 1; 0 where it is unknown."""
        if self.gradient == "smoothing":
            points = drawn[found.are_same_branch(drawn, here.point)]
            losses = found.losses(points)
            reach = np.full(self.space.d, np.inf)
        else:
            points, losses = found.same_branch(here.point)
            reach = NEARBY * self._steps(here.point, step) + 0.5
        moves = self._moves(here.point)
        offsets = np.where(moves, (points - here.point) * self._scale, 0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            differences = losses - here.loss
            near = (np.abs(offsets) <= reach).all(axis=1) & (offsets != 0).any(axis=1)
            near &= np.isfinite(differences)
            # Losses near 1e308 may overflow: such a gradient counts as unknown below.
            gradient = self._estimate(offsets[near], differences[near])
        largest = np.abs(gradient).max()
        return gradient / largest if 0 < largest < np.inf else np.zeros(self.space.d)

    def _estimate(self, offsets: Floats, differences: Floats) -> Floats:
        if self.gradient == "finite_differences":
            return neighbourhood.finite_differences(offsets, differences)
        if self.gradient == "simplex":
            return neighbourhood.simplex_gradient(offsets, differences)
        n = max(len(offsets), 1)  # rounding and clipping have changed the spread of the samples
        scales = np.sqrt((offsets**2).sum(axis=0) / n)
        return neighbourhood.smoothed_gradient(offsets, differences, scales)

    def _moves(self, x: Floats) -> NDArray[np.bool_]:
        """Return which coordinates of x are ordered and active, lengths of lists left out."""
        return np.asarray(self._movable & self.space.active(x[None])[0])

    def _steps(self, x: Floats, step: float) -> Floats:
        """Return how many grid steps each coordinate of x moves; 0 where it does not."""
        last = self._scale - ~self._continuous
        return np.where(self._moves(x), np.maximum(np.rint(step * last), 1.0), 0.0)

    def _shrunk(self, step: float) -> float:
        """Return the next smaller step that changes any grid step; without one, the same step."""
        movable = self._movable & (self._scale > 1)
        last = (self._scale - ~self._continuous)[movable]
        smaller = step
        while smaller > self._least:
            smaller = max(self._least, smaller * self.shrink)
            if (np.rint(smaller * last).clip(1.0) != np.rint(step * last).clip(1.0)).any():
                return smaller
        return step

    def _on_grid(self, points: Floats) -> Floats:
        """Move continuous coordinates to the nearest value of their grid."""
        grid = self.resolution - 1.0
        return np.where(self._continuous, np.rint(points * grid) / grid, points)


def _or_inf(losses: Floats) -> Floats:
    """Return losses with inf for nan: an added trial may have taken the place of that config."""
    return np.where(np.isnan(losses), np.inf, losses)
