"""Amounts of memory and of time as a user writes them: ``"4GB"``, ``"15m"``."""

from __future__ import annotations

import math
import re

from hpopt.checks import real
from hpopt.errors import SettingError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY_UNITS = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
TIME_UNITS = {
    r"d(?:ays?)?": 86400.0,
    r"h(?:ours?)?": 3600.0,
    r"m(?:in(?:utes?)?)?": 60.0,
    r"s(?:ec(?:onds?)?)?": 1.0,
}
TIME = re.compile("".join(rf"\s*(?:([0-9.]+)\s*{unit})?" for unit in TIME_UNITS) + r"\s*")
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


def seconds_in(text: str) -> float | None:
    """Return a text such as ``"90s"``, ``"5 min"`` or ``"1h30m"`` in seconds; None for others."""
    found = TIME.fullmatch(text)
    parts = zip(found.groups() if found else (), TIME_UNITS.values(), strict=False)
    try:
        given = [float(number) * unit for number, unit in parts if number is not None]
    except ValueError:
        return None
    return sum(given) if given else None


def in_units(n_bytes: float) -> str:
    """Write an amount of memory with three digits and a unit: ``1.23 GB``."""
    value, unit = float(n_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def counted(amount: float, names: str) -> str:
    """Return an amount of what is named in the plural: ``1 epoch``, ``2,160 epochs``."""
    is_plural = names.endswith("s") and not names.endswith("ss")
    return f"{in_figures(amount)} {names[:-1] if amount == 1 and is_plural else names}"


def in_figures(amount: float) -> str:
    """Return an amount in figures: ``2,160``, ``0.25``."""
    return f"{amount:,.0f}" if float(amount).is_integer() else f"{amount:,.5g}"
