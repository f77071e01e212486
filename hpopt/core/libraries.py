"""Tell the files of Python, hpopt and installed packages from a user's own."""

from __future__ import annotations

import sysconfig
from pathlib import Path

INSTALLED = ("site-packages", "dist-packages")
FOLDERS = tuple(
    f"{Path(path).resolve()}/" for path in (Path(__file__).parents[1], sysconfig.get_path("stdlib"))
)


def is_of_library(filename: str) -> bool:
    """Return whether a file, as a traceback names it, is none of the user's own."""
    is_installed = any(folder in filename for folder in INSTALLED)
    return is_installed or filename.startswith(("<frozen", *FOLDERS))
