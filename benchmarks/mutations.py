"""Change a valid study file as damage and malice would: cells, header, tables, bytes, log."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hpopt
from hpopt.problems import FunctionProblem

COLUMNS = [
    *("number", "status", "told", "asked_after", "config", "point", "seed", "fidelity", "metrics"),
    *("started", "seconds", "memory", "error", "curve", "traceback", "output", "info"),
]


def make_study(path: Path) -> None:
    """Write a study with what studies have: lists, conditions, tuples, failures, curves."""

    def evaluate(config: dict[str, Any], trial: Any) -> dict[str, Any]:
        if trial.number % 7 == 3:
            raise ValueError("no value")
        for step in range(5):
            trial.report(step, config["x"] + step)
        return {"loss": config["x"] ** 2, "size": float(len(config["layers"])), "odd": 1.0}

    space = {
        "x": hpopt.Float(1e-3, 5, log=True),
        "kind": hpopt.Categorical(["a", "b", (1, 2)]),
        "n": hpopt.Int(1, 100, when={"kind": "a"}),
        "batch": hpopt.Ordinal([16, 32, 64]),
        "layers": hpopt.Sequence({"units": hpopt.Int(8, 64)}, 0, 3),
    }
    objectives = [hpopt.Objective("loss"), hpopt.Objective("size", "maximize")]
    problem = FunctionProblem(evaluate, space, objectives=objectives)
    with hpopt.Study(problem, "random", path=path, seed=0) as study:
        study.run(trials=60, progress=False)
        for _ in range(3):
            study.ask()


# -- what is done to it --------------------------------------------------------------------------


def deep(n: int, opening: str = "[", closing: str = "]") -> str:
    return opening * n + closing * n


TEXTS: list[Callable[[random.Random], Any]] = [
    lambda rng: deep(100_000),
    lambda rng: deep(rng.choice([90, 101, 400, 900])),
    lambda rng: deep(rng.choice([50, 900, 50_000]), '{"a":', "}").replace("{}", '{"a":1}'),
    lambda rng: "[" + "[]," * 300_000 + "[]]",
    lambda rng: "[" + "{}," * 1_000_000 + "{}]",
    lambda rng: "[" + "1," * 3_000_000 + "1]",
    lambda rng: json.dumps({f"k{i}": i for i in range(20_000)}),
    lambda rng: '{"loss": 1e400, "size": -1e400}',
    lambda rng: '{"loss": ' + "9" * rng.choice([400, 5000]) + ', "size": 1}',
    lambda rng: '{"loss": {"$float": "nan"}, "size": {"$float": "-inf"}}',
    lambda rng: '{"loss": {"$float": ["x"]}, "size": 1}',
    lambda rng: '{"loss": true, "size": null}',
    lambda rng: '{"loss": "1", "size": [1]}',
    lambda rng: '{"x": 1}',
    lambda rng: '{"x": "\\u202e\\u009b31m\\ud800", "\\u001b[2J": 5}',
    lambda rng: "[[1, 2], [3]]",
    lambda rng: '[["a", "b"], [null, {}]]',
    lambda rng: '{"1": "2"}',
    lambda rng: "[[1e999, 1], [NaN, -Infinity]]",
    lambda rng: json.dumps([[i, i / 7] for i in range(100_000)]),
    lambda rng: rng.choice(
        ["", "null", "true", "0", "-1", '"text"', "[]", "{}", "{", "\x00", "[1"]
    ),
    lambda rng: "complete",
    lambda rng: "failed",
    lambda rng: "\x1b[31mred\x1b]8;;http://a\x1b\\\x9b2J\u202e\u2066\x07\x08\r\x00" * 50,
    lambda rng: "line\n" * 100_000,
    lambda rng: "x" * rng.choice([10_000, 3_000_000]),
    lambda rng: bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 7, 8, 64, 4096]))),
    lambda rng: bytes(10_000_000),
    lambda rng: b"\xff\xfe\xc3(",
    lambda rng: rng.choice([0, 1, -1, 5, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]),
    lambda rng: rng.choice([0.5, -0.5, 1e300, -1e300, 5e-324, float("inf"), float("-inf")]),
    lambda rng: None,
]

VALUES: list[Callable[[random.Random], Any]] = [
    lambda rng: rng.choice(
        [None, True, False, 0, 1, -1, 2**63, 10**9, 10**400, 0.5, -1e308, 1e308]
    ),
    lambda rng: rng.choice(
        ["", "x", "adam", "minimize", "float", "sequence", "\x1b[2J\u202e", "\ud800"]
    ),
    lambda rng: rng.choice([[], {}, [[]], [1, 2], {"a": 1}, [{}], {"": []}, [[1, 2], [3]]]),
    lambda rng: json.loads(deep(90)),
    lambda rng: list(range(100_000)),
    lambda rng: [f"name {i}" for i in range(10_000)],
    lambda rng: {f"k{i}": i for i in range(10_000)},
    lambda rng: [[f"p{i}", {"type": "float", "low": 0, "high": 1}] for i in range(3000)],
    lambda rng: [[f"o{i}", "minimize"] for i in range(rng.choice([50, 5000]))],
    lambda rng: {"type": "vector", "length": rng.choice([10, 10**6, 10**9]), "low": 0, "high": 1},
    lambda rng: {"type": "int", "low": 0, "high": 2**50},
    lambda rng: {"type": "float", "low": rng.choice([5e-324, 1e-300]), "high": 1e300, "log": True},
    lambda rng: {"type": "categorical", "choices": list(range(20_000))},
    lambda rng: {"type": "ordinal", "values": [[i] for i in range(2000)]},
    lambda rng: {
        "name": rng.choice(["genetic", "bayesian", "none", "\x9b"]),
        "settings": {"a": []},
    },
]


def chain(n: int) -> list[Any]:
    """Make n parameters, each of which depends on the one before."""
    two = {"type": "categorical", "choices": [0, 1]}
    return [[f"p{i}", two | ({"when": {f"p{i - 1}": [1]}} if i else {})] for i in range(n)]


def nested(n: int) -> dict[str, Any]:
    """Make a list of layers in a list of layers …"""
    inner: dict[str, Any] = {"type": "int", "low": 0, "high": 9}
    for _ in range(n):
        inner = {
            "type": "sequence",
            "min_length": 0,
            "max_length": 10,
            "space": {"parameters": [["inner", inner]]},
        }
    return inner


def change_cell(path: Path, rng: random.Random) -> None:
    column, value = rng.choice(COLUMNS), rng.choice(TEXTS)(rng)
    where = rng.choice(["", f"WHERE number = {rng.randrange(60)}", "WHERE status = 'complete'"])
    if isinstance(value, str | bytes) and len(value) > 100_000:
        where = f"WHERE number = {rng.randrange(60)}"
    with opened(path) as connection:
        connection.execute(f"UPDATE OR IGNORE trials SET {column} = ? {where}", (value,))


def change_type(path: Path, rng: random.Random) -> None:
    column, kind = rng.choice(COLUMNS[1:]), rng.choice(["BLOB", "TEXT", "INTEGER", "REAL"])
    with opened(path) as connection:
        connection.execute(f"UPDATE OR IGNORE trials SET {column} = CAST({column} AS {kind})")


def change_number(path: Path, rng: random.Random) -> None:
    number = rng.choice([2**63 - 1, -1, -(2**63), 2**62, 10**6, 64])
    with opened(path) as connection:
        connection.execute(
            f"UPDATE trials SET number = {number} WHERE number = {rng.choice([0, 59, 62])}"
        )


def change_header(path: Path, rng: random.Random) -> None:
    with opened(path) as connection:
        (text,) = connection.execute("SELECT header FROM study").fetchone()
        header = json.loads(text)
        places = list(places_in(header))
        holder, key = rng.choice(places[:40] if rng.random() < 0.5 else places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(VALUES)(rng)
        connection.execute("UPDATE study SET header = ?", (json.dumps(header),))


def change_space(path: Path, rng: random.Random) -> None:
    with opened(path) as connection:
        (text,) = connection.execute("SELECT header FROM study").fetchone()
        try:
            header = json.loads(text)
            parameters = header["space"]["parameters"]
        except (RecursionError, ValueError, LookupError, TypeError):
            return  # another change has nested or replaced it
        huge = {
            "type": "sequence",
            "min_length": rng.choice([0, 10**9]),
            "max_length": rng.choice([10**5, 10**9, 10**18]),
            "space": {"parameters": [["u", {"type": "int", "low": 1, "high": 9}]]},
        }
        vector = {"type": "vector", "length": 10**6, "low": 0, "high": 1}
        added = rng.choice([
            [["huge", huge]],
            chain(rng.choice([50, 1000])),
            [["deep", nested(rng.choice([3, 5, 9, 40]))]],
            [[f"v{i}", vector] for i in range(20)],
            [[f"p{i}", {"type": "float", "low": 0, "high": 1}] for i in range(10_000)],
            [["many", {"type": "categorical", "choices": list(range(50_000))}]],
        ])  # fmt: skip
        parameters += added
        connection.execute("UPDATE study SET header = ?", (json.dumps(header),))


def change_header_text(path: Path, rng: random.Random) -> None:
    value = rng.choice(TEXTS)(rng)
    with opened(path) as connection:
        if value is None:
            connection.execute("DELETE FROM study")
        else:
            connection.execute("UPDATE study SET header = ?", (value,))


COPIES = {
    "without a key": "CREATE TABLE trials AS SELECT * FROM old",
    "all alike": "CREATE TABLE trials AS SELECT o.* FROM old o, old p, old q LIMIT 50000",
    "a view": "CREATE VIEW trials AS SELECT * FROM old",
    "an endless view": "CREATE VIEW trials AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL "
    "SELECT i + 1 FROM n) SELECT i AS number, {others} FROM n, (SELECT * FROM old LIMIT 1)",
    "a view with huge cells": "CREATE VIEW trials AS SELECT number, {others} FROM "
    "(SELECT *, hex(zeroblob(100000000)) AS huge FROM old)",
    "no rowid": "CREATE TABLE trials (number INT PRIMARY KEY, {typed}) WITHOUT ROWID",
    "generated": "CREATE TABLE trials (number INTEGER PRIMARY KEY, {typed}, "
    "extra TEXT AS (hex(zeroblob(100000000))))",
    "a default": "CREATE TABLE trials (number INTEGER PRIMARY KEY, {typed_but_error}, "
    "error TEXT DEFAULT (hex(zeroblob(100000000))))",
    "other types": "CREATE TABLE trials (number, {others})",
    "another collation": "CREATE TABLE trials (number INTEGER PRIMARY KEY, {collated})",
}


def change_tables(path: Path, rng: random.Random) -> None:
    others = COLUMNS[1:]
    names = {
        "others": ", ".join(others),
        "typed": ", ".join(f"{name} TEXT" for name in others),
        "typed_but_error": ", ".join(f"{name} TEXT" for name in others if name != "error"),
        "collated": ", ".join(f"{name} TEXT COLLATE NOCASE" for name in others),
    }
    sql = rng.choice(list(COPIES.values())).format(**names)
    with opened(path) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute("ALTER TABLE trials RENAME TO old")
        connection.execute(sql)
        if sql.startswith("CREATE TABLE") and " AS SELECT" not in sql:
            columns = ", ".join(COLUMNS)
            connection.execute(f"INSERT INTO trials ({columns}) SELECT {columns} FROM old")
            connection.execute("DROP TABLE old")


def change_schema(path: Path, rng: random.Random) -> None:
    with opened(path) as connection:
        connection.execute(rng.choice([
            "CREATE INDEX i ON trials (told)",
            "CREATE INDEX i ON trials (hex(zeroblob(10000000)))",
            "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; END",
            "DROP TABLE study",
            "DROP TABLE trials",
            "ALTER TABLE trials DROP COLUMN told",
            "ALTER TABLE trials RENAME COLUMN config TO \"con\x1b[2Jfig\"",
            "CREATE TABLE \"\x1b[2J\u202e\" (a)",
            "CREATE TABLE more (a)",
            "PRAGMA user_version = 99",
            "PRAGMA application_id = 1",
            "PRAGMA journal_mode = WAL",
            "VACUUM",
        ]))  # fmt: skip


def change_bytes(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 3, 30, 1000])):
        data[rng.randrange(rng.choice([100, 2048, len(data)]))] = rng.choice(
            [0, 1, 255, rng.randrange(256)]
        )
    path.write_bytes(data)


def change_pages(path: Path, rng: random.Random) -> None:
    """Put pages in the place of others: trees with circles, cells that share their pages."""
    data = bytearray(path.read_bytes())
    size = 1024
    n = len(data) // size
    for _ in range(rng.choice([1, 2, 10])):
        source, target = rng.randrange(n), rng.randrange(1, n)
        data[target * size : (target + 1) * size] = data[source * size : (source + 1) * size]
    for _ in range(rng.choice([0, 5])):  # the numbers of pages in the cells
        place = rng.randrange(1, n) * size + rng.randrange(size - 4)
        data[place : place + 4] = rng.randrange(1, n + 1).to_bytes(4, "big")
    path.write_bytes(data)


def change_length(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    cut = data[: rng.randrange(len(data))]
    path.write_bytes(rng.choice([cut, data + bytes(rng.choice([1, 1024, 5000])), cut + data]))


def change_log(path: Path, rng: random.Random) -> None:
    log = path.with_name(path.name + "-wal")
    with opened(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    log.write_bytes(rng.choice([b"", b"x" * 500, bytes(5000), path.read_bytes()[:4000]]))


CHANGES = [
    *[change_cell] * 6,
    change_type,
    change_number,
    *[change_header] * 4,
    *[change_space] * 2,
    change_header_text,
    *[change_tables] * 2,
    change_schema,
    *[change_bytes] * 2,
    *[change_pages] * 2,
    change_length,
    change_log,
]


def places_in(data: Any) -> Iterator[tuple[Any, Any]]:
    """Give each container and key in JSON data, outer ones first."""
    level = [data]
    while level:
        inner = []
        for holder in level:
            for key in holder if isinstance(holder, dict) else range(len(holder)):
                yield holder, key
                if isinstance(holder[key], dict | list):
                    inner.append(holder[key])
        level = inner


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file to change it, however it looks by now."""
    connection = sqlite3.connect(path)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        with contextlib.suppress(sqlite3.Error, TypeError, ValueError, KeyError, AttributeError):
            yield connection
            connection.commit()
    finally:
        connection.close()


def mutate(path: Path, whole: bytes, seed: str) -> str:
    """Write a study with changes; say which."""
    rng = random.Random(seed)
    for each in path.parent.iterdir():
        each.unlink(missing_ok=True)
    path.write_bytes(whole)
    changes = rng.choices(CHANGES, k=rng.choice([1, 1, 2, 3]))
    for change in changes:
        change(path, rng)
    return " + ".join(change.__name__.removeprefix("change_") for change in changes)
