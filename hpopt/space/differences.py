"""Describe how a space differs from the one that it was before."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hpopt.space.choice import Listed
from hpopt.space.parameter import Parameter, as_json, identity
from hpopt.space.prior import prior_to_json

POSITIONAL = ("length", "low", "high", "values", "choices")
IS_NEW = " is new"
MOST_SHOWN = 12  # values of a list: a line or two
SHORT = reprlib.Repr()
SHORT.maxlist = SHORT.maxtuple = MOST_SHOWN
SHORT.maxstring = SHORT.maxother = 80  # characters of a value: a line


def parameter_differences(
    old: Mapping[str, Parameter], new: Mapping[str, Parameter], within: str = ""
) -> list[str]:
    """Describe how parameters differ from what they were; empty where they do not.

    Defaults and priors are no difference: they do not change what may be chosen.

    Parameters
    ----------
    old, new : mapping of str to Parameter
        In the order of a space.
    within : str, optional
        What stands before each name: ``"layers."`` for the fields of a list's layers.
    """
    found: list[str] = []
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            found.append(f"{within}{name} was removed")
        elif name not in old:
            found.append(f"{within}{name}{IS_NEW}")
        else:
            found += _changes(f"{within}{name}", old[name], new[name])
    if not found and list(old) != list(new):
        what = f"the order in {within.rstrip('.')}" if within else "the order"
        found.append(f"{what} was {list(old)} and is {list(new)}")
    return found


def prior_differences(
    old: Mapping[str, Parameter], new: Mapping[str, Parameter], within: str = ""
) -> list[str]:
    """Describe how the priors of parameters that both have differ from what they were.

    They are no difference of spaces: a config means the same.
    """
    found: list[str] = []
    for name in (name for name in old if name in new):
        was, now = (prior_to_json(each[name].prior) for each in (old, new))
        if identity(was) != identity(now):
            found.append(f"{within}{name} was {_shown(was)} and is {_shown(now)}")
        fields: list[Any] = [getattr(each[name], "layer", None) for each in (old, new)]
        if all(fields):
            found += prior_differences(fields[0], fields[1], f"{within}{name}.")
    return found


def _shown(prior: Any) -> str:
    return "none" if prior is None else SHORT.repr(prior)


def as_written(parameter: Parameter) -> str:
    """Return a parameter as a person would write it, without its condition and its layers."""
    settings = {
        key: v for key, v in parameter.settings().items() if key not in ("space", "default")
    }
    values = [SHORT.repr(settings.pop(key)) for key in POSITIONAL if key in settings]
    values += [f"{key}={SHORT.repr(value)}" for key, value in settings.items()]
    return f"{type(parameter).__name__}({', '.join(values)})"


def _changes(name: str, old: Parameter, new: Parameter) -> Iterator[str]:
    was, now = _compared(old), _compared(new)
    if identity(was) != identity(now):
        listed = type(old) is type(new) and isinstance(old, Listed)
        yield (
            _listed(name, old, new)
            if listed
            else f"{name} was {as_written(old)} and is {as_written(new)}"
        )
    if identity(as_json(old.when)) != identity(as_json(new.when)):
        yield f"{name} existed {_where(old)} and exists {_where(new)}"
    fields: list[Any] = [getattr(each, "layer", None) for each in (old, new)]
    if all(fields):
        yield from fields[0].differences(fields[1], within=f"{name}.")


def _compared(parameter: Parameter) -> dict[str, Any]:
    settings = parameter.settings()
    return {"type": parameter.kind} | {
        key: value for key, value in settings.items() if key not in ("space", "default")
    }


def _listed(name: str, old: Any, new: Any) -> str:
    noun = old.noun
    before, after = (
        {identity(as_json(value)): value for value in getattr(each, noun)} for each in (old, new)
    )
    came = [value for text, value in after.items() if text not in before]
    went = [value for text, value in before.items() if text not in after]
    if not came and not went:
        return f"the {noun} of {name} were {as_written(old)} and are {as_written(new)}"
    said = [f"has the new {_several(noun, came)}"] if came else []
    said += [f"lost the {_several(noun, went)}"] if went else []
    return f"{name} {' and '.join(said)}"


def _several(noun: str, values: list[Any]) -> str:
    shown = ", ".join(SHORT.repr(value) for value in values[:MOST_SHOWN])
    more = f" and {len(values) - MOST_SHOWN} more" if len(values) > MOST_SHOWN else ""
    return f"{noun if len(values) > 1 else noun[:-1]} {shown}{more}"


def _where(parameter: Parameter) -> str:
    conditions = [
        f"{parent} is {_either(values)}" for parent, values in (parameter.when or {}).items()
    ]
    return f"where {' and '.join(conditions)}" if conditions else "always"


def _either(values: Iterable[Any]) -> str:
    return " or ".join(SHORT.repr(value) for value in values)
