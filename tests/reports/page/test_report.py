import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

import hpopt
from hpopt import Objective, Outcome, Study, failed
from hpopt.errors import SettingError
from hpopt.problems import FunctionProblem
from hpopt.reports.page import page, report
from hpopt.reports.page.document import in_script
from hpopt.space import Vector

HOSTILE = "</script><script>alert(1)</script><!--'\"&\u2028\x1b[31m"
VOID = {"meta", "path", "br", "input"}


class Reading(HTMLParser):
    """Read a page: its elements, attributes, and what is in each script."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.scripts, self.texts = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "style"):
            self.scripts.append((tag, dict(attributes), ""))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            tag, attributes, text = self.scripts[-1]
            self.scripts[-1] = (tag, attributes, text + data)
        else:
            self.texts.append(data)

    def script(self, **attributes):
        return next(
            text for tag, found, text in self.scripts if tag == "script" and found == attributes
        )

    @property
    def data(self):
        return json.loads(self.script(type="application/json", id="data"))

    @property
    def ids(self):
        return [found["id"] for _, found in self.elements if "id" in found]


def study_of(outcomes, space=None, objectives=None, path=None):
    space = space or {"x": hpopt.Float(0, 1), "kind": hpopt.Categorical(["a", "b"])}
    problem = FunctionProblem(lambda c: 0, space, objectives=objectives or Objective("loss"))
    study = Study(problem, "random", seed=0, path=path)
    for outcome in outcomes:
        study.tell(study.ask(), outcome)
    return study


LOSSES = [{"loss": float((7 * k) % 23)} for k in range(30)]


def test_a_report_is_one_page_that_asks_for_nothing(tmp_path):
    path = study_of(LOSSES).report(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    read = Reading(text)
    assert not read.open
    assert [each for each in read.ids if each in ("answer", "mattered", "failures", "trials")] == [
        "answer", "mattered", "failures", "trials",
    ]  # fmt: skip
    for tag, found in read.elements:
        assert not {"src", "srcset", "style"} & found.keys(), tag
        assert not any(name.startswith("on") for name in found), tag
        assert found.get("href", "#").startswith("#")
    policy = next(f["content"] for t, f in read.elements if t == "meta" and "http-equiv" in f)
    assert policy.startswith("default-src 'none'; ")
    for name, element in (("script-src", "script"), ("style-src", "style")):
        inside = next(text for tag, found, text in read.scripts if tag == element and not found)
        hashed = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{hashed}'" in policy
    assert "unsafe" not in policy


def test_the_first_screen_needs_no_script():
    read = Reading(page([study_of(LOSSES)]))
    said = " ".join(read.texts)
    best = min(range(30), key=lambda k: LOSSES[k]["loss"])
    assert f"trial {best}" in said
    assert "kind" in said
    assert any(tag == "svg" for tag, _ in read.elements)


def test_texts_of_a_study_are_texts():
    space = {HOSTILE: hpopt.Float(0, 1), "y" * 10_000: hpopt.Categorical([HOSTILE, "b"])}
    outcomes = [
        Outcome("complete", {HOSTILE: 1.0}, curve=((1.0, 2.0), (2.0, 1.0))),
        Outcome("failed", error=HOSTILE, traceback=HOSTILE * 1000),
    ] * 10
    text = page([study_of(outcomes, space, Objective(HOSTILE))])
    read = Reading(text)
    assert not read.open
    assert sum(tag == "script" for tag, _ in read.elements) == 2
    assert "\x1b" not in text
    assert "\u2028" not in text
    assert "<!--" not in text
    (study,) = read.data["studies"]
    assert study["columns"][0]["name"] == HOSTILE
    assert study["objectives"][0]["name"] == HOSTILE
    assert len(study["columns"][1]["name"]) < 3000
    assert len(text) < 600_000


STUDIES = {
    "nothing": ([], None),
    "only failures": ([failed("no")] * 8, None),
    "one parameter": (LOSSES, {"x": hpopt.Float(0, 1)}),
    "constant values": ([{"loss": 1.0}] * 30, None),
    "huge values": ([{"loss": v} for v in (1e300, -1e300, 1.0)] * 4, None),
    "infinite values": ([{"loss": float("inf")}, {"loss": float("nan")}, {"loss": 1.0}], None),
}


@pytest.mark.parametrize("name", STUDIES)
def test_each_study_has_a_useful_page(name):
    read = Reading(page([study_of(*STUDIES[name])]))
    (study,) = read.data["studies"]
    assert study["n"] == len(STUDIES[name][0])
    assert "answer" in read.ids


def test_several_objectives_have_a_front():
    outcomes = [{"a": float(k), "b": float((5 * k) % 29)} for k in range(29)]
    objectives = (Objective("a"), Objective("b", "maximize"))
    read = Reading(page([study_of(outcomes, None, objectives)]))
    assert "front" in read.ids
    assert 0 in read.data["studies"][0]["front"]


def test_several_studies_share_a_page():
    read = Reading(page([study_of(LOSSES), study_of(LOSSES[:10])]))
    assert [each["n"] for each in read.data["studies"]] == [30, 10]


def test_the_best_trials_and_one_of_each_error_are_there_whole(tmp_path):
    outcomes = [*LOSSES, Outcome("failed", error="bad", traceback="line 1\nbad")]
    (study,) = Reading(page([study_of(outcomes)])).data["studies"]
    told = study["told"]
    assert json.loads(told[str(study["best"])]["config"]).keys() == {"x", "kind"}
    assert told["30"]["traceback"] == "line 1\nbad"


def test_json_in_a_script_ends_no_script():
    text = in_script({"a": "</script><!--\u2028&\ud800"})
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text)["a"].startswith("</script><!--\u2028&")


def test_a_report_is_no_study_and_must_be_writable(tmp_path):
    study = study_of(LOSSES[:2], path=tmp_path / "a.db")
    with pytest.raises(SettingError, match="another file than the study"):
        report(study, tmp_path / "a.db")
    with pytest.raises(SettingError, match="choose another path"):
        report(study, tmp_path / "missing" / "a.html")
    with pytest.raises(SettingError, match="1 to 8 studies"):
        report([], tmp_path / "a.html")
    assert [each.name for each in tmp_path.iterdir() if "html" in each.name] == []


def test_a_long_vector_is_not_said_to_be_looked_at_whole():
    problem = FunctionProblem(lambda config: sum(config["v"]), {"v": Vector(100, 0, 1)})
    study = Study(problem, "random", seed=0)
    for _ in range(3):
        solution = study.ask()
        study.tell(solution, sum(solution.config["v"]))
    text = page([study])
    assert "the first 32 of 100 entries" in text
    assert "It differs in at least 32 parameters." in text


def test_names_without_end_push_nothing_from_the_screen():
    name = "n" * 5000
    study = Study(FunctionProblem(lambda config: 0, {name: hpopt.Float(0, 1)}), "random", seed=0)
    study.tell(study.ask(), 0.0)
    (facts,) = re.findall(r'<dl class="facts">(.*?)</dl>', page([study]).split('id="finished"')[0])
    assert 0 < len(facts) < 500
