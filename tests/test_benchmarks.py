"""The benchmarks still run: no figure is looked at."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPECTED = {
    "import": ["import", "import loads, of the heavy ones"],
    "random": ["random search, 2 parameters, SQLite", "random search, 10 parameters, in memory"],
    "genetic": ["genetic, population", "one by one through a study"],
    "asks": ["told, random", "told, quasi_random", "told, grid", "told, genetic"],
    "round-trip": ["round trip through a warm child process"],
    "lognormal": ["evaluations of lognormal duration", "start and the end of the worker"],
    "resume": ["trials, random, with the first ask", "trials, genetic, with the first ask"],
    "long": ["trials in one study, SQLite: peak memory", "cost of a trial in the first and last"],
}


@pytest.fixture(scope="module")
def table() -> list[list[str]]:
    """Run everything once with tiny budgets, and give the cells of what is printed."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "foundation.py", "--quick", "--no-peers"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("row", EXPECTED)
def test_a_row_is_measured_and_printed(row: str, table: list[list[str]]):
    for what in EXPECTED[row]:
        cells = next((cells for cells in table if what in cells[0]), None)
        assert cells is not None, f"no line about {what!r} in {table}"
        assert any(digit in cells[1] for digit in "0123456789") or cells[1] == "none"


def test_every_row_is_looked_at_here():
    listed = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "foundation.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "{" + ",".join(EXPECTED) + "}" in "".join(listed.stdout.split())
