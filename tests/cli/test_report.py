import sqlite3
from pathlib import Path

import pytest

import hpopt as library
from hpopt import Study
from hpopt.cli import ExitCode
from hpopt.problems import FunctionProblem


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study that is open for writing, in the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    problem = FunctionProblem(lambda config: config["x"], {"x": library.Float(0, 1)})
    made = Study(problem, "random", seed=0, path="line.db")
    made.run(trials=3, progress=False)
    return made


def test_a_report_is_written_while_the_study_is_open(study, hpopt):
    code, out, err = hpopt("report", "line.db")
    assert (code, out) == (ExitCode.DONE, "line.html\n")
    assert "opened in a browser" in err
    assert "<h1>line</h1>" in Path("line.html").read_text(encoding="utf-8")


def test_of_several_studies_each_is_named(study, hpopt):
    Study(study.problem, "random", seed=1, path="other.db").run(trials=2, progress=False)
    assert hpopt("report", "line.db", "other.db", "-o", "both.html")[0] == ExitCode.DONE
    text = Path("both.html").read_text(encoding="utf-8")
    assert "<h1>line and other</h1>" in text
    assert "Head to head" in text


def test_what_is_no_study_of_ours_is_an_error_in_words(study, hpopt):
    with sqlite3.connect("line.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    code, out, err = hpopt("report", "line.db")
    assert (code, out) == (ExitCode.ERROR, "")
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert hpopt("report", "missing.db")[0] == ExitCode.ERROR
    assert not Path("line.html").exists()
