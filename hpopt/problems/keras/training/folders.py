"""The folders of a study's trials, side by side and named by numbers: what trials leave for others.

Several processes may write and remove there at once.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any


def folders_beside(folder: Path, name: str) -> list[Path]:
    """Return the folders of a study's trials that hold a file of this name, a trial's own too."""
    # A folder that has another name is not a trial's: those beside it are none either.
    if not folder.name.isdecimal():
        return []
    return [path.parent for path in folder.parent.glob(f"[0-9]*/{name}")]


def number_of(folder: Path) -> int:
    """Return the number of a trial by its folder; -1 if it is not a trial's."""
    return int(folder.name) if folder.name.isdecimal() else -1


def read_json(path: Path) -> Any:
    """Return the data of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write data as JSON."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(json.dumps(data), encoding="utf-8")
    draft.replace(path)  # in one step: no process reads half a file


def remove_files(folder: Path, *names: str) -> None:
    """Remove files of a folder, and the folder if nothing else is in it."""
    for name in names:
        (folder / name).unlink(missing_ok=True)  # another process may have removed it
    with contextlib.suppress(OSError):
        folder.rmdir()
