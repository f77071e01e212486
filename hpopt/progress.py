"""Show a running study: a bar on a terminal, plain lines elsewhere, nothing on request."""

from __future__ import annotations

import json
import math
import sys
import textwrap
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TextIO

from hpopt.core import Objective, Trial
from hpopt.terminal import printable

LINE_SECONDS = 10.0  # a log of an hour has 360 lines
BETTER_SECONDS = 1.0  # the first trials of a search are better one after the other
BAR_SECONDS = 0.1  # the eye takes it for motion, and drawing takes some 2 ms


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to show of a running study.

    Attributes
    ----------
    n_done, n_bad : int
        Finished trials of the whole study, and those of them without values.
    n_new : int
        Trials that have finished in this run.
    n_running : int
        Solutions that are being evaluated.
    total : float
        How many trials the study will have: an int, or inf.
    seconds, limit : float
        How long this run has taken and may take (or inf).
    best : Trial or None
    objective : Objective
    doing : str
        What the strategy does now; empty where it has one way only.
    spent : str
        What was spent of the problem's fidelity, of what all configs would take; empty where that
        is the same.
    nearest : str
        Where no trial is feasible yet, which is the nearest to it, in words.
    """

    n_done: int
    n_bad: int
    n_new: int
    n_running: int
    total: float
    seconds: float
    limit: float
    best: Trial | None
    objective: Objective
    doing: str = ""
    spent: str = ""
    nearest: str = ""

    @property
    def remaining(self) -> float:
        """The time left in seconds, judged by the trials of this run; inf where nobody knows."""
        by_time = self.limit - self.seconds
        by_trials = math.inf
        if self.n_new and self.total < math.inf:
            by_trials = self.seconds / self.n_new * max(0.0, self.total - self.n_done)
        return max(0.0, min(by_time, by_trials))


class ProgressDisplay(ABC):
    """Show snapshots to a person."""

    def begin(self) -> None:  # noqa: B027
        """Start to show."""

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Show the state; called after every trial and several times a second."""

    def say(self, message: str) -> None:  # noqa: B027
        """Show a sentence."""

    def end(self, snapshot: Snapshot, reason: str) -> None:  # noqa: B027
        """Show the final state and why the run ended."""


class Silent(ProgressDisplay):
    """Show nothing."""

    def show(self, snapshot: Snapshot) -> None:
        """Show nothing."""


class Lines(ProgressDisplay):
    """Write a line for each new best and every ten seconds: for logs and notebooks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._best: int | None = None
        self._shown = -math.inf
        self._done = -1

    def show(self, snapshot: Snapshot) -> None:
        """Write a line where there is something new to say."""
        best = snapshot.best.number if snapshot.best is not None else None
        now = time.monotonic()
        due = now - self._shown >= LINE_SECONDS and snapshot.n_done != self._done
        better = best != self._best and now - self._shown >= BETTER_SECONDS
        if due or better:
            self._best, self._shown, self._done = best, now, snapshot.n_done
            self.say(in_one_line(snapshot))

    def say(self, message: str) -> None:
        """Write a sentence on a line of its own."""
        self._stream.write(f"hpopt: {printable(message)}\n")
        self._stream.flush()

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Write the last line."""
        self.say(f"{in_one_line(snapshot, ended=True)}; ended as {reason}")


class Bar(ProgressDisplay):
    """Draw a progress bar, under it the best config and what the strategy does, by `rich`.

    Parameters
    ----------
    stream : text stream, optional
        Where to draw. By default stderr, and what is printed meanwhile appears above the bar.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True) if stream is None else Console(file=stream)
        # What a trial prints appears above the bar, unless it goes somewhere else than the bar.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=stream is None and sys.stdout.isatty(),
            redirect_stderr=stream is None,
        )
        self._shown = -math.inf

    def begin(self) -> None:
        """Start to draw."""
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        """Draw the state, ten times a second at most."""
        now = time.monotonic()
        if now - self._shown >= BAR_SECONDS:
            self._shown = now
            self._live.update(self._drawn(snapshot), refresh=True)

    def say(self, message: str) -> None:
        """Print a sentence above the bar."""
        self._console.print(printable(message), markup=False, highlight=False, soft_wrap=True)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Leave the final state behind."""
        self._live.stop()
        self.say(f"{in_one_line(snapshot, ended=True)}; ended as {reason}")

    def _drawn(self, snapshot: Snapshot) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        known = snapshot.total < math.inf
        share = snapshot.total if known else max(1.0, snapshot.n_done)
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(ratio=1)
        row.add_column(justify="right")
        bar = ProgressBar(total=share, completed=snapshot.n_done if known else 0, pulse=not known)
        row.add_row(bar, Text(count_in_words(snapshot)))
        lines: list[Any] = [row]
        if snapshot.best is not None or snapshot.nearest:
            lines.append(
                Text(printable(best_in_words(snapshot)), overflow="ellipsis", no_wrap=True)
            )
        if snapshot.doing:
            doing = cut_at_word(printable(snapshot.doing), self._console.width)
            lines.append(Text(doing, overflow="ellipsis", no_wrap=True))
        return Group(*lines)


def make_display(progress: bool | ProgressDisplay, stream: TextIO | None = None) -> ProgressDisplay:
    """Choose: a bar where the stream (by default stderr) is a terminal, else lines; or nothing."""
    if isinstance(progress, ProgressDisplay):
        return progress
    if not progress:
        return Silent()
    is_terminal = (sys.stderr if stream is None else stream).isatty()
    return Bar(stream) if is_terminal else Lines(stream)


def in_one_line(snapshot: Snapshot, *, ended: bool = False) -> str:
    """Return the state in one line."""
    has_best = snapshot.best is not None or snapshot.nearest
    best = f"; {best_in_words(snapshot)}" if has_best else ""
    return f"{count_in_words(snapshot, ended=ended)}{best}"


def count_in_words(snapshot: Snapshot, *, ended: bool = False) -> str:
    """Return how far the study is in words, and how much time is left where it goes on."""
    # A study may have more trials than a later run's smaller budget: "25/20" would be no share.
    total = f"/{int(snapshot.total)}" if snapshot.n_done <= snapshot.total < math.inf else ""
    parts = [f"{snapshot.n_done}{total} trials"]
    if snapshot.n_bad:
        parts.append(f"{snapshot.n_bad} failed")
    if snapshot.n_running:
        parts.append(f"{snapshot.n_running} running")
    parts.append(duration(snapshot.seconds))
    if snapshot.spent:
        parts.append(snapshot.spent)
    if 0 < snapshot.remaining < math.inf and not ended:
        parts.append(f"{duration(snapshot.remaining)} left")
    return ", ".join(parts)


def best_in_words(snapshot: Snapshot) -> str:
    """Return the best value and its config in words."""
    best = snapshot.best
    if best is None:
        return snapshot.nearest or "no value yet"
    value = best.values[snapshot.objective.name]
    config = json.dumps(best.config, default=str, ensure_ascii=False)
    at = best.solution.fidelity
    where = f"trial {best.number}" + (f" at {at:g}" if at is not None and snapshot.spent else "")
    return f"best {snapshot.objective.name} {value:.6g} ({where}) {config}"


def cut_at_word(text: str, width: int) -> str:
    """Return the words of a text that a line of so many characters has room for."""
    return textwrap.shorten(text, width, placeholder=" …", break_on_hyphens=False)


def duration(seconds: float) -> str:
    """Write a duration as 0:07, 12:34 or 3:12:34."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
