"""Whether a database has the plain tables of a study, and nothing that computes or runs.

A view, a generated column or a virtual table can give any number of rows and values of any
length out of a small file; keys can stand in any order without a rowid; a trigger writes more
than it is told to.
"""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from typing import Any

from hpopt.storage.rows import SCHEMA

ADDED = frozenset({"info"})
"""Columns that files of earlier versions do not have."""

Columns = dict[str, tuple[Any, ...]]


def what_is_wrong(connection: sqlite3.Connection) -> str:
    """Say in which way the tables are not those of a study; empty where they are."""
    query = "SELECT type, name, tbl_name, sql FROM main.sqlite_master"
    found = [tuple(map(str, row)) for row in connection.execute(query)]
    by_name = {name.lower(): (kind, sql) for kind, name, _, sql in found}
    for kind, name, table, _ in found:
        if kind == "trigger" or (kind == "index" and table.lower() in _expected()):
            return f"there is the {kind} {name!r}, which hpopt does not make"
    for table, columns in _expected().items():
        kind, sql = by_name.get(table, ("", ""))
        if not kind:
            return f"the table {table} is missing"
        words = sql.upper().split(None, 2)[:2]
        # That the number is the rowid shows in that no index was made for it.
        has_index = connection.execute(f"PRAGMA main.index_list({table})").fetchone()
        if kind != "table" or words != ["CREATE", "TABLE"] or has_index:
            return f"{table} is not a plain table"
        wrong = _wrong_column(_columns(connection, table), columns)
        if wrong:
            return f"the column {wrong!r} of the table {table} is not as hpopt makes it"
    return ""


def _wrong_column(found: Columns, expected: Columns) -> str:
    for name in [*expected, *found]:
        here = found.get(name)
        if here is None and name in ADDED:
            continue
        is_ours = here == expected[name] if name in expected else here and here[-1] == 0
        if not is_ours:
            return name
    return ""


def _columns(connection: sqlite3.Connection, table: str) -> Columns:
    """Return of each column its type, whether it may be NULL, default, key and generation."""
    rows = connection.execute(f"PRAGMA main.table_xinfo({table})")
    return {str(name): tuple(rest) for _, name, *rest in rows}


@functools.cache
def _expected() -> dict[str, Columns]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return {table: _columns(connection, table) for table in ("study", "trials")}
