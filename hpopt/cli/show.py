"""``hpopt show`` and ``hpopt best``: look at a study, also while it runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.follow import follow
from hpopt.cli.json_output import as_json, error_as_json
from hpopt.cli.show_json import study_as_data, trial_as_data, trial_in_short
from hpopt.core import Objective, Trial
from hpopt.errors import NoValuesError, SettingError, StudyWarning
from hpopt.reports.printing import write
from hpopt.reports.tables import summary
from hpopt.reports.trial_page import trial_page
from hpopt.storage import writer_of
from hpopt.study import Record, Study
from hpopt.terminal import printable


def show(arguments: argparse.Namespace) -> ExitCode:
    """Show the best trials and the state of the rest, or one trial."""
    path = Path(arguments.study)
    if arguments.json and arguments.follow:
        raise SettingError("--follow must be without --json: ask for --json again and again")
    record = Study.load(path)
    if arguments.json:
        data = (
            study_as_data(record, path, arguments.top)
            if arguments.trial is None
            else trial_as_data(record, arguments.trial)
        )
        sys.stdout.write(as_json(data) + "\n")
        return ExitCode.DONE
    if arguments.follow:
        return follow(record, path, arguments.top)
    if arguments.trial is not None:
        write(trial_page(record, arguments.trial, path=path))
    else:
        write(summary(record, top=arguments.top, path=path, writer=writer_of(path)))
    return ExitCode.DONE


def best(arguments: argparse.Namespace) -> ExitCode:
    """Print the best config as JSON, or those of the front with their objectives."""
    record = Study.load(arguments.study)
    front = record.front if len(record.objectives) > 1 or arguments.front else []
    trial = say_no_best(record, json=arguments.json)
    if trial is None:
        return ExitCode.NO_VALUES
    if arguments.json:
        marks = record.marks()
        found = [
            trial_in_short(each, marks(each)) for each in (front if arguments.front else [trial])
        ]
        sys.stdout.write(as_json(found if arguments.front else found[0]) + "\n")
        return ExitCode.DONE
    if arguments.front:
        rows = [_on_front(each, record.objectives) for each in front]
        sys.stdout.write("[\n" + ",\n".join(map(printable, rows)) + "\n]\n")
        return ExitCode.DONE
    if len(front) > 1:
        name = printable(record.objectives[0].name)
        path = shlex.quote(printable(arguments.study))
        sys.stderr.write(
            f"hpopt: this is the best by {name}, one of a front of {len(front)} trials: see "
            f"hpopt best {path} --front\n"
        )
    sys.stdout.write(printable(json.dumps(trial.config, indent=2)) + "\n")
    return ExitCode.DONE


def say_no_best(record: Record, *, json: bool = False) -> Trial | None:
    """Return the best trial of a study; say why on stderr where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", StudyWarning)
        try:
            best: Trial = record.best
        except (NoValuesError, StudyWarning) as error:
            said = (
                error_as_json(error, str(error), ExitCode.NO_VALUES) if json else f"error: {error}"
            )
            sys.stderr.write(f"{printable(said)}\n")
            return None
    return best


def _on_front(trial: Trial, objectives: Sequence[Objective]) -> str:
    values = {each.name: trial.values[each.name] for each in objectives}
    return json.dumps({"number": trial.number, "values": values, "config": trial.config})
