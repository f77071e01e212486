"""``hpopt show --json`` and ``hpopt best --json``: the keys that the docs promise."""

import json
import re
from pathlib import Path

import pytest

import hpopt as library
from hpopt.problems import ExternalProblem
from hpopt.study import Study

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"


@pytest.fixture
def shown(hpopt):
    def shown(*arguments):
        code, out, err = hpopt(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return shown


@pytest.fixture
def bakery(folder):
    """A study of two objectives with a constraint: two trials told, one that reports."""
    problem = ExternalProblem(
        {"heat": library.Int(150, 250)},
        objectives={"taste": "maximize", "minutes": "minimize"},
        constraints={"cost": "<= 3"},
        fidelity=library.Fidelity(1, 9, "trays"),
    )
    with Study(problem, "random", path="b.db", seed=0) as study:
        for _ in range(4):
            study.ask()
        study.tell(0, {"taste": 1, "minutes": 2, "cost": 1, "fans": float("inf")})
        study.tell(1, {"taste": 3, "minutes": 4, "cost": 1, "note": "dark"})
        study.tell(2, {"taste": 9, "minutes": 1, "cost": 7})
        study.tell_step(3, 1, {"taste": 0.5})
    return "b.db"


def test_the_keys_are_those_of_the_docs(shown, bakery):
    table = PAGE.read_text().partition("## For programs")[2].partition("A trial has")[0]
    named = [re.findall("`([a-z]+)`", row.split("|")[1]) for row in table.splitlines()[5:] if row]
    assert {*shown("show", bakery)} == {name for names in named for name in names}


def test_what_it_says(shown, bakery, folder):
    found = shown("show", bakery, "--top", 1)
    assert found["study"] == str(folder / "b.db")
    assert found["objectives"] == [
        {"name": "taste", "direction": "maximize"},
        {"name": "minutes", "direction": "minimize"},
    ]
    assert found["constraints"] == [{"name": "cost", "operator": "<=", "bound": 3.0}]
    assert found["fidelity"] == {"name": "trays", "low": 1, "high": 9}
    assert found["counts"]["complete"] == 3
    assert found["best"]["number"] == 1
    assert found["best"]["info"] == {"note": "dark"}
    assert [each["number"] for each in found["top"]] == [1]
    assert [each["number"] for each in found["front"]] == [1, 0]
    assert found["front"][1]["values"]["fans"] is None
    (pending,) = found["pending"]
    assert (pending["number"], pending["step"], pending["value"]) == (3, 1, 0.5)
    assert found["writer"] is None


def test_people_see_what_is_pending_elsewhere(hpopt, bakery):
    assert re.search("pending +1: 3", hpopt("show", bakery)[1])


def test_one_trial(shown, bakery):
    found = shown("show", bakery, "--trial", 1)
    assert found["values"] == {"taste": 3.0, "minutes": 4.0, "cost": 1.0}
    assert {"curve", "traceback", "output", "on_front", "feasible"} <= found.keys()


def test_best(shown, bakery):
    assert shown("best", bakery)["number"] == 1
    assert [each["number"] for each in shown("best", bakery, "--front")] == [1, 0]
    assert "curve" not in shown("best", bakery)


def test_a_study_without_values(shown, hpopt, folder):
    problem = ExternalProblem({"heat": library.Int(150, 250)})
    Study(problem, "random", path="n.db").close()
    assert shown("show", "n.db")["best"] is None
    assert shown("show", "n.db")["front"] is None
    code, out, err = hpopt("best", "n.db", "--json")
    assert (code, out) == (3, "")
    assert json.loads(err)["error"]["type"] == "NoValuesError"


@pytest.mark.parametrize("command", ["show", "best", "export"])
def test_errors_are_json_too(hpopt, folder, command):
    code, out, err = hpopt(command, "none.db", "--json")
    assert (code, out) == (1, "")
    error = json.loads(err)
    assert error["exit_code"] == 1
    assert error["error"]["type"] == "StudyFileError"
    assert "there is no" in error["error"]["message"]


def test_it_does_not_follow(hpopt, bakery):
    code, _, err = hpopt("show", bakery, "--json", "--follow")
    assert (code, "--follow must be without --json" in err) == (1, True)
