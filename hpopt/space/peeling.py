"""Drop the pieces of a space that underperform, the surest first.

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
from hpopt.errors import SettingError
from hpopt.space.dimensions import Dimension, Path, rank_sum_p_values, ranks
from hpopt.space.parameter import Bools, Floats

LEAST_TRIALS = 5
"""In a piece, and beside it: what fewer trials say is no evidence."""

PIECES = (0.1, 0.2, 0.3, 0.4, 0.5)
"""The shares of the trials that an end may be cut off with at once."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What it takes to drop something.

    Parameters
    ----------
    keep : float, in [0, 1]
        The share of the trials, the best ones, of which nothing is dropped; of the best never.
    confidence : float, in (0, 1)
        How sure it must be that all that is dropped at a time is worse than what it is
        compared with.
    min_values : int, >= 1
        How many values each parameter keeps at least.
    min_width : float, in [0, 1]
        The share of its range that each number keeps at least (in the log, for a log number).
    """

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
    """What may be dropped: a listed value, or what lies beyond an end.

    Attributes
    ----------
    facet : Facet
    what : int
        The place of the value; -1 for the lower end and -2 for the upper one.
    end : float
        Where the end would be.
    inside, among : ndarray (n,) of bool
        The trials of it, and all that it is compared among, its own too.
    """

    facet: Dimension
    what: int
    end: float
    inside: Bools
    among: Bools


LOWER, UPPER = -1, -2
END = {LOWER: 0, UPPER: 1}


class Peeling:
    """Drop the piece that underperforms most surely, then look again, until none does.

    What was dropped takes its trials along, so that they hide nothing any more. A piece is
    dropped when the rank-sum test is sure by `confidence` over all pieces that are tested at a
    time (Bonferroni), and when none of the best trials lies in it.

    Parameters
    ----------
    facets : sequence of Facet
        Their ends and dropped values are moved.
    losses : ndarray (n,)
    rules : Rules
    sign : float
    """

    def __init__(
        self, facets: Sequence[Dimension], losses: Floats, rules: Rules, sign: float
    ) -> None:
        self._facets, self._losses, self._rules, self._sign = facets, losses, rules, sign
        self._alive = np.ones(len(losses), dtype=bool)
        n_best = max(1, math.floor(rules.keep * len(losses)))
        order = np.argsort(losses, kind="stable")[:n_best]
        self._best = np.zeros(len(losses), dtype=bool)
        self._best[order[np.isfinite(losses[order])]] = True

    def run(self) -> list[str]:
        """Drop all that underperforms; give the reasons, in the order of the space."""
        told: dict[tuple[Path, int], tuple[Cut, float, Any]] = {}
        while (dropped := self._worst()) is not None:
            piece, chance = dropped
            facet, what = piece.facet, piece.what
            was: Any = None
            if what >= 0:
                facet.dropped.add(what)
            else:
                was = facet.value(facet.ends[END[what]])
                facet.ends[END[what]] = piece.end
            self._alive &= ~piece.inside
            before = told.get((facet.path, what))
            if before is not None:
                inside = piece.inside | before[0].inside
                among = piece.among | before[0].inside
                piece = dataclasses.replace(piece, inside=inside, among=among)
                chance, was = max(chance, before[1]), before[2]
            told[facet.path, what] = piece, chance, was
        return [
            self._reason(*told[facet.path, what])
            for facet in self._facets
            for what in (*range(facet.has.shape[1]), LOWER, UPPER)
            if (facet.path, what) in told
        ]

    def _worst(self) -> tuple[Cut, float] | None:
        """Give what is dropped next, and how likely it would look as bad by chance."""
        pieces: list[Cut] = []
        chances: list[float] = []
        for facet in self._facets:
            here = facet.occurs & self._alive
            suspected = [piece for piece in self._pieces(facet, here) if self._is_enough(piece)]
            if suspected:
                inside = np.array([piece.inside[here] for piece in suspected])
                chances += rank_sum_p_values(self._losses[here], inside).tolist()
                pieces += suspected
        doubt = (1 - self._rules.confidence) / max(1, len(pieces))
        order = sorted(range(len(pieces)), key=chances.__getitem__)
        for place in order:
            if chances[place] > doubt:
                break
            if not (pieces[place].inside & self._best).any() and self._inner_is_bad(pieces[place]):
                return pieces[place], chances[place]
        return None

    def _pieces(self, facet: Dimension, here: Bools) -> Iterator[Cut]:
        """Give what may be dropped of a facet, judged by some trials."""
        if facet.is_ordered:
            yield from self._ends(facet, here)
        if facet.n_left > self._rules.min_values:
            for place in range(facet.has.shape[1]):
                if place not in facet.dropped and facet.ends[0] <= place <= facet.ends[1]:
                    yield Cut(facet, place, 0.0, here & facet.has[:, place], here)

    def _ends(self, facet: Dimension, here: Bools) -> Iterator[Cut]:
        """Give the pieces that may be cut off at both ends, each beyond a gap between trials."""
        for what, mirror in ((LOWER, 1.0), (UPPER, -1.0)):
            positions = mirror * (facet.least if what == LOWER else facet.most)
            ordered = np.sort(positions[here])
            cuts = {math.ceil(share * len(ordered)) - 1 for share in PIECES if len(ordered)}
            for last in sorted({float(ordered[max(cut, 0)]) for cut in cuts}):
                inside = here & (positions <= last)
                rest = positions[here & ~inside]
                if not rest.size:
                    continue
                end = mirror * (last + float(rest.min())) / 2
                if facet.is_discrete:
                    end = math.floor(end) + 1 if what == LOWER else math.ceil(end) - 1
                if self._is_wide(facet, what, end):
                    yield Cut(facet, what, float(end), inside, here)

    def _is_wide(self, facet: Dimension, what: int, end: float) -> bool:
        """Say whether enough of a range is left when an end moves there."""
        low, high = (end, facet.ends[1]) if what == LOWER else (facet.ends[0], end)
        if not facet.is_discrete:
            return high - low >= max(self._rules.min_width, 1e-6)
        least = max(self._rules.min_values, math.ceil(self._rules.min_width * (facet.last + 1)))
        if facet.has.shape[1] == 0 and facet.path and not hasattr(facet.parameter, "layer"):
            least = max(least, 2)  # an Int has a low below its high
        gone = sum(low <= place <= high for place in facet.dropped)
        return high - low + 1 - gone >= least

    def _is_enough(self, piece: Cut) -> bool:
        n_inside, n_among = int(piece.inside.sum()), int(piece.among.sum())
        return min(n_inside, n_among - n_inside) >= LEAST_TRIALS

    def _inner_is_bad(self, piece: Cut) -> bool:
        """Say whether the part of an end next to what is kept is bad too: else less is cut."""
        if piece.what >= 0:
            return True
        facet = piece.facet
        positions = facet.least if piece.what == LOWER else -facet.most
        rows = np.flatnonzero(piece.inside)
        nearest = rows[np.argsort(-positions[rows], kind="stable")[:LEAST_TRIALS]]
        placed = np.full(len(self._losses), np.nan)
        placed[piece.among] = ranks(self._losses[piece.among])
        return bool(placed[nearest].mean() > placed[piece.among & ~piece.inside].mean())

    def _reason(self, piece: Cut, chance: float, was: Any) -> str:
        facet, name = piece.facet, "[].".join(piece.facet.path)
        if piece.what >= 0:
            said = f"dropped {name}={facet.value(piece.what)!r}"
        else:
            side = "lower" if piece.what == LOWER else "upper"
            if hasattr(facet.parameter, "layer"):
                name = f"len({name})"
            now = facet.value(facet.ends[END[piece.what]])
            said = f"moved the {side} end of {name} from {_shown(was)} to {_shown(now)}"
        losses = self._losses[piece.among]
        inside = piece.inside[piece.among]
        rank = float(np.median(ranks(losses)[inside])) / max(1, len(losses) - 1)
        return (
            f"{said}: {int(inside.sum())} trials, median rank {rank:.2f}, "
            f"best {self._best_of(losses[inside])} against {self._best_of(losses[~inside])} "
            f"(p = {chance:.1g})"
        )

    def _best_of(self, losses: Floats) -> str:
        best = float(losses.min())
        return f"{self._sign * best:.4g}" if math.isfinite(best) else "none"


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
