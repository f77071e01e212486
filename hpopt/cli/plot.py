"""``hpopt plot``: draw figures of a study into files."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

from hpopt.checks import expanded
from hpopt.cli.exit_codes import ExitCode
from hpopt.errors import SettingError
from hpopt.study import Study
from hpopt.terminal import printable

ALL = "all"
# As `hpopt.reports.plots` has them, which is imported when a figure is drawn.
KINDS = (
    "progress",
    "parallel_coordinates",
    "settings",
    "slices",
    "contour",
    "importance",
    "front",
    "learning_curves",
    "generations",
    "lineage",
    "timeline",
)
ENDINGS = (".png", ".svg", ".pdf")

EXAMPLE = """\
examples:
  hpopt plot digits.db progress -o progress.png
  hpopt plot digits.db progress --by time -o progress.svg
  hpopt plot digits.db slices --parameters units learning_rate -o slices.pdf
  hpopt plot digits.db all -o figures/
"""


def add_plot(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to a parser."""
    command = add(
        "plot",
        plot,
        "draw a figure of a study into a file, or all figures into a folder",
        EXAMPLE,
        f"\n\nKIND is one of\n  {_in_lines(KINDS)},\nor all for those that the study has."
        "\nWorks while the study is running, and runs no code of the study's. It needs matplotlib:"
        "\npip install 'hpopt[reports]'.",
    )
    command.add_argument("study", metavar="STUDY", type=expanded, help="the study file")
    command.add_argument("kind", metavar="KIND", help="which figure")
    command.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        type=expanded,
        required=True,
        help=f"the file, ending in {', '.join(ENDINGS)}; of all figures the folder",
    )
    command.add_argument("--dark", action="store_true", help="for dark ground")
    command.add_argument("--objective", metavar="NAME", help="by default the first")
    command.add_argument(
        "--parameters", metavar="NAME", nargs="+", help="by default those that tell most"
    )
    command.add_argument("--by", choices=("trial", "time"), help="of progress: over what")
    command.add_argument(
        "--format",
        choices=[ending[1:] for ending in ENDINGS],
        default="png",
        help="of all figures (png)",
    )


def _in_lines(names: Iterable[str]) -> str:
    return textwrap.fill(", ".join(names), 88, subsequent_indent="  ")


def plot(arguments: argparse.Namespace) -> ExitCode:
    """Draw one figure into a file, or all into a folder."""
    from hpopt.reports.plots import save, save_all

    record, path = Study.load(arguments.study), Path(arguments.output)
    if arguments.kind != ALL:
        save(record, arguments.kind, path, dark=arguments.dark, **_options(arguments))
        return ExitCode.DONE
    if _options(arguments):
        raise SettingError("options of one figure must go with it, but got KIND all: name one")
    if path.suffix:
        raise SettingError(
            f"all figures must go to a folder, but got {path.name!r}, which has the ending of a "
            "file: name a folder, and their form by --format"
        )
    missing = save_all(record, path, ending=f".{arguments.format}", dark=arguments.dark)
    for name, why in missing.items():
        sys.stderr.write(f"no {name}: {printable(why)}\n")
    return ExitCode.DONE


def _options(arguments: argparse.Namespace) -> dict[str, object]:
    wanted = {
        "by": arguments.by,
        "objective": arguments.objective,
        "parameters": arguments.parameters,
    }
    return {name: value for name, value in wanted.items() if value is not None}
