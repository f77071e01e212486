"""Guess which configs have one architecture, where no model is made.

A wrong guess costs time only: the models themselves are compared before they train.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hpopt.core.problem import Fidelity
from hpopt.core.trial import Solution
from hpopt.problems.keras.population.wide_widths import wide_widths
from hpopt.space import Space

NO_PART = ("epochs", "seed")
"""Entries of a config that decide no architecture."""


WIDTHS = re.compile(r"unit|filter|neuron|channel|width", re.IGNORECASE)
"""Entries whose whole numbers are probably widths, of which some train as one architecture."""


def architecture_guess(solution: Solution, fidelity: Fidelity | None, space: Space) -> str:
    """Return a key that is equal for solutions that probably have one architecture.

    Numbers that are no integers count by their being 0 alone, widths by the one that they are
    trained in. Of the fidelity only a number of samples counts.
    """
    config = {name: value for name, value in solution.config.items() if name not in NO_PART}
    counted = None
    if fidelity is not None and fidelity.name == "samples":
        counted = fidelity.high if solution.fidelity is None else round(solution.fidelity)
    described = _without_numbers(config, wide_widths(space, config))
    return json.dumps([described, counted], sort_keys=True, default=repr)


def _without_numbers(value: Any, widths: Mapping[int, int], name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_numbers(each, widths, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_numbers(each, widths, name) for each in value]
    if isinstance(value, float):
        return f"{value != 0}"
    is_width = type(value) is int and WIDTHS.search(name)
    return widths.get(value, value) if is_width else value
