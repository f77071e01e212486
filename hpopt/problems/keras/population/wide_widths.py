"""The widths in which networks of other widths are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hpopt.core.trial import Config
from hpopt.space import Categorical, Int, Ordinal, Parameter, Sequence

# A step of two dense layers of 8, 16, 32, 64, 128, 256 units takes .03, .04, .05, .11, .28, .91 ms,
# among 16 on a CPU: small ones differ by less than a compilation costs in hundreds of trials.
FEW = (16, 64)


def wide_widths(space: Mapping[str, Parameter], config: Config) -> dict[int, int]:
    """Return, of each whole number that a config was given, the width to train it in.

    That is 16, 64, or from there the next power of 2; no more than the parameter's largest value.
    It follows from the config alone, so that a trial's values do not depend on others. A width
    that is no number of the config is none that others vary.
    """
    found: dict[int, int] = {}
    for value, parameter in _whole_numbers(space, config):
        found[value] = max(found.get(value, 0), _width_for(value, parameter))
    return found


def _whole_numbers(
    space: Mapping[str, Parameter], config: Config
) -> Iterator[tuple[int, Int | Ordinal | Categorical]]:
    for name, value in config.items():
        parameter = space.get(name)
        if isinstance(parameter, Sequence):
            for layer in value:
                yield from _whole_numbers(parameter.layer, layer)
        elif isinstance(parameter, Int | Ordinal | Categorical) and _is_width(value):
            yield value, parameter


def _is_width(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _width_for(value: int, parameter: Int | Ordinal | Categorical) -> int:
    rounded = next((few for few in FEW if value <= few), 1 << (value - 1).bit_length())
    if isinstance(parameter, Int):
        return max(value, min(rounded, parameter.high))
    values = parameter.values if isinstance(parameter, Ordinal) else parameter.choices
    fewer = [int(each) for each in values if _is_width(each) and each <= rounded]
    return max(value, *fewer)
