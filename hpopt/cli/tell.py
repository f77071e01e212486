"""``hpopt tell``: record what a config gave, or has reached so far."""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from hpopt.checks import expanded
from hpopt.cli.ask import add_wait
from hpopt.cli.asked_study import PATIENCE, opened
from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.json_output import as_json, warnings_as_json
from hpopt.cli.streams import results_apart
from hpopt.core import Trial, failed
from hpopt.errors import NoValuesError, SettingError, StudyWarning
from hpopt.study import Study

EXAMPLE = """\
examples:
  hpopt tell oven.db 0 7.5
  hpopt tell oven.db 1 taste=8 minutes=25 note="a bit dark"
  hpopt tell oven.db 2 '{"taste": 6, "minutes": 12}'
  ./evaluate < config.json | hpopt tell oven.db 3 -
  hpopt tell oven.db 4 --failed "the power went off"
  hpopt tell net.db 5 0.31 --step 3     a report, and whether to stop there
  hpopt tell net.db 5 --stopped         ended early: its last report counts
"""

MORE = """

VALUE is a number, NAME=VALUE pairs, an object of JSON, or - for JSON on stdin:
all objectives, other numbers worth keeping, and notes.

It prints one object of JSON: number, status, values, error, and best, which has
the number and values of the best trial, or is null. Of a report it has number,
step, and stop: whether early stopping, by the run file's rule, would end it."""

NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)
"""What is a VALUE and no option; argparse itself does not know -1e-5."""


def add_tell(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to a parser."""
    command = add("tell", tell, "record what a config of 'hpopt ask' gave", EXAMPLE, MORE)
    command.set_defaults(json=True, words="value")
    command._negative_number_matcher = NEGATIVE
    command.add_argument("study", metavar="STUDY", type=expanded, help="the study file")
    command.add_argument("number", metavar="NUMBER", type=int, help="as 'hpopt ask' gave it")
    command.add_argument("value", metavar="VALUE", nargs="*", help="what it gave, or has reached")
    how = command.add_mutually_exclusive_group()
    how.add_argument("--step", type=float, metavar="S", help="a report, after S units of work")
    how.add_argument("--failed", metavar="REASON", help="it gave no value, for this reason")
    how.add_argument(
        "--stopped", action="store_true", help="it was ended early; without VALUE, as last reported"
    )
    add_wait(command, "for other processes that ask and tell")


def tell(arguments: argparse.Namespace) -> ExitCode:
    """Record a result or a report, and print what became of it."""
    given = _value(arguments.value)
    _check_usage(arguments, given)
    with results_apart() as results, warnings_as_json():
        _tell(arguments, given, results)
    return ExitCode.DONE


def _check_usage(arguments: argparse.Namespace, given: Any) -> None:
    if arguments.failed is not None and given is not None:
        raise SettingError("--failed must have no VALUE: leave one of the two out")
    if arguments.step is not None and given is None:
        raise SettingError("--step must have a VALUE, the number that was reached")


def _tell(arguments: argparse.Namespace, given: Any, results: TextIO) -> None:
    patience = PATIENCE if arguments.wait is None else arguments.wait
    number = arguments.number
    with opened(arguments.study, None, patience) as study:
        if arguments.step is not None:
            stop = study.tell_step(number, arguments.step, given)
            answer = {"number": number, "step": arguments.step, "stop": stop}
        else:
            value = given if arguments.failed is None else failed(arguments.failed)
            trial = study.tell(number, value, stopped=arguments.stopped)
            answer = _described(trial, study)
    results.write(as_json(answer) + "\n")


def _described(trial: Trial, study: Study) -> dict[str, Any]:
    best = _best_of(study)
    return {
        "number": trial.number,
        "status": trial.status,
        "values": dict(trial.values),
        "error": trial.error,
        "best": best and {"number": best.number, "values": dict(best.values)},
    }


def _best_of(study: Study) -> Trial | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StudyWarning)  # none is feasible
        try:
            return study.best
        except NoValuesError:
            return None


def _value(words: Sequence[str]) -> Any:
    """Return what the words of VALUE say: a number, a mapping, or None."""
    if not words:
        return None
    if len(words) == 1 and words[0] == "-":
        return _json(sys.stdin.read(), "what comes on stdin")
    if len(words) == 1 and "=" not in words[0].partition("{")[0]:
        number = _number(words[0])
        return _json(words[0], "VALUE") if number is None else number
    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise SettingError(
                f"VALUE must be one number, NAME=VALUE pairs or JSON, but got {' '.join(words)!r}"
            )
        number = _number(text)
        found[name] = text if number is None else number
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _json(text: str, what: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingError(
            f"{what} must be a number, NAME=VALUE pairs or JSON, but got {text.strip()[:80]!r} "
            f"({error})"
        ) from None
    if isinstance(found, bool) or not isinstance(found, dict | int | float):
        raise SettingError(f"{what} must be a number or an object, but got {text.strip()[:80]!r}")
    return found
