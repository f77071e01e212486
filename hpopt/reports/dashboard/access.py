"""Who may ask a dashboard, and what browsers may do with its answers.

A server on this machine can be asked by every page that its user's browser shows. Three things
stand between such a page and a study. A name that was made to point here (DNS rebinding) is in
``Host``, which must be one of ours. A request that another page makes names it in ``Origin``, or
says ``cross-site`` or ``same-site`` in ``Sec-Fetch-Site``. And nothing can be changed here by any
request at all. https://developer.mozilla.org/docs/Web/HTTP/Guides/CSP,
https://web.dev/articles/fetch-metadata
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from hpopt.errors import SettingError

METHODS = ("GET", "HEAD")

TOKEN_BYTES = 24  # 192 bits: more than the 128 below which guessing is said to be possible

EVERYWHERE = ("0.0.0.0", "::", "")  # what stands for all addresses of a machine

HTTP_PORT = 80  # browsers leave it out of Host

NOTHING_ALLOWED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The content security policy of answers that are no page."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",  # a shared browser keeps nothing of a study
}

HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Access:
    """Under which names a server answers, and the token that its URLs need.

    Attributes
    ----------
    hosts : frozenset of str
        What ``Host`` may say, in lower case, with the port where it is not 80.
    token : str
        The first part of each path; empty where none is needed.
    """

    hosts: frozenset[str]
    token: str = field(default="", repr=False)

    def refusal(self, scope: Any) -> tuple[HTTPStatus, str] | None:
        """Return why a request is not answered; None where it is.

        Parameters
        ----------
        scope : dict
            Of ASGI.
        """
        if scope["method"] not in METHODS:
            return HTTPStatus.METHOD_NOT_ALLOWED, "a dashboard is only for reading: GET and HEAD"
        headers = scope["headers"]
        hosts = _all(headers, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            known = ", ".join(sorted(self.hosts))
            return HTTPStatus.FORBIDDEN, (
                f"this dashboard answers to {known} only: open it under that address, or name "
                "another with --allow-host NAME:PORT"
            )
        origins = _all(headers, b"origin")
        if any(not self._is_own(origin) for origin in origins):
            return HTTPStatus.FORBIDDEN, "other pages may not ask a dashboard"
        sites = _all(headers, b"sec-fetch-site")
        # A link to the page may be followed; then it is a page of its own, which the other one
        # cannot read (Cross-Origin-Opener-Policy), nor show within itself (X-Frame-Options).
        is_link = _all(headers, b"sec-fetch-dest") == ["document"]
        if any(site not in ("same-origin", "none") for site in sites) and not is_link:
            return HTTPStatus.FORBIDDEN, "other pages may not ask a dashboard"
        if self.token and not self._has_token(scope["path"]):
            return HTTPStatus.FORBIDDEN, "the address needs the token that hpopt dashboard printed"
        return None

    def path_of(self, path: str) -> str:
        """Return a path without the token."""
        return path[1 + len(self.token) :] if self.token else path

    def _is_own(self, origin: str) -> bool:
        scheme, _, host = origin.lower().partition("://")
        return scheme in ("http", "https") and host in self.hosts

    def _has_token(self, path: str) -> bool:
        given, slash, _ = path[1:].partition("/")
        own = secrets.compare_digest(given.encode("utf-8", "replace"), self.token.encode())
        return own and bool(slash)


class Guard:
    """Answer only whom `Access` allows, with headers that keep browsers from more than reading.

    Parameters
    ----------
    app : ASGI application
    access : Access
    """

    def __init__(self, app: Any, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            return
        refusal = self._access.refusal(scope)
        with_headers = _adding_headers(send)
        if refusal is not None:
            await _refuse(with_headers, *refusal, is_head=scope["method"] == "HEAD")
            return
        path = self._access.path_of(scope["path"])
        scope = {**scope, "path": path, "raw_path": path.encode("utf-8", "replace")}
        await self._app(scope, receive, with_headers)


def _adding_headers(send: Any) -> Any:
    async def send_with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", ())}
            more = HEADERS if b"content-security-policy" in own else _WITH_POLICY
            headers = [*message.get("headers", ()), *_encoded(more, without=own)]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_headers


_WITH_POLICY = {**HEADERS, "content-security-policy": NOTHING_ALLOWED}


def _encoded(headers: dict[str, str], without: set[bytes]) -> list[tuple[bytes, bytes]]:
    pairs = [(name.encode("ascii"), text.encode("ascii")) for name, text in headers.items()]
    return [(name, text) for name, text in pairs if name not in without]


async def _refuse(send: Any, status: HTTPStatus, why: str, *, is_head: bool) -> None:
    body = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", ", ".join(METHODS).encode()))
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def _all(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [text.decode("latin-1").strip() for key, text in headers if key.lower() == name]


def make_access(
    host: str, port: int, *, allow_hosts: Iterable[str] = (), with_token: bool = False
) -> Access:
    """Return what may be asked of a server.

    Parameters
    ----------
    host : str
        The address that it is bound to.
    port : int
        The port that it is bound to.
    allow_hosts : iterable of str
        Other names under which it is reached, as ``name`` or ``name:port``.
    with_token : bool
        Whether a random token must be in each URL. It is without asking where the address can be
        reached from other machines.

    Raises
    ------
    SettingError
        One of the names is none.
    """
    hosts = {*_named("localhost", port), *_named("127.0.0.1", port), *_named("[::1]", port)}
    is_local = is_loopback(host)
    if not is_local:
        # Not 0.0.0.0, which stands for all addresses: some browsers take it for this machine.
        own = [] if host in EVERYWHERE else _named(in_url(host).lower(), port)
        hosts |= {*own, *_named(socket.gethostname().lower(), port)}
    for name in allow_hosts:
        hosts |= set(_allowed(name, port))
    needs_token = with_token or not is_local
    return Access(frozenset(hosts), secrets.token_urlsafe(TOKEN_BYTES) if needs_token else "")


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """Return an address as URLs have it: those with colons in brackets."""
    return f"[{host}]" if ":" in host else host


def _named(name: str, port: int) -> list[str]:
    return [name, f"{name}:{port}"] if port == HTTP_PORT else [f"{name}:{port}"]


def _allowed(name: str, port: int) -> list[str]:
    found = HOST.fullmatch(name.lower())
    if found is None:
        raise SettingError(
            f"--allow-host must be a name or an address, as 'localhost:9000', but got {name!r}: "
            "leave out what stands before // and after the port"
        )
    # Without a port, a proxy in front of it may have that of HTTP or HTTPS, or the same.
    return [found[0]] if found["port"] else [found[0], f"{found[0]}:{port}"]
