"""The parameters of a problem as a space of ConfigSpace, which SMAC3 and DEHB take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    Float,
    InCondition,
    Integer,
    OrdinalHyperparameter,
)
from recorded import Parameter


def hyperparameter(p: Parameter) -> Any:
    """Make its counterpart; listed values are taken by their places."""
    if p.kind == "categorical":
        return Categorical(p.name, [str(place) for place in range(len(p.values))])
    if p.kind == "ordinal":
        return OrdinalHyperparameter(p.name, list(range(len(p.values))))
    if p.kind == "int":
        return Integer(p.name, (int(p.low), int(p.high)), log=p.log)
    return Float(p.name, (p.low, p.high), log=p.log)


def space_of(parameters: Sequence[Parameter], seed: int) -> ConfigurationSpace:
    made = {p.name: hyperparameter(p) for p in parameters}
    listed = {p.name: p.values for p in parameters}
    space = ConfigurationSpace(seed=seed)
    space.add(list(made.values()))
    for p in parameters:
        conditions = [
            InCondition(
                made[p.name],
                made[parent],
                [str(listed[parent].index(value)) for value in values],
            )
            for parent, values in p.when
        ]
        if conditions:
            space.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
    return space


def config_of(parameters: Sequence[Parameter], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the listed values in the place of their places."""
    config = dict(configuration)
    for p in parameters:
        if p.values and p.name in config:
            config[p.name] = p.values[int(config[p.name])]
    return config
