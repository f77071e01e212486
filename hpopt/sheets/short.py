"""Values and configs as people read them in a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hpopt.digits import in_digits

MOST_ENTRIES = 6  # of a list of numbers: a vector may have thousands
SHOWN_ENTRIES = 3  # where there are more
ARROW = " → "


def in_short(value: Any) -> str:
    """Write one value of a config: numbers with five digits, layers as ``64 relu → 32 relu``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return str(value) if isinstance(value, int) else in_digits(value)
    if isinstance(value, Mapping):
        return layer_in_short(value)
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, Mapping) for each in value):
            return ARROW.join(map(layer_in_short, value))
        return _list_in_short(value)
    return str(value)


def layer_in_short(layer: Mapping[str, Any]) -> str:
    """Write one layer; what cannot be told from the value alone has its name: ``norm=true``.

    These are truths and nothings, and numbers where there are several.
    """
    several = sum(map(is_number, layer.values())) > 1
    parts = []
    for name, value in layer.items():
        named = value is None or isinstance(value, bool) or (several and is_number(value))
        parts.append(f"{name}={in_short(value)}" if named else in_short(value))
    return " ".join(parts) or "{}"


def config_in_short(config: Mapping[str, Any]) -> str:
    """Write a config, or other named values, as ``rate 0.01, layers 64 relu → 32 relu``."""
    return ", ".join(f"{name} {in_short(value)}" for name, value in config.items())


def is_number(value: Any) -> bool:
    """Return whether a value is a number, which a truth is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list_in_short(entries: Sequence[Any]) -> str:
    if len(entries) <= MOST_ENTRIES:
        return f"[{', '.join(map(in_short, entries))}]"
    first = ", ".join(map(in_short, entries[:SHOWN_ENTRIES]))
    return f"[{first}, … {len(entries)} in all]"
