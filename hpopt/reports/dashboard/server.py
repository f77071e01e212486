"""Serve a dashboard until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpopt.errors import MissingExtraError, SettingError
from hpopt.reports.dashboard.access import Access, in_url, is_loopback, make_access
from hpopt.reports.dashboard.feed import Feed
from hpopt.reports.dashboard.watching import Opening, Watch
from hpopt.reports.page.one_file import MOST_STUDIES

LOOPBACK = "127.0.0.1"
"""Not ``localhost``, which may be ::1 too: there another user's server could have the port."""

PORT = 8080  # what is free otherwise, where it is taken

HIGHEST_PORT = 65_535

BACKLOG = 64  # connections that wait to be taken, as some browsers open six at once

SWITCH_SECONDS = 2e-4
"""How long a thread of Python may keep the others waiting, in place of 5 ms: SQLite gives way at
each step of a query, so that 100 steps would take half a second while words are being found."""

SECONDS_TO_CLOSE = 2.0  # for answers that are on their way when the server ends

MOST_CONNECTIONS = 256  # at once; beyond, the answer is 503


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a dashboard is served, and to whom.

    Attributes
    ----------
    host : str
        The address to bind to, by default the loopback one.
    port : int or None
        0 for any that is free; by default 8080, or any where that is taken.
    allow_remote : bool
        Whether `host` may be an address that other machines reach.
    allow_hosts : sequence of str
        Other names under which the server is reached, as ``"localhost:9000"`` through a tunnel.
    with_token : bool
        Whether URLs need a random token. They do without asking beyond loopback.
    """

    host: str = LOOPBACK
    port: int | None = None
    allow_remote: bool = False
    allow_hosts: Sequence[str] = ()
    with_token: bool = False


class Dashboard:
    """Studies, a socket, and the server between them.

    Parameters
    ----------
    studies : mapping of Path to callable
        Study file → what returns the study, to be read; several are shown side by side.
    settings : Settings, optional

    Attributes
    ----------
    url : str
        What to open; with the token, where one is needed.

    Raises
    ------
    MissingExtraError
        starlette or uvicorn is not installed.
    SettingError
        The address can be reached from other machines, and that was not allowed; or it cannot be
        bound to.
    """

    def __init__(self, studies: Mapping[Path, Opening], settings: Settings | None = None) -> None:
        self._server_class = _server_class()
        settings = Settings() if settings is None else settings
        check_address(settings)
        if not 0 < len(studies) <= MOST_STUDIES:
            raise SettingError(
                f"a dashboard must be of 1 to {MOST_STUDIES} studies, but got {len(studies)}: "
                "choose some"
            )
        self.watches = [Watch(path, opening) for path, opening in studies.items()]
        self._socket = _bound(settings.host, settings.port)
        port = self._socket.getsockname()[1]
        try:
            self.access = make_access(
                settings.host,
                port,
                allow_hosts=settings.allow_hosts,
                with_token=settings.with_token,
            )
        except BaseException:
            self._socket.close()
            raise
        self.url = _url(settings.host, port, self.access)
        self.feed = Feed(self.watches)
        self._server: Any = None

    def run(self, when_ready: Callable[[], Any] = lambda: None) -> None:
        """Serve until Ctrl-C, or until `close` is called; then `KeyboardInterrupt` may be raised.

        Parameters
        ----------
        when_ready : callable
            Called once requests are answered.
        """
        from hpopt.reports.dashboard.app import make_app

        app = make_app(self.watches, self.feed, self.access)
        self._server = self._server_class(app, self.feed, when_ready)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            sys.setswitchinterval(interval)
            self._socket.close()

    def close(self) -> None:
        """End `run`, from any thread."""
        if self._server is not None:
            self._server.should_exit = True


def check_address(settings: Settings) -> None:
    """Raise SettingError where other machines reach the address and that was not allowed."""
    if not is_loopback(settings.host) and not settings.allow_remote:
        raise SettingError(
            f"a dashboard must be bound to this machine alone (127.0.0.1), but got {settings.host}:"
            " reach it through 'ssh -L 8080:127.0.0.1:8080 MACHINE', or add --allow-remote, which "
            "lets everybody who has the address with its token read the studies, unencrypted"
        )


def _bound(host: str, port: int | None) -> socket.socket:
    wanted = PORT if port is None else port
    if not 0 <= wanted <= HIGHEST_PORT:
        raise SettingError(f"port must be between 0 and {HIGHEST_PORT}, but got {port}")
    try:
        return _listening(host, wanted)
    except OSError as error:
        if port is None and error.errno in (errno.EADDRINUSE, errno.EACCES):
            return _listening(host, 0)
        raise SettingError(
            f"host and port must be free to be bound to, but {host}:{wanted} is not "
            f"({error.strerror or error}): choose another --port, or 0 for any"
        ) from None


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows this would let two servers share a port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


def _url(host: str, port: int, access: Access) -> str:
    name = in_url(host)
    if f"{name}:{port}" not in access.hosts:
        name = socket.gethostname().lower()
    token = f"{access.token}/" if access.token else ""
    return f"http://{name}:{port}/{token}"


def _server_class() -> Any:
    """Return the class of servers; raise MissingExtraError where its library is not installed."""
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        missing = str(error.name or "uvicorn").partition(".")[0]
        raise MissingExtraError(missing, "dashboard", "hpopt dashboard") from None

    class Server(uvicorn.Server):
        """A server that ends open streams when it ends, and says when it has begun."""

        def __init__(self, app: Any, feed: Feed, when_ready: Callable[[], Any]) -> None:
            super().__init__(
                uvicorn.Config(
                    app,
                    http="h11",  # in Python, and strict in what it takes
                    ws="none",
                    loop="asyncio",
                    lifespan="off",
                    log_level="warning",
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,  # nobody may say for whom they ask
                    limit_concurrency=MOST_CONNECTIONS,
                    timeout_graceful_shutdown=int(SECONDS_TO_CLOSE),
                )
            )
            self._feed, self._when_ready = feed, when_ready

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            self._feed.start(asyncio.get_running_loop())
            self._when_ready()

        async def shutdown(self, sockets: Any = None) -> None:
            self._feed.close()
            await super().shutdown(sockets)

    return Server


def warn_of_remote(settings: Settings) -> None:
    """Say on stderr what it means that other machines reach the address."""
    if not is_loopback(settings.host):
        sys.stderr.write(
            f"hpopt: warning: {settings.host} is reached from other machines: whoever has the "
            "address with its token reads these studies, and what is sent is not encrypted\n"
        )


def studies_of(paths: Iterable[Path], opening: Callable[[Path], Any]) -> dict[Path, Opening]:
    """Return what `Dashboard` takes of the paths of studies, each once."""
    found = dict.fromkeys(Path(os.path.realpath(path)) for path in paths)
    return {path: lambda path=path: opening(path) for path in found}  # type: ignore[misc]
