"""Plain lines, one an event: for logs."""

from __future__ import annotations

import math
import sys
import time
from typing import TextIO

from hpopt.progress.display import ProgressDisplay, Snapshot
from hpopt.progress.wording import in_one_line
from hpopt.terminal import printable

LINE_SECONDS = 10.0  # a log of an hour has 360 lines
BETTER_SECONDS = 1.0  # the first trials of a search are better one after the other


class Lines(ProgressDisplay):
    """Write a line for each new best and every ten seconds: for logs.

    Parameters
    ----------
    stream : text stream, optional
        By default stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._best: int | None = None
        self._shown = -math.inf
        self._done = -1
        self._last = ""

    def show(self, snapshot: Snapshot) -> None:
        """Write a line where there is something new to say."""
        best = snapshot.best.number if snapshot.best is not None else None
        now = time.monotonic()
        due = now - self._shown >= LINE_SECONDS and snapshot.n_done != self._done
        better = best != self._best and now - self._shown >= BETTER_SECONDS
        if due or better:
            line = in_one_line(snapshot, with_config=best != self._best)
            self._best, self._shown, self._done = best, now, snapshot.n_done
            self.say(line)

    def say(self, message: str) -> None:
        """Write a sentence on a line of its own, unless it was the last."""
        line = " ".join(printable(message).split("\n"))
        if line != self._last:
            self._last = line
            self._stream.write(f"hpopt: {line}\n")
            self._stream.flush()

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Write the last line."""
        self.say(f"{in_one_line(snapshot, ended=True)}; ended as {reason}")
