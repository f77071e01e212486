"""Parameters in an order in which a space takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hpopt.space import Parameter


def parents_first(
    parameters: Mapping[str, Parameter], order: Iterable[str] | None = None
) -> dict[str, Parameter]:
    """Return parameters in an order of names as far as their conditions let them.

    By default it is their own. Conditions must not go round; parents must be there.
    """
    found: dict[str, Parameter] = {}

    def put(name: str) -> None:
        for parent in parameters[name].when or {}:
            if parent not in found:
                put(parent)
        found.setdefault(name, parameters[name])

    for name in parameters if order is None else order:
        if name in parameters:
            put(name)
    return found
