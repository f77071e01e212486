"""``hpopt init``: write a run file with comments, to begin with."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from hpopt.checks import expanded
from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.init_templates import TEMPLATES
from hpopt.errors import SettingError
from hpopt.terminal import printable

DEFAULT = "function"

EXAMPLE = f"""\
examples:
  hpopt init                             on a terminal it asks what to tune
  hpopt init mine.toml --template keras
  hpopt run mine.toml                    it runs as it is

templates:
{chr(10).join(f"  {name:<9} {each.summary}" for name, each in TEMPLATES.items())}
"""

MORE = """

A second file beside it has the code that it tunes, with an example that runs:
change both. Files that exist are left as they are."""


def add_init(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to a parser."""
    command = add("init", init, "write a run file with comments, to begin with", EXAMPLE, MORE)
    command.add_argument(
        "file",
        metavar="FILE",
        type=expanded,
        nargs="?",
        default="search.toml",
        help="the run file (search.toml)",
    )
    command.add_argument(
        "--template", choices=TEMPLATES, metavar="NAME", help=f"one of {', '.join(TEMPLATES)}"
    )


def init(arguments: argparse.Namespace) -> ExitCode:
    """Write a run file and the code that it names."""
    path = Path(arguments.file)
    if path.suffix != ".toml":
        raise SettingError(f"a run file to write must end in .toml, but got {str(path)!r}")
    if path.exists():
        raise SettingError(f"a run file to write must be new, but {path} exists: give another name")
    if not path.parent.is_dir():
        raise SettingError(f"the folder of a run file must exist, but {path.parent} does not")
    template = TEMPLATES[arguments.template or _chosen()]
    module = re.sub(r"\W", "_", path.stem) + "_problem"
    names = {"name": path.name, "stem": re.sub(r"[^\w.-]", "_", path.stem), "module": module}
    code = path.with_name(f"{module}.py")
    if not code.exists():
        code.write_text(template.code.format(**names), encoding="utf-8")
        sys.stdout.write(f"{printable(str(code))}\n")
    path.write_text(template.run_file(**names), encoding="utf-8")
    sys.stdout.write(f"{printable(str(path))}\n")
    command = f"hpopt run {shlex.quote(printable(str(path)))}"
    sys.stderr.write(f"hpopt: change them, then search with: {command}\n")
    return ExitCode.DONE


def _chosen() -> str:
    """Ask on a terminal what is to be tuned; elsewhere it is a function."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return DEFAULT
    names = list(TEMPLATES)
    lines = [f"  {n}  {TEMPLATES[name].summary}\n" for n, name in enumerate(names, 1)]
    while True:
        sys.stderr.write(f"What is to be tuned?\n{''.join(lines)}1 to {len(names)} [1]: ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:  # the terminal is gone
            raise KeyboardInterrupt
        chosen = answer.strip() or "1"
        if chosen in names:
            return chosen
        if chosen.isdecimal() and 1 <= int(chosen) <= len(names):
            return names[int(chosen) - 1]
