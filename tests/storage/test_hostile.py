"""A study file that somebody else made, or changed by hand, is read as one or refused."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from hpopt.errors import SettingError, StudyFileError
from hpopt.storage import SQLiteStorage, salvage
from hpopt.storage.encoding import decode, encode
from hpopt.storage.rows import MOST_REPORTS, SCHEMA
from hpopt.testing.storages import solution, trial

N = 40
TRIALS = SCHEMA[SCHEMA.index("CREATE TABLE trials") : SCHEMA.rindex("COMMIT")].strip()
OTHERS = "status, told, asked_after, config, point, seed, fidelity, metrics, started, seconds, "
OTHERS += "memory, error, curve, traceback, output, info, generation, parents, worker"


@pytest.fixture
def path(tmp_path):
    with SQLiteStorage(tmp_path / "study.db") as storage:
        storage.write_header({"seed": 5})
        storage.started([solution(number) for number in range(N + 2)], 0)
        storage.append([trial(number) for number in range(N)])
    return tmp_path / "study.db"


def change(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(*([statement] if isinstance(statement, str) else statement))
        connection.commit()


def remade(sql):
    """Give the statements that put another table or view in the place of the trials."""
    sql = " ".join(line.split("--")[0].strip() for line in sql.splitlines()).rstrip("; ")
    made = ["PRAGMA legacy_alter_table = ON", "ALTER TABLE trials RENAME TO old", sql]
    if " AS " not in sql.upper().split("(")[0] and "VIEW" not in sql:
        columns = "number, " + OTHERS
        made += [f"INSERT INTO trials ({columns}) SELECT {columns} FROM old", "DROP TABLE old"]
    return made


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) "
    f"SELECT i AS number, {OTHERS} FROM n, (SELECT * FROM old LIMIT 1)"
)
CHANGED = {
    "not a plain table": remade(f"CREATE VIEW trials AS {ENDLESS}"),
    "the column 'number'": remade("CREATE TABLE trials AS SELECT * FROM old"),
    "trials is not a plain table": remade(TRIALS.rstrip("; \n") + " WITHOUT ROWID"),
    "the column 'extra'": [
        "ALTER TABLE trials ADD COLUMN extra TEXT AS (hex(zeroblob(number * 1000000)))"
    ],
    "the column 'error'": remade(TRIALS.replace("error       TEXT", "error TEXT DEFAULT 'x'")),
    "the column 'told'": ["ALTER TABLE trials DROP COLUMN told"],
    "the column 'seed'": remade(TRIALS.replace("seed        INTEGER", "seed TEXT")),
    "the table study is missing": ["DROP TABLE study"],
    "there is the trigger 't'": ["CREATE TRIGGER t AFTER INSERT ON trials BEGIN SELECT 1; END"],
    "there is the index 'i'": ["CREATE INDEX i ON trials (hex(zeroblob(1000000)))"],
}


@pytest.mark.parametrize("mode", ["r", "w"])
@pytest.mark.parametrize("what", CHANGED)
def test_what_computes_in_place_of_a_table_is_refused(path, what, mode):
    change(path, *CHANGED[what])
    before = path.read_bytes()
    with pytest.raises(StudyFileError, match="must have the tables that hpopt makes") as caught:
        SQLiteStorage(path, mode)
    assert what in str(caught.value)
    assert path.read_bytes() == before


def test_a_table_of_the_users_own_does_no_harm(path):
    change(path, "CREATE TABLE notes (text)", "ALTER TABLE trials ADD COLUMN mark TEXT")
    with SQLiteStorage(path) as storage:
        assert storage.count()["pending"] == 2
        assert len(list(storage.trials())) == len(storage.load().trials) == N


CELLS = {
    "config": [
        "[1]",
        "null",
        "{",
        b"{}",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 200 + "1" + "}" * 200,
    ],
    "point": ["text", 5, b"1234567"],
    "seed": ["text", 0.5, b""],
    "fidelity": ["text", float("inf"), b""],
    "status": ["done", b"complete", 5],
    "metrics": [
        *("[1]", "[[", b"{}", "5"),
        *('{"value": null}', '{"value": true}', '{"value": "1"}', '{"value": [1]}'),
        *('{"value": ' + "9" * n + "}" for n in (400, 5000)),
    ],
    "started": ["text", None, float("inf"), b""],
    "seconds": ["text", None, float("-inf"), b""],
    "memory": ["text", 0.5, b""],
    "error": [b"\xff"],
    "curve": [
        '{"1": 2}',
        "[[1]]",
        "[[1, 2, 3]]",
        '[["a", 1]]',
        "[[1, null]]",
        '[[1, {"error": null}]]',
        "[5]",
        '"ab"',
        b"[]",
    ],
    "traceback": [b"\xff"],
    "info": ["[1]", "5", "{", '[["a", 1], 2]', "[" * 100_000],
    "generation": ["text", 0.5, -1, b""],
    "parents": ["", "5", "{}", "[", "[true]", "[0.5]", "[-1]", "[7]", "[[1]]", b"[1]"],
    "worker": [b"\xff"],
    "told": ["text", 0.5, b""],
    "asked_after": ["text", 0.5, b""],
}


@pytest.mark.parametrize("column", CELLS)
def test_a_cell_of_another_kind_names_its_trial(path, column):
    whole = path.read_bytes()
    for value in CELLS[column]:
        path.write_bytes(whole)
        change(path, (f"UPDATE trials SET {column} = ? WHERE number = 7", (value,)))
        with SQLiteStorage(path, "r") as storage:
            with pytest.raises(StudyFileError, match="its trial 7 is damaged"):
                storage.load()
            assert storage.trial(8).number == 8
            if column not in ("told", "asked_after"):
                with pytest.raises(StudyFileError, match="its trial 7 is damaged"):
                    list(storage.trials())


@pytest.mark.parametrize("value", [b"\xff\xfe", b"text"])
def test_output_that_is_no_text_is_damage(path, value):
    change(path, ("UPDATE trials SET output = ? WHERE number = 7", (value,)))
    with SQLiteStorage(path, "r") as storage, pytest.raises(StudyFileError, match="trial 7"):
        storage.output(7)


def test_output_is_read_no_longer_than_it_is_written(path):
    change(path, ("UPDATE trials SET output = ? WHERE number = 7", ("x" * 10**6 + "end",)))
    with SQLiteStorage(path, "r") as storage:
        assert storage.output(7) == "x" * 19_997 + "end"


@pytest.mark.parametrize("since", ["text", b"", float("inf")])
def test_a_damaged_pending_solution_is_named(path, since):
    change(path, ("UPDATE trials SET started = ? WHERE number = ?", (since, N)))
    with SQLiteStorage(path, "r") as storage:
        with pytest.raises(StudyFileError, match=f"its trial {N} is damaged"):
            storage.pending()
        assert storage.pending_numbers() == [N, N + 1]


@pytest.mark.parametrize("number", [2**63 - 1, 10**12])
def test_a_huge_number_takes_no_time_and_a_negative_one_is_damage(path, number):
    change(path, f"UPDATE trials SET number = {number} WHERE number = {N - 1}")
    with SQLiteStorage(path, "r") as storage:
        assert [each.number for each in storage.trials()] == [*range(N - 1), number]
        assert storage.pending_numbers() == [N, N + 1]
    change(path, f"UPDATE trials SET number = -5 WHERE number = {number}")
    with SQLiteStorage(path, "r") as storage, pytest.raises(StudyFileError, match="damaged"):
        storage.load()


def leaves(data):
    """Find the pages of 1024 bytes that are leaves of tables, the schema's apart."""
    return [place for place in range(1024, len(data), 1024) if data[place] == 0x0D]


