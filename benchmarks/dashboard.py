"""What `hpopt dashboard` takes, and how soon it shows what is new: at 100,000 trials by default.

    python benchmarks/dashboard.py                 # all of it, in some three minutes
    python benchmarks/dashboard.py --trials 1000 --no-search

The page is shown by headless Chromium (`tests/reports/browser.py`). A new trial is written by this
process, and is seen once the script of the page has it and what it draws is drawn; twenty times,
the median and the worst. What a fast search loses is measured turn by turn, watched and not
watched, in trials a second of wall clock and of the search's own CPU time; the former is only worth
reading where nothing else runs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from printing import machine, markdown

import hpopt
from hpopt.core import Outcome, Solution, Trial
from hpopt.optimizers import make_optimizer
from hpopt.problems import FunctionProblem
from hpopt.storage import open_storage
from hpopt.study.metadata import make_metadata

ROOT = Path(__file__).resolve().parent.parent
SPACE = {
    "learning_rate": hpopt.Float(1e-5, 1e-1, log=True),
    "batch_size": hpopt.Ordinal([16, 32, 64, 128, 256]),
    "optimizer": hpopt.Categorical(["adam", "sgd", "rmsprop"]),
    "momentum": hpopt.Float(0, 0.99, when={"optimizer": "sgd"}),
    "units": hpopt.Int(8, 1024, log=True),
    "layers": hpopt.Int(1, 8),
    "dropout": hpopt.Float(0, 0.7),
    "activation": hpopt.Categorical(["relu", "elu", "gelu", "tanh"]),
    "weight_decay": hpopt.Float(1e-8, 1e-2, log=True),
    "warmup": hpopt.Int(0, 2000),
    "label_smoothing": hpopt.Float(0, 0.3),
    "schedule": hpopt.Categorical(["constant", "cosine", "step"]),
}
AT_ONCE = 5_000
N_SEEN, N_PAIRS, SEARCH_SECONDS = 20, 5, 6.0
FILTER = """new Promise((done) => {
    const began = performance.now();
    hpopt.state.filter("column 0", { low: 1e-4, high: 1e-3 });
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""
EVALUATIONS = (0.0, 0.005)  # seconds: the fastest that there is, and 200 trials a second
START = 1.8e9  # seconds since the epoch


def problem(seconds: float = 0.0) -> FunctionProblem:
    """Return a problem whose evaluation takes so long, all of it computing."""

    def evaluate(config: dict[str, Any]) -> float:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass
        return float(config["dropout"])

    return FunctionProblem(evaluate, SPACE)


def make_study(path: Path, n: int) -> None:
    """Write a study of n trials with curves, without evaluating anything."""
    rng = np.random.default_rng(0)
    made, optimizer = problem(), make_optimizer("random")
    optimizer.bind(made, seed=0)
    with open_storage(path) as storage:
        storage.write_header(make_metadata(made, optimizer, 0, ()))
        for first in range(0, n, AT_ONCE):
            points = rng.random((min(AT_ONCE, n - first), made.space.d))
            configs = made.space.decode(points)
            storage.append([trial(first + k, c, points[k], rng) for k, c in enumerate(configs)])


def trial(number: int, config: Any, point: Any, rng: np.random.Generator) -> Trial:
    value = float((np.log10(config["learning_rate"]) + 3) ** 2 + 0.1 * rng.standard_normal())
    curve = tuple((float(step), value + 1 / step) for step in range(1, 11))
    values = {"value": value, "accuracy": 1 - value}
    outcome = Outcome("complete", values, curve=curve, started=START + number, seconds=1.0)
    return Trial(Solution(number, config, point, 1), outcome)


@contextmanager
def dashboard(path: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """Serve a study in a process; yield its URL, the process, and seconds until all was read."""
    began = time.monotonic()
    command = [sys.executable, "-m", "hpopt", "dashboard", str(path), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            while b'"reading":true' in asked(url, "state"):
                time.sleep(0.1)
            yield url, psutil.Process(process.pid), time.monotonic() - began
        finally:
            process.terminate()


def asked(url: str, path: str) -> bytes:
    host = url.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", f"/{path}")
    body = connection.getresponse().read()
    connection.close()
    return body


def looked_at(path: Path, n: int) -> list[list[str]]:
    """Measure what a browser sees of a study of n trials."""
    sys.path.insert(0, str(ROOT))
    from tests.reports.browser import Browser

    with dashboard(path) as (url, process, read), Browser() as page:
        page.open(url)
        page.wait_for("document.documentElement.dataset.shown")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        shown = float(page.evaluate("document.documentElement.dataset.shown"))
        time.sleep(5)  # until what is said in words has come
        seen = [seen_after(page, path, n + k) for k in range(N_SEEN)]
        filtered = page.evaluate(FILTER)
        memory = process.memory_info().rss / 2**20
        spent = process.cpu_times()
        complaints = page.complaints()
    assert not complaints, complaints
    return [
        ["read at the start", f"{read:.1f} s", ""],
        ["first paint", f"{paint / 1e3:.2f} s", "2 s"],
        ["all trials shown", f"{shown / 1e3:.2f} s", "2 s"],
        ["a new trial seen, median", f"{statistics.median(seen):.2f} s", "0.5 s"],
        ["a new trial seen, worst", f"{max(seen):.2f} s", ""],
        ["filter", f"{filtered / 1e3:.2f} s", "0.3 s"],
        ["memory of the server", f"{memory:.0f} MB", "300 MB"],
        ["CPU of the server until then", f"{spent.user + spent.system:.1f} s", ""],
    ]


def seen_after(page: Any, path: Path, number: int) -> float:
    """Write a trial; return the seconds until the page has drawn it."""
    rng = np.random.default_rng(number)
    config, point = problem().space.decode(rng.random((1, len(SPACE))))[0], rng.random(len(SPACE))
    seen = f"""new Promise((done) => {{ const look = () => {{
        if (hpopt.state.study.n > {number}) requestAnimationFrame(() => setTimeout(done));
        else setTimeout(look, 5); }}; look(); }})"""
    with open_storage(path) as storage:
        time.sleep(rng.uniform(0.5, 1.0))  # at any moment of the server's rounds
        began = time.monotonic()
        storage.append([trial(number, config, point, rng)])
        page.evaluate(seen)
        return time.monotonic() - began


def searched(seconds: float) -> list[list[str]]:
    """Measure what a search of evaluations of so many seconds loses that is watched."""
    by_clock, by_cpu, speeds = [], [], []
    for _ in range(N_PAIRS):
        alone = one_search(seconds, is_watched=False)
        watched = one_search(seconds, is_watched=True)
        by_clock.append(watched[0] / alone[0])
        by_cpu.append(watched[1] / alone[1])
        speeds.append(alone[0])
    lost = [100 * (1 - statistics.median(ratios)) for ratios in (by_clock, by_cpu)]
    return [
        [
            f"trials a second, evaluations of {1e3 * seconds:g} ms",
            f"{statistics.median(speeds):.0f}",
            "",
        ],
        ["lost where it is watched, by the clock", f"{lost[0]:.1f} %", "2 %"],
        ["lost where it is watched, by its CPU time", f"{lost[1]:.1f} %", "2 %"],
    ]


def one_search(seconds: float, *, is_watched: bool) -> tuple[float, float]:
    """Run a search; return its trials a second by the clock and by its CPU time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "search.db")
        make_study(path, 100)
        if not is_watched:
            return run_search(path, seconds)
        with dashboard(path) as (url, _, _):
            threading.Thread(target=follow, args=(url,), daemon=True).start()
            return run_search(path, seconds)


def follow(url: str) -> None:
    """Read the events of a dashboard, as a browser does, until it ends."""
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
    (known,) = json.loads(asked(url, "data"))["studies"]
    connection.request("GET", f"/events?at={known['epoch']}.{known['version']}")
    answer = connection.getresponse()
    while answer.readline():
        pass


def run_search(path: Path, seconds: float) -> tuple[float, float]:
    command = [sys.executable, __file__, "--search", str(path), str(seconds)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    by_clock, by_cpu = map(float, found.stdout.split())
    return by_clock, by_cpu


def search(path: str, seconds: str) -> None:
    """Search for some seconds, and print trials a second by the clock and by CPU time."""
    before = len(hpopt.Study.load(path).trials)
    study = hpopt.Study(problem(float(seconds)), "random", path=path)
    clock, cpu = time.monotonic(), time.process_time()
    study.run(timeout=SEARCH_SECONDS, progress=False)
    clock, cpu = time.monotonic() - clock, time.process_time() - cpu
    n = sum(study.counts.values()) - before
    print(n / clock, n / cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--no-search", action="store_true")
    parser.add_argument("--no-page", action="store_true")
    parser.add_argument("--search", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.search:
        search(*arguments.search)
        return
    print(machine())
    rows = [["what", "measured", "to be under"]]
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.no_page:
            path = Path(folder, "study.db")
            make_study(path, arguments.trials)
            rows += looked_at(path, arguments.trials)
    if not arguments.no_search:
        for seconds in EVALUATIONS:
            rows += searched(seconds)
    print(markdown(rows))
    print(machine())


if __name__ == "__main__":
    main()
