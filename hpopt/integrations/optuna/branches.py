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
from hpopt.integrations.optuna.trials import constraints_of, order_of
from hpopt.integrations.presence import MOST_VALUES, Presence, When
from hpopt.space import Parameter, Space

# Trials in a row with the same range after it has changed: a study that goes on with other bounds
# is told apart from an objective whose bounds differ from trial to trial.
SETTLED = 3

Distributions = dict[str, BaseDistribution]


class Seen:
    """What parameters the finished trials of a study had, and the names of their constraints."""

    def __init__(self) -> None:
        self.constraints: set[str] = set()
        self._orders: list[tuple[datetime, int]] = []
        self._presence = Presence()
        self._last: frozenset[str] = frozenset()
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
        self._orders.append(order_of(trial))
        self._last = frozenset(trial.distributions)
        self.constraints.update(constraints_of(trial))
        for name, distribution in trial.distributions.items():
            newest = self._newest.setdefault(name, distribution)
            if newest is not distribution and newest != distribution:
                self._newest[name], self._in_a_row[name] = distribution, 0
                self._changed.add(name)
            self._in_a_row[name] = self._in_a_row.get(name, 0) + 1
        self._presence.add(
            {
                name: code_of(distribution, trial.params[name])
                for name, distribution in trial.distributions.items()
            }
        )

    def distributions(self) -> Distributions:
        """Return the parameters that one search can hold: conditional ones where it is known when.

        Where no trial has what the others have, they are those of the newest trial.
        """
        usable = self._usable()
        found = {name: usable[name] for name in self._explained(usable)}
        return found or {name: each for name, each in usable.items() if name in self._last}

    def together_with(self, name: str) -> Distributions:
        """Return the parameters of which nothing is known but that they occur together with one.

        Empty where it is known when that one occurs, or where its range moves.
        """
        usable = self._usable()
        groups = (names for names in self.conditions(usable)[1] if name in names)
        return {each: usable[each] for each in next(groups, ())}

    def _usable(self) -> Distributions:
        return {
            name: distribution
            for name, distribution in self._newest.items()
            if name  # in hpopt a parameter has one
            and self._is_settled(name)
            and not distribution.single()
            and coded_parameter(distribution) is not None
        }

    def conditions(self, distributions: Distributions) -> tuple[dict[str, When], list[list[str]]]:
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
                groups.setdefault(self._presence.runs_of(name), []).append(name)
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

    def _explained(self, distributions: Distributions) -> dict[str, When]:
        parents: dict[str, Sequence[Any] | None] = {}
        for name, distribution in distributions.items():
            parameter: Any = coded_parameter(distribution)
            n_levels = 0 if parameter is None else int(parameter.levels[0])
            if 0 < n_levels <= MOST_VALUES and name not in self._changed:
                is_number = not isinstance(distribution, CategoricalDistribution)
                codes = [float(k) for k in range(n_levels)]
                parents[name] = parameter.values_of(codes) if is_number else None
        return self._presence.conditions([*distributions], parents)
