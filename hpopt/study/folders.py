"""Where the files of trials lie: a folder for each, beside the study file."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path

from hpopt.executors.supervision.output import MOST_BYTES, as_text
from hpopt.executors.supervision.scratch import folder_prefix


class TrialFolders:
    """Name a folder for each trial; it is made by the trial that asks for it.

    Those of a study in memory are temporary, and removed with it.

    Parameters
    ----------
    study : path or None
        The study file; None in memory.

    Attributes
    ----------
    root : str or None
        The folder that they lie in; None in memory, as long as no trial has one.
    """

    def __init__(self, study: Path | None) -> None:
        self.root = None if study is None else f"{study}.files"

    def of(self, number: int) -> str:
        """Return the folder of a trial's number."""
        if self.root is None:
            name = f"{folder_prefix()}-study-{secrets.token_hex(8)}"
            self.root = f"{tempfile.gettempdir()}{os.sep}{name}"
            weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        return f"{self.root}{os.sep}{number}"


def end_of_file(path: Path) -> str:
    """Return the last 20,000 characters of a file; nothing where it cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait for who writes it
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_BYTES))
            return as_text(file.read(MOST_BYTES))
    except OSError:
        return ""
