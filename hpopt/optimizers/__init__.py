"""Who chooses: the strategies, by class and by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpopt.core import Optimizer
from hpopt.errors import SettingError, UnknownNameError
from hpopt.optimizers.genetic_algorithm import GeneticAlgorithm
from hpopt.optimizers.grid_search import GridSearch
from hpopt.optimizers.quasi_random_search import QuasiRandomSearch
from hpopt.optimizers.random_search import RandomSearch

BY_NAME: dict[str, type[Optimizer]] = {
    strategy.name: strategy
    for strategy in (GeneticAlgorithm, GridSearch, QuasiRandomSearch, RandomSearch)
}

__all__ = [
    "BY_NAME",
    "GeneticAlgorithm",
    "GridSearch",
    "QuasiRandomSearch",
    "RandomSearch",
    "make_optimizer",
]


def make_optimizer(
    optimizer: str | Optimizer, arguments: Mapping[str, Any] | None = None
) -> Optimizer:
    """Give the optimizer of a name, or the one that is given.

    Parameters
    ----------
    optimizer : str or Optimizer
        ``"random"``, ``"quasi_random"``, ``"grid"``, ``"genetic"``, or one made by its class.
    arguments : mapping, optional
        What the named class takes.

    Raises
    ------
    UnknownNameError
        There is no such name or argument; suggests the nearest.
    SettingError
        It is neither a name nor an instance, or an instance with arguments.
    """
    if isinstance(optimizer, Optimizer):
        if arguments:
            raise SettingError(
                f"arguments belong to a name, but got {dict(arguments)} beside a "
                f"{type(optimizer).__name__}: give them to its class"
            )
        return optimizer
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise SettingError(
            f"optimizer must be a name or an instance, but got the class {optimizer.__name__}: "
            f"write {optimizer.__name__}(...)"
        )
    if not isinstance(optimizer, str):
        raise SettingError(
            "optimizer must be a name or an hpopt.Optimizer, but got "
            f"{type(optimizer).__name__}; names are {', '.join(sorted(BY_NAME))}"
        )
    if optimizer not in BY_NAME:
        raise UnknownNameError("optimizer", optimizer, BY_NAME)
    strategy = BY_NAME[optimizer]
    known = strategy.argument_names()
    for name in arguments or {}:
        if name not in known:
            raise UnknownNameError(f"argument of optimizer {optimizer!r}", name, known)
    return strategy(**(arguments or {}))
