"""``hpopt report``: write studies as a page in one file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from hpopt.checks import expanded
from hpopt.cli.exit_codes import ExitCode
from hpopt.core.amounts import in_units
from hpopt.study import Study
from hpopt.terminal import printable


def add_report(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to those of the parser."""
    command = add(
        "report",
        report,
        "write a report of one study, or of several head to head, as one HTML file",
        "examples:\n  hpopt report digits.db -o report.html\n"
        "  hpopt report tpe.db genetic.db -o both.html\n",
        "\n\nIt opens in any browser without a network: the answer, whether the search is finished,"
        "\nwhat mattered, what failed, where the time went, charts, and a table of all trials."
        "\nWorks while the study is running, and runs no code of the study's.",
    )
    command.add_argument(
        "studies", metavar="STUDY", type=expanded, nargs="+", help="the study files, eight at most"
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=expanded,
        help="where to write it (the first study's name with .html, in this folder)",
    )


def report(arguments: argparse.Namespace) -> ExitCode:
    """Write a report and print its path."""
    from hpopt.reports.page import report as write_report

    records = [Study.load(path) for path in arguments.studies]
    chosen = arguments.output or f"{Path(arguments.studies[0]).stem}.html"
    path = write_report(records, chosen)
    size = in_units(path.stat().st_size)
    sys.stderr.write(f"hpopt: a report of {size}, to be opened in a browser\n")
    sys.stdout.write(f"{printable(str(path))}\n")
    return ExitCode.DONE
