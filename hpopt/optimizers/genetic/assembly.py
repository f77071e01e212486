"""From the arguments of a genetic algorithm to its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hpopt.checks import share
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.adaptation import ADAPTATIONS
from hpopt.optimizers.genetic.crossover import CROSSOVERS
from hpopt.optimizers.genetic.initialisation import INITIALISATIONS
from hpopt.optimizers.genetic.mutation import MUTATIONS, Length
from hpopt.optimizers.genetic.parts import (
    Adaptation,
    Crossover,
    Initialisation,
    Mutation,
    Part,
    Replacement,
    Restart,
    Selection,
    part_of,
    parts_of,
)
from hpopt.optimizers.genetic.replacement import REPLACEMENTS
from hpopt.optimizers.genetic.restart import RESTARTS
from hpopt.optimizers.genetic.selection import SELECTIONS

P = TypeVar("P", bound=Part)


def initialisation_of(value: Any) -> Initialisation:
    """Return the initialisation of an argument."""
    return part_of("initialisation", value, Initialisation, INITIALISATIONS)  # type: ignore[type-abstract]


def selection_of(value: Any) -> Selection:
    """Return the selection of an argument."""
    return part_of("selection", value, Selection, SELECTIONS)  # type: ignore[type-abstract]


def crossover_of(value: Any) -> Crossover:
    """Return the crossover of an argument."""
    return part_of("crossover", value, Crossover, CROSSOVERS)  # type: ignore[type-abstract]


def mutations_of(value: Any) -> tuple[Mutation, ...]:
    """Return the mutations of an argument: one of them, or a list."""
    return parts_of("mutation", value, Mutation, MUTATIONS)  # type: ignore[type-abstract]


def replacement_of(value: Any) -> Replacement:
    """Return the replacement of an argument."""
    return part_of("replacement", value, Replacement, REPLACEMENTS)  # type: ignore[type-abstract]


def adaptation_of(value: Any) -> Adaptation | None:
    """Return the adaptation of an argument; None for None."""
    if value is None:
        return None
    return part_of("adaptation", value, Adaptation, ADAPTATIONS)  # type: ignore[type-abstract]


def restart_of(value: Any) -> Restart | None:
    """Return the restart of an argument; None for None."""
    if value is None:
        return None
    return part_of("restart", value, Restart, RESTARTS)  # type: ignore[type-abstract]


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
