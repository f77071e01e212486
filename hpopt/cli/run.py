"""``hpopt run`` and ``hpopt resume``: search as a run file says, or go on with that."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from hpopt.cli.exit_codes import ExitCode
from hpopt.cli.prepare import SERIAL, PreparedRun, prepare
from hpopt.cli.run_file import RunFile
from hpopt.cli.show import say_no_best
from hpopt.cli.streams import copy_of_stderr, results_apart
from hpopt.errors import AllTrialsFailedError, HpoptError, StudyError, StudyWarning
from hpopt.executors import SerialExecutor
from hpopt.progress import make_display
from hpopt.reports.digest import digest
from hpopt.reports.printing import write
from hpopt.reports.tables import best_or_front
from hpopt.study import Study
from hpopt.study.continuation import RETRIED
from hpopt.study.interrupts import INTERRUPTED
from hpopt.study.opening import other_than_before
from hpopt.terminal import printable

N_SHOWN = 5  # a screen of a terminal has the progress above it
ALWAYS = ("trials", "timeout", "workers", "retries", "fail_fast", "early_stopping")
OPTIONS = (*ALWAYS, "seed", "study", "optimizer", "learn_from")
"""Options of the command line that stand in for keys of the run file."""


def run(arguments: argparse.Namespace) -> ExitCode:
    """Search as a run file says; go on where its study exists."""
    with results_apart() as results:
        return _run(arguments, results)


def _run(arguments: argparse.Namespace, results: TextIO) -> ExitCode:
    options = {key: getattr(arguments, key) for key in OPTIONS}
    run_file = RunFile.read(Path(arguments.file)).overridden(options)
    if not arguments.quiet:
        for note in run_file.notes:
            _say(f"{run_file.name}: {note}")
    prepared = prepare(run_file)
    path = run_file.content.get("study")
    if path is None or not Path(path).exists():
        prepared.check_new()
    with _opened(prepared, path, start=prepared.start, about=run_file.about()) as study:
        for source in run_file.learn_from:
            learned = study.learn_from(source)
            if not arguments.quiet:
                _say(str(learned))
        return _carry_out(study, prepared, arguments, results)


def resume(arguments: argparse.Namespace) -> ExitCode:
    """Go on with a study, as the run file said that it was last run with."""
    with results_apart() as results:
        return _resume(arguments, results)


def _resume(arguments: argparse.Namespace, results: TextIO) -> ExitCode:
    path = arguments.study
    run_file = RunFile.of_study(Study.load(path).header, path)
    folder = run_file.folder
    if not folder.is_dir():
        raise StudyError(
            f"the folder of the run file must still be there, but {folder} is not: find "
            f"{run_file.name}, and go on with 'hpopt run {run_file.name} --study {path}'"
        )
    options = {key: getattr(arguments, key) for key in ALWAYS}
    prepared = prepare(run_file.overridden(options))
    with _opened(prepared, path) as study:
        return _carry_out(study, prepared, arguments, results)


def _opened(prepared: PreparedRun, path: str | None, **options: Any) -> Study:
    """Open the study; what it warns of, and other arguments of the problem, are lines on stderr."""
    changed = _changed_arguments(prepared.run_file, path)
    with _warnings_in_lines() as said:
        study = Study(
            prepared.problem,
            prepared.optimizer(),
            path=path,
            seed=prepared.seed,
            keep_paused=prepared.keep_paused,
            **options,
        )
    if changed and not said and any(study.counts.values()):  # else the problem has said it itself
        arguments = f"arguments of the problem ({', '.join(changed)})"
        _say(f"warning: {other_than_before(path, [arguments])}")
    return study


@contextlib.contextmanager
def _warnings_in_lines() -> Iterator[list[str]]:
    """Write what a study warns of as lines on stderr; yield them."""
    show, said = warnings.showwarning, list[str]()

    def note(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, StudyWarning):
            said.append(str(message))
            _say(f"warning: {message}")
        else:
            show(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", StudyWarning)
        warnings.showwarning = note
        yield said


def _changed_arguments(run_file: RunFile, path: str | None) -> list[str]:
    if path is None or not Path(path).exists():
        return []
    try:
        before = RunFile.of_study(Study.load(path).header, path).problem_arguments
    except HpoptError:  # it is no study of a run file, or will be an error when it is opened
        return []
    now = run_file.problem_arguments
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def _carry_out(
    study: Study, prepared: PreparedRun, arguments: argparse.Namespace, results: TextIO
) -> ExitCode:
    prepared.check_end(study.optimizer)
    if not arguments.quiet:
        _say_how_it_begins(study, retry_failed=arguments.retry_failed)
    try:
        with _how_to_run(prepared, arguments) as settings, _warnings_in_lines():
            result = study.run(stop=prepared.stop, retry_failed=arguments.retry_failed, **settings)
    except AllTrialsFailedError as error:
        sys.stderr.write(f"error: {error}\n")
        if study.path is None and error.__cause__ is not None:  # it cannot be read later
            sys.stderr.write(f"{error.__cause__}\n")
        return ExitCode.NO_VALUES
    except KeyboardInterrupt:
        _say(f"stopped at once; {_next(study, ExitCode.INTERRUPTED)}")
        return ExitCode.INTERRUPTED
    read = digest(result, n_best=N_SHOWN)
    has_best = bool(read.best) and read.ranking.is_feasible(read.best[0])
    code = ExitCode.DONE if has_best else ExitCode.NO_VALUES
    code = ExitCode.INTERRUPTED if result.reason == INTERRUPTED else code
    if read.best:
        write(best_or_front(read, result.objectives), results)
        results.flush()
    if not arguments.quiet:
        _say(_next(study, code))
        if study.path is not None and (n_failed := sum(read.counts.get(s, 0) for s in RETRIED)):
            path = shlex.quote(str(study.path))
            _say(f"{n_failed} failed; to evaluate them again: hpopt resume {path} --retry-failed")
    say_no_best(result)
    return code


@contextlib.contextmanager
def _how_to_run(prepared: PreparedRun, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Return what `Study.run` takes: evaluations in this process keep their output, too.

    With ``--debug`` they do not: a debugger talks to the terminal.
    """
    settings = {**prepared.settings}
    settings["progress"] = make_display(not arguments.quiet, with_result=False)
    if settings["executor"] != SERIAL or arguments.debug:
        yield settings
        return
    with copy_of_stderr() as stream:
        settings["executor"] = SerialExecutor(keep_output=True)
        settings["progress"] = make_display(not arguments.quiet, stream, with_result=False)
        yield settings


def _say_how_it_begins(study: Study, *, retry_failed: bool) -> None:
    counts = study.counts
    done = sum(counts.values()) - counts["pending"]
    if study.path is None:
        _say("no study file is given, so the trials are kept in memory only")
    elif done or counts["pending"]:
        n_again = sum(counts[status] for status in RETRIED) if retry_failed else 0
        again = f", {n_again} of which failed and are evaluated again" if n_again else ""
        _say(f"going on with the study {study.path}, which has {done} trials{again}")
    else:
        _say(f"a new study: {study.path}")


def _next(study: Study, code: ExitCode) -> str:
    if study.path is None:
        return "to keep the trials, give study in the run file, or --study PATH"
    path = shlex.quote(str(study.path))
    if code == ExitCode.INTERRUPTED:
        return f"the study is {study.path}; go on with: hpopt resume {path}"
    return f"the study is {study.path}; look at it with: hpopt show {path}"


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # a search goes on when nobody listens any more
        sys.stderr.write(f"hpopt: {printable(message)}\n")
        sys.stderr.flush()
