"""What a stranger's file says reaches the terminal as text, and is not obeyed."""

import json
import sqlite3
from contextlib import closing

import pytest

import hpopt as library
from hpopt import Study
from hpopt.cli import ExitCode
from hpopt.problems import FunctionProblem

EVIL = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egpj.exe\u2066\r\x08\x7f"
SAFE = "\\u001b[2J\\u001b]0;title\\u0007\\u009b31m\\u202egpj.exe\\u2066\\u000d\\u0008\\u007f"
UNSAFE = set(EVIL) - set("[2J]0;title31mgpj.exe")


@pytest.fixture
def evil(folder):
    """A study whose every text would do something to a terminal."""
    space = {
        f"x{EVIL}": library.Float(0, 1),
        "kind": library.Categorical([EVIL, f"{EVIL}2"]),
        "layers": library.Sequence({EVIL: library.Int(1, 9)}, 1, 2),
    }
    problem = FunctionProblem(
        lambda config: 0.0, space, objectives=library.Objective(f"loss{EVIL}")
    )
    about = {f"key{EVIL}": EVIL}
    with Study(problem, "random", path="evil.db", seed=0, about=about) as study:
        for _ in range(3):
            study.tell(study.ask(), {f"loss{EVIL}": 1.0, f"more{EVIL}": 2.0})
        study.tell(study.ask(), library.Outcome("failed", error=EVIL, traceback=EVIL))
        study.ask()
    with closing(sqlite3.connect("evil.db")) as connection:
        (text,) = connection.execute("SELECT header FROM study").fetchone()
        header = {**json.loads(text), "problem": EVIL, "hpopt": EVIL}
        header["optimizer"] = {"name": f"name{EVIL}", "settings": {EVIL: EVIL}}
        connection.execute("UPDATE study SET header = ?", (json.dumps(header),))
        connection.execute("UPDATE trials SET output = ?", (EVIL,))
        connection.commit()
    return "evil.db"


@pytest.mark.parametrize(
    "arguments",
    [["show"], ["show", "--trial", 0], ["show", "--trial", 3], ["show", "--follow"], ["best"]],
)
def test_nothing_that_a_terminal_obeys_is_printed(evil, hpopt, arguments):
    command, *options = arguments
    code, out, err = hpopt(command, evil, *options)
    assert code == ExitCode.DONE
    assert not UNSAFE & set(out + err)
    assert "\\u202egpj.exe" in out


def test_errors_are_escaped_too(evil, hpopt):
    with closing(sqlite3.connect(evil)) as connection:
        connection.execute("UPDATE trials SET status = ? WHERE number = 1", (EVIL,))
        connection.execute(f'CREATE TABLE "{EVIL}" (a)')
        connection.commit()
    code, _, err = hpopt("show", evil)
    assert code == ExitCode.ERROR
    assert err.startswith("error: a study file must be whole, but its trial 1 is damaged")
    assert not UNSAFE & set(err)
    with closing(sqlite3.connect(evil)) as connection:
        connection.execute("PRAGMA application_id = 1")
    code, _, err = hpopt("show", evil)
    assert SAFE in err
    assert not UNSAFE & set(err)


@pytest.mark.parametrize("seconds", [1e18, -1e18, 1e300])
def test_a_time_that_no_calendar_has_is_shown_as_a_number(evil, hpopt, seconds):
    with closing(sqlite3.connect(evil)) as connection:
        connection.execute("UPDATE trials SET started = ?, seconds = ?", (seconds, seconds))
        connection.commit()
    code, out, _ = hpopt("show", evil, "--trial", 0)
    assert code == ExitCode.DONE
    assert f"{seconds:g} seconds after 1970" in out
    assert hpopt("show", evil)[0] == ExitCode.DONE


def test_long_texts_and_long_lists_are_cut(folder, hpopt):
    space = {f"p{i}": library.Float(0, 1) for i in range(1200)}
    with Study(FunctionProblem(lambda config: 0, space), "random", path="long.db") as study:
        study.tell(study.ask(), library.failed("x" * 10**6))
    out = hpopt("show", "long.db")[1]
    assert "and 200 more" in out
    assert f"{'x' * 100} … (1000008 characters)" in out
    assert len(out) < 200_000
