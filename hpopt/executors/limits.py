"""How long one evaluation may run, and how much memory it may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from hpopt import checks
from hpopt.checks import real
from hpopt.core.amounts import parse_bytes
from hpopt.errors import SettingError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may spend before it is killed.

    Limits are kept by worker processes (``executor="processes"``), which can be killed at any
    point, also inside C code; an evaluation in the driver's own process can't.

    Parameters
    ----------
    seconds : float or datetime.timedelta, optional
        Wall-clock time of one evaluation, above 0. It counts from the moment the evaluation
        begins: starting the process and importing the problem are not part of it.
    memory : int or str, optional
        Resident memory of its process together with all processes it started, in bytes, at
        least 1 MB; or with a unit: ``"512MB"``, ``"4GB"``, ``"1.5 GiB"``. kB, MB, GB and TB are
        powers of 1000, KiB, MiB, GiB and TiB powers of 1024. It is kept as a number of bytes.

    Raises
    ------
    SettingError
        For anything else.

    Examples
    --------
    >>> Limits(seconds=60, memory="4GB")
    Limits(seconds=60.0, memory=4000000000)
    """

    seconds: float | timedelta | None = None
    memory: int | str | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None:
            object.__setattr__(self, "seconds", _seconds(self.seconds))
        if self.memory is not None:
            object.__setattr__(self, "memory", parse_bytes(self.memory))

    @property
    def time(self) -> float | None:
        """The limit on time in seconds, or None."""
        return None if self.seconds is None else _seconds(self.seconds)

    @property
    def bytes(self) -> int | None:
        """The limit on memory in bytes, or None."""
        return None if self.memory is None else int(self.memory)

    def __bool__(self) -> bool:
        return self.seconds is not None or self.memory is not None

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the limits as plain data; ``Limits(**data)`` makes them again."""
        return {"seconds": self.time, "memory": self.bytes}


def _seconds(value: object) -> float:
    seconds = real(checks.seconds(value))
    if seconds is None or not 0 < seconds < math.inf:
        raise SettingError(
            f"seconds must be a finite number above 0, but got {value!r}: leave it out for no limit"
        )
    return seconds
