"""Lists, shares and amounts in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from hpopt.core.amounts import counted
from hpopt.digits import in_digits
from hpopt.terminal import printable

MOST_OF_A_TEXT = 80  # characters of somebody's message in a sentence
MOST_LISTED = 4  # of a list in a sentence


def listed(several: Sequence[str], most: int = MOST_LISTED) -> str:
    """Write "a", "a and b", "a, b and c", or "a, b and 7 more"."""
    shown = list(several)
    if len(shown) > most + 1:
        shown = [*shown[:most], f"{len(several) - most} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def quoted(text: str) -> str:
    """Write the first line of somebody's message, without what a terminal would obey."""
    first = printable(text.strip().partition("\n")[0])
    return first if len(first) <= MOST_OF_A_TEXT else f"{first[: MOST_OF_A_TEXT - 1]}…"


def trials(n: int) -> str:
    """Write "1 trial" or "2,000 trials"."""
    return counted(n, "trials")


def in_time(seconds: float) -> str:
    """Write a duration in the unit that people would choose."""
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} seconds" if seconds >= 2 else f"{in_digits(float(f'{seconds:.2g}'))} s"


def percent(share: float) -> str:
    """Write a share as people read it: a digit after the point below 10 %."""
    points = 100 * share
    if points >= 9.95:
        return f"{points:.0f} %"
    return f"{points:.1f} %" if points >= 0.05 else ("less than 0.1 %" if points > 0 else "0 %")
