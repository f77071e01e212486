"""Replace single parameters of a space by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, cast

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.space.parameter import Parameter


def with_changes(
    parameters: Mapping[str, Parameter], changes: Mapping[str, Any], also: Iterable[str] = ()
) -> dict[str, Parameter]:
    """Return parameters with some of them replaced, by name.

    A parameter that cannot exist any more, because what it depends on lost the values that it
    needs, is left out.

    Parameters
    ----------
    also : iterable of str
        Further names that `changes` may have; their parameters come last.

    Raises
    ------
    UnknownNameError
        A change is of a parameter that is not there.
    """
    if not isinstance(changes, Mapping):
        raise SpaceError(
            f"space must be a Space, or a mapping of names to parameters, but got {changes!r}"
        )
    for name, parameter in changes.items():
        if name not in parameters and name not in also:
            raise UnknownNameError("parameter", str(name), [*parameters, *also])
        if not isinstance(parameter, Parameter):
            raise SpaceError(
                f"{name!r} must be a Float, Int, Ordinal, Categorical or Sequence, but got "
                f"{parameter!r}"
            )
    merged: dict[str, Parameter] = {}
    for name, parameter in {**parameters, **changes}.items():
        inherits = name in parameters and parameter.when == parameters[name].when
        kept = _still_possible(parameter, merged) if inherits else parameter
        if kept is not None:
            merged[name] = kept
    return merged


def _still_possible(parameter: Parameter, earlier: Mapping[str, Parameter]) -> Parameter | None:
    """Return a parameter with the conditions that its parents can still meet, None without any."""
    when: dict[str, Any] = {}
    for parent, values in (parameter.when or {}).items():
        when[parent] = [v for v in values if parent in earlier and earlier[parent].takes(v)]
        if not when[parent]:
            return None
    return with_settings(parameter, {"when": when}) if when else parameter


def with_settings(parameter: Parameter, settings: Mapping[str, Any]) -> Parameter:
    """Return a parameter with some settings replaced.

    A default and a prior that no longer fit are dropped, and weights of what is gone.
    """
    if parameter.prior is not None and "prior" not in settings:
        bare = with_settings(dataclasses.replace(parameter, prior=None), settings)  # type: ignore[type-var]
        return _with_prior(bare, parameter)
    if parameter.default is None or "default" in settings:
        return dataclasses.replace(parameter, **settings)  # type: ignore[type-var]
    changed: Parameter = dataclasses.replace(parameter, **settings, default=None)  # type: ignore[type-var]
    if not changed.takes(parameter.default):
        return changed
    return dataclasses.replace(changed, default=parameter.default)  # type: ignore[type-var]


def _with_prior(parameter: Any, before: Any) -> Parameter:
    """Return a parameter with the prior of another one, as far as it fits."""
    prior = before.prior
    if isinstance(prior, tuple):
        listed = zip(getattr(before, before.noun), prior, strict=True)
        prior = {value: weight for value, weight in listed if parameter.takes(value)}
    try:
        changed: Parameter = dataclasses.replace(parameter, prior=prior)
    except SpaceError:
        return cast("Parameter", parameter)
    return changed
