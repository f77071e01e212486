"""How often a driver and its workers look at the disk: less and less while nothing happens."""

from __future__ import annotations

FIRST_SECONDS, MOST_SECONDS, GROWTH = 0.01, 3.0, 1.05
"""A pause is a twentieth of the time since something last happened, so that waiting for the next
look adds 2.5 % on average to the time of a call. After a minute it is 3 seconds: each look is a
request to the disk's server."""


class Pace:
    """Pauses between looks: 10 ms after something has happened, up to 3 s while nothing does."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def reset(self) -> None:
        """Note that something has happened, and more may follow soon."""
        self._next = FIRST_SECONDS

    def pause(self) -> float:
        """Return how many seconds to wait before the next look."""
        pause, self._next = self._next, min(self._next * GROWTH, MOST_SECONDS)
        return pause
