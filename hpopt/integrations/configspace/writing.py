"""Our spaces as those of ConfigSpace."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ConfigSpace

from hpopt.errors import SpaceError
from hpopt.space import Categorical, Float, Int, Normal, Parameter, Space
from hpopt.space.choice import PLAIN_TYPES
from hpopt.space.forbidden import ForbiddenMatch
from hpopt.space.prior import WIDTH

Values = dict[str, list[Any]]

# Of a number as a list: ConfigSpace has no steps, and looks each value up among all.
MOST_STEPS = 4096
LEAST_SIGMA = 1e-6  # above ConfigSpace's rounding to 9 places


def to_configspace(
    space: Space | Mapping[str, Parameter], *, name: str | None = None, seed: int | None = None
) -> ConfigSpace.ConfigurationSpace:
    """Return the same space as one of ConfigSpace's.

    Layers of a list are parameters of their own, ``layers[0].units``, that exist where
    ``len(layers)`` is above 0, and so are the entries of a vector. A number with steps is an
    ordinal, as ConfigSpace has no steps. Priors of numbers and weights of choices come along, but
    not those of ordinals.

    Parameters
    ----------
    space : Space or mapping of str to Parameter
    name : str, optional
    seed : int, optional
        Of what is sampled.

    Returns
    -------
    ConfigSpace.ConfigurationSpace

    Raises
    ------
    SpaceError
        A config is forbidden by a function, or a number has too many steps.
    """
    space = space if isinstance(space, Space) else Space(space)
    made = ConfigSpace.ConfigurationSpace(name=name, seed=seed)
    _add(made, space, "", {})
    return made


def _add(made: Any, space: Space, prefix: str, where: Values) -> None:
    for key, parameter in space.items():
        name = f"{prefix}{key}"
        own = {
            f"{prefix}{parent}": list(values) for parent, values in (parameter.when or {}).items()
        }
        when = {**where, **own}
        inside: Any = parameter
        if parameter.kind == "sequence":
            low, high = inside.min_length, inside.max_length
            length: Parameter = Int(low, high) if low < high else Categorical([low])
            _put(made, f"len({name})", length, when)
            for place in range(high):
                lengths = [n for n in range(low, high + 1) if n > place]
                also = {f"len({name})": lengths} if place >= low else {}
                _add(made, inside.layer, f"{name}[{place}].", {**when, **also})
        elif parameter.kind == "vector":
            for place in range(inside.length):
                _put(made, f"{name}[{place}]", Float(inside.low, inside.high), when)
        else:
            _put(made, name, parameter, when)
    for each in space.forbidden:
        if not isinstance(each, ForbiddenMatch):
            raise SpaceError(
                f"what is forbidden must be mappings for ConfigSpace, but {each} is a function"
            )
        clauses = [
            ConfigSpace.ForbiddenInClause(made[f"{prefix}{key}"], [exported(v) for v in values])
            for key, values in each.values.items()
        ]
        joined = ConfigSpace.ForbiddenAndConjunction(*clauses) if len(clauses) > 1 else clauses[0]
        made.add(joined)


def _put(made: Any, name: str, parameter: Parameter, when: Values) -> None:
    made.add(_hyperparameter(name, parameter))
    conditions = [
        ConfigSpace.InCondition(made[name], made[parent], [exported(v) for v in values])
        for parent, values in when.items()
    ]
    if conditions:
        several = len(conditions) > 1
        made.add(ConfigSpace.AndConjunction(*conditions) if several else conditions[0])


def _hyperparameter(name: str, parameter: Any) -> Any:
    default = {} if parameter.default is None else {"default_value": exported(parameter.default)}
    if parameter.kind == "categorical":
        choices = [exported(value) for value in parameter.choices]
        return ConfigSpace.CategoricalHyperparameter(
            name, choices, weights=parameter.prior, **default
        )
    steps = int(parameter.levels[0])
    if parameter.kind == "ordinal" or parameter.step not in (None, 1):
        if steps > MOST_STEPS:
            raise SpaceError(
                f"a number with steps must have at most {MOST_STEPS} values for ConfigSpace, but "
                f"{name!r} has {steps}"
            )
        values = parameter.values_of([float(k) for k in range(steps)])
        return ConfigSpace.OrdinalHyperparameter(name, [exported(v) for v in values], **default)
    kind = "Integer" if parameter.kind == "int" else "Float"
    settings = {"lower": parameter.low, "upper": parameter.high, "log": parameter.log, **default}
    if parameter.prior is None:
        return getattr(ConfigSpace, f"Uniform{kind}Hyperparameter")(name, **settings)
    prior = parameter.prior if isinstance(parameter.prior, Normal) else Normal(parameter.prior)
    normal = getattr(ConfigSpace, f"Normal{kind}Hyperparameter")
    return normal(name, mu=prior.mean, sigma=_sigma(prior, parameter), **settings)


def _sigma(prior: Normal, parameter: Any) -> float:
    """Return the deviation of a prior as ConfigSpace wants it; see `deviation`."""
    low, high = parameter.low, parameter.high
    width = math.log10(high / low) if parameter.log else high - low
    share = WIDTH if prior.sd is None else prior.sd / width
    return max((high / low) ** share - low, LEAST_SIGMA) if parameter.log else share * width


def exported(value: Any) -> Any:
    """Return a value as ConfigSpace keeps it: of tuples their text."""
    return value if type(value) in PLAIN_TYPES else str(value)
