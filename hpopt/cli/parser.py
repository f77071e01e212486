"""The arguments of each command, and its help."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any

from hpopt._version import __version__
from hpopt.checks import expanded
from hpopt.cli.ask import add_ask
from hpopt.cli.completion import add_completion
from hpopt.cli.dashboard import dashboard
from hpopt.cli.exit_codes import EXPLAINED, ExitCode
from hpopt.cli.export import export
from hpopt.cli.help_texts import DEBUG, DESCRIPTION, EXAMPLES, RUN_FILE
from hpopt.cli.init import add_init
from hpopt.cli.plot import add_plot
from hpopt.cli.report import add_report
from hpopt.cli.run import resume, run
from hpopt.cli.show import best, show
from hpopt.cli.tell import add_tell
from hpopt.optimizers.registry import CLASSES

BEGUN = {
    "--seed": "a study keeps the seed that it began with",
    "--optimizer": "a study keeps the optimizer that it began with",
    "--learn-from": "a study learns from others before its first trial only",
}
"""Options of `hpopt run` that `hpopt resume` has no use for, and why."""


class Parser(argparse.ArgumentParser):
    """Report an argument that a command does not know as wrong usage of that command."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all arguments.

        Raises
        ------
        SystemExit
            They are wrong: the usage of the command is printed.
        """
        found, unknown = self.parse_known_args(args, namespace)
        if unknown and not any(each.startswith("--") for each in unknown):
            # The words of an argument end for argparse where an option stands between them.
            unknown = self._taken(found, unknown)
        if unknown:
            command = getattr(found, "parser", None) or self
            command.error(f"unrecognized arguments: {' '.join(unknown)}{_hint(command, unknown)}")
        return found

    def _taken(self, found: argparse.Namespace, unknown: list[str]) -> list[str]:
        """Give words that are left to the argument that takes any number; return the others."""
        name = getattr(found, "words", None)
        if name is None:
            return unknown
        setattr(found, name, [*getattr(found, name), *unknown])
        return []


def _hint(command: argparse.ArgumentParser, unknown: Sequence[str]) -> str:
    option = next((each.partition("=")[0] for each in unknown if each.startswith("--")), None)
    if option is None:
        return ""
    if command.prog.endswith(" resume") and option in BEGUN:
        return (
            f" ({BEGUN[option]}; begin another one: 'hpopt run FILE {option} ... --study OTHER.db')"
        )
    known = re.findall(r"--[\w-]+", command.format_usage())
    nearest = difflib.get_close_matches(option, known, n=1)
    return f" (did you mean {nearest[0]}?)" if nearest else ""


def make_parser() -> Parser:
    """Make the parser; it leaves the function of the command in `perform`."""
    shared = Parser(add_help=False)
    shared.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=DEBUG)
    parser = Parser(
        prog="hpopt",
        description=DESCRIPTION,
        epilog=f"{EXAMPLES}\n{EXPLAINED}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(perform=None, debug=False)
    parser.add_argument("--version", action="version", version=f"hpopt {__version__}")
    parser.add_argument("--debug", action="store_true", help=DEBUG)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(
        name: str,
        perform: Callable[[argparse.Namespace], ExitCode],
        summary: str,
        example: str,
        more: str = "",
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(
            name,
            parents=[shared],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.{more}",
            epilog=f"{example}\n{EXPLAINED}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.set_defaults(perform=perform, parser=command)
        return command

    add_init(add)
    _add_run(add)
    _add_resume(add)
    add_ask(add)
    add_tell(add)
    _add_show(add)
    _add_best(add)
    _add_export(add)
    add_report(add)
    _add_dashboard(add)
    add_plot(add)
    add_completion(add, parser)
    return parser


def _add_run(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "run",
        run,
        "search as a run file says",
        RUN_FILE,
        "\n\nThe options win over the run file. A study that exists goes on where it ended:"
        "\nthe same command again finishes it. Everything is checked before anything runs.",
    )
    command.add_argument(
        "file", metavar="FILE", type=expanded, help="the run file, .toml, .json or .yaml"
    )
    _add_budget(command)
    command.add_argument("--seed", type=int, metavar="N", help="the same seed, the same search")
    command.add_argument("--study", metavar="PATH", help="the study file")
    command.add_argument("--optimizer", metavar="NAME", help=f"one of {', '.join(CLASSES)}")
    command.add_argument(
        "--learn-from",
        metavar="STUDY",
        help="an earlier study whose trials are known from the start",
    )


def _add_resume(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "resume",
        resume,
        "go on with a study of 'hpopt run'",
        "examples:\n  hpopt resume digits.db\n  hpopt resume digits.db --trials 200\n",
        "\n\nIt goes on as its run file said when it was last run, with that run file's folder as"
        "\nthe place of the problem; the options are for this time only. This runs the code that"
        "\nthe study names: do it with studies that you trust.",
    )
    _add_study(command)
    _add_budget(command)


def _add_show(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "show",
        show,
        "show the best trials and the state of the rest, or one trial",
        "examples:\n  hpopt show digits.db --top 10\n  hpopt show digits.db --trial 17\n"
        "  hpopt show digits.db --follow\n",
        "\n\nWorks while the study is running, and runs no code of the study's.",
    )
    _add_study(command)
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--top", type=_count, metavar="N", help="how many of the best (5), or of the front (20)"
    )
    which.add_argument(
        "--trial",
        type=int,
        metavar="N",
        help="all of one trial: its curve, error, traceback and output",
    )
    command.add_argument("--json", action="store_true", help="as one object of JSON, for programs")
    command.add_argument(
        "--follow",
        action="store_true",
        help="go on showing what runs and what is best, until nobody runs the study",
    )


def _add_best(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "best",
        best,
        "print the best config as JSON, and nothing else",
        "examples:\n  hpopt best digits.db > best.json\n  hpopt best bridge.db --front\n",
        "\n\nThe best is that of the first objective.",
    )
    _add_study(command)
    command.add_argument(
        "--front",
        action="store_true",
        help="a list of all that no other trial dominates: number, objectives and config of each",
    )
    command.add_argument(
        "--json",
        action="store_true",
        help="all of the trial, as 'hpopt export' has it, in place of its config",
    )


def _add_export(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "export",
        export,
        "print all finished trials as JSON or CSV",
        "examples:\n"
        "  hpopt export digits.db --json | jq '.[] | select(.status == \"failed\") | .error'\n"
        "  hpopt export digits.db --output digits.csv\n",
        "\n\nJSON: a list with one object a trial, whose keys are number, config, status, values"
        "\n(objectives and other numbers by name), info (JSON data beside them), seconds, error,"
        "\nseed, fidelity, started, memory, worker, generation, parents, curve, and of several"
        "\nobjectives on_front. What JSON has no number for is null."
        "\nCSV: one row a trial, config.NAME for each parameter, info.NAME for what is no number;"
        "\nlists and dicts are JSON text. Text that a spreadsheet would take for a formula (=, +,"
        "\n-, @ in front) gets a ' in front of it.",
    )
    _add_study(command)
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON (also without an option)")
    form.add_argument("--csv", action="store_true", help="as CSV")
    command.add_argument(
        "--output",
        metavar="FILE",
        type=expanded,
        help="write to a file instead of stdout, as CSV where its name ends so",
    )
    command.add_argument("--raw", action="store_true", help="CSV with text exactly as it is")


def _add_dashboard(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add(
        "dashboard",
        dashboard,
        "show one study, or several side by side, as a live page in a browser",
        "examples:\n  hpopt dashboard digits.db --open\n"
        "  hpopt dashboard tpe.db genetic.db --port 8090\n\n"
        "on another machine, with the same port on both sides of an SSH tunnel:\n"
        "  there:  hpopt dashboard digits.db --port 8080 --token\n"
        "  here:   ssh -L 8080:127.0.0.1:8080 THERE\n",
        "\n\nThe report's page, which follows studies while they run. It only reads them, and runs"
        "\nno code of theirs. Only this machine reaches it, which may have other users: they need"
        "\nthe address that --token makes.",
    )
    command.add_argument(
        "studies", metavar="STUDY", type=expanded, nargs="+", help="the study files, eight at most"
    )
    command.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="what to bind to (127.0.0.1)"
    )
    command.add_argument(
        "--port", type=int, metavar="N", help="the port (8080, or another one where it is taken)"
    )
    command.add_argument("--open", action="store_true", help="open it in the browser")
    command.add_argument(
        "--token", action="store_true", help="need a random token, which is in the printed address"
    )
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME:PORT",
        help="answer under this name too, as 'localhost:9000' of a tunnel's other end",
    )
    command.add_argument(
        "--allow-remote",
        action="store_true",
        help="allow a --host that other machines reach; unencrypted, and always with a token",
    )


def _add_study(command: argparse.ArgumentParser) -> None:
    command.add_argument("study", metavar="STUDY", type=expanded, help="the study file")


def _add_budget(command: argparse.ArgumentParser) -> None:
    command.add_argument("--trials", type=int, metavar="N", help="end with this many trials in all")
    command.add_argument(
        "--timeout", type=_time, metavar="TIME", help="end after seconds, or 90s, 15m, 2h, 1.5d"
    )
    command.add_argument(
        "--workers", type=_workers, metavar="N", help="trials at the same time, or 'auto'"
    )
    command.add_argument(
        "--retries", type=int, metavar="N", help="run a trial again whose worker was lost (1)"
    )
    command.add_argument(
        "--fail-fast",
        type=int,
        metavar="N",
        help="end when the first N trials fail alike; 0 for never (3, or one a worker)",
    )
    command.add_argument(
        "--retry-failed",
        action="store_true",
        help="evaluate trials that failed or were lost again, as after a mistake was corrected",
    )
    command.add_argument(
        "--early-stopping", metavar="NAME", help="end trials that are not worth finishing: median"
    )
    command.add_argument("--quiet", action="store_true", help="show the result, but no progress")


def _time(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _workers(text: str) -> Any:
    return text if text == "auto" else int(text)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, but got {number}")
    return number


_workers.__name__ = "number of workers"  # argparse names the type in its message
_count.__name__ = "number"
