"""Where a config comes from: its generation, and the trials that it was made from."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """Where a strategy has a config from.

    Attributes
    ----------
    generation : int or None
        From 0; None where there are no generations.
    parents : tuple of int
        Numbers of solutions; ``-1 - row`` for a row of `knowledge`.
    """

    generation: int | None = None
    parents: tuple[int, ...] = ()


UNKNOWN = Origin()
"""That of a config that was drawn anew, or of which the strategy says nothing."""
