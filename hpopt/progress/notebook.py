"""One output of a notebook's cell, updated in place."""

from __future__ import annotations

import math
import sys
import time
from typing import Any

from hpopt.progress.display import ProgressDisplay, Snapshot
from hpopt.progress.wording import count_in_words, lines_below
from hpopt.sheets import Sheet
from hpopt.terminal import printable

UPDATE_SECONDS = 0.25  # each is a message to the browser, and all of them are kept by some
MOST_SAID = 20  # sentences that are kept: the last ones, less than a screen


class Notebook(ProgressDisplay):
    """Show the state in one output of the cell: a bar, the best, what is tried, what was said."""

    shows_result = True

    def __init__(self) -> None:
        self._said: list[str] = []
        self._shown = -math.inf
        self._handle: Any = None
        self._output = _Output([], [])

    def begin(self) -> None:
        """Show an output that is updated from then on."""
        import IPython

        show: Any = IPython.display.display
        self._handle = show(self._output, display_id=True)

    def show(self, snapshot: Snapshot) -> None:
        """Update the output, four times a second at most."""
        now = time.monotonic()
        if now - self._shown >= UPDATE_SECONDS:
            self._shown = now
            lines = [count_in_words(snapshot), *lines_below(snapshot)]
            self._update(lines, _share(snapshot), self._said)

    def say(self, message: str) -> None:
        """Add a sentence below the state."""
        self._said.append(message)
        del self._said[:-MOST_SAID]
        self._update(self._output.lines, self._output.share, self._said)

    def end(self, snapshot: Snapshot, reason: str) -> None:
        """Show the final state and what was said."""
        nearest = [snapshot.nearest] if snapshot.best is None and snapshot.nearest else []
        ended = f"{count_in_words(snapshot, ended=True)}; ended as {reason}"
        self._update([ended, *nearest], None, self._said)

    def show_result(self, result: Sheet) -> None:
        """Show the table of the best trials below the final state."""
        self._update(self._output.lines, None, self._said, result)

    def _update(
        self,
        lines: list[str],
        share: float | None,
        said: list[str],
        result: Sheet | None = None,
    ) -> None:
        self._output = _Output(lines, list(said), share, result)
        if self._handle is not None:
            self._handle.update(self._output)


class _Output:
    """What the cell shows: HTML, and text where that cannot be shown."""

    def __init__(
        self,
        lines: list[str],
        said: list[str],
        share: float | None = None,
        result: Sheet | None = None,
    ) -> None:
        self.lines, self.said, self.share, self.result = lines, said, share, result

    def _repr_html_(self) -> str:
        bar = "" if self.share is None else _bar(self.share)
        lines = "".join(f"<div>{_escaped(line)}</div>" for line in self.lines)
        said = "".join(f"<li>{_escaped(sentence)}</li>" for sentence in self.said)
        below = f"<ul>{said}</ul>" if said else ""
        table = "" if self.result is None else self.result._repr_html_()
        return f"<div>{bar}{lines}{below}{table}</div>"

    def __repr__(self) -> str:
        texts = [printable(line) for line in (*self.lines, *self.said)]
        return "\n".join([*texts, *[str(self.result)] * (self.result is not None)])


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook: Jupyter's, VS Code's, Colab's."""
    ipython = sys.modules.get("IPython")  # where it is not loaded, this is no notebook
    shell = ipython.get_ipython() if ipython is not None else None
    return any(each.__name__ == "ZMQInteractiveShell" for each in type(shell).__mro__)


def _share(snapshot: Snapshot) -> float | None:
    """Return how much is done; negative where there is no end to be seen."""
    return snapshot.n_done / max(1.0, snapshot.total) if snapshot.total < math.inf else -1.0


def _bar(share: float) -> str:
    value = f' value="{share:.4f}"' if share >= 0 else ""
    return f'<progress max="1"{value} style="width:100%"></progress>'


def _escaped(text: str) -> str:
    from html import escape

    return escape(printable(text))
