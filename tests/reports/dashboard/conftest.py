import contextlib
import http.client
import json
import threading
import time

import pytest

import hpopt
from hpopt import Objective, Study
from hpopt.problems import FunctionProblem
from hpopt.reports.dashboard import Dashboard, Settings, studies_of

HOSTILE = '<script>alert("1")</script>&\x1b[31m\u202e'
SPACE = {
    "rate": hpopt.Float(1e-4, 1, log=True),
    HOSTILE: hpopt.Categorical(["</script><img src=x onerror=alert(1)>", "plain"]),
    "layers": hpopt.Sequence({"units": hpopt.Int(1, 512)}, 1, 3),
}


def study_at(path, n=5, objectives=None, **arguments):
    """Make a study of some trials, whose problem's texts are hostile."""
    objectives = objectives or Objective("loss")
    problem = FunctionProblem(lambda c: 0, SPACE, objectives=objectives, **arguments)
    study = Study(problem, "random", seed=0, path=path)
    for k in range(n):
        study.tell(study.ask(), {each.name: float(n - k) for each in problem.objectives})
    return study


class Asker:
    """Ask a dashboard that is served."""

    def __init__(self, dashboard):
        self.dashboard, self.port = dashboard, int(dashboard.url.split(":")[2].split("/")[0])
        self.prefix = "/" + dashboard.url.split("/", 3)[3]

    def ask(self, path="", method="GET", host=None, **headers):
        """Return the status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.putrequest(method, self.prefix + path, skip_host=True)
            connection.putheader("Host", f"127.0.0.1:{self.port}" if host is None else host)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
            body = b"" if is_stream else answer.read()
            return answer.status, answer.headers, body

    def data(self, path):
        """Return the JSON data of an answer."""
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    @contextlib.contextmanager
    def events(self, at=""):
        """Yield an iterator of (name, data) of events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", f"{self.prefix}events?at={at}")
            yield _events(connection.getresponse())


def _events(answer):
    name = ""
    for line in answer:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield name, json.loads(text.removeprefix("data: "))


@contextlib.contextmanager
def serving(*paths, opening=Study.load, **settings):
    """Serve studies on a free port in a thread."""
    dashboard = Dashboard(studies_of(paths, opening), Settings(**{"port": 0, **settings}))
    is_ready = threading.Event()
    thread = threading.Thread(target=dashboard.run, args=(is_ready.set,))
    thread.start()
    try:
        assert is_ready.wait(20)
        asker = Asker(dashboard)
        until(lambda: not any(each.state.is_reading for each in dashboard.watches))
        yield asker
    finally:
        dashboard.close()
        thread.join(20)
        assert not thread.is_alive()


def until(condition, patience=20):
    """Wait until a condition holds; return what it returned."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Return a served study of five trials that nobody writes."""
    folder = tmp_path_factory.mktemp("dashboard")
    study_at(folder / "s.db").close()
    with serving(folder / "s.db") as asker:
        yield asker
