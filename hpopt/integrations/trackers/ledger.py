"""A note of the trials that a tracker has, for those that cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path


class Ledger:
    """Keep the marks of the trials of a study in a small file.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def marks(self) -> dict[int, str]:
        """Return what is noted; nothing where the file is missing or no such file."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {int(number): str(mark) for number, mark in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def note(self, marks: dict[int, str]) -> None:
        """Replace what is noted, at once and whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.draft")
        draft.write_text(json.dumps(marks), encoding="utf-8")
        draft.replace(self._path)
