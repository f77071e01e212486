"""One finished trial: all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hpopt.core import Trial
from hpopt.core.amounts import in_units
from hpopt.digits import in_digits
from hpopt.reports import words
from hpopt.reports.source import Source
from hpopt.reports.tables import spread
from hpopt.sheets import Passage, Row, Sheet, fields

MOST_REPORTS = 40  # of a learning curve: a screen


def trial_page(record: Source, number: int, *, path: Path | None = None) -> Sheet:
    """Show one finished trial: its config, values, curve, error, traceback and output.

    Parameters
    ----------
    record : Record or Source
    number : int
    path : Path, optional
        The study file, beside which the trial may have files.

    Raises
    ------
    SettingError
        There is no finished trial of this number.
    """
    trial = record.trial(number)
    passages = (
        ("curve (step, value)", _curve(trial)),
        ("traceback", trial.traceback),
        ("output", record.output(number)),
    )
    texts = (Passage(text.rstrip(), title) for title, text in passages if text)
    return Sheet((fields(_of_trial(trial, record, path)), *texts))


def _of_trial(trial: Trial, record: Source, path: Path | None) -> Iterator[Row]:
    yield "trial", str(trial.number)
    yield "status", trial.status
    is_infeasible = trial.status == "infeasible"
    if trial.error and not is_infeasible:
        yield "error", trial.error
    if trial.values:
        yield "values", words.values(trial.values)
    if (trial.ok or is_infeasible) and record.constraints:
        why = record.ranking.why_infeasible(trial)
        yield "feasible", f"no: {why}" if why else "yes"
    if trial.info:
        yield "info", fields((name, words.as_json(v)) for name, v in trial.info.items())
    yield "config", fields((name, words.as_json(v)) for name, v in trial.config.items())
    yield "started", words.moment(trial.started)
    yield "seconds", f"{trial.seconds:.3f}"
    if trial.memory is not None:
        yield "memory", f"{in_units(trial.memory)} at most"
    yield "seed", str(trial.solution.seed)
    if trial.solution.fidelity is not None:
        yield "fidelity", in_digits(trial.solution.fidelity)
    if trial.generation is not None:
        yield "generation", str(trial.generation)
    if trial.parents:
        yield "parents", words.numbers(trial.parents)
    if trial.worker is not None:
        yield "worker", trial.worker
    if path is not None:
        folder = path.with_name(path.name + ".files") / str(trial.number)
        if folder.is_dir():
            yield "files", str(folder)


def _curve(trial: Trial) -> str:
    reports = spread(trial.curve, MOST_REPORTS)
    return "\n".join(f"{in_digits(step):>8}  {words.report(value)}" for step, value in reports)
