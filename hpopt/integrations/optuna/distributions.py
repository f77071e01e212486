"""Optuna's distributions as parameters, and values of the ones as values of the others."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from hpopt.checks import real
from hpopt.errors import SpaceError
from hpopt.space import Categorical, Float, Int, Ordinal, Parameter


def coded_parameter(
    distribution: BaseDistribution, when: Mapping[str, Any] | None = None
) -> Parameter | None:
    """Return the parameter of a distribution, whose choices are their places in its list.

    Choices in Optuna may be anything; their places are plain. Numbers in a rising or falling order
    are an `Ordinal`.

    Parameters
    ----------
    distribution : BaseDistribution
    when : mapping, optional
        The parameter's condition.

    Returns
    -------
    Parameter or None
        None where hpopt has none like it: a range of one value, or one too fine for doubles.
    """
    try:
        if isinstance(distribution, CategoricalDistribution):
            kind = Ordinal if _are_sorted(distribution.choices) else Categorical
            return kind(range(len(distribution.choices)), when=when)
        if isinstance(distribution, IntDistribution):
            low, high = distribution.low, distribution.high
            return Int(low, high, log=distribution.log, step=distribution.step, when=when)
        if isinstance(distribution, FloatDistribution):
            low, high = distribution.low, distribution.high
            return Float(low, high, log=distribution.log, step=distribution.step, when=when)
    except SpaceError:
        pass
    return None


def code_of(distribution: BaseDistribution, value: Any) -> Any:
    """Return the value of `coded_parameter` that a value of Optuna's is.

    Raises
    ------
    ValueError
        It is none of the choices.
    """
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    return value


def value_of(distribution: BaseDistribution, code: Any) -> Any:
    """Return the value of Optuna's that a value of `coded_parameter` is."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[code]
    if isinstance(distribution, FloatDistribution):
        # hpopt rounds to 13 digits, which may lie a digit beyond the end of a range.
        return min(max(float(code), distribution.low), distribution.high)
    return code


def _are_sorted(choices: Sequence[Any]) -> bool:
    numbers = [real(choice) for choice in choices]
    known = [number for number in numbers if number is not None]
    if len(known) < max(3, len(choices)):  # of two choices, none lies between others
        return False
    pairs = list(itertools.pairwise(known))
    return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)
