"""The routes of a dashboard; none of them changes anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from hpopt.errors import HpoptError
from hpopt.reports.dashboard.access import Access, Guard
from hpopt.reports.dashboard.feed import Feed, states
from hpopt.reports.dashboard.page import page
from hpopt.reports.dashboard.trial import trial_data
from hpopt.reports.dashboard.watching import Watch

MOST_STREAMS = 64  # open pages: each holds a connection and a queue


class Plain(JSONResponse):
    """JSON data as short as it can be written; an error where it has nan or infinities."""

    def render(self, content: Any) -> bytes:
        """Write the data."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def make_app(watches: Sequence[Watch], feed: Feed, access: Access) -> Guard:
    """Return the dashboard of some studies as an ASGI application."""
    n_streams = 0

    def index(request: Request) -> Response:
        text, policy = page(watches, feed.said)
        headers = {"content-security-policy": policy}
        return Response(text, media_type="text/html", headers=headers)

    def data(request: Request) -> Response:
        said = feed.said
        return Plain(
            {
                "studies": [_edition(watch) for watch in watches],
                "said": None if said is None else said.as_data(),
            }
        )

    def state(request: Request) -> Response:
        return Plain(states(watches))

    def trial(request: Request) -> Response:
        place, number = request.path_params["study"], request.path_params["number"]
        if place >= len(watches):
            return Plain({"error": f"there are {len(watches)} studies"}, status_code=404)
        watch = watches[place]
        try:
            return Plain(trial_data(watch.source, number, watch.path))
        except (HpoptError, OSError) as error:
            return Plain({"error": str(error)}, status_code=404)

    async def events(request: Request) -> Response:
        nonlocal n_streams
        if n_streams >= MOST_STREAMS:
            return Response("too many pages are open\n", 503, media_type="text/plain")

        async def stream() -> Any:
            nonlocal n_streams
            n_streams += 1
            try:
                async for message in feed.stream(_known(request.query_params.get("at", ""))):
                    yield message
            finally:
                n_streams -= 1

        return StreamingResponse(stream(), media_type="text/event-stream")

    routes = [
        Route("/", index),
        Route("/data", data),
        Route("/state", state),
        Route("/events", events),
        Route("/trials/{study:int}/{number:int}", trial),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # it would leave out the token
    return Guard(app, access)


def _edition(watch: Watch) -> dict[str, Any] | None:
    edition = watch.edition()
    if edition is None:
        return None
    return {"epoch": edition.epoch, "version": edition.version, "packed": edition.packed}


def _known(text: str) -> list[tuple[int, int]]:
    """Read ``epoch.version`` of each study, with commas between; what is none is as if unknown."""
    found = []
    for each in text.split(","):
        epoch, _, version = each.partition(".")
        are_numbers = epoch.isdecimal() and version.isdecimal() and len(each) < 40  # of 64 bits
        found.append((int(epoch), int(version)) if are_numbers else (-1, -1))
    return found
