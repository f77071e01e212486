"""Drop the values and ends of a space that underperform, the surest first.

The peeling of Friedman & Fisher 1999, "Bump hunting in high-dimensional data",
https://doi.org/10.1023/A:1008894516817, with a rank test that says whether to go on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.checks import real, whole
from hpopt.digits import in_digits
from hpopt.errors import SettingError
from hpopt.space.dimensions import Dimension, Path, rank_sum_p_values, ranks
from hpopt.space.parameter import Bools, Floats

# In a cut and beside it: with fewer the rank sum is far from normal, and 4 against 4 trials could
# not be significant among several tests.
LEAST_TRIALS = 5
# Of the trials that are cut off with an end at once: each is another test that `confidence` is
# shared among, so there are few, and half of the trials at most.
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
NARROWEST = 1e-6  # of a range, whatever `min_width`: below it a number is as good as a constant


@dataclass(frozen=True, slots=True)
class Rules:
    """What it takes to drop something; see `Space.narrow`."""

    keep: float = 0.1
    confidence: float = 0.95
    min_values: int = 2
    min_width: float = 0.1

    def __post_init__(self) -> None:
        for name, low, high in (("keep", 0, 1), ("confidence", 0, 1), ("min_width", 0, 1)):
            value = real(getattr(self, name))
            if value is None:
                raise SettingError(f"{name} must be a number, but got {getattr(self, name)!r}")
            if not low <= value <= high or (name == "confidence" and value in (0, 1)):
                raise SettingError(f"{name} must lie between 0 and 1, but got {value!r}")
        object.__setattr__(self, "min_values", whole("min_values", self.min_values, 1))


@dataclass(frozen=True, slots=True)
class Cut:
    """A candidate cut: a listed value to drop, or an end to move.

    Attributes
    ----------
    what : int
        The place of the value; -1 for the lower end and -2 for the upper one.
    end : float
        Where the end would be.
    inside, among : ndarray (n,) of bool
        Its trials, and all that are compared, its own among them.
    """

    dimension: Dimension
    what: int
    end: float
    inside: Bools
    among: Bools


LOWER, UPPER = -1, -2  # negative, as the places of listed values are not
END = {LOWER: 0, UPPER: 1}


class Peeling:
    """Make the cut with the least p-value, then test again without its trials, until none is left.

    A cut is made where its rank-sum test is significant at 1 - `confidence` over all cuts that are
    tested at a time (Bonferroni), and none of the best trials lies in it.

    Parameters
    ----------
    dimensions : sequence of Dimension
        Their ends and dropped values are moved.
    losses : ndarray (n,)
    """

    def __init__(
        self, dimensions: Sequence[Dimension], losses: Floats, rules: Rules, sign: float
    ) -> None:
        self._dimensions, self._losses, self._rules, self._sign = dimensions, losses, rules, sign
        self._alive = np.ones(len(losses), dtype=bool)
        n_best = max(1, math.floor(rules.keep * len(losses)))
        order = np.argsort(losses, kind="stable")[:n_best]
        self._best = np.zeros(len(losses), dtype=bool)
        self._best[order[np.isfinite(losses[order])]] = True

    def run(self) -> list[str]:
        """Drop all that underperforms; return the reasons, in the order of the space."""
        made: dict[tuple[Path, int], tuple[Cut, float, Any]] = {}
        while (dropped := self._next_cut()) is not None:
            cut, p_value = dropped
            dimension, what = cut.dimension, cut.what
            was: Any = None
            if what >= 0:
                dimension.dropped.add(what)
            else:
                was = dimension.value(dimension.ends[END[what]])
                dimension.ends[END[what]] = cut.end
            self._alive &= ~cut.inside
            before = made.get((dimension.path, what))
            if before is not None:  # an end that moves again has one reason, of both moves
                inside = cut.inside | before[0].inside
                among = cut.among | before[0].inside
                cut = dataclasses.replace(cut, inside=inside, among=among)
                p_value, was = max(p_value, before[1]), before[2]
            made[dimension.path, what] = cut, p_value, was
        return [
            self._reason(*made[dimension.path, what])
            for dimension in self._dimensions
            for what in (*range(dimension.has.shape[1]), LOWER, UPPER)
            if (dimension.path, what) in made
        ]

    def _next_cut(self) -> tuple[Cut, float] | None:
        """Return the cut that is made next, and its p-value."""
        cuts: list[Cut] = []
        p_values: list[float] = []
        for dimension in self._dimensions:
            here = dimension.occurs & self._alive
            suspected = [cut for cut in self._cuts(dimension, here) if self._is_enough(cut)]
            if suspected:
                inside = np.array([cut.inside[here] for cut in suspected])
                p_values += rank_sum_p_values(self._losses[here], inside).tolist()
                cuts += suspected
        # Bonferroni: each of the cuts is tested at its share of the level.
        alpha = (1 - self._rules.confidence) / max(1, len(cuts))
        order = sorted(range(len(cuts)), key=p_values.__getitem__)
        for place in order:
            if p_values[place] > alpha:
                break
            if not (cuts[place].inside & self._best).any() and self._inner_is_bad(cuts[place]):
                return cuts[place], p_values[place]
        return None

    def _cuts(self, dimension: Dimension, here: Bools) -> Iterator[Cut]:
        if dimension.is_ordered:
            yield from self._ends(dimension, here)
        if dimension.n_left > self._rules.min_values:
            for place in range(dimension.has.shape[1]):
                if (
                    place not in dimension.dropped
                    and dimension.ends[0] <= place <= dimension.ends[1]
                ):
                    yield Cut(dimension, place, 0.0, here & dimension.has[:, place], here)

    def _ends(self, dimension: Dimension, here: Bools) -> Iterator[Cut]:
        """Yield the cuts at both ends, each halfway between two trials."""
        for what, mirror in ((LOWER, 1.0), (UPPER, -1.0)):
            positions = mirror * (dimension.least if what == LOWER else dimension.most)
            ordered = np.sort(positions[here])
            lasts = {math.ceil(share * len(ordered)) - 1 for share in SHARES if len(ordered)}
            for last in sorted({float(ordered[max(last, 0)]) for last in lasts}):
                inside = here & (positions <= last)
                rest = positions[here & ~inside]
                if not rest.size:
                    continue
                end = mirror * (last + float(rest.min())) / 2
                if dimension.is_discrete:
                    end = math.floor(end) + 1 if what == LOWER else math.ceil(end) - 1
                if self._is_wide(dimension, what, end):
                    yield Cut(dimension, what, float(end), inside, here)

    def _is_wide(self, dimension: Dimension, what: int, end: float) -> bool:
        low, high = (end, dimension.ends[1]) if what == LOWER else (dimension.ends[0], end)
        if not dimension.is_discrete:
            return high - low >= max(self._rules.min_width, NARROWEST)
        least = max(self._rules.min_values, math.ceil(self._rules.min_width * (dimension.last + 1)))
        if (
            dimension.has.shape[1] == 0
            and dimension.path
            and not hasattr(dimension.parameter, "layer")
        ):
            least = max(least, 2)  # an Int has a low below its high
        gone = sum(low <= place <= high for place in dimension.dropped)
        return high - low + 1 - gone >= least

    def _is_enough(self, cut: Cut) -> bool:
        n_inside, n_among = int(cut.inside.sum()), int(cut.among.sum())
        return min(n_inside, n_among - n_inside) >= LEAST_TRIALS

    def _inner_is_bad(self, cut: Cut) -> bool:
        """Return whether the trials of a cut end next to what is kept are bad too."""
        # Else the bad trials lie further out, and a smaller cut takes them.
        if cut.what >= 0:
            return True
        dimension = cut.dimension
        positions = dimension.least if cut.what == LOWER else -dimension.most
        rows = np.flatnonzero(cut.inside)
        nearest = rows[np.argsort(-positions[rows], kind="stable")[:LEAST_TRIALS]]
        placed = np.full(len(self._losses), np.nan)
        placed[cut.among] = ranks(self._losses[cut.among])
        return bool(placed[nearest].mean() > placed[cut.among & ~cut.inside].mean())

    def _reason(self, cut: Cut, p_value: float, was: Any) -> str:
        dimension, name = cut.dimension, "[].".join(cut.dimension.path)
        if cut.what >= 0:
            said = f"dropped {name}={dimension.value(cut.what)!r}"
        else:
            side = "lower" if cut.what == LOWER else "upper"
            if hasattr(dimension.parameter, "layer"):
                name = f"len({name})"
            now = dimension.value(dimension.ends[END[cut.what]])
            said = f"moved the {side} end of {name} from {_shown(was)} to {_shown(now)}"
        losses = self._losses[cut.among]
        inside = cut.inside[cut.among]
        rank = float(np.median(ranks(losses)[inside])) / max(1, len(losses) - 1)
        return (
            f"{said}: {int(inside.sum())} trials, median rank {rank:.2f}, "
            f"best {self._best_of(losses[inside])} against {self._best_of(losses[~inside])} "
            f"(p = {p_value:.1g})"
        )

    def _best_of(self, losses: Floats) -> str:
        best = float(losses.min())
        return f"{self._sign * best:.4g}" if math.isfinite(best) else "none"


def _shown(value: Any) -> str:
    return in_digits(value) if isinstance(value, float) else repr(value)
