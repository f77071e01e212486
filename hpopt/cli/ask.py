"""``hpopt ask``: hand out the next configs of a study, for a loop in any language."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, TextIO

from hpopt.checks import expanded
from hpopt.cli.asked_study import PATIENCE, opened, patiently, rule_of_study
from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.json_output import as_json, warnings_as_json
from hpopt.cli.streams import results_apart
from hpopt.core import Solution
from hpopt.errors import ExhaustedError, NothingToAskError, WaitingError
from hpopt.stopping import Time
from hpopt.study import Study

PAUSE = 0.5
"""Seconds between two looks whether others have told: a look takes some milliseconds."""

EXAMPLE = """\
examples:
  hpopt ask oven.db --file oven.toml   begin a study, and get its first config
  hpopt ask oven.db                    the next one
  hpopt ask oven.db -n 4               a list of four

  while asked=$(hpopt ask oven.db --file oven.toml); do
    number=$(echo "$asked" | jq .number)
    hpopt tell oven.db "$number" "$(echo "$asked" | jq .config | ./evaluate)"
  done
"""

MORE = """

It prints one object of JSON: number, config, seed, fidelity and fidelity_name
(null where there is none), directory (for its files, not made yet), and
previous (null, or the directory and fidelity of the trial to go on from).

What is asked is pending, and not handed out twice; --again hands out what was
asked and never told. Exit code 4: nothing is left to ask; 5: results are needed
first. An error is an object on stderr:
{"error": {"type": ..., "message": ...}, "exit_code": ...}."""


def add_ask(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to a parser."""
    command = add("ask", ask, "print the next config to evaluate as JSON", EXAMPLE, MORE)
    command.set_defaults(json=True)
    command.add_argument("study", metavar="STUDY", type=expanded, help="the study file")
    command.add_argument(
        "--file",
        metavar="FILE",
        type=expanded,
        help="the run file that the study begins with; [problem] may be left out of it",
    )
    command.add_argument("-n", type=_count, metavar="N", help="print a list of up to N of them")
    command.add_argument(
        "--again",
        action="store_true",
        help="hand out first what was asked and never told, as by a loop that was killed",
    )
    add_wait(command, "for other processes that ask and tell, and for results that are needed")


def add_wait(command: argparse.ArgumentParser, what: str) -> None:
    """Add the option that says how long to wait."""
    command.add_argument(
        "--wait", type=_seconds, metavar="TIME", help=f"wait so long {what}: 90, 90s, 15m"
    )


def ask(arguments: argparse.Namespace) -> ExitCode:
    """Print the next config, or a list of several."""
    with results_apart() as results, warnings_as_json():
        return _ask(arguments, results)


def _ask(arguments: argparse.Namespace, results: TextIO) -> ExitCode:
    path, wait = arguments.study, arguments.wait
    deadline = time.monotonic() + (wait or 0.0)
    while True:
        try:
            patience = PATIENCE if wait is None else wait
            with opened(path, arguments.file, patience) as study:
                found = _next(study, arguments.n or 1, again=arguments.again)
            break
        except WaitingError:
            if time.monotonic() >= deadline:
                raise
            _wait_for_results(path, deadline)
    results.write(as_json(found if arguments.n else found[0]) + "\n")
    return ExitCode.DONE


def _next(study: Study, n: int, *, again: bool) -> list[dict[str, Any]]:
    """Return up to n of what is next, and at least one."""
    rule, found = rule_of_study(study), list[dict[str, Any]]()
    n_again = len(study.pending_numbers) if again else 0
    while len(found) < n:
        try:
            if len(found) >= n_again and (reason := study.why_over(rule)):
                raise ExhaustedError(
                    f"nothing is left to ask: {reason}, as the study's run file says: to go on, "
                    "change what ends it there, and give it by --file"
                )
            found.append(_described(study, study.ask(again=again)))
        except NothingToAskError:
            if not found:
                raise
            break
    return found


def _described(study: Study, solution: Solution) -> dict[str, Any]:
    fidelity, previous = study.fidelity, study.previous_of(solution)
    return {
        "number": solution.number,
        "config": solution.config,
        "seed": solution.seed,
        "fidelity": solution.fidelity,
        "fidelity_name": None if fidelity is None else fidelity.name,
        "directory": str(study.directory_of(solution)),
        "previous": previous
        and {"directory": str(previous.directory), "fidelity": previous.fidelity},
    }


def _wait_for_results(path: str, deadline: float) -> None:
    def finished() -> int:
        counts = patiently(lambda: Study.load(path).counts, path, PATIENCE)
        return sum(counts.values()) - counts["pending"]

    before = finished()
    while time.monotonic() < deadline and finished() == before:
        time.sleep(PAUSE)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, but got {number}")
    return number


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return Time(text).seconds()
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"must be seconds, or a time as 90s, 15m, 2h, but got {text!r}"
        ) from error


_count.__name__ = "number"
_seconds.__name__ = "time"
