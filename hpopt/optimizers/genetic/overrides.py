"""Parts with settings that arguments of a strategy override."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hpopt.checks import share
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.mutation import Length
from hpopt.optimizers.genetic.parts import (
    Mutation,
    Part,
)

P = TypeVar("P", bound=Part)


def with_rates(
    mutations: tuple[Mutation, ...], *, genes: float | None, lengths: float | None
) -> tuple[Mutation, ...]:
    """Return mutations with other probabilities; None leaves them as they are.

    Parameters
    ----------
    mutations : tuple of Mutation
    genes : float, in [0, 1], optional
        Of those that change genes.
    lengths : float, in [0, 1], optional
        Of those that change the lengths of lists.
    """
    of_lengths = [isinstance(mutation, Length) for mutation in mutations]
    for name, value, wanted in (
        ("mutation_probability", genes, False),
        ("length_probability", lengths, True),
    ):
        if value is not None:
            share(name, value)
            if wanted not in of_lengths:
                raise SettingError(
                    f"{name} must have a mutation that it belongs to, but got only "
                    f"{list(mutations)}: leave it out"
                )
    return tuple(
        with_probability(mutation, *(("length", lengths) if of_length else ("mutation", genes)))
        for mutation, of_length in zip(mutations, of_lengths, strict=True)
    )


def with_probability(part: P, kind: str, probability: float | None) -> P:
    """Return a part with another `probability`; None leaves it as it is.

    Raises
    ------
    SettingError
        The probability is out of range, or the part has none.
    """
    if probability is None:
        return part
    share(f"{kind}_probability", probability)
    return with_setting(part, f"{kind}_probability", {"probability": probability})


def with_setting(part: P, argument: str, settings: Mapping[str, Any]) -> P:
    """Return a part with other settings, which an argument of the strategy overrides."""
    if not settings:
        return part
    known: list[str] = [field.name for field in fields(part)] if is_dataclass(part) else []
    if not set(settings) <= set(known):
        raise SettingError(
            f"{argument} must belong to a part with the setting {', '.join(settings)}, but got "
            f"{part!r}: leave {argument} out, or set it in the part"
        )
    made: P = replace(part, **settings)  # type: ignore[type-var]
    return made
