"""The volume that a front dominates, and what is left of it, cut into boxes.

Zitzler & Thiele 1998, "Multiobjective optimization using evolutionary algorithms",
https://doi.org/10.1007/BFb0056872; the boxes are those of Yang, Emmerich, Deutz & Bäck 2019,
https://doi.org/10.1007/s10898-019-00798-7, by a sweep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.pareto import front

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MARGIN = 0.1  # of the reference point beyond a front, in its ranges: its ends count, too

Strip = tuple[float, float, float, float]
"""Of the first loss its two ends, of the second its upper end, and where the third began."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Disjoint boxes, which have some region between them.

    Attributes
    ----------
    lows, highs : ndarray (b, m)
        Their corners; -inf where a box has no lower end.
    """

    lows: Floats
    highs: Floats

    def volumes(self, points: Floats) -> Floats:
        """Return how much of the boxes each of points (n, m) dominates, shape (n,)."""
        sides = self.highs - np.maximum(self.lows, points[:, None])
        return np.asarray(np.maximum(sides, 0.0).prod(axis=2).sum(axis=1))

    def without(self, point: Floats) -> Boxes:
        """Return boxes of what a point (m,) does not dominate, up to m of each that it cuts."""
        is_cut = (self.highs > point).all(axis=1)
        lows, highs = self.lows[is_cut], self.highs[is_cut]
        kept = [(self.lows[~is_cut], self.highs[~is_cut])]
        for j in range(len(point)):
            # What is below the point in loss j, and not below it in those before.
            below = lows[:, j] < point[j]
            ends = highs[below]
            ends[:, j] = point[j]
            kept.append((lows[below], ends))
            lows = lows.copy()
            lows[:, j] = np.maximum(lows[:, j], point[j])
        return Boxes(*(np.concatenate(each) for each in zip(*kept, strict=True)))


def everything_below(reference: Floats) -> Boxes:
    """Return all that lies below a reference point (m,), as one box."""
    return Boxes(np.full((1, len(reference)), -np.inf), reference[None].astype(np.float64))


def non_dominated_boxes(losses: Floats, reference: Floats) -> Boxes:
    """Return boxes of what no point dominates and lies below a reference point.

    Parameters
    ----------
    losses : ndarray (n, m), m from 1 to 4
        Those beyond the reference, and dominated ones, change nothing.
    reference : ndarray (m,)

    Returns
    -------
    Boxes
        n + 1 of them where m is 2, about 2 n where it is 3, and some 7 n where it is 4.
    """
    points = _front_inside(losses, reference)
    if not len(points):
        return everything_below(reference)
    if len(reference) == 1:
        return Boxes(np.array([[-np.inf]]), points)
    sweep = {2: _staircase, 3: _sweep_of_three, 4: _sweep_of_four}[len(reference)]
    found = sweep(points, reference)
    m = len(reference)
    return Boxes(found[:, :m], found[:, m:])


def hypervolume(losses: Floats, reference: Floats) -> float:
    """Return the volume of what is dominated and lies below a reference point.

    Parameters
    ----------
    losses : ndarray (n, m)
        To be minimised; points that are not below the reference in every loss add nothing.
    reference : ndarray (m,)
    """
    points = _front_inside(losses, reference)
    if not len(points):
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - points[0, 0])
    if len(reference) > 3:
        return _volume_by_layers(points, reference)
    ideal = points.min(axis=0)
    free = non_dominated_boxes(points, reference).volumes(ideal[None])[0]
    return float(np.prod(reference - ideal) - free)


def most_volume(losses: Floats, reference: Floats, n: int) -> Ints:
    """Return n points that dominate much volume together: each time that which adds most.

    They have at least 1 - 1/e of the largest volume of n points (Nemhauser, Wolsey & Fisher 1978,
    as the volume is submodular).

    Parameters
    ----------
    losses : ndarray (k, m), k >= n
        Finite. Those that add nothing come last, in their order.
    reference : ndarray (m,)

    Returns
    -------
    ndarray (n,) of int
        In the order in which they were chosen.
    """
    free = everything_below(reference)
    chosen: list[int] = []
    is_left = np.ones(len(losses), dtype=bool)
    for _ in range(n):
        gains = np.where(is_left, free.volumes(losses), -1.0)
        best = int(gains.argmax())
        chosen.append(best)
        is_left[best] = False
        free = free.without(losses[best])
    return np.array(chosen, dtype=np.int64)


def best_of_fronts(losses: Floats, n: int) -> Ints:
    """Return the n best points: front by front, and of the last one those of most volume.

    Ozaki et al. 2022, "Multiobjective tree-structured Parzen estimator",
    https://doi.org/10.1613/jair.1.13188, section 4.2. Volumes are taken in the ranges of that
    front, a tenth of them beyond its worst.

    Parameters
    ----------
    losses : ndarray (k, m)
        Rows that are not finite are left out.

    Returns
    -------
    ndarray (min(n, finite rows),) of int
        The places of the points.
    """
    left = np.flatnonzero(np.isfinite(losses).all(axis=1))
    found: list[int] = []
    while len(left) and len(found) < n:
        is_best = front(losses[left])
        places = left[is_best]
        if len(found) + len(places) > n:
            own = losses[places] / 2  # halves: no overflow
            low, high = own.min(axis=0), own.max(axis=0)
            ranges = np.where(high > low, high - low, 1.0)
            reference = np.full(len(low), 1.0 + MARGIN)
            places = places[most_volume((own - low) / ranges, reference, n - len(found))]
        found += places.tolist()
        left = left[~is_best]
    return np.array(found, dtype=np.int64)


def _front_inside(losses: Floats, reference: Floats) -> Floats:
    """Return the different points that are on the front, and below the reference."""
    inside = losses[(losses < reference).all(axis=1)]
    return np.unique(inside[front(inside)], axis=0) if len(inside) else inside


def _volume_by_layers(points: Floats, reference: Floats) -> float:
    """Add what each point dominates alone, the worst in the last loss first.

    After While, Bradstreet & Barone 2012 (WFG), https://doi.org/10.1109/TEVC.2010.2077298: those
    after a point are better in the last loss, so what they share with it has one dimension less.
    """
    points = points[np.argsort(-points[:, -1], kind="stable")]
    edge, total = reference[:-1], 0.0
    for row, point in enumerate(points):
        shared = np.maximum(points[row + 1 :, :-1], point[:-1])
        alone = float(np.prod(edge - point[:-1])) - hypervolume(shared, edge)
        total += alone * float(reference[-1] - point[-1])
    return total


def _staircase(points: Floats, reference: Floats) -> Floats:
    """Return strips (x_i, x_i+1) × (-inf, y_i) of points that ascend in x, shape (n + 1, 4)."""
    x, y = points.T  # np.unique has sorted them
    lows = np.full(len(x) + 1, -np.inf)
    lows[1:] = x
    return np.stack(
        [lows, np.full_like(lows, -np.inf), np.append(x, reference[0]), np.append(reference[1], y)],
        axis=1,
    )


def _sweep_of_three(points: Floats, reference: Floats) -> Floats:
    """Sweep the third loss upwards; below it the first two have the strips of a staircase."""
    first, second, third = reference.tolist()
    strips: list[Strip] = [(-np.inf, first, second, -np.inf)]
    boxes: list[tuple[float, ...]] = []
    for a, b, c in points[np.argsort(points[:, 2], kind="stable")].tolist():
        kept: list[Strip] = []
        place, begin, end = -1, a, a
        for strip in strips:
            left, right, top, since = strip
            if right <= a or top <= b:
                kept.append(strip)
                continue
            # What of the strip the point dominates ends here.
            if c > since:
                boxes.append((max(a, left), -np.inf, since, right, top, c))
            if left < a:
                kept.append((left, a, top, since))
            if place < 0:
                place, begin = len(kept), max(a, left)
            end = right
        if place >= 0:
            kept.insert(place, (begin, end, b, c))
        strips = kept
    boxes += [(left, -np.inf, since, right, top, third) for left, right, top, since in strips]
    return np.array(boxes)


def _sweep_of_four(points: Floats, reference: Floats) -> Floats:
    """Sweep the fourth loss upwards; a box of the other three lasts as long as it stays the same.

    That makes a sixth of the boxes that a set of them for each value of the fourth loss would.
    """
    points = points[np.argsort(points[:, 3], kind="stable")]  # of equals, sorted by the others
    below = np.empty((0, 3))
    last = {(-np.inf, -np.inf, -np.inf, *reference[:3].tolist()): -np.inf}
    boxes: list[tuple[float, ...]] = []
    for row, level in enumerate(points[:, 3].tolist()):
        point = points[row, :3]
        below = np.concatenate([below[(below < point).any(axis=1)], point[None]])
        if row + 1 < len(points) and points[row + 1, 3] == level:
            continue
        present = {tuple(each) for each in _sweep_of_three(below, reference[:3]).tolist()}
        for box in [each for each in last if each not in present]:
            boxes.append((*box[:3], last.pop(box), *box[3:], level))
        for box in present:
            last.setdefault(box, level)
    top = float(reference[3])
    boxes += [(*box[:3], since, *box[3:], top) for box, since in last.items()]
    return np.array(boxes)
