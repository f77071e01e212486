"""Start the interpreter of a worker process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping
from io import FileIO
from typing import cast

from hpopt.errors import WorkerNotStarted
from hpopt.executors.supervision import process_tree
from hpopt.executors.supervision.parent_death import kill_at_end_of
from hpopt.executors.supervision.scratch import OWNER, own_prefix

BOOT = """\
import os, sys
streams = os.dup(0), os.dup(1)
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
driver, lifeline = map(int, sys.argv[1:3])
sys.path[:] = sys.argv[3:]
del sys.argv[1:]
from hpopt.executors.supervision.child import main
main(*streams, driver, lifeline)
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


def not_started(error: BaseException, by: str = "") -> WorkerNotStarted:
    """Give the error of a worker process that could not be started, with what can be done."""
    number = error.errno if isinstance(error, OSError) else None
    advice = f": {ADVICE[number]}" if number in ADVICE else ""
    return WorkerNotStarted(f"a worker process must be started{by}, but {error}{advice}")


class Child:
    """A worker process that is a child of this process.

    Parameters
    ----------
    process : subprocess.Popen
    lifeline : int
        The end of a pipe that this process holds open as long as the other one may live; -1 where
        there is none.
    """

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int) -> None:
        self._process, self._lifeline = process, lifeline
        self.pid = process.pid

    @property
    def inbox(self) -> FileIO:
        """Where frames for it go."""
        return cast(FileIO, self._process.stdin)

    @property
    def outbox(self) -> FileIO:
        """Where frames from it come."""
        return cast(FileIO, self._process.stdout)

    def has_ended(self) -> bool:
        """Say whether it has ended, waited for or not."""
        return process_tree.is_dead(self.pid)

    def kill(self) -> None:
        """Kill it with all that it started. It must not have been waited for."""
        process_tree.kill_process_tree(self.pid)

    def wait(self) -> int:
        """Wait for its end, and give its exit status: negative for a signal."""
        status = self._process.wait()
        close_descriptor(self._lifeline)
        self._lifeline = -1
        return status


def owned(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment that says whose worker has it: this process's."""
    return {**environment, OWNER: own_prefix()}


def start_process(
    environment: Mapping[str, str],
    output: int,
) -> Child:
    """Start a worker process as a child of this process.

    Parameters
    ----------
    environment : mapping of str to str
        All of its environment variables; see `owned`.
    output : int
        A file descriptor that takes its standard error, and its standard output once it is up.

    Raises
    ------
    WorkerNotStarted
        When the system starts none.
    """
    _check_that_the_program_runs()
    theirs = ours = -1
    try:
        if os.name == "posix":
            theirs, ours = os.pipe()
        process = subprocess.Popen(
            _command(theirs),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            bufsize=0,
            env=environment,
            pass_fds=[theirs] if theirs >= 0 else [],
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        kill_at_end_of(theirs, -process.pid)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        close_descriptor(ours)
        raise not_started(error, f" by {sys.executable!r}") from error
    finally:
        close_descriptor(theirs)
    return Child(process, ours)


def close_descriptor(descriptor: int) -> None:
    """Close a file descriptor, if it is one."""
    if descriptor >= 0:
        os.close(descriptor)


def _check_that_the_program_runs() -> None:
    """Refuse to search in a child that only imports the script: its own children would, too."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and getattr(process.current_process(), "_inheriting", False):
        raise WorkerNotStarted(
            "a worker process must be started by a program that runs, but multiprocessing imports "
            "this one to start a child of its own: put the search under "
            "if __name__ == '__main__'"
        )


def _command(lifeline: int) -> list[str]:
    path = [entry for entry in sys.path if isinstance(entry, str)]
    warnings = [f"-W{option}" for option in sys.warnoptions]
    numbers = map(str, (os.getpid(), lifeline))
    return [sys.executable, *warnings, "-c", BOOT, *numbers, *path]