def test_pages_that_come_again_are_damage(path):
    data = bytearray(path.read_bytes())
    found = 0
    for one, other in zip(leaves(data), leaves(data)[1:], strict=False):
        twice = bytearray(data)
        twice[other : other + 1024] = data[one : one + 1024]
        path.write_bytes(twice)
        for read in (lambda s: list(s.trials()), lambda s: s.load(), lambda s: s.pending_numbers()):
            with SQLiteStorage(path, "r") as storage:
                try:
                    read(storage)
                except StudyFileError as error:
                    found += "comes after" in str(error)
    assert found


def test_reading_that_does_not_end_is_cut_off(path, monkeypatch):
    """As in a tree whose pages lead to one another: here by a bound that a sound file exceeds."""
    monkeypatch.setattr("hpopt.storage.connection.OPERATIONS", 0)
    monkeypatch.setattr("hpopt.storage.connection.OPERATIONS_A_BYTE", 0)
    monkeypatch.setattr("hpopt.storage.connection.OPERATIONS_AT_ONCE", 100)
    message = "more steps than a whole file of its size"
    with pytest.raises(StudyFileError, match=message), SQLiteStorage(path, "r") as storage:
        storage.count()


def test_trials_longer_than_the_file_are_damage(path, monkeypatch):
    """As where cells share the pages of a long text: here of a file that seems to be shorter."""
    monkeypatch.setattr("hpopt.storage.sqlite.SPARE_BYTES", 0)
    with SQLiteStorage(path, "r") as storage:
        assert len(list(storage.trials())) == N
        monkeypatch.setattr("hpopt.storage.sqlite.n_bytes_of", lambda path: 1000)
        with pytest.raises(StudyFileError, match="its trials are longer than the file"):
            list(storage.trials())


