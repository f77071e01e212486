"""What the page says in words, made anew now and then while studies run."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hpopt.reports.dashboard.watching import Watch
from hpopt.reports.findings import compared, findings
from hpopt.reports.page.document import Section
from hpopt.reports.page.packing import packed_importance
from hpopt.reports.page.sections import Told, sections

LEAST_SECONDS = 3.0  # between two times: nobody reads faster

MOST_OF_THE_TIME = 20
"""The pause, in the CPU time that the last one took: a twentieth of one core at most."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of studies at some time.

    Attributes
    ----------
    sections : sequence of Section
    importance : list
        Of each study what `packed_importance` returns.
    versions : list of (epoch, version)
        Of each study what it is said of.
    """

    sections: Sequence[Section]
    importance: list[Any]
    versions: list[tuple[int, int]]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON data, for ``hpopt.write`` in a browser."""
        return {
            "sections": [{"id": each.id, "blocks": _live(each)} for each in self.sections],
            "importance": self.importance,
        }


def pause_after(took: float, *, is_first: bool) -> float:
    """Return how long to say nothing after saying took so much CPU time.

    The first time imports models, which is no measure of the next.
    """
    return LEAST_SECONDS if is_first else max(LEAST_SECONDS, MOST_OF_THE_TIME * took)


def _live(section: Section) -> list[dict[str, Any]]:
    # A chart is drawn by the browser: it needs no sketch.
    return [{k: v for k, v in block.items() if k != "sketch"} for block in section.blocks]


def say(watches: Sequence[Watch]) -> Said:
    """Return what can be said of studies now."""
    versions = [(watch.epoch, watch.version) for watch in watches]
    told = []
    for watch in watches:
        data = watch.data()
        told.append(Told(data, findings(watch.source, data)))
    importance = [packed_importance(each.findings.importance, each.data) for each in told]
    together = compared([each.data for each in told]) if are_comparable(watches) else None
    return Said(sections(told, together), importance, versions)


def are_comparable(watches: Sequence[Watch]) -> bool:
    """Return whether studies can be put head to head: several, with the same first objective."""
    return len(watches) > 1 and len({watch.source.objectives[0] for watch in watches}) == 1


class Speaker:
    """A thread that says anew what has changed, where somebody looks on.

    Parameters
    ----------
    watches : sequence of Watch
    tell : callable
        Called with each new `Said`, from the thread.
    """

    def __init__(self, watches: Sequence[Watch], tell: Callable[[Said], None]) -> None:
        self.said: Said | None = None
        self._watches, self._tell = watches, tell
        self._closing, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="hpopt-said", daemon=True)

    def start(self) -> None:
        """Begin; nothing is said before the first `wake`."""
        self._thread.start()

    def wake(self) -> None:
        """Note that something has changed, or that somebody looks on."""
        self._wake.set()

    def close(self) -> None:
        """End the thread, once it has said what it is at."""
        self._closing.set()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closing.is_set():
                return
            is_first, began = self.said is None, time.thread_time()
            try:
                self._say()
            except Exception:  # the page goes on without words, and they are tried again
                traceback.print_exc(file=sys.stderr)
            took = time.thread_time() - began
            self._closing.wait(pause_after(took, is_first=is_first))

    def _say(self) -> None:
        known = None if self.said is None else self.said.versions
        is_new = known != [(watch.epoch, watch.version) for watch in self._watches]
        if is_new and not any(watch.state.is_reading for watch in self._watches):
            self.said = say(self._watches)
            self._tell(self.said)
