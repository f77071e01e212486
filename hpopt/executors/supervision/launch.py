"""Start the interpreter of a worker process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping

from hpopt.errors import WorkerNotStarted
from hpopt.executors.supervision.scratch import OWNER, folder_prefix
from hpopt.process_tree import kill_when_closed

BOOT = """\
import os, sys
streams = os.dup(0), os.dup(1)
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
driver, parent_pipe = map(int, sys.argv[1:3])
sys.path[:] = sys.argv[3:]
del sys.argv[1:]
from hpopt.executors.supervision.child import main
main(*streams, driver, parent_pipe)
"""
"""What the process runs. It takes the driver's sys.path before it imports anything (where
``python -m`` would put the working directory first), so hpopt is found wherever the driver
found it, and no file that happens to lie around hides a module."""

FILES = "allow more open files (ulimit -n) or take fewer workers"
PROCESSES = "free memory, allow more processes (ulimit -u) or take fewer workers"
ADVICE = {
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.EAGAIN: PROCESSES,
    errno.ENOMEM: PROCESSES,
}


def start_error(error: BaseException, by: str = "") -> WorkerNotStarted:
    """Return the error of a worker process that could not be started, with what can be done."""
    number = error.errno if isinstance(error, OSError) else None
    advice = f": {ADVICE[number]}" if number in ADVICE else ""
    return WorkerNotStarted(f"a worker process must be started{by}, but {error}{advice}")


def start_process(
    environment: Mapping[str, str], output: int
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a worker process as a child of this process.

    Parameters
    ----------
    environment : mapping of str to str
        Its environment variables; one more is added, which says whose worker it is.
    output : int
        A file descriptor that takes its standard error, and its standard output once it is up.

    Returns
    -------
    process : subprocess.Popen
        Its standard input and output are the pipes to and from it.
    parent_pipe : int
        The end of the parent-death pipe that this process must hold open as long as the other one
        may live; -1 where there is none.

    Raises
    ------
    WorkerNotStarted
        When the system starts none.
    """
    _check_main_program()
    theirs = ours = -1
    try:
        if os.name == "posix":
            theirs, ours = os.pipe()
        process = subprocess.Popen(
            _command(theirs),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            bufsize=0,  # frames are written whole, and must not wait for more
            env={**environment, OWNER: folder_prefix()},
            pass_fds=[theirs] if theirs >= 0 else [],
            start_new_session=os.name == "posix",  # Ctrl-C of the terminal reaches the driver only
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        # Here and in the worker: this one may be killed before the worker comes to it.
        kill_when_closed(theirs, -process.pid)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        close_descriptor(ours)
        raise start_error(error, f" by {sys.executable!r}") from error
    finally:
        close_descriptor(theirs)  # else this process would hold both ends, and it never closed
    return process, ours


def close_descriptor(descriptor: int) -> None:
    """Close a file descriptor, unless it is -1."""
    if descriptor >= 0:
        os.close(descriptor)


def _check_main_program() -> None:
    # A child that multiprocessing spawns imports the script. If that searched, the children of
    # that search would, too, without an end.
    process = sys.modules.get("multiprocessing.process")
    if process is not None and getattr(process.current_process(), "_inheriting", False):
        raise WorkerNotStarted(
            "a worker process must be started by a program that runs, but multiprocessing imports "
            "this one to start a child of its own: put the search under "
            "if __name__ == '__main__'"
        )


def _command(parent_pipe: int) -> list[str]:
    path = [entry for entry in sys.path if isinstance(entry, str)]
    warnings = [f"-W{option}" for option in sys.warnoptions]
    numbers = map(str, (os.getpid(), parent_pipe))
    return [sys.executable, *warnings, "-c", BOOT, *numbers, *path]
