"""Programs that JAX has compiled, kept in a folder of the user's from process to process."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# A program of a small network takes some 100 kB.
MOST_BYTES = 512 * 2**20


@functools.cache  # once in a process
def keep_compiled(keras: Any) -> None:
    """Let JAX keep what it compiles, if it is the backend and the user has not chosen a folder.

    New worker processes, and later studies of the same networks, then read in place of compiling:
    some hundredths of a second for each program in place of seconds.
    """
    if keras.backend.backend() != "jax":
        return
    jax = import_module("jax")
    if jax.config.jax_compilation_cache_dir is not None:  # by the user, or by its own variable
        return
    folder = user_cache() / "hpopt" / "jax"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _prune(folder)
    except OSError:
        return  # a home that cannot be written to: JAX compiles anew in each process
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # By default only what takes a second to compile is kept: of small networks half of it.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    with contextlib.suppress(ImportError, AttributeError):
        # JAX has looked for a folder already, when it compiled its first program.
        import_module("jax.experimental.compilation_cache.compilation_cache").reset_cache()


def user_cache() -> Path:
    """Return the folder for the caches of this user, as the platform has it."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _prune(folder: Path) -> None:
    """Remove the oldest files of a folder that has become too large, down to half of that."""
    found = [(each.stat(), each) for each in folder.iterdir()]
    n_bytes = sum(state.st_size for state, _ in found)
    if n_bytes <= MOST_BYTES:
        return
    for state, path in sorted(found, key=lambda each: each[0].st_mtime):
        if n_bytes <= MOST_BYTES // 2:
            break
        path.unlink(missing_ok=True)  # another process may prune too
        n_bytes -= state.st_size
