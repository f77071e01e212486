"""The header of a stranger's file: every value of every wrong kind is refused in words."""

import json
import sqlite3
from contextlib import closing

import pytest

import hpopt
from hpopt.errors import StudyFileError
from hpopt.problems import FunctionProblem

WRONG = [None, True, -1, 0.5, "text", [], {}, [[]], [1, 2], {"a": 1}, [{}], 10**400, "\x1b[2J"]
FINE = {
    ("seed",): (-1, 10**400),
    ("created",): (-1, 0.5),
    ("problem",): ("text", "\x1b[2J"),
    ("hpopt",): ("text", "\x1b[2J"),
    ("python",): ("text", "\x1b[2J"),
    ("fidelity",): (None,),
    ("start",): ([], [{}]),
    ("learned",): ([],),
    ("trials",): (-1, 10**400),
    ("fingerprint",): ({}, {"a": 1}),
    ("optimizer", "name"): ("text", "\x1b[2J"),
    ("optimizer", "settings"): ({}, {"a": 1}),
    ("objectives", 0, 0): ("text", "\x1b[2J"),
}
LAYER = {"parameters": [["n", {"type": "int", "low": 1, "high": 9}]]}


def header_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return json.loads(connection.execute("SELECT header FROM study").fetchone()[0])


def write(path, header):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE study SET header = ?", (json.dumps(header),))
        connection.commit()


@pytest.fixture
def path(tmp_path):
    space = {
        "x": hpopt.Float(0, 1),
        "layers": hpopt.Sequence({"n": hpopt.Int(1, 9)}, 0, 3),
        "shape": hpopt.Categorical([(1, 2), (3, 4)], when={"x_or_not": True}),
    }
    space = {"x_or_not": hpopt.Categorical([True, False]), **space}
    problem = FunctionProblem(lambda config: config["x"], space)
    with hpopt.Study(problem, "random", path=tmp_path / "s.db", seed=0) as study:
        study.run(trials=5, progress=False)
    return tmp_path / "s.db"


def places(data, at=()):
    keys = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    for key in keys:
        yield (*at, key)
        yield from places(data[key], (*at, key))


def put(header, place, value):
    *holders, last = place
    for key in holders:
        header = header[key]
    header[last] = value


def test_every_value_of_a_wrong_kind_is_refused_or_read(path):
    """Each place in the header in turn, with each of the kinds that JSON has."""
    n_refused = 0
    for place in places(header_of(path)):
        for value in WRONG:
            header = json.loads(json.dumps(WHOLE := header_of(path)))
            put(header, place, value)
            write(path, header)
            try:
                record = hpopt.Study.load(path)
                assert value in FINE.get(place, [value])
                assert record.counts["complete"] == 5
            except StudyFileError as error:
                n_refused += 1
                assert value not in FINE.get(place, [])
                assert str(path) in str(error)
                assert len(str(error)) < 1500
            finally:
                write(path, WHOLE)
    assert n_refused > 400


@pytest.mark.parametrize("key", ["format", "space", "objectives", "seed", "optimizer"])
def test_a_header_without_what_it_needs_is_refused(path, key):
    header = header_of(path)
    del header[key]
    write(path, header)
    with pytest.raises(StudyFileError, match=rf"without \['{key}'\]"):
        hpopt.Study.load(path)


@pytest.mark.parametrize(
    "parameter",
    [
        {"type": "sequence", "min_length": 0, "max_length": 10**9, "space": LAYER},
        {"type": "sequence", "min_length": 10**9, "max_length": 10**9, "space": LAYER},
        {"type": "vector", "length": 10**12, "low": 0, "high": 1},
    ],
)
def test_a_space_that_no_memory_holds_is_refused(path, parameter):
    header = header_of(path)
    header["space"]["parameters"].append(["huge", parameter])
    write(path, header)
    with pytest.raises(StudyFileError, match="at most 1000000 coordinates, but has 10000"):
        hpopt.Study.load(path)


def test_lists_in_lists_count_together(path):
    """Each of the spaces of layers would be small enough; they are many."""
    inner = {"parameters": [["w", {"type": "vector", "length": 400_000, "low": 0, "high": 1}]]}
    parameter = {"type": "sequence", "min_length": 0, "max_length": 1, "space": inner}
    header = header_of(path)
    header["space"]["parameters"] += [["a", parameter], ["b", parameter]]
    write(path, header)
    with pytest.raises(StudyFileError, match="at most 1000000 coordinates, but has 1600"):
        hpopt.Study.load(path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trials SET metrics = '{\"other\": 1}' WHERE number = 2",
        "UPDATE trials SET config = '{\"x_or_not\": [1]}' WHERE number = 2",
        "UPDATE trials SET status = 'complete', metrics = NULL WHERE number = 2",
    ],
)
def test_a_trial_of_another_study_is_named(path, change):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
        connection.commit()
    record = hpopt.Study.load(path)
    for read in (lambda: record.best, lambda: record.trials, lambda: record.trial(2)):
        with pytest.raises(StudyFileError, match="but trial 2 does not"):
            read()
    assert record.trial(1).number == 1
