"""Why a command gave no result: its exit code, its last words, and the system's."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpopt.core.trial import Outcome, Status, failed
from hpopt.problems.command.results import Tail

MEMORY = re.compile(
    r"([\w.]+\.)?(MemoryError|OutOfMemoryError|ResourceExhaustedError)\b|.*RESOURCE_EXHAUSTED"
)
"""The last line of a Python script, of PyTorch, TensorFlow or JAX, that has no memory left."""

SHELL_SIGNAL = 128  # a shell's exit code for a signal is this and the signal's number
MOST_LAST = 200  # characters of a line that is no result
MOST_REASON = 500  # characters of the last words in one line
VMSTAT = Path("/proc/vmstat")
KILLS = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)


def memory_kills() -> int | None:
    """Return how many processes Linux has killed for memory on this machine; None if unknown."""
    try:
        found = KILLS.search(VMSTAT.read_bytes())
    except OSError:
        return None
    return int(found[1]) if found else None


def failure(
    code: int, tail: Tail, statuses: Mapping[int, Status], *, kills_before: int | None
) -> Outcome:
    """Return the outcome of a command that ended with an exit code other than 0.

    Parameters
    ----------
    code : int
        Negative for a signal.
    tail : Tail
        What it printed last.
    statuses : mapping of int to status
        What the user says of exit codes.
    kills_before : int or None
        `memory_kills` when it began.
    """
    status: Status = statuses.get(code, "failed")
    words = f"the command ended with exit code {code}"
    number = -code if code < 0 else code - SHELL_SIGNAL
    if code < 0 or number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        words = f"the command was ended by {_signal_name(number)}"
    if number == signal.SIGKILL and code not in statuses:
        kills = memory_kills()
        if kills is not None and kills_before is not None and kills > kills_before:
            status, words = "out_of_memory", f"{words}, by the system, as memory ran out"
        else:
            words = f"{words}, from outside"
    elif status == "failed" and MEMORY.match(tail.last):
        status = "out_of_memory"
    reason = tail.reason[:MOST_REASON]
    return with_tail(failed(f"{words}: {reason}" if reason else words, status=status), tail)


def said_failure(result: Mapping[str, Any], tail: Tail) -> Outcome:
    """Return the outcome that a command itself has declared to be none."""
    status: Status = "invalid" if result["status"] == "invalid" else "failed"
    reason = next((str(result[key]) for key in REASONS if result.get(key)), "")
    words = f"the command printed that it is {status}"
    return with_tail(failed(f"{words}: {reason}" if reason else words, status=status), tail)


REASONS = ("reason", "error", "message")


def no_result(objectives: Sequence[str], where: str, tail: Tail) -> Outcome:
    """Return the outcome of a command that ended well, but gave no result."""
    example = "{" + ", ".join(f'"{name}": 0.25' for name in objectives) + "}"
    alone = " or a number alone," if len(objectives) == 1 and "stdout" in where else ""
    last = f"the last line is {tail.last[:MOST_LAST]!r}" if tail.last else "it printed nothing"
    why = f"the command must give JSON such as {example},{alone} {where}, but {last}"
    return with_tail(failed(why), tail)


def with_tail(outcome: Outcome, tail: Tail) -> Outcome:
    """Return an outcome with the last lines of what was printed in place of a traceback."""
    return replace(outcome, traceback=tail.text or None)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
