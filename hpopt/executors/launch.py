"""Start the interpreter of a worker process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from hpopt.errors import WorkerNotStarted
from hpopt.executors.lifeline import kill_at_end_of
from hpopt.executors.output import OutputFile
from hpopt.executors.scratch import OWNER, own_prefix

BOOT = """\
import os, sys
streams = os.dup(0), os.dup(1)
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
driver, lifeline, rights = map(int, sys.argv[1:4])
sys.path[:] = sys.argv[4:]
del sys.argv[1:]
from hpopt.executors.child import main
main(*streams, driver, lifeline, rights)
"""
"""What the process runs. It takes the driver's sys.path before it imports anything (where
``python -m`` would put the working directory first), so hpopt is found wherever the driver
found it, and no file that happens to lie around hides a module."""


def start_process(
    environment: Mapping[str, str], output: OutputFile, rights: int
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a worker process.

    Parameters
    ----------
    environment : mapping of str to str
        All of its environment variables.
    output : OutputFile
        Takes its standard error, and its standard output once it is up.
    rights : int
        The end of a pipe that it gets; see `Rights`.

    Returns
    -------
    process : subprocess.Popen
        Its stdin and stdout are the pipes for frames.
    lifeline : int
        The end of a pipe that the driver must hold open as long as the process may live; -1
        where there is none.

    Raises
    ------
    WorkerNotStarted
        When the system starts none.
    """
    theirs, ours = os.pipe() if os.name == "posix" else (-1, -1)
    try:
        process = subprocess.Popen(
            _command(theirs, rights),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output.fileno(),
            bufsize=0,
            env={**environment, OWNER: own_prefix()},
            pass_fds=[end for end in (theirs, rights) if end >= 0],
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        kill_at_end_of(theirs, -process.pid)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        close_descriptor(ours)
        raise WorkerNotStarted(
            f"a worker process must be started by {sys.executable!r}, but {error}"
        ) from error
    finally:
        close_descriptor(theirs)
    return process, ours


def close_descriptor(descriptor: int) -> None:
    """Close a file descriptor, if it is one."""
    if descriptor >= 0:
        os.close(descriptor)


def _command(lifeline: int, rights: int) -> list[str]:
    path = [entry for entry in sys.path if isinstance(entry, str)]
    warnings = [f"-W{option}" for option in sys.warnoptions]
    numbers = map(str, (os.getpid(), lifeline, rights))
    return [sys.executable, *warnings, "-c", BOOT, *numbers, *path]
