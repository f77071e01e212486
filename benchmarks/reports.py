"""How large a report in one file is, how long it takes to write, and how soon it is seen.

    python benchmarks/reports.py                  # 1,000 and 100,000 trials, in some two minutes
    python benchmarks/reports.py --trials 1000

The studies have 12 parameters, two values and a learning curve a trial. The page is opened by
headless Chromium (`tests/reports/browser.py`) at 1280 x 900, from a file. The first paint is the
browser's own figure; all charts that can be seen are drawn at "charts"; a filter is the time from
its call until the frame with all that follows it is drawn, where the table and the parallel
coordinates are in sight: the median of five. CPU time is that of the page's main thread: it is the
figure to read where something else runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dashboard import ROOT, make_study
from printing import machine, markdown

from hpopt import Study

TARGETS = {1_000: ("0.5 MB", "3 s"), 100_000: ("6 MB", "30 s")}
RANGES = ((1e-4, 1e-3), (1e-5, 1e-2), (1e-3, 1e-1), (3e-5, 3e-3), (1e-4, 1e-2))

FILTERED = """(async () => {
  document.querySelector('#trials').scrollIntoView({behavior: 'instant'});
  await new Promise(done => setTimeout(done, 1000));
  const found = [];
  for (const [low, high] of %s) {
    const began = performance.now();
    hpopt.state.filter('column 0', {low, high});
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    found.push((performance.now() - began) / 1e3);
  }
  return found;
})()"""


def measured(n: int, folder: Path) -> list[list[str]]:
    """Measure the report of a study of n trials."""
    study, path = folder / f"{n}.db", folder / f"{n}.html"
    make_study(study, n)
    began, cpu = time.perf_counter(), time.process_time()
    Study.load(study).report(path)
    written, spent = time.perf_counter() - began, time.process_time() - cpu
    size, limit = TARGETS.get(n, ("", ""))
    return [
        [f"{n:,} trials: size", f"{path.stat().st_size / 1e6:.2f} MB", "", size],
        ["written in", f"{written:.1f} s", f"{spent:.1f} s", limit],
        *looked_at(path),
    ]


def looked_at(path: Path) -> list[list[str]]:
    """Measure the page in a browser."""
    sys.path.insert(0, str(ROOT))
    from tests.reports.browser import Browser

    with Browser() as page:
        page.cpu_seconds()  # it counts from here on
        page.open(path.as_uri())
        shown = float(page.wait_for("document.documentElement.dataset.shown")) / 1e3
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        first = page.cpu_seconds()
        filtered = page.evaluate(FILTERED % [list(each) for each in RANGES])
        spent = page.cpu_seconds() - first
        complaints = page.complaints()
    assert not complaints, complaints
    median = statistics.median(filtered)
    return [
        ["first paint", f"{paint / 1e3:.2f} s", "", "2 s"],
        ["charts", f"{shown:.2f} s", f"{first:.2f} s", "2 s"],
        ["a filter", f"{median:.2f} s", f"{spent / len(RANGES):.2f} s", "0.3 s"],
    ]


def main() -> None:
    parser: Any = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=list(TARGETS))
    arguments = parser.parse_args()
    print(machine())
    rows = [["what", "by the clock", "CPU", "to be under"]]
    with tempfile.TemporaryDirectory() as folder:
        for n in arguments.trials:
            rows += measured(n, Path(folder))
            print(markdown(rows), flush=True)
    print(machine())


if __name__ == "__main__":
    main()
