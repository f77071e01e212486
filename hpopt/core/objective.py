"""Objectives: the numbers to make small or large, and their directions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import ProblemError, SettingError

# Of models that compute hypervolumes: their cost multiplies with each objective.
MOST_OBJECTIVES = 4

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A named number to make small or large.

    Parameters
    ----------
    name : str
        The name under which the evaluation returns it.
    direction : {"minimize", "maximize"}
    """

    name: str = "value"
    direction: Direction = "minimize"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ProblemError(f"the name of an objective must be a str, but got {self.name!r}")
        if self.direction not in ("minimize", "maximize"):
            raise ProblemError(
                f"direction must be 'minimize' or 'maximize', but objective {self.name!r} got "
                f"{self.direction!r}"
            )

    @property
    def sign(self) -> int:
        """1 where small is good, -1 where large is good."""
        return 1 if self.direction == "minimize" else -1

    def loss(self, values: Mapping[str, float]) -> float:
        """Return its value as a number to minimise; infinite where it is nan.

        This is the one place where directions are applied.

        Raises
        ------
        KeyError
            It is not among the values.
        """
        loss = self.sign * values[self.name]
        return math.inf if math.isnan(loss) else loss


Objectives = Objective | Mapping[str, str] | Iterable[Objective]
"""One, several, or names with their directions: a plain ``dict`` variable is inferred as one of
str to str, so directions are checked when the objectives are made."""


def normalised_objectives(
    objectives: Objectives,
) -> tuple[Objective, ...]:
    """Return one objective, several, or a mapping of name to direction as a tuple."""
    if isinstance(objectives, Objective):
        return (objectives,)
    if isinstance(objectives, tuple) and [type(each) for each in objectives] == [Objective]:
        return objectives  # what each evaluation asks for
    if isinstance(objectives, Mapping):
        objectives = [
            Objective(name, cast(Direction, direction)) for name, direction in objectives.items()
        ]
    if isinstance(objectives, str) or not isinstance(objectives, Iterable):
        raise ProblemError(
            "objectives must be an Objective, several, or a mapping of name to direction, but got "
            f"{objectives!r}"
        )
    found = tuple(objectives)
    if not found or not all(isinstance(objective, Objective) for objective in found):
        raise ProblemError(
            f"objectives must be one or more Objective, but got {found!r}: write "
            f"objectives={_with_directions(found)}"
        )
    names = [objective.name for objective in found]
    if len(set(names)) < len(names):
        raise ProblemError(f"objectives must have different names, but got {names}")
    return found


def _with_directions(given: Sequence[Any]) -> str:
    """Return how to write objectives of which only the names were given, as far as they were."""
    names = [each for each in given if isinstance(each, str)] or ["value"]
    return "{" + ", ".join(f"{name!r}: 'minimize'" for name in names[:2]) + "}"


def one_objective(
    strategy: str, objectives: Sequence[Objective], use: str = "optimizer='auto'"
) -> None:
    """Raise SettingError for a strategy that takes one objective, unless there is one."""
    _check_number(strategy, objectives, 1, "one objective", use)


def at_most_four(strategy: str, objectives: Sequence[Objective]) -> None:
    """Raise SettingError for a strategy that takes up to four objectives, if there are more."""
    _check_number(strategy, objectives, MOST_OBJECTIVES, f"at most {MOST_OBJECTIVES} objectives")


def _check_number(
    strategy: str,
    objectives: Sequence[Objective],
    most: int,
    words: str,
    use: str = "optimizer='auto'",
) -> None:
    if len(objectives) > most:
        names = ", ".join(objective.name for objective in objectives)
        raise SettingError(
            f"a problem for optimizer={strategy!r} must have {words}, but got {len(objectives)} "
            f"({names}): use {use}"
        )


def losses(objectives: Sequence[Objective], values: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the objectives as numbers to minimise, shape (n_objectives,).

    Without values (a bad evaluation) every loss is infinite, and so is one that is nan.

    Raises
    ------
    ProblemError
        There are values, but not all objectives are among them.
    """
    if not values:
        return np.full(len(objectives), np.inf)
    try:
        return np.array([objective.loss(values) for objective in objectives], dtype=np.float64)
    except KeyError:
        raise ProblemError(
            f"values must hold the objectives {[o.name for o in objectives]}, but got "
            f"{sorted(values)}"
        ) from None
