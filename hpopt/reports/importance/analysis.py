"""Importance of parameters and pairs, from the trials of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hpopt.reports.data import StudyData
from hpopt.reports.importance.axes import Allowed, axes_of, conditions_of, merged
from hpopt.reports.importance.effects import EVERYWHERE, Box, Effects
from hpopt.reports.importance.forest import Forest, forest_of, interval
from hpopt.reports.importance.marginals import marginals_of
from hpopt.reports.importance.process import process_shares
from hpopt.reports.importance.shares import Importance, PairShare, Share
from hpopt.reports.importance.targets import Target, drawn, target_of
from hpopt.reports.importance.words import in_words, too_few
from hpopt.reports.reader import read_data
from hpopt.reports.source import Source

Floats = NDArray[np.float64]
Items = tuple[tuple[str, tuple[float, ...]], ...]  # of conditions

MOST_TRIALS = 4000  # with more, shares change in the third digit; they are drawn with a fixed key
LEAST_TRIALS = 20  # of which each tree has half
LEAST_SKILL, LEAST_CORRELATION = 0.1, 3.0
"""Of what is explained, and of its correlation in standard errors: below, nothing is said. Of 200
studies of noise none had as much."""

N_PAIRED = 8  # parameters whose pairs are looked at: 28 pairs


def importance(source: Source | StudyData, objective: str | None = None) -> Importance:
    """Return how much of the differences between trials each parameter accounts for.

    Functional ANOVA: the share of the variance of the objective over the whole space that is due
    to one parameter alone, or to two together, with an interval. Trials without values are left
    out, and outliers are cut (`Importance.target`). Where models explain too little of trials that
    they have not seen, nothing is known, and `Importance.sentences` say so.

    Parameters
    ----------
    source : Source or StudyData
        A study, or what was read of it.
    objective : str, optional
        Its name, or that of another value that evaluations returned, or "seconds"; by default the
        first objective.

    Raises
    ------
    UnknownNameError
        There are no such values.
    """
    data = source if isinstance(source, StudyData) else read_data(source)
    name = data.objectives[0].name if objective is None else objective
    target = drawn(target_of(data, name), MOST_TRIALS)
    box = Box(axes_of(data.space, data.columns))
    if len(target.rows) < LEAST_TRIALS or not target.scale > 0 or not box.axes:
        return _unknown(name, target, np.nan)
    forest = forest_of(box, target.scaled, target.rows)
    wholes = np.array(forest.each(lambda effects: effects.all(), EVERYWHERE))
    least = max(LEAST_SKILL, LEAST_CORRELATION**2 / len(target.rows))
    if forest.skill < least or wholes.mean() <= 0:
        return _unknown(name, target, forest.skill)
    found = _explained(name, target, _Analysis(conditions_of(data.space), forest, wholes))
    found = replace(found, process=process_shares(data, name))
    return replace(found, sentences=in_words(found))


def _unknown(name: str, target: Target, skill: float) -> Importance:
    said = too_few(name, target, skill, LEAST_TRIALS)
    n = len(target.rows)
    return Importance(name, (), (), {}, (), (), n, skill, False, target.words, said)


def _explained(name: str, target: Target, analysis: _Analysis) -> Importance:
    shares = analysis.shares()
    rest, rest_high = analysis.rest([share.name for share in shares])
    return Importance(
        name,
        shares,
        analysis.pairs(sorted(shares, key=lambda each: -each.total)[:N_PAIRED]),
        marginals_of(analysis.forest, analysis.conditions, target),
        rest,
        rest_high,
        len(target.rows),
        analysis.forest.skill,
        is_known=True,
        target=target.words,
        sentences=(),
    )


class _Analysis:
    """Shares of the variance that all trees have in common."""

    def __init__(self, conditions: Mapping[str, Allowed], forest: Forest, wholes: Floats) -> None:
        self.conditions, self.forest, self.wholes = conditions, forest, wholes
        self.groups = [pair.group for pair in forest.pairs]

    def shares(self) -> tuple[Share, ...]:
        """Return those of all parameters, the largest first."""
        found: list[Share] = []
        by_where: dict[Items, list[str]] = {}
        for name in self.forest.box.places:
            by_where.setdefault(tuple(self.conditions[name].items()), []).append(name)
        for names in by_where.values():
            found += self._shares_of(names)
        return tuple(sorted(found, key=lambda each: (-each.share, -each.total)))

    def _shares_of(self, names: Sequence[str]) -> list[Share]:
        """Return those of parameters that exist under the same conditions."""
        where, box = self.conditions[names[0]], self.forest.box
        sides, active = [box.places[name] for name in names], box.share(where)

        def both(effects: Effects) -> tuple[list[float], Floats]:
            alone = [effects.closed([k]) for k in sides]
            return alone, effects.all() - effects.without(sides)

        parts = self.forest.each(both, where)
        alone, total = (np.array([part[n] for part in parts]) for n in (0, 1))
        value, low, high = interval(alone, self.wholes, self.groups, active, self.forest.skill)
        totals, _, _ = interval(total, self.wholes, self.groups, active, self.forest.skill)
        return [
            Share(
                name,
                float(value[k]),
                float(low[k]),
                float(high[k]),
                total=float(max(totals[k], value[k])),
                active=active,
            )
            for k, name in enumerate(names)
        ]

    def rest(self, names: Sequence[str]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return what all but the first, the first two, … account for, and at most."""
        sides = [self.forest.box.places[name] for name in names]
        closed = np.array(self.forest.each(lambda each: each.nested(sides), EVERYWHERE))
        parts, skill = self.wholes[:, None] - closed, self.forest.skill
        value, _, high = interval(parts, self.wholes, self.groups, 1.0, skill)
        return tuple(value.tolist()), tuple(high.tolist())

    def pairs(self, shares: Sequence[Share]) -> tuple[PairShare, ...]:
        """Return those of pairs of these parameters, the largest first."""
        box, found = self.forest.box, []
        by_where: dict[Items, list[tuple[str, str]]] = {}
        for one, other in combinations([share.name for share in shares], 2):
            both = merged(self.conditions[one], self.conditions[other])
            if all(both.values()):  # else they never exist together
                by_where.setdefault(tuple(both.items()), []).append((one, other))
        for items, several in by_where.items():
            where: Allowed = dict(items)
            sides = [(box.places[one], box.places[other]) for one, other in several]
            parts = np.array(self.forest.each(partial(_together, several=sides), where))
            active = box.share(where)
            limits = interval(parts, self.wholes, self.groups, active, self.forest.skill)
            found += [
                PairShare(names, *(float(each[k]) for each in limits))
                for k, names in enumerate(several)
            ]
        return tuple(sorted(found, key=lambda each: -each.share))


def _together(effects: Effects, several: Sequence[tuple[int, int]]) -> list[float]:
    """Return what pairs of parameters do together, beyond what each does alone."""
    alone = {k: effects.closed([k]) for k in {k for pair in several for k in pair}}
    return [effects.closed(pair) - alone[pair[0]] - alone[pair[1]] for pair in several]
