"""Temporary folders that go with the process that made them, however it ends.

On POSIX a shell waits for the end of each folder's process, and removes the folder then. Where the
shell was killed too, whoever makes a folder next finds by its name that it is nobody's, and
removes it. On Linux the shell also kills what the process's workers have started and what has left
their groups (daemons): nobody else could find out any more whose they were.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import weakref
import zlib
from pathlib import Path

NAME = re.compile(r"hpopt-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<created>\d+)-.+")
SECONDS_APART = 3  # two readings of one start time: psutil's are off by the clock's corrections

OWNER = "HPOPT_OWNER"
"""Names, in the environment of all that workers start, the process whose workers they are."""

CLEANUP = """\
read -r _
rm -rf -- "$1"
for file in $(grep -lzxF "$2" /proc/[0-9]*/environ); do
    process=${file#/proc/}
    kill -9 "${process%/environ}"
done
"""
"""The shell's work, when nobody holds its standard input open any more."""


class Scratch:
    """A temporary folder that is made when first asked for, and removed with this object.

    Its name says which process it belongs to. It is made where Python makes its temporary
    files (``TMPDIR``).
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._end: weakref.finalize[..., Scratch] | None = None

    def folder(self) -> Path:
        """Return the folder."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix=f"{folder_prefix()}-"))
                cleanup = _cleanup_process(self._folder)
                self._end = weakref.finalize(self, _remove, self._folder, cleanup, os.getpid())
                self._end.atexit = False  # what still uses it ends at exit too, after that
            return self._folder

    def remove(self) -> None:
        """Remove it with all that is in it, if it was ever made."""
        if self._end is not None:
            self._end()


def folder_prefix() -> str:
    """Return what names of temporary folders begin with: this process on this machine."""
    pid = os.getpid()
    # The start time too: numbers of processes are used again.
    return f"hpopt-{machine_id()}-{pid}-{int(_start_time(pid))}"


def remove_dead_scratch(parent: Path | None = None) -> None:
    """Remove the folders of processes of this user that have ended.

    They lie in `parent`, by default where Python makes its temporary files.

    A folder of another machine or container (on a shared disk) is left alone, because processes
    there can't be seen from here.
    """
    with contextlib.suppress(OSError):
        for folder in (parent or Path(tempfile.gettempdir())).glob(f"hpopt-{machine_id()}-*"):
            match = NAME.fullmatch(folder.name)
            if match is not None and not _is_alive(int(match["pid"]), int(match["created"])):
                shutil.rmtree(folder, ignore_errors=True)


def machine_id() -> str:
    """Return a name of this machine, and of the container on it, of eight characters."""
    namespace = ""
    with contextlib.suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{zlib.crc32(f'{socket.gethostname()} {namespace}'.encode()):08x}"


def _is_alive(pid: int, created: int) -> bool:
    import psutil

    try:
        return abs(_start_time(pid) - created) <= SECONDS_APART
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return False
    except psutil.Error:
        return True


def _start_time(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        import psutil

        return float(psutil.Process(pid).create_time())
    # The name, in brackets, may contain anything. The 20th field after it counts ticks from the
    # boot: nobody can set that clock back.
    ticks = stat.read_text(errors="replace").rpartition(")")[2].split()[19]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def _cleanup_process(folder: Path) -> subprocess.Popen[bytes] | None:
    if os.name != "posix":
        return None
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            ["/bin/sh", "-c", CLEANUP, "hpopt-cleanup", str(folder), f"{OWNER}={folder_prefix()}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",  # it must not keep a disk from being unmounted
            # Where this process is a worker itself, the shell of its driver must not kill this one.
            env={name: value for name, value in os.environ.items() if name != OWNER},
            start_new_session=True,  # Ctrl-C is not for it
        )
    return None


def _remove(folder: Path, cleanup: subprocess.Popen[bytes] | None, owner: int) -> None:
    if os.getpid() != owner:  # a fork of it
        return
    if cleanup is not None and cleanup.stdin is not None:
        cleanup.kill()  # closing its pipe could be too little: a fork may hold it open
        cleanup.wait()
        cleanup.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)
