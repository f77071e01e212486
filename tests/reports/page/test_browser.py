"""The page in a browser: its charts are drawn, nothing is wrong, and no text of a study is run."""

import json

import pytest

import hpopt
from hpopt import Objective, Outcome
from hpopt.reports.page import report

from ..browser import ABSENT, CHROMIUM, Browser
from .test_report import study_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=ABSENT)

RUN = "document.documentElement.dataset.run='yes'"
HOSTILE = f'</script><script>{RUN}</script><img src=x onerror="{RUN}"><!--\'\u2028${{{RUN}}}\u202e'
SPACE = {
    HOSTILE: hpopt.Float(1e-5, 1, log=True),
    "kind": hpopt.Categorical([HOSTILE, "b"]),
    "n" * 3000: hpopt.Int(0, 9, when={"kind": "b"}),
}
AIMS = (Objective(HOSTILE), Objective("latency", "maximize"))
FAILED = Outcome("failed", error=HOSTILE, traceback=HOSTILE)
OUTCOMES = [
    FAILED
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
CHARTS = {
    "progress", "importance", "marginals", "pair", "timeline", "curves", "front", "parallel",
}  # fmt: skip

DRAWN = """[...document.querySelectorAll('canvas')].every(each => each.dataset.drawn)
  && [...document.querySelectorAll('canvas')].map(each => each.closest('figure').dataset.chart)"""
FILTERED = """(async () => {
  const key = hpopt.state.study.fields.find(each => each.text === 'kind').key;
  hpopt.state.filter(key, {among: new Set([1])});
  await new Promise(requestAnimationFrame);
  return [hpopt.state.nPassing, document.querySelector('.count').textContent,
    document.querySelector('.trials').getAttribute('aria-rowcount')];
})()"""
TRIAL = """(async () => {
  hpopt.openTrial(hpopt.state.study, hpopt.state.study.rowOf.get(4));
  return document.querySelector('dialog[open]').textContent;
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    studies = [study_of(OUTCOMES, SPACE, AIMS), study_of([], SPACE, AIMS)]
    path = report(studies, tmp_path_factory.mktemp("page") / "report.html")
    with Browser(1200, 12_000) as opened:  # so high that all charts are seen
        opened.open(path.as_uri())
        opened.wait_for("document.documentElement.dataset.shown")
        yield opened
        assert opened.complaints() == []
        assert opened.evaluate("document.documentElement.dataset.run || 'no'") == "no"
        assert opened.evaluate("document.querySelectorAll('img').length") == 0


def test_all_charts_are_drawn(browser):
    assert set(browser.wait_for(DRAWN)) == CHARTS


def test_a_filter_holds_for_the_table_too(browser):
    n = sum(trial.config["kind"] == "b" for trial in study_of(OUTCOMES, SPACE, AIMS).trials)
    passing, said, rows = browser.evaluate(FILTERED)
    assert (passing, rows) == (n, str(n + 1))
    assert said == f"{n} of 40 trials pass the filters."


def test_a_trial_is_shown_whole(browser):
    said = browser.evaluate(TRIAL)
    assert "Trial 4" in said
    # What would turn lines round is legible.
    assert HOSTILE.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e") in said
    assert not {"\u2028", "\u202e"} & set(browser.evaluate("document.body.innerText"))
    assert json.loads(browser.evaluate("JSON.stringify(hpopt.state.study.told[4].config)"))


def test_another_study_and_one_without_trials_are_shown(browser):
    browser.evaluate("hpopt.state.show(1)")
    assert browser.wait_for(DRAWN)
    assert browser.evaluate("document.querySelector('.count').textContent") == "0 of 0 trials."
