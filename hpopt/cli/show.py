"""``hpopt show`` and ``hpopt best``: look at a study, also while it runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.follow import follow
from hpopt.errors import NoValuesError
from hpopt.reports.printing import write
from hpopt.reports.tables import summary, trial_page
from hpopt.storage import writer_of
from hpopt.study import Study
from hpopt.terminal import printable


def show(arguments: argparse.Namespace) -> ExitCode:
    """Show the best trials and the state of the rest, or one trial."""
    path = Path(arguments.study)
    record = Study.load(path)
    if arguments.follow:
        return follow(record, path, arguments.top)
    if arguments.trial is not None:
        write(trial_page(record, arguments.trial, path=path))
    else:
        write(summary(record, top=arguments.top, path=path, writer=writer_of(path)))
    return ExitCode.DONE


def best(arguments: argparse.Namespace) -> ExitCode:
    """Print the best config as JSON."""
    try:
        trial = Study.load(arguments.study).best
    except NoValuesError as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        return ExitCode.NO_VALUES
    sys.stdout.write(printable(json.dumps(trial.config, indent=2)) + "\n")
    return ExitCode.DONE
