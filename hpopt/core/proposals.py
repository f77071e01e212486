"""Which configs were proposed, and what to propose in place of those that were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from hpopt.numerics.sampling import permuted_index
from hpopt.space import Grid, Space

Floats = NDArray[np.float64]
Vary = Callable[[Floats, np.random.Generator], Floats]

# How often a known point is varied, then drawn anew, before what is left is enumerated. A
# strategy's own mutation keeps a child near its parents, so it is tried first.
VARIATIONS, REDRAWS = 8, 16
ENOUGH = 32  # draws without a new config: enumerating the rest is quicker then
# An infinite space counts as exhausted after 65,536 draws without a new config.
LAST_DRAWS, DRAWN_AT_ONCE = 64, 1024
SCANNED_AT_ONCE = 64  # enough for the overhead of a call not to count
# Of a grid above 10**6 with forbidden configs only the first 64 are scanned before some walks to
# allowed points: of 2**40 all that is scanned may be forbidden. From 10**9 on, a scan takes days.
SCANNED_FIRST, QUICKLY_SCANNED, SCANNABLE = 64, 10**6, 10**9
WALKS = 32  # at once, a tenth of a second of 80 parameters: enough are new, or none is left


class Proposals:
    """The canonical key of every config, with the lowest number that it was proposed under.

    Parameters
    ----------
    space : Space
    seed : int
        Of the random order in which the last new configs of a finite space are found.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._seed = space, seed
        self._known: dict[bytes, int] = {}
        # Of each config, the fidelity that it was proposed at under each of its numbers.
        self._fidelities: dict[bytes, dict[int, float]] = {}
        self._scanned = 0
        self._everything: Grid | None = None

    def __len__(self) -> int:
        """Return the number of different configs."""
        return len(self._known)

    def add(
        self, points: Floats, numbers: Iterable[int], fidelities: Floats | None = None
    ) -> list[int]:
        """Note that points (n, d) are proposed under these numbers; return the rows that repeat.

        A row repeats where its config was proposed under a lower number; with `fidelities` (n,)
        where that was at the same fidelity or a higher one.
        """
        repeats = []
        numbers = list(numbers)
        asked = [None] * len(numbers) if fidelities is None else fidelities.tolist()
        rows = zip(self._space.keys_of(points), numbers, asked, strict=True)
        for row, (key, number, fidelity) in enumerate(rows):
            # The lowest number counts, as a journal may be replayed in any order.
            known = self._known.setdefault(key, number)
            is_known = known < number
            if known > number:
                self._known[key] = number
            if fidelity is not None:
                of_key = self._fidelities.setdefault(key, {})
                is_known = any(at >= fidelity for k, at in of_key.items() if k < number)
                of_key[number] = max(fidelity, of_key.get(number, fidelity))
            if is_known:
                repeats.append(row)
        return repeats

    def remove(self, points: Floats, numbers: Iterable[int]) -> None:
        """Forget what was proposed under numbers that were never asked."""
        for key, number in zip(self._space.keys_of(points), numbers, strict=True):
            others = self._fidelities.get(key, {})
            others.pop(number, None)
            if self._known.get(key) == number:
                del self._known[key]
                if others:
                    self._known[key] = min(others)
            if not others:
                self._fidelities.pop(key, None)
        self._scanned = 0  # configs that the enumeration has passed may be free again

    def first(self, point: Floats, default: int = -1) -> int:
        """Return the lowest number that the config of a point (d,) was proposed under."""
        return self._known.get(self._space.keys_of(point[None])[0], default)

    def firsts(self, *, before: int) -> list[int]:
        """Return the lowest number of each config, of those from 0 to `before`, ascending."""
        return sorted(number for number in self._known.values() if 0 <= number < before)

    def fidelities(self, point: Floats) -> dict[int, float]:
        """Return the fidelities that the config of a point (d,) was proposed at, by number."""
        return dict(self._fidelities.get(self._space.keys_of(point[None])[0], {}))

    def novel(
        self,
        points: Floats,
        rng: np.random.Generator,
        *,
        before: int,
        vary: Vary | None = None,
    ) -> Floats:
        """Replace points that are forbidden or known, or that repeat an earlier row.

        Such a row is varied, then drawn anew; at last the next config of a random enumeration
        takes its place (in an infinite space, the next of many draws). Rows for which nothing is
        left are dropped.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
            Proposals, in the order of their numbers.
        rng : Generator
            Its draws depend on the proposals only.
        before : int
            The first row's number: what was proposed under lower numbers is known.
        vary : callable, optional
            Returns other points in place of some: the strategy's own mutation.

        Returns
        -------
        ndarray (m, d), in [0, 1], m <= n
        """
        return self.replaced(points, rng, before=before, vary=vary)[0]

    def replaced(
        self,
        points: Floats,
        rng: np.random.Generator,
        *,
        before: int,
        vary: Vary | None = None,
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return what `novel` does, and of each row the one it comes from; -1 if drawn anew."""
        points = self._space.snap(self._space.repaired(points, rng))
        rows = np.arange(len(points))
        # Keys of rows that are settled; a row without one is still to be replaced.
        taken: set[bytes] = set()
        keys = self._settle(points, np.arange(len(points)), [b""] * len(points), taken, before)
        fruitless = 0
        for attempt in range(VARIATIONS + REDRAWS):
            left = np.array([row for row, key in enumerate(keys) if not key], dtype=np.int64)
            if not left.size:
                return points, rows
            if vary is not None and attempt < VARIATIONS:
                others = vary(points[left], rng)
            else:
                others = self._space.drawn(rng.random((left.size, self._space.d)))
                rows[left] = -1
            points[left] = self._space.snap(self._space.repaired(others, rng))
            n_taken = len(taken)
            keys = self._settle(points, left, keys, taken, before)
            fruitless = 0 if len(taken) > n_taken else fruitless + left.size
            if fruitless >= ENOUGH and (vary is None or attempt >= VARIATIONS):
                break  # nearly everything is known: draws are wasted
        rest = [row for row, key in enumerate(keys) if not key]
        for row, (key, point) in zip(rest, self._unknown_points(taken, before, rng), strict=False):
            keys[row], points[row], rows[row] = key, point, -1
        kept = [row for row, key in enumerate(keys) if key]
        return points[kept], rows[kept]

    def unknown(self, points: Floats, *, before: int) -> NDArray[np.bool_]:
        """Return which points are allowed, not proposed under lower numbers, and repeat no row.

        Parameters
        ----------
        points : ndarray (n, d), in [0, 1]
        before : int
            The first row's number.

        Returns
        -------
        ndarray (n,) of bool
        """
        return np.array([bool(key) for key in self._new(points, set(), before)], dtype=bool)

    def _settle(
        self,
        points: Floats,
        rows: NDArray[np.int64],
        keys: list[bytes],
        taken: set[bytes],
        before: int,
    ) -> list[bytes]:
        """Set the keys of the rows that are new and allowed; the others stay as they are."""
        for row, key in zip(rows.tolist(), self._new(points[rows], taken, before), strict=True):
            if key:
                keys[row] = key
        return keys

    def _new(self, points: Floats, taken: set[bytes], before: int) -> list[bytes]:
        """Return the keys of points that are new and allowed, and take them; b"" for others."""
        keys = self._space.keys_of(points)
        if self._space.predicates:
            allowed = self._space.allowed(points).tolist()
            keys = [key if fine else b"" for key, fine in zip(keys, allowed, strict=True)]
        for place, key in enumerate(keys):
            if key in taken or self._known.get(key, before) < before:
                keys[place] = b""
            elif key:
                taken.add(key)
        return keys

    def _unknown_points(
        self, taken: set[bytes], before: int, rng: np.random.Generator
    ) -> Iterator[tuple[bytes, Floats]]:
        """Yield the configs that nobody proposed; in an infinite space, those of many draws."""
        if self._everything is None:
            self._everything = self._space.grid()
        grid = self._everything
        if grid.size == np.inf:
            fruitless = 0
            while fruitless < LAST_DRAWS:
                points = self._space.repaired(rng.random((DRAWN_AT_ONCE, self._space.d)), rng)
                points = self._space.snap(points)
                keys = [b""] * len(points)
                self._settle(points, np.arange(len(points)), keys, taken, before)
                found = [(key, point) for key, point in zip(keys, points, strict=True) if key]
                fruitless = 0 if found else fruitless + 1
                yield from found
            return
        place = self._scanned
        walks = bool(self._space.predicates) and grid.size > QUICKLY_SCANNED
        while place < grid.size:
            if walks and place >= SCANNED_FIRST:  # not from where it began: that is but a cache
                yield from self._walked(taken, before, rng)
                if grid.size > SCANNABLE:
                    return
                walks = False
            # A permutation computed index by index: grids of 10^1000 points need no memory.
            places = range(place, int(min(place + SCANNED_AT_ONCE, grid.size)))
            points = np.array(
                [grid.point(permuted_index(i, int(grid.size), self._seed)) for i in places]
            )
            allowed = self._space.allowed(points).tolist()
            for key, point, fine in zip(self._space.keys_of(points), points, allowed, strict=True):
                gone = not fine or self._known.get(key, before) < before
                if gone and place == self._scanned:
                    self._scanned += 1  # known or forbidden for good: never looked at again
                elif not gone and key not in taken:
                    yield key, point
                place += 1

    def _walked(
        self, taken: set[bytes], before: int, rng: np.random.Generator
    ) -> Iterator[tuple[bytes, Floats]]:
        """Yield unknown configs where nearly everything is forbidden."""
        while True:
            points = self._space.snap(self._space.allowed_points(WALKS, rng))
            found = self._new(points, taken, before)
            if not any(found):
                return
            yield from ((key, point) for key, point in zip(found, points, strict=True) if key)
