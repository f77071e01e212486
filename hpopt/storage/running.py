"""What runs now: shown beside the study file while it is written, and read from there."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hpopt.core import Heartbeat, LiveFolder, Solution, copy_data, heartbeat_of
from hpopt.storage.storage import Pending, Storage


@dataclass(frozen=True, slots=True)
class Running:
    """A trial that was asked and has not finished.

    Attributes
    ----------
    solution : Solution
    since : float or None
        When it began, or where that is not known was asked, in seconds since the epoch.
    seen : Heartbeat or None
        Where it runs and what it last reported, where that is known. Evaluations in the driver
        itself show themselves only by reports, those on machines without the study's disk never.
    """

    solution: Solution
    since: float | None
    seen: Heartbeat | None

    @property
    def number(self) -> int:
        """The solution's number."""
        return self.solution.number


def read_running(storage: Storage, path: Path | None, first: int = 0) -> list[Running]:
    """Read what was asked and has not finished, by number, with what is known of where it runs.

    Parameters
    ----------
    storage : Storage
    path : Path or None
        The study file.
    first : int
        The least number.
    """
    folder = None if path is None else str(folder_beside(path))
    found = []
    for pending in storage.pending(first):
        seen = None if folder is None else heartbeat_of(folder, pending.solution.number)
        seen = seen or _reported(pending)
        solution = replace(pending.solution, config=copy_data(pending.solution.config))
        found.append(Running(solution, seen.since if seen else pending.since, seen))
    return found


def _reported(pending: Pending) -> Heartbeat | None:
    """Return the last report of what is evaluated elsewhere, by `Storage.reported`."""
    if not pending.curve or pending.since is None:
        return None
    step, value = pending.curve[-1]
    shown = next(iter(value.values()), None) if isinstance(value, Mapping) else value
    return Heartbeat(pending.solution.number, 0, "", "", pending.since, step, shown)


def folder_beside(path: Path) -> Path:
    """Return the folder in which a study's evaluations show themselves."""
    return path.with_name(f"{path.name}.live")


@contextlib.contextmanager
def live_folder(path: Path | None) -> Iterator[LiveFolder | None]:
    """Keep the folder in which evaluations show themselves, as long as the study runs."""
    if path is None:
        yield None
        return
    folder = folder_beside(path)
    _remove(folder)  # of a driver that was killed
    live = None
    with contextlib.suppress(OSError):  # on a full disk, or where a file has this name, without
        folder.mkdir()
        live = LiveFolder(str(folder), os.getpid())
    try:
        yield live
    finally:
        if live is not None:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the folder; of a symbolic link only the link, never what it points at."""
    with contextlib.suppress(OSError):
        if folder.is_symlink():
            folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
