"""Spaces of ConfigSpace's as ours."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import ConfigSpace
import numpy as np

from hpopt.errors import SpaceError
from hpopt.integrations.parents import parents_first
from hpopt.space import Categorical, Float, Int, Normal, Ordinal, Parameter, Space
from hpopt.space.parameter import as_plain

Literals = dict[str, list[Any]]
"""Names and the values that they must have, all of them."""

COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "EqualsCondition": operator.eq,
    "NotEqualsCondition": operator.ne,
    "LessThanCondition": operator.lt,
    "GreaterThanCondition": operator.gt,
    "InCondition": lambda value, wanted: value in wanted,
    "ForbiddenEqualsClause": operator.eq,
    "ForbiddenInClause": lambda value, wanted: value in wanted,
    "ForbiddenLessThanClause": operator.lt,
    "ForbiddenLessThanEqualsClause": operator.le,
    "ForbiddenGreaterThanClause": operator.gt,
    "ForbiddenGreaterThanEqualsClause": operator.ge,
    "ForbiddenLessThanRelation": operator.lt,
    "ForbiddenLessThanEqualsRelation": operator.le,
    "ForbiddenEqualsRelation": operator.eq,
    "ForbiddenGreaterThanRelation": operator.gt,
    "ForbiddenGreaterThanEqualsRelation": operator.ge,
}
"""What ConfigSpace's classes compare a value and their own, or two values, by."""

# Values of a number that a comparison picks out are listed: of more, nobody would read the list.
MOST_VALUES = 4096


def from_configspace(configspace: ConfigSpace.ConfigurationSpace) -> Space:
    """Return the same space as one of hpopt's.

    Defaults, conditions, forbidden clauses, weights and normal distributions come along; a beta
    distribution becomes the normal one of its mean and deviation. A configuration of the one is a
    config of the other: ``dict(configspace.sample_configuration())``.

    Parameters
    ----------
    configspace : ConfigSpace.ConfigurationSpace

    Returns
    -------
    Space
        A constant is a choice of one value. Clauses that compare two parameters, or bound a
        continuous one, are functions, which a study file names only.

    Raises
    ------
    SpaceError
        A parameter depends on one of several others (an OrConjunction of different parents), or on
        a continuous one.
    """
    if not hasattr(configspace, "forbidden_clauses"):
        raise SpaceError(
            f"a space to read must be a ConfigSpace.ConfigurationSpace, but got {configspace!r}: "
            "make one of it first"
        )
    plain = {name: _parameter(each) for name, each in configspace.items()}
    when: dict[str, Literals] = {}
    for condition in configspace.conditions:
        for child in {each.name: each for each in _children(condition)}:
            own = _condition(condition, child, plain)
            when[child] = own if child not in when else _both(when[child], own)
    parameters = {
        name: _with(each, when=when[name]) if name in when else each for name, each in plain.items()
    }
    forbid = [
        each for clause in configspace.forbidden_clauses for each in _forbidden(clause, plain)
    ]
    return Space(parents_first(parameters), forbid)


def _parameter(given: Any) -> Parameter:
    kind = type(given).__name__
    if kind == "Constant":
        return Categorical([as_plain(given.value)])
    default = as_plain(given.default_value)
    if kind == "CategoricalHyperparameter":
        choices = [as_plain(each) for each in given.choices]
        return Categorical(choices, default=default, prior=_weights(given))
    if kind == "OrdinalHyperparameter":
        return Ordinal([as_plain(each) for each in given.sequence], default=default)
    numbers = {"IntegerHyperparameter": (Int, int), "FloatHyperparameter": (Float, float)}
    for ending, (made, number) in numbers.items():
        if kind.endswith(ending):
            low, high = number(given.lower), number(given.upper)
            return made(low, high, bool(given.log), default=default, prior=_prior(given))
    raise SpaceError(f"{given.name!r} must be a parameter that hpopt has, but is a {kind}")


def _weights(given: Any) -> list[float] | None:
    """Return the weights of choices; None where they are all the same, or one is 0."""
    weights = [] if given.weights is None else [float(each) for each in given.weights]
    return weights if len(set(weights)) > 1 and min(weights) > 0 else None


def _prior(given: Any) -> Normal | None:
    """Return the normal distribution of a number, of a beta one that with its first two moments."""
    kind, low, high = type(given).__name__, float(given.lower), float(given.upper)
    width = math.log10(high / low) if given.log else high - low
    if kind.startswith("Normal"):
        return Normal(float(given.mu), deviation(float(given.sigma), low, high, given.log) * width)
    if not kind.startswith("Beta"):
        return None
    a, b = float(given.alpha), float(given.beta)
    if a == b == 1:
        return None
    mean, sd = a / (a + b), math.sqrt(a * b / (a + b + 1)) / (a + b)
    centre = low * (high / low) ** mean if given.log else low + mean * (high - low)
    return Normal(centre, sd * width)


def deviation(sigma: float, low: float, high: float, log: bool) -> float:
    """Return a deviation as a share of the range, as ConfigSpace 1.2 takes it (`UnitScaler`)."""
    if log:
        return abs(math.log(low + sigma) / math.log(high / low))
    return sigma / (high - low)


