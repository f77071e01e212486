"""``hpopt report``: write studies as a page in one file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hpopt.cli.exit_codes import ExitCode
from hpopt.core.amounts import in_units
from hpopt.study import Study
from hpopt.terminal import printable


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
