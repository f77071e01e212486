"""The rungs at which a rule of early stopping compares trials: steps that grow by a factor."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hpopt.checks import positive, real
from hpopt.errors import SettingError

LEAST_REDUCTION = 1.1  # below, rungs lie closer than anybody reports


def check_rungs(low: float | None, reduction: float, example: str) -> None:
    """Raise SettingError unless the first rung and the factor between two are possible.

    `example` says what a usual factor does.
    """
    if low is not None:
        positive("low", low)
    factor = real(reduction)
    if factor is None or not LEAST_REDUCTION <= factor < math.inf:
        raise SettingError(
            f"reduction must be a number of at least {LEAST_REDUCTION}, but got "
            f"{reduction!r}: {example}"
        )


def first_rung(share: float, high: float) -> float:
    """Return a share of the most steps, as a whole number where that is at least 1."""
    first = share * high
    return float(round(first)) if first >= 1 else first


def rungs_up_to(last: float, low: float, reduction: float) -> Iterator[tuple[int, float]]:
    """Yield the place and the step of each rung that a trial has reached with its last step."""
    place, rung = 0, float(low)  # those of an int overflow
    while rung <= last:
        yield place, rung
        place, rung = place + 1, rung * reduction
