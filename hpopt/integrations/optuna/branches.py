"""Which parameters a study has, and when: read off what its trials have suggested.

In Optuna a space is what the objective happens to ask for. Where a parameter is asked for in some
trials only, the values of other parameters that decide it are looked for, so that a strategy
searches one space with conditions instead of what all trials have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from hpopt.integrations.optuna.distributions import code_of, coded_parameter
from hpopt.space import Parameter, Space

# Trials in a row with the same range after it has changed: a study that goes on with other bounds
# is told apart from an objective whose bounds differ from trial to trial.
SETTLED = 3
# Values of a number that may decide whether another parameter exists: of more, too few are seen.
MOST_VALUES = 128

Distributions = dict[str, BaseDistribution]


def order_of(trial: FrozenTrial) -> tuple[datetime, int]:
    """Return what sorts finished trials by when they finished."""
    return trial.datetime_complete or datetime.min, trial.number


class Seen:
    """What parameters finished trials had, as bits: bit k is the k-th trial that finished."""

    def __init__(self) -> None:
        self._orders: list[tuple[datetime, int]] = []
        self._names: list[frozenset[str]] = []
        self._present: dict[str, int] = {}
        self._with_value: dict[str, dict[Any, int]] = {}
        self._newest: Distributions = {}
        self._in_a_row: dict[str, int] = {}
        self._changed: set[str] = set()

    def update(self, trials: Sequence[FrozenTrial]) -> None:
        """Take up finished trials, in the order in which they finished; earlier ones again."""
        orders = [order_of(trial) for trial in trials]
        if orders[: len(self._orders)] != self._orders:
            self.__dict__.update(Seen().__dict__)
        for trial in trials[len(self._orders) :]:
            self._add(trial)

    def _add(self, trial: FrozenTrial) -> None:
        bit = 1 << len(self._orders)
        self._orders.append(order_of(trial))
        self._names.append(frozenset(trial.distributions))
        for name, distribution in trial.distributions.items():
            newest = self._newest.setdefault(name, distribution)
            self._present[name] = self._present.get(name, 0) | bit
            if newest is not distribution and newest != distribution:
                self._newest[name], self._in_a_row[name] = distribution, 0
                self._changed.add(name)
            self._in_a_row[name] = self._in_a_row.get(name, 0) + 1
            values = self._with_value.setdefault(name, {})
            if len(values) <= MOST_VALUES:
                code = code_of(distribution, trial.params[name])
                values[code] = values.get(code, 0) | bit

    def distributions(self) -> Distributions:
        """Return the parameters that one search can hold: conditional ones where it is known when.

        Where no trial has what the others have, they are those of the newest trial.
        """
        usable = {
            name: distribution
            for name, distribution in self._newest.items()
            if self._is_settled(name)
            and not distribution.single()
            and coded_parameter(distribution) is not None
        }
        found = {name: usable[name] for name in self._explained(usable)}
        if not found and self._names:
            found = {name: each for name, each in usable.items() if name in self._names[-1]}
        return found

    def conditions(
        self, distributions: Distributions
    ) -> tuple[dict[str, dict[str, list[Any]]], list[list[str]]]:
        """Return the conditions of the parameters that have known ones, parents first.

        Returns
        -------
        decided : dict of str to dict
            Name → parent → values, as codes; empty where it always exists.
        undecided : list of list of str
            The names of the others; those that occur in the same trials together.
        """
        decided, groups = self._explained(distributions), dict[int, list[str]]()
        for name in distributions:
            if name not in decided:
                groups.setdefault(self._present[name], []).append(name)
        return decided, list(groups.values())

    def space(self, distributions: Distributions) -> Space:
        """Return the space of some parameters, with conditions among them."""
        found = self._explained(distributions)
        # What nobody has seen, or what one search cannot hold, exists always.
        found |= {name: {} for name in distributions if name not in found}
        parameters: dict[str, Parameter] = {}
        for name, when in found.items():
            parameter = coded_parameter(distributions[name], when or None)
            if parameter is not None:
                parameters[name] = parameter
        return Space(parameters)

    def _is_settled(self, name: str) -> bool:
        return name not in self._changed or self._in_a_row[name] >= SETTLED

    def _explained(self, usable: Distributions) -> dict[str, dict[str, list[Any]]]:
        """Return the names whose conditions are known, with them; parents come first."""
        everywhere = (1 << len(self._orders)) - 1
        found: dict[str, dict[str, list[Any]]] = {}
        seen = {name: self._present[name] for name in usable if name in self._present}
        # A parent exists wherever its child does; sorting is stable, so the order stays.
        for name in sorted(seen, key=lambda name: -seen[name].bit_count()):
            when = self._when(seen[name], everywhere, [p for p in found if seen[p] != seen[name]])
            if when is not None:
                parents = {p: self._closed(usable[p], p, codes) for p, codes in when.items()}
                found[name] = parents
        return found

    def _when(
        self, present: int, everywhere: int, parents: Sequence[str]
    ) -> dict[str, set[Any]] | None:
        """Return the values of parents in just the trials `present`; None where none decide.

        The greedy cover of all other trials: the parent that rules out the most comes first.
        """
        left, when = everywhere & ~present, dict[str, set[Any]]()
        options = dict[str, tuple[set[Any], int]]()
        for parent in parents if left else ():
            if self._present[parent] & present == present and self._is_parent(parent):
                values = self._with_value[parent]
                codes = {code for code, bits in values.items() if bits & present}
                ruled_out = everywhere
                for code in codes:
                    ruled_out &= ~values[code]
                options[parent] = codes, ruled_out
        while left:
            best = max(options, key=lambda p: (options[p][1] & left).bit_count(), default=None)
            if best is None or not options[best][1] & left:
                return None
            when[best], left = options[best][0], left & ~options[best][1]
        return when

    def _is_parent(self, name: str) -> bool:
        parameter = coded_parameter(self._newest[name])
        n_levels = 0 if parameter is None else int(parameter.levels[0])
        return 0 < n_levels <= MOST_VALUES and name not in self._changed

    def _closed(self, distribution: BaseDistribution, name: str, codes: set[Any]) -> list[Any]:
        """Return the values of a condition; of a number also those nobody has seen yet.

        An unseen one is taken for the nearest seen one: of 1 to 8 layers, 3 and 6 had a third.
        """
        if isinstance(distribution, CategoricalDistribution):
            return sorted(codes)
        parameter: Any = coded_parameter(distribution)
        seen = sorted(self._with_value[name])
        every = parameter.values_of([float(k) for k in range(int(parameter.levels[0]))])
        return [each for each in every if min(seen, key=lambda v: abs(v - each)) in codes]
