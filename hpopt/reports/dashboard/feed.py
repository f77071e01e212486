"""From a thread that follows studies to the browsers that look on: server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hpopt.reports.dashboard.said import Said, Speaker
from hpopt.reports.dashboard.watching import Watch

PERIOD_SECONDS = 0.2
"""Between two looks at the files: with reading and drawing, a new trial is seen within 0.5 s."""

PERIOD_ALONE_SECONDS = 2.0  # while no browser looks on

MOST_OF_THE_TIME = 5
"""The pause between two looks, in the time that the last one took."""

ALIVE_SECONDS = 15.0  # proxies drop what is silent for 30 s or more; a browser that left is noticed
ALIVE = b": here\n\n"

READING_SECONDS = 0.5  # between two messages of how far the first reading is

MOST_WAITING = 64
"""Messages that a browser may be behind; then it must connect again, and gets what has changed."""

Message = bytes | None


def event(name: str, data: Any) -> bytes:
    """Return an event as a browser reads it; JSON has no ends of lines in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()


class Feed:
    """Follow studies in a thread, and tell all browsers.

    Parameters
    ----------
    watches : sequence of Watch
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = watches
        self._queues: set[asyncio.Queue[Message]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="hpopt-dashboard", daemon=True)
        self._speaker = Speaker(watches, self._tell_said)
        self._sent = [(watch.epoch, watch.version) for watch in watches]

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to follow; events are sent from this loop."""
        self._loop = loop
        self._thread.start()
        self._speaker.start()

    @property
    def said(self) -> Said | None:
        """What the page says in words, perhaps of a while ago; None before the first."""
        return self._speaker.said

    def close(self) -> None:
        """End the thread, and all streams; from the loop's own thread."""
        self._closing.set()
        self._wake.set()
        self._speaker.close()
        self._send(None)

    async def stream(self, known: Sequence[tuple[int, int]]) -> AsyncIterator[bytes]:
        """Yield events: first what is new since epochs and versions of the studies, then all else.

        Parameters
        ----------
        known : sequence of (epoch, version)
            What the browser has of each study.
        """
        queue: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)
        if self._closing.is_set():
            return
        self._queues.add(queue)
        self._wake.set()
        self._speaker.wake()
        try:
            yield b"retry: 1000\n\n"
            yield event("state", states(self.watches))
            for place, (watch, (epoch, version)) in enumerate(
                zip(self.watches, known, strict=False)
            ):
                for new in await asyncio.to_thread(news, place, watch, epoch, version):
                    yield new
            while True:
                is_reading = any(watch.state.is_reading for watch in self.watches)
                patience = READING_SECONDS if is_reading else ALIVE_SECONDS
                message: Message
                try:
                    message = await asyncio.wait_for(queue.get(), patience)
                except asyncio.TimeoutError:
                    message = event("state", states(self.watches)) if is_reading else ALIVE
                if message is None:
                    return
                yield message
        finally:
            self._queues.discard(queue)

    def _run(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            for place, watch in enumerate(self.watches):
                self._look(place, watch)
            took = time.monotonic() - began
            least = PERIOD_SECONDS if self._queues else PERIOD_ALONE_SECONDS
            self._wake.wait(max(least, MOST_OF_THE_TIME * took))
            self._wake.clear()

    def _look(self, place: int, watch: Watch) -> None:
        try:
            if not watch.look():
                return
            epoch, version = self._sent[place]
            messages = [event("state", states(self.watches))]
            messages += news(place, watch, epoch, version)
            self._sent[place] = (watch.epoch, watch.version)
        except Exception:  # the others go on, and this one is tried again
            traceback.print_exc(file=sys.stderr)
            return
        self._send_soon(*messages)
        if self._queues:
            self._speaker.wake()

    def _tell_said(self, said: Said) -> None:
        self._send_soon(event("said", said.as_data()))

    def _send_soon(self, *messages: Message) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._send, *messages)

    def _send(self, *messages: Message) -> None:
        for queue in list(self._queues):
            if queue.qsize() + len(messages) <= MOST_WAITING:
                for message in messages:
                    queue.put_nowait(message)
            else:  # it does not read: its stream ends, and it connects again
                self._queues.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)


def news(place: int, watch: Watch, epoch: int, version: int) -> list[bytes]:
    """Return the events that bring a browser from an epoch and version of a study to now."""
    knows_nothing = epoch < 0  # it will ask for all, and is told of no trial until then
    is_known = (epoch, version) == (watch.epoch, watch.version)
    if knows_nothing or is_known or watch.state.is_reading:
        return []
    now = {"study": place, "epoch": watch.epoch, "version": watch.version}
    packed = watch.changes(epoch, version)
    if packed is None:
        return [event("reload", now)]
    return [event("trials", {**now, "packed": packed})] if packed["n"] else []


def states(watches: Sequence[Watch]) -> list[dict[str, Any]]:
    """Return what is known of studies beside their trials, as JSON data."""
    return [state_of(watch) for watch in watches]


def state_of(watch: Watch) -> dict[str, Any]:
    """Return what is known of a study beside its trials, as JSON data."""
    state = watch.state
    return {
        "name": watch.path.stem,
        "path": str(watch.path),
        "n": len(watch.reader),
        "reading": state.is_reading,
        "problem": state.problem,
        "writer": None if state.writer is None else str(state.writer),
        "n_running": state.n_running,
        "running": list(state.running),
    }
