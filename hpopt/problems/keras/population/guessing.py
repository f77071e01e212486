"""Guess which configs have one architecture, where no model is made.

A wrong guess costs time only: the models themselves are compared before they train.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hpopt.core.problem import Fidelity
from hpopt.core.trial import Solution

NO_PART = ("epochs", "seed")
"""Entries of a config that decide no architecture."""


def architecture_guess(solution: Solution, fidelity: Fidelity | None) -> str:
    """Return a key that is equal for solutions that probably have one architecture.

    Numbers that are no integers count by their being 0 alone. Of the fidelity only a number of
    samples counts.
    """
    config = {name: value for name, value in solution.config.items() if name not in NO_PART}
    counted = None
    if fidelity is not None and fidelity.name == "samples":
        counted = fidelity.high if solution.fidelity is None else round(solution.fidelity)
    return json.dumps([_without_numbers(config), counted], sort_keys=True, default=repr)


def _without_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_numbers(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_numbers(each) for each in value]
    return f"{value != 0}" if isinstance(value, float) else value
