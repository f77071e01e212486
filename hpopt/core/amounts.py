"""Amounts of memory as a user writes them: ``"4GB"``, or a number of bytes."""

from __future__ import annotations

import math
import re

from hpopt.checks import real
from hpopt.errors import SettingError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY_UNITS = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
LEAST_MEMORY = 10**6  # bytes: less is a number meant in MB or GB, as no process fits into it


def parse_bytes(value: object, name: str = "memory") -> int:
    """Return an amount of memory in bytes.

    Parameters
    ----------
    value : int or str
        Bytes, at least 1 MB; or text with a unit: ``"512MB"``, ``"1.5 GiB"``.
    name : str
        What it is called in messages.

    Raises
    ------
    SettingError
        It is anything else.
    """
    n_bytes = _bytes_of_text(value, name) if isinstance(value, str) else real(value)
    if n_bytes is None:
        raise SettingError(
            f"{name} must be a number of bytes or text such as '4GB', but got {value!r}"
        )
    if not LEAST_MEMORY <= n_bytes < math.inf:
        raise SettingError(
            f"{name} must be at least 1 MB, but got {value!r}: "
            "a plain number is in bytes, so write '4GB' or 4 * 10**9 for four gigabytes"
        )
    return int(n_bytes)


def _bytes_of_text(text: str, name: str) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]i?)?b\s*", text.lower())
    if match is None:
        raise SettingError(
            f"{name} must be a number and one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB, "
            f"but got {text!r}: write '4GB' or '512 MiB'"
        )
    return float(match[1]) * (UNITS | BINARY_UNITS)[match[2] or ""]


def in_units(n_bytes: float) -> str:
    """Write an amount of memory with three digits and a unit: ``1.23 GB``."""
    value, unit = float(n_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"
