"""The page in a browser: its charts are drawn, nothing is wrong, and no text of a study is run."""

import re
import shutil
import subprocess

import pytest

import hpopt
from hpopt import Objective, Outcome
from hpopt.reports.page import report
from tests.reports.page.test_report import study_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHARTS = {
    "progress", "importance", "marginals", "pair", "timeline", "curves", "front", "parallel",
    "filters", "trials",
}  # fmt: skip
RUN = "document.documentElement.dataset.run='yes'"
HOSTILE = f"</script><script>{RUN}</script><img src=x onerror=\"{RUN}\"><!--'\u2028${{{RUN}}}"

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


def shown(path):
    """Return the page as it is after its scripts, and what the browser said of them."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    options += ["--virtual-time-budget=4000", "--window-size=1200,16000", "--dump-dom"]
    folder = f"--user-data-dir={path.parent / 'browser'}"
    done = subprocess.run(
        [CHROMIUM, *options, folder, path.as_uri()],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, said


@needs_browser
def test_all_charts_of_hostile_studies_are_drawn_and_nothing_of_them_is_run(tmp_path):
    space = {
        HOSTILE: hpopt.Float(1e-5, 1, log=True),
        "kind": hpopt.Categorical([HOSTILE, "b"]),
        "n" * 3000: hpopt.Int(0, 9, when={"kind": "b"}),
    }
    objectives = (Objective(HOSTILE), Objective("latency", "maximize"))
    outcomes = [
        Outcome("failed", error=HOSTILE, traceback=HOSTILE)
        if k % 5 == 4
        else Outcome(
            "complete",
            {HOSTILE: [1e300, 0.25, -3.0][k % 3], "latency": float(k % 7)},
            curve=((1.0, 5.0), (2.0, float(k))),
            started=1e9 + k,
            seconds=2.0,
        )
        for k in range(40)
    ]
    studies = [study_of(outcomes, space, objectives), study_of([], space, objectives)]
    dom, said = shown(report(studies, tmp_path / "report.html"))
    assert said == []
    root = re.search("<html[^>]*>", dom)[0]
    assert "data-shown" in root
    assert "data-run" not in root
    drawn = dom[: dom.index('id="data"')]
    figures = dict(re.findall(r'<figure class="\w+" data-chart="(\w+)">(.*?)</figure>', drawn, re.S))
    assert figures.keys() == CHARTS
    for name in CHARTS - {"filters", "trials"}:
        canvases = re.findall("<canvas[^>]*>", figures[name])
        assert canvases, name
        assert all("data-drawn" in canvas for canvas in canvases), name
    assert figures["trials"].count("aria-rowindex") > 10
    assert "<img" not in drawn
