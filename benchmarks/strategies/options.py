"""What the command lines of all comparisons have in common."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import recorded


def options(about: str | None, *, processes: int = 1) -> argparse.ArgumentParser:
    """Give a parser of the options that every comparison has; `about` is its module's text."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the data; by default HPOPT_DATA")
    parser.add_argument("--again", nargs="+", default=[], help="forget the runs of these first")
    parser.add_argument("--no-runs", action="store_true", help="compare the runs that there are")
    parser.add_argument(
        "--processes", type=int, default=processes, help="how many run at the same time"
    )
    parser.add_argument("--quick", action="store_true", help="tiny budgets: only see that it runs")
    return parser


def has_data(arguments: argparse.Namespace) -> bool:
    """Use the folder of the data that was given; say so where there is none."""
    if arguments.data:
        os.environ["HPOPT_DATA"] = str(arguments.data)
    if recorded.folder().is_dir():
        return True
    print(f"no tables in {recorded.folder()}: give --data, or set HPOPT_DATA", file=sys.stderr)
    return False
