"""A bar on a terminal."""

from __future__ import annotations

import math
import sys
import time
from typing import Any, TextIO

from hpopt.progress.display import ProgressDisplay, Snapshot
from hpopt.progress.wording import count_in_words, lines_below, wrapped_at_words
from hpopt.sheets import Sheet
from hpopt.terminal import printable

BAR_SECONDS = 0.1  # the eye takes it for motion, and drawing takes some 2 ms
MOST_LINES = 2  # of the best config, and of what is tried: a dozen parameters at 80 columns
SHORTEST = 10  # columns of a bar beside the count: one for each tenth


class Bar(ProgressDisplay):
    """Draw a progress bar, under it the best config, what is being tried, and how.

    Parameters
    ----------
    stream : text stream, optional
        Where to draw. By default stderr, and what is printed meanwhile appears above the bar.
    with_result : bool
        Whether to show the best trials at the end.
    """

    def __init__(self, stream: TextIO | None = None, *, with_result: bool = True) -> None:
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
        self.shows_result = with_result

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
        """Print a sentence above the bar; it goes over several lines between words."""
        from rich.text import Text

        self._console.print(Text(printable(message)), highlight=False)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Leave the final state behind."""
        self._live.stop()
        nearest = f"; {snapshot.nearest}" if snapshot.best is None and snapshot.nearest else ""
        self.say(f"{count_in_words(snapshot, ended=True)}{nearest}; ended as {reason}")

    def show_result(self, result: Sheet) -> None:
        """Print the table of the best trials."""
        self._console.print(result, highlight=False)

    def _drawn(self, snapshot: Snapshot) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        known = snapshot.total < math.inf
        share = snapshot.total if known else max(1.0, snapshot.n_done)
        bar = ProgressBar(total=share, completed=snapshot.n_done if known else 0, pulse=not known)
        width, count = self._console.width, count_in_words(snapshot)
        if len(count) + SHORTEST < width:
            row = Table.grid(padding=(0, 1), expand=True)
            row.add_column(ratio=1)
            row.add_column(justify="right", no_wrap=True)
            row.add_row(bar, Text(count))
            lines: list[Any] = [row]
        else:
            lines = [bar, Text(count)]
        for line in lines_below(snapshot):
            wrapped = wrapped_at_words(printable(line), width, most=MOST_LINES)
            lines += [Text(each, overflow="ellipsis", no_wrap=True) for each in wrapped]
        return Group(*lines)
