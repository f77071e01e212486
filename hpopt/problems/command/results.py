"""What a command prints, read line by line: reports, the result, a status."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpopt.core.plain import as_float

MOST_LINE = 1_000_000  # bytes of a line that is looked at: a result with all its lists
N_TAIL = 40  # lines that a failure is told with: a traceback, and what was before it
MOST_TAIL = 10_000  # characters of them
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|nan|inf(inity)?)", re.I)
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")
N_REASON = 3  # lines of a reason that is no exception of Python's: R says last that it halts


class Lines:
    """Cut a stream into lines of text, whatever it consists of.

    Of a line that a progress bar has written over, the last state counts. A line that is too long
    is left out.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._is_too_long = False

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the lines that end in `data`."""
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            if not self._is_too_long and len(line) <= MOST_LINE:
                yield _text(line)
            self._is_too_long = False
        self._is_too_long = self._is_too_long or len(rest) > MOST_LINE
        self._rest = b"" if self._is_too_long else rest

    def end(self) -> Iterator[str]:
        """Yield what stands behind the last line break."""
        if self._rest:
            yield _text(self._rest)
        self._rest = b""


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", errors="replace")


class Tail:
    """The last lines of a stream, for the reason of a failure."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=N_TAIL)

    def add(self, line: str) -> None:
        """Add a line."""
        if line.strip():
            self._lines.append(line[-MOST_TAIL:].rstrip())

    @property
    def text(self) -> str:
        """All of them."""
        return "\n".join(self._lines)[-MOST_TAIL:]

    @property
    def last(self) -> str:
        """The last of them; empty without any."""
        return self._lines[-1].strip() if self._lines else ""

    @property
    def reason(self) -> str:
        """The last of them in one line: an exception of Python's alone, else a few lines."""
        lines = [line.strip() for line in self._lines]
        if lines and not EXCEPTION.match(lines[-1]):
            return " | ".join(lines[-N_REASON:])
        return lines[-1] if lines else ""


class ResultReader:
    """Find reports and the result among the lines of a command.

    Parameters
    ----------
    objectives : sequence of str
        Their names.
    patterns : mapping of str to pattern
        Where the result is not JSON: for each number a pattern, whose first group is the number.
    """

    def __init__(self, objectives: Sequence[str], patterns: Mapping[str, re.Pattern[str]]) -> None:
        self._objectives, self._patterns = objectives, patterns
        self._best: Any = None  # names an objective, or a status
        self._other: Any = None  # JSON, at least
        self._matched: dict[str, Any] = {}

    def read(self, line: str) -> tuple[float, dict[str, float]] | None:
        """Read a line; return the step and the values of a report, where it is one."""
        if self._patterns:
            found = {
                name: match[1] if match.re.groups else match[0]
                for name, pattern in self._patterns.items()
                if (match := pattern.search(line))
            }
            self._matched |= {name: number_in(text) for name, text in found.items()}
            return self._report({**found, "step": self._matched.get("step")})
        value = parsed(line)
        if isinstance(value, Mapping):
            if any(name in value for name in self._objectives) or is_failure(value):
                self._best = value
            else:
                self._other = value
            return self._report(value)
        if value is not None and len(self._objectives) == 1:
            self._best = value
        return None

    def _report(self, found: Mapping[str, Any]) -> tuple[float, dict[str, float]] | None:
        step = as_float(number_in(found.get("step")))
        if step is None or not math.isfinite(step):
            return None
        values = {name: as_float(number_in(found.get(name))) for name in self._objectives}
        known = {name: value for name, value in values.items() if value is not None}
        return (step, known) if known else None

    @property
    def result(self) -> Any:
        """The number or mapping that the evaluation comes to; None without one."""
        if self._patterns:
            return without_step(self._matched) or None
        return without_step(self._other if self._best is None else self._best)


def parsed(text: str) -> Any:
    """Return the JSON object or the number that a text is; None for anything else."""
    text = text.strip()
    if NUMBER.fullmatch(text):
        return float(text)
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def number_in(text: Any) -> Any:
    """Return the number that a text is; all else as it is."""
    if isinstance(text, str) and NUMBER.fullmatch(text.strip()):
        return float(text)
    return text


def is_failure(value: Any) -> bool:
    """Return whether a result says that there is none."""
    return isinstance(value, Mapping) and value.get("status") in ("failed", "invalid")


def without_step(value: Any) -> Any:
    """Return a result without its step, which is none of its numbers."""
    if isinstance(value, Mapping) and "step" in value:
        return {name: each for name, each in value.items() if name != "step"}
    return value
