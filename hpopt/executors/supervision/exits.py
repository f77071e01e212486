"""The error of a call that gave no answer: how its process ended, in words."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Literal

from hpopt.core.amounts import in_units
from hpopt.errors import (
    EvaluationLost,
    MemoryLimitExceeded,
    TimeLimitExceeded,
    WorkerLost,
    WorkerNotStarted,
)
from hpopt.executors.limits import Limits

Verdict = Literal["time", "memory", "stopped", "driver"]

SIGNALS = {
    "SIGSEGV": "a segmentation fault in C code",
    "SIGBUS": "a bus error, often a mapped file that was cut short or a full disk",
    "SIGABRT": "C code that gave up, often a failed assertion",
    "SIGFPE": "an arithmetic error in C code",
    "SIGILL": "an illegal instruction, often a library built for another processor",
    "SIGKILL": "from outside: often the system, because memory ran out",
    "SIGTERM": "asked to end from outside",
    "SIGXCPU": "the system's limit on processor time",
    "SIGXFSZ": "the system's limit on the size of files",
}


@dataclass(slots=True)
class Run:
    """A call in a worker: its limits, what it took, and why it was ended, where it was."""

    limits: Limits
    began: float | None = None
    memory: int = 0
    n_stopped: int = 0  # looks in a row that found its process stopped (SIGSTOP)
    verdict: Verdict | None = None

    @property
    def seconds(self) -> float:
        """How long it has run by now."""
        return 0.0 if self.began is None else time.monotonic() - self.began


def lost_call_error(
    run: Run, seconds: float, how: str, output: str, *, started: bool = True
) -> EvaluationLost:
    """Return the error of a call that gave no answer.

    `how` its process ended is the message where no verdict says more; `started` is whether that
    had ever been up.
    """
    kind: type[EvaluationLost] = WorkerLost if started else WorkerNotStarted
    message = f"the worker process {how}"
    if run.verdict == "time":
        kind = TimeLimitExceeded
        message = f"the call ran longer than its limit of {run.limits.time:g} s and was killed"
    elif run.verdict == "memory":
        kind = MemoryLimitExceeded
        message = (
            f"the call took {in_units(run.memory)} of memory, more than its limit of "
            f"{in_units(run.limits.bytes or 0)}, and was killed"
        )
    elif run.verdict == "stopped":
        when = "before the call began" if run.began is None else "and nobody let it go on"
        message = f"the worker process was stopped (SIGSTOP) {when}, and was killed"
    elif run.verdict == "driver":
        kind, message = WorkerLost, "the worker process was killed by the driver"
    return kind(message, seconds=seconds, memory=run.memory or None, output=output)


def exit_in_words(returncode: int) -> str:
    """Describe an exit status (negative for a signal), as the end of a sentence."""
    if returncode >= 0:
        return f"ended with exit code {returncode}, as by os._exit, before there was a result"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        return f"was ended by signal {-returncode}"
    why = SIGNALS.get(name)
    return f"was ended by {name}" + (f" ({why})" if why else "")


def last_line(output: str) -> str:
    """Return the last line of a process's output as the end of a message, where there is one."""
    lines = output.strip().splitlines()
    return f": {lines[-1].strip()}" if lines else ""
