"""Whose code a warning is for."""

from __future__ import annotations

import sys


def users_level() -> int:
    """Return the level, for the caller's warnings, of the first frame that is not hpopt's."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("hpopt."):
        level, frame = level + 1, frame.f_back
    return level + 1