def _children(condition: Any) -> list[Any]:
    """Return the parameters that a condition, or several joined, are of."""
    if hasattr(condition, "components"):
        return [child for each in condition.components for child in _children(each)]
    return [condition.child]


def _condition(condition: Any, child: str, parameters: Mapping[str, Parameter]) -> Literals:
    options = [found for found in _options(condition, parameters) if found and all(found.values())]
    names = {name for option in options for name in option}
    if len(options) > 1 and (len(names) > 1 or any(len(each) > 1 for each in options)):
        raise SpaceError(
            f"a parameter must exist where all its parents have certain values, but {child!r} "
            f"exists where one of several has: {condition}. Split it into several parameters"
        )
    if not options:
        raise SpaceError(f"{child!r} can never exist: {condition}")
    return {name: list(dict.fromkeys(v for o in options for v in o[name])) for name in options[0]}


def _options(clause: Any, parameters: Mapping[str, Parameter]) -> list[Literals]:
    """Return a condition or clause as alternatives (a disjunction of conjunctions)."""
    kind = type(clause).__name__
    if kind.endswith("OrConjunction"):
        return [option for each in clause.components for option in _options(each, parameters)]
    if kind.endswith("AndConjunction"):
        found: list[Literals] = [{}]
        for each in clause.components:
            options = _options(each, parameters)
            found = [_both(a, b) for a, b in itertools.product(found, options)]
        return found
    name = (clause.parent if hasattr(clause, "parent") else clause.hyperparameter).name
    return [{name: _values_where(clause, name, parameters[name])}]


def _values_where(clause: Any, name: str, parameter: Any) -> list[Any]:
    """Return the values of a parameter for which a condition or clause on it holds."""
    kind, wanted = type(clause).__name__, _wanted(clause)
    if kind in ("ForbiddenEqualsClause", "EqualsCondition"):
        return [wanted]
    if kind in ("ForbiddenInClause", "InCondition"):
        return list(wanted)
    if not 0 < parameter.levels[0] <= MOST_VALUES:
        raise SpaceError(
            f"what decides must have at most {MOST_VALUES} values, but {clause} is on {name!r}, "
            f"{parameter!r}: let a parameter with few values decide"
        )
    values = parameter.values_of([float(k) for k in range(int(parameter.levels[0]))])
    order = {id(value): place for place, value in enumerate(values)}
    is_listed = parameter.kind == "ordinal"  # whose order is that of the list
    at = values.index(wanted) if is_listed else wanted
    compared = COMPARED[kind]
    return [v for v in values if compared(order[id(v)] if is_listed else v, at)]


def _wanted(clause: Any) -> Any:
    given = clause.values if hasattr(clause, "values") else clause.value
    is_several = isinstance(given, list | tuple | np.ndarray) and type(clause).__name__ in (
        "InCondition",
        "ForbiddenInClause",
    )
    return [as_plain(each) for each in given] if is_several else as_plain(given)


def _both(one: Literals, other: Literals) -> Literals:
    """Return that two hold."""
    joined = {name: list(values) for name, values in one.items()}
    for name, values in other.items():
        joined[name] = [v for v in joined.get(name, values) if v in values]
    return joined


def _forbidden(clause: Any, parameters: Mapping[str, Parameter]) -> Iterator[Any]:
    """Yield a clause as mappings; as a function where it is none."""
    if _is_of_values(clause, parameters):
        for option in _options(clause, parameters):
            if all(option.values()):
                yield option
    else:
        yield ForbiddenClause(clause)


def _is_of_values(clause: Any, parameters: Mapping[str, Parameter]) -> bool:
    if hasattr(clause, "components"):
        return all(_is_of_values(each, parameters) for each in clause.components)
    if not hasattr(clause, "hyperparameter"):
        return False  # it compares two
    is_listed = type(clause).__name__ in ("ForbiddenEqualsClause", "ForbiddenInClause")
    return is_listed or 0 < int(parameters[clause.hyperparameter.name].levels[0]) <= MOST_VALUES


class ForbiddenClause:
    """A forbidden clause as a function of a config; it holds where all it names exists."""

    def __init__(self, clause: Any) -> None:
        self._text = str(clause).removeprefix("Forbidden: ")
        self._holds = _function(clause)
        # What a space calls it in its description and in messages.
        self.__module__, self.__qualname__ = "ConfigSpace", self._text

    def __call__(self, config: dict[str, Any]) -> bool:
        """Return whether the config is forbidden."""
        return self._holds(config)

    def __repr__(self) -> str:
        return self._text


def _function(clause: Any) -> Callable[[Mapping[str, Any]], bool]:
    kind = type(clause).__name__
    if hasattr(clause, "components"):
        parts = [_function(each) for each in clause.components]
        joined = any if kind.endswith("OrConjunction") else all
        return lambda config: joined(part(config) for part in parts)
    compared = COMPARED[kind]
    if hasattr(clause, "left"):
        left, right = clause.left.name, clause.right.name
        return lambda config: (
            left in config and right in config and compared(config[left], config[right])
        )
    name, wanted = clause.hyperparameter.name, _wanted(clause)
    return lambda config: name in config and compared(config[name], wanted)


def _with(parameter: Any, *, when: Literals) -> Parameter:
    made: Parameter = replace(parameter, when=when)
    return made
