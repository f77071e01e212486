import base64
import hashlib
import re
import socket
from urllib.parse import quote

import pytest

from hpopt.errors import SettingError
from hpopt.reports.dashboard.access import make_access

from .conftest import serving, study_at

ROUTES = ["", "data", "state", "events", "trials/0/1", "nothing", "trials/0/99", "trials/7/1"]


def refused(access, path="/", method="GET", **headers):
    pairs = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    found = access.refusal({"method": method, "path": path, "headers": pairs})
    return None if found is None else int(found[0])


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_answers_to_a_forged_host(asked, route):
    port = asked.port
    for host in (
        "evil.example", f"evil.example:{port}", "localhost", f"localhost:{port + 1}", "",
        f"0.0.0.0:{port}", f"localhost.:{port}", f"127.0.0.1:{port}@evil.example", f"127.1:{port}",
        f"127.0.0.1:{port}, evil.example", f"x.localhost:{port}", f"127.0.0.1:0{port}",
    ):  # fmt: skip
        status, _, body = asked.ask(route, host=host)
        assert status == 403, host
        assert b"loss" not in body


def test_own_names_are_answered(asked):
    for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        assert asked.ask("state", host=f"{host}:{asked.port}")[0] == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "file://"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "iframe"},
    ],
)
def test_no_route_answers_to_other_pages(asked, route, headers):
    assert asked.ask(route, **headers)[0] == 403


def test_own_pages_and_links_are_answered(asked):
    own = f"http://127.0.0.1:{asked.port}"
    assert asked.ask("data", Origin=own, Sec_Fetch_Site="same-origin")[0] == 200
    assert asked.ask("", Sec_Fetch_Site="none")[0] == 200
    assert asked.ask("", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ODD"])
def test_nothing_but_reading_is_possible(asked, method):
    before = asked.dashboard.watches[0].path.read_bytes()
    for route in ROUTES:
        status, headers, _ = asked.ask(route, method)
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    assert asked.dashboard.watches[0].path.read_bytes() == before


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_keeps_browsers_from_more_than_reading(asked, route):
    for headers in (asked.ask(route)[1], asked.ask(route, host="evil")[1]):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_the_page_runs_its_own_script_only_and_asks_nobody_else(asked):
    _, headers, body = asked.ask("")
    policy, text = headers["content-security-policy"], body.decode()
    assert "connect-src 'self'" in policy
    (hashed,) = re.findall(r"script-src '(sha256-[^']+)'", policy)
    (script,) = re.findall(r"<script>(.*)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert hashed == f"sha256-{digest}"
    assert "<script>alert" not in text
    assert "<img" not in text


@pytest.mark.parametrize(
    "path",
    [
        "../etc/passwd", "..%2f..%2fetc%2fpasswd", "trials/0/../../../s.db", "s.db", "trials/0/-1",
        "trials/0/1e3", "trials/0/" + "9" * 400, "%00", "trials/0/1%00", "//", "trials/-1/0",
        "events/", "assets/live.js", "static/../app.py", "trials/0/１",
    ],
)  # fmt: skip
def test_odd_paths_find_nothing(asked, path):
    status, _, body = asked.ask(quote(path, safe="/%"))
    assert status == 404
    assert b"Traceback" not in body


@pytest.mark.parametrize(
    "at", ["", "x", "1.2.3", "-1.-1", "9" * 5000 + ".1", ",,,,", "%00", "1." + "9" * 30]
)
def test_odd_versions_begin_a_stream_all_the_same(asked, at):
    with asked.events(at) as events:
        assert next(events)[0] == "state"


def test_beyond_this_machine_a_token_is_needed(tmp_path):
    study_at(tmp_path / "s.db").close()
    with serving(tmp_path / "s.db", with_token=True) as asker:
        token = asker.prefix.strip("/")
        assert len(token) >= 30
        assert asker.data("state")[0]["n"] == 5
        for prefix in ("/", f"/{token[:-1]}/", f"/{token}x/", f"/{token}", "/%C3%A9/", "//"):
            asker.prefix = prefix
            for route in ("", "data", "state", "events", "trials/0/1"):
                status, _, body = asker.ask(route)
                assert status == 403
                assert token.encode() not in body


def test_other_addresses_than_loopback_must_be_allowed(tmp_path):
    study_at(tmp_path / "s.db").close()
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", ""):
        with (
            pytest.raises(SettingError, match=r"this machine alone .* --allow-remote"),
            serving(tmp_path / "s.db", host=host),
        ):
            pass


def test_remote_access_needs_a_token_and_never_answers_to_all_addresses_by_name():
    access = make_access("0.0.0.0", 8080)
    assert access.token
    assert "0.0.0.0:8080" not in access.hosts
    assert f"{socket.gethostname().lower()}:8080" in access.hosts
    assert make_access("192.0.2.1", 80).hosts >= {"192.0.2.1", "192.0.2.1:80"}
    assert access.token not in repr(access)
    assert access.token != make_access("0.0.0.0", 8080).token


def test_other_names_are_answered_where_they_are_allowed():
    access = make_access(
        "127.0.0.1", 8080, allow_hosts=["Localhost:9000", "lab.example", "[::2]:1"]
    )
    for host in ("localhost:9000", "LAB.example", "lab.example:8080", "[::2]:1", "127.0.0.1:8080"):
        assert refused(access, host=host) is None
    assert refused(access, host="lab.example:9000") == 403
    assert refused(access, host="lab.example", origin="https://lab.example") is None
    assert refused(access, host="lab.example", origin="https://lab.example.evil") == 403
    for name in ("http://x", "x/y", "a b", "", "x:port", "*"):
        with pytest.raises(SettingError, match="--allow-host must be a name"):
            make_access("127.0.0.1", 8080, allow_hosts=[name])


def test_two_hosts_are_refused():
    access = make_access("127.0.0.1", 8080)
    pairs = [(b"host", b"127.0.0.1:8080"), (b"host", b"127.0.0.1:8080")]
    assert access.refusal({"method": "GET", "path": "/", "headers": pairs}) is not None
    assert access.refusal({"method": "GET", "path": "/", "headers": []}) is not None
