"""The worker process: it evaluates what its driver sends, one call at a time.

`Worker` starts it. The main thread evaluates, because frameworks and signals want the main
thread; another one looks out for the driver's end. Before anything else is imported, the pipes
to the driver have been moved away from the standard streams, so whatever a library, C code or
a dying interpreter prints goes to the output file and never between the frames.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import pickle
import sys
from io import FileIO

from hpopt.errors import WorkerLost
from hpopt.executors.supervision import gpu_memory, main_module, parent_death
from hpopt.executors.supervision.output import c_library, c_stdout, flush, take_end
from hpopt.executors.supervision.process_memory import PeakMemory
from hpopt.executors.supervision.transfer import (
    COST,
    Kind,
    dump_exception,
    dump_result,
    load_call,
    read_frame,
    write_frame,
)
from hpopt.process_tree import kill_leftovers

LINE_BUFFERED = 1  # _IOLBF of <stdio.h> in glibc, musl and macOS


def main(inbox: int, outbox: int, driver: int, parent_pipe: int) -> None:
    """Serve a driver until it says stop, or goes away.

    Parameters
    ----------
    inbox, outbox : int
        File descriptors of the pipes from and to the driver.
    driver : int
        Its process id.
    parent_pipe : int
        The parent-death pipe, which ends when the driver does, or -1.
    """
    parent_death.die_with_driver(driver, parent_pipe)  # first: what follows may take a second
    main_module.clear_main()
    parent_death.adopt_orphans()
    parent_death.be_killed_first()
    parent_death.keep_from_children([inbox, outbox, parent_pipe])
    faulthandler.enable()  # a crash in C code prints where Python was
    gpu_memory.limit_gpu_memory()
    _buffer_by_lines()
    parent_death.watch_driver(inbox, driver)
    # A copy of the output file's descriptor: a call may close or redirect its own.
    _serve(FileIO(inbox, "rb"), FileIO(outbox, "wb"), os.dup(2))


def _serve(inbox: FileIO, outbox: FileIO, output: int) -> None:
    directory: str | None = None
    memory = PeakMemory()
    write_frame(outbox, Kind.READY)
    while True:
        frame = read_frame(inbox)
        if frame is None:
            parent_death.die()
        kind, body = frame
        if kind is Kind.STOP:
            break
        if kind is Kind.CALL_ENVIRONMENT:
            directory, sys.path[:], script = pickle.loads(body)
            main_module.pose_as(script)
            continue
        if directory is not None:
            with contextlib.suppress(OSError):  # the last call may have gone elsewhere
                os.chdir(directory)
        memory.reset()  # after the last result has been freed
        answer, result = _perform(body, outbox)
        del frame, body  # a call may be as large as its data
        flush()
        printed = take_end(output)
        write_frame(outbox, answer, COST.pack(memory.read(), len(printed)), printed, result)
        del result
        kill_leftovers()  # after the answer, which need not wait for it
    kill_leftovers()


def _perform(call: bytearray, outbox: FileIO) -> tuple[Kind, bytes]:
    try:
        function, args, kwargs = load_call(call)
        write_frame(outbox, Kind.BEGAN)
        return Kind.VALUE, dump_result(function(*args, **kwargs))
    except KeyboardInterrupt:
        lost = WorkerLost("the call was interrupted (SIGINT) in its worker process")
        return Kind.RAISED, dump_exception(lost)
    except BaseException as error:
        return Kind.RAISED, dump_exception(error)


def _buffer_by_lines() -> None:
    # A crash must not take printed lines along.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        c_library().setvbuf(c_stdout(), None, LINE_BUFFERED, 0)
