"""What the header of a study file must look like, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import index
from typing import Any

from hpopt.space.coordinates import MOST_COORDINATES

MOST_OBJECTIVES = 1000

Test = Callable[[Any], bool]


def what_is_wrong(header: Mapping[str, Any]) -> str:
    """Say which value of a header is not of its kind; empty where all are.

    What is not in the header, as in those of earlier versions, is not missed.
    """
    for key, (is_right, kind) in KINDS.items():
        if key in header and not is_right(header[key]):
            return f"{key} must be {kind}, but is {header[key]!r:.80}"
    return ""


def check_size(space: Mapping[str, Any]) -> None:
    """Raise ValueError for a stored space that would take far more memory than its JSON data.

    A few bytes say a list of 10**9 layers. Here those of all lists in lists count together.
    """
    n = _n_coordinates(space)
    if n > MOST_COORDINATES:
        raise ValueError(f"a space must have at most {MOST_COORDINATES} coordinates, but has {n}")


def _n_coordinates(space: Mapping[str, Any]) -> int:
    """Count the coordinates of a space, and those of its layers' own spaces."""
    n = 0
    for _, data in space["parameters"]:
        if "space" in data:
            inner = _n_coordinates(data["space"])
            n += 1 + inner * (1 + max(0, index(data["max_length"])))
        else:
            n += max(1, index(data.get("length", 1)))
    return n


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_optimizer(value: Any) -> bool:
    return _is_dict(value) and _is_text(value.get("name")) and _is_dict(value.get("settings"))


def _is_objectives(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= MOST_OBJECTIVES
        and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    )


def _is_fidelity(value: Any) -> bool:
    if value is None:
        return True
    is_three = isinstance(value, list) and len(value) == 3
    return is_three and all(map(_is_number, value[:2])) and _is_text(value[2])


def _is_configs(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_dict, value))


def _is_learned(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_learned_part, value))


def _is_learned_part(part: Any) -> bool:
    return (
        _is_dict(part)
        and _is_text(part.get("source"))
        and isinstance(part.get("path"), str | None)
        and _is_text(part.get("identity"))
        and isinstance(part.get("trials"), list)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in part["trials"])
        and all(
            _is_dict(config) and isinstance(values, list | None)
            for config, values in part["trials"]
        )
        and _is_dict(part.get("left_out"))
        and all(map(_is_int, part["left_out"].values()))
    )


KINDS: dict[str, tuple[Test, str]] = {
    "format": (_is_int, "a whole number"),
    "hpopt": (_is_text, "text"),
    "python": (_is_text, "text"),
    "created": (_is_number, "a number"),
    "problem": (_is_text, "text"),
    "space": (_is_dict, "a table"),
    "objectives": (_is_objectives, "a list of names and directions"),
    "fidelity": (_is_fidelity, "null, or two numbers and a name"),
    "seed": (_is_int, "a whole number"),
    "optimizer": (_is_optimizer, "a table of name and settings"),
    "start": (_is_configs, "a list of tables"),
    "learned": (_is_learned, "a list of what was learned"),
    "trials": (_is_int, "a whole number"),
    "fingerprint": (_is_dict, "a table"),
}
