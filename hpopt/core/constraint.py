"""Bounds on values that an evaluation returns, and by how much values break them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hpopt import checks
from hpopt.core.objective import Objective
from hpopt.errors import ProblemError

Floats = NDArray[np.float64]
Operator = Literal["<=", ">="]

# Above all losses that mean something, and small enough to be squared. Above it double precision
# tells violations apart that differ by a part in 10^16.
BROKEN = 1e100

WRITTEN = re.compile(r"\s*(\W+?)\s*([\w.+-]+)\s*")  # "<= 20"
NOT_STRICT = {"<": "<=", ">": ">=", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">="}
"""What people write for the two operators, to suggest the right one."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a value that an evaluation returns.

    Parameters
    ----------
    name : str
        The name under which the evaluation returns it: of an objective, or of any other number.
    operator : {"<=", ">="}
        On which side of the bound the value must be.
    bound : float
        Finite, in the value's own unit.
    """

    name: str
    operator: Operator
    bound: float

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ProblemError(f"the name of a constraint must be a str, but got {self.name!r}")
        if self.operator not in ("<=", ">="):
            near = NOT_STRICT.get(self.operator) if isinstance(self.operator, str) else None
            raise ProblemError(
                f"the operator of a constraint must be '<=' or '>=', but that on {self.name!r} is "
                f"{self.operator!r}" + (f": write {near!r}" if near else "")
            )
        bound = checks.real(self.bound)
        if bound is None or not math.isfinite(bound):
            raise ProblemError(
                f"the bound of a constraint must be a finite number, but that on {self.name!r} is "
                f"{self.bound!r}"
            )
        object.__setattr__(self, "bound", bound)

    def violation(self, values: Mapping[str, float]) -> float:
        """Return how far a value lies beyond the bound: at most 0 where it is met, nan without it.

        This is the one place where operators are applied.
        """
        value = values.get(self.name, math.nan)
        return value - self.bound if self.operator == "<=" else self.bound - value

    @property
    def scale(self) -> float:
        """By what violations are divided to be compared with others: the bound, or 1 where it is 0.

        It is known before the first trial, so the order of two trials never changes.
        """
        return abs(self.bound) or 1.0

    def why_broken(self, values: Mapping[str, float]) -> str:
        """Return why it is not met, in words; empty where it is."""
        if self.name not in values:
            return f"{self.name} is not known"
        if self.violation(values) <= 0:
            return ""
        return f"{self.name} {values[self.name]:.6g} must be {self.operator} {self.bound:g}"

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.bound:g}"


Constraints = Mapping[str, Any] | Iterable[Constraint]
"""Names with ``(operator, bound)`` or a text such as ``"<= 20"``, or several `Constraint`."""


def normalised_constraints(constraints: Constraints) -> tuple[Constraint, ...]:
    """Return constraints as a tuple, whichever way they were written.

    Raises
    ------
    ProblemError
        One of them is none, or two of them are on the same side of a value.
    """
    if isinstance(constraints, tuple) and not constraints:
        return constraints  # what each evaluation of most problems asks for
    if isinstance(constraints, Mapping):
        constraints = [_constraint(name, bound) for name, bound in constraints.items()]
    if isinstance(constraints, str | Constraint) or not isinstance(constraints, Iterable):
        raise ProblemError(f"{_HOW}, but got {constraints!r}")
    found = tuple(constraints)
    if not all(isinstance(each, Constraint) for each in found):
        raise ProblemError(f"{_HOW}, but got {found!r}")
    sides = [(each.name, each.operator) for each in found]
    if len(set(sides)) < len(sides):
        raise ProblemError(
            "a value must have at most one bound on each side, but got "
            + ", ".join(map(str, found))
        )
    return found


_HOW = 'constraints must be a mapping of names to operator and bound, such as {"size": ("<=", 20)}'


def _constraint(name: Any, bound: Any) -> Constraint:
    if isinstance(bound, str):
        written = WRITTEN.fullmatch(bound)
        parts: Sequence[Any] = written.groups() if written else ()
        if len(parts) == 2:
            try:
                parts = (parts[0], float(parts[1]))
            except ValueError:
                parts = ()
    else:
        parts = bound if isinstance(bound, list | tuple) else ()
    if len(parts) != 2:
        raise ProblemError(
            f'a constraint must be an operator and a bound, such as ("<=", 20), but that on '
            f"{name!r} is {bound!r}"
        )
    return Constraint(name, cast(Operator, parts[0]), parts[1])


def names_ranked_by(
    objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> list[str]:
    """Return the names of what trials are ranked by: objectives, then what constraints are on."""
    return [*(each.name for each in objectives), *(each.name for each in constraints)]


def violations(constraints: Sequence[Constraint], values: Mapping[str, float]) -> Floats:
    """Return by how much values break each constraint, shape (k,); see `Constraint.violation`."""
    return np.array([each.violation(values) for each in constraints], dtype=np.float64)


def are_met(violation: Floats) -> NDArray[np.bool_]:
    """Return which rows of violations (…, k) meet all constraints, shape (…); nan meets none."""
    return np.asarray((violation <= 0).all(axis=-1))


def total_violation(constraints: Sequence[Constraint], violation: Floats) -> Floats:
    """Return by how much rows of violations (…, k) break all constraints together, shape (…).

    ::

        sum_k r_k / (1 + r_k),    r_k = max(violation_k, 0) / |bound_k|   (/ 1 where the bound is 0)

    No constraint counts more than 1, so that one of large numbers does not hide the others; what is
    not known counts 1. Deb 2000, "An efficient constraint handling method for genetic algorithms",
    adds violations of normalised constraints.
    """
    scales = np.array([each.scale for each in constraints])
    with np.errstate(over="ignore"):
        shares = np.maximum(violation, 0.0) / scales
    bent = np.where(shares < np.inf, shares / (1 + np.minimum(shares, 1e308)), 1.0)
    return np.asarray(np.where(np.isnan(violation), 1.0, bent).sum(axis=-1))


def ranked_losses(losses: Floats, constraints: Sequence[Constraint], violation: Floats) -> Floats:
    """Return losses (m,) by which Deb's rules hold wherever losses are compared.

    Those of an evaluation that breaks a constraint are all equal, above those of all that meet
    them, and the larger the more it breaks them. Infinite ones, of a failure, stay so: it has not
    come as far as to break one.
    """
    if not constraints or are_met(violation):
        return losses
    if not np.isfinite(losses).all() and not (violation > 0).any():
        return losses
    share = float(total_violation(constraints, violation)) / len(constraints)
    return np.full(losses.shape, BROKEN * (1 + share))