def test_a_value_longer_than_the_file_is_not_read(path):
    """Its length is in the page; SQLite would ask for the memory."""
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'study'"
        ).fetchone()
    page = (root - 1) * 1024
    cell = page + int.from_bytes(data[page + 8 : page + 10], "big")
    data[cell : cell + 5] = b"\x8f\xff\xff\xff\x7f"  # a varint of some 2**32
    path.write_bytes(data)
    with pytest.raises(StudyFileError, match="is damaged"), SQLiteStorage(path, "r") as storage:
        storage.header()


def test_salvage_writes_no_more_than_there_is(path, tmp_path):
    change(path, *remade(f"CREATE VIEW trials AS {ENDLESS}"))
    assert salvage(path, tmp_path / "saved.db") < 100_000
    assert (tmp_path / "saved.db").stat().st_size < 20 * path.stat().st_size + 2**22


def test_json_is_read_as_deep_as_it_is_written():
    def nested(n):
        return json.loads("[" * n + "]" * n)

    most = nested(100)
    assert decode(encode(most)) == most
    assert decode(encode(json.loads("[" * 100 + "NaN" + "]" * 100))) is not None
    with pytest.raises(SettingError, match="nested at most 100 deep"):
        encode(nested(101))
    for n in (102, 900, 100_000):
        with pytest.raises(ValueError, match="nested at most 100 deep"):
            decode("[" * n + "]" * n)


def test_brackets_in_texts_make_nothing_deep():
    data = {"code": "[" * 5000, "list": [[]] * 500}
    assert decode(encode(data)) == data


def test_small_text_that_takes_much_memory_is_refused():
    text = "[" + "{}," * 10**6 + "{}]"
    with pytest.raises(ValueError, match="at most 200 MB of memory, but this takes 289"):
        decode(text)


def test_a_curve_of_very_many_reports_can_be_read_again(tmp_path):
    long = trial(0)
    curve = tuple((float(step), 0.5) for step in range(MOST_REPORTS + 1))
    with SQLiteStorage(tmp_path / "long.db") as storage:
        storage.append([replace(long, outcome=replace(long.outcome, curve=curve))])
        assert storage.trial(0).curve == curve[::2]
