"""Tables of a study for people, as renderables of `rich`: print them with `write`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hpopt.core import Objective, Trial
from hpopt.progress import duration
from hpopt.reports import words
from hpopt.reports.digest import Digest, digest
from hpopt.storage import Writer
from hpopt.study import Record, Running

MOST_REPORTS = 40
MOST_RUNNING = 20
Row = tuple[str, Any]


def summary(
    record: Record, *, top: int = 5, path: Path | None = None, writer: Writer | None = None
) -> Any:
    """Show the best trials of a study and the state of the rest.

    Parameters
    ----------
    record : Record
        It may be running. No code of the study's is run.
    top : int
        How many of the best.
    path : Path, optional
        Its file.
    writer : Writer, optional
        The process that is writing it now (`hpopt.storage.writer_of`).

    Returns
    -------
    renderable of rich
    """
    from rich.console import Group

    read = digest(record, n_best=top)
    if read.best:
        table = best_trials(read.best, record.objectives, of=read.n_done)
    else:
        table = _text("no trial has values yet")
    parts = [table, ""]
    running = record.running if writer and read.pending else []
    if running:
        parts += [running_trials(running), ""]
    return Group(*parts, _fields(_state(record, read, path, writer)))


def best_trials(
    trials: Sequence[Trial], objectives: Sequence[Objective], *, of: int | None = None
) -> Any:
    """Show trials with values: number, values, seconds and config, a row each.

    Parameters
    ----------
    trials : sequence of Trial
        In the order in which they are shown.
    objectives : sequence of Objective
    of : int, optional
        How many trials there are, for the title.

    Returns
    -------
    renderable of rich
    """
    from rich.table import Table

    names = [objective.name for objective in objectives]
    counted = f"the best {len(trials)}" + (f" of {of} trials" if of is not None else "")
    best = "highest" if objectives[0].direction == "maximize" else "lowest"
    table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
    table.title = _text(f"{counted}, the {best} {names[0]} first")
    for name in ("trial", *names, "seconds"):
        table.add_column(_text(name), justify="right", no_wrap=True)
    table.add_column("config", overflow="fold", min_width=20)
    others = any(set(trial.values) - set(names) for trial in trials)
    if others:
        table.add_column("other values", overflow="fold")
    for trial in trials:
        cells = [str(trial.number), *(words.number(trial.values[name]) for name in names)]
        cells += [f"{trial.seconds:.1f}", words.as_json(trial.config)]
        cells += [words.values(trial.values, without=names)] if others else []
        table.add_row(*map(_text, cells))
    return table


def running_trials(running: Sequence[Running], *, most: int = MOST_RUNNING) -> Any:
    """Show what runs: number, for how long, the last report, and where, a row each.

    Parameters
    ----------
    running : sequence of Running
    most : int
        How many rows at most.

    Returns
    -------
    renderable of rich
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
    shown = f"the first {most} of " if len(running) > most else ""
    table.title = _text(f"{shown}{len(running)} running")
    for name in ("trial", "for", "step", "value"):
        table.add_column(_text(name), justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("config", overflow="fold", min_width=20)
    for each in running[:most]:
        cells = [str(each.number), *words.running(each), words.as_json(each.solution.config)]
        table.add_row(*map(_text, cells))
    return table


def trial_page(record: Record, number: int, *, path: Path | None = None) -> Any:
    """Show one finished trial: its config, values, curve, error, traceback and output.

    Parameters
    ----------
    record : Record
    number : int
    path : Path, optional
        The study file, beside which the trial may have files.

    Returns
    -------
    renderable of rich

    Raises
    ------
    SettingError
        There is no finished trial of this number.
    """
    from rich.console import Group
    from rich.text import Text

    trial = record.trial(number)
    parts: list[Any] = [_fields(_of_trial(trial, path))]
    passages = (
        ("curve (step, value)", _curve(trial)),
        ("traceback", trial.traceback),
        ("output", record.output(number)),
    )
    for title, text in passages:
        if text:
            parts += ["", Text(title, style="bold"), _text(text.rstrip())]
    return Group(*parts)


def _state(record: Record, read: Digest, path: Path | None, writer: Writer | None) -> Iterator[Row]:
    header = record.header
    done = ", ".join(f"{n} {status}" for status, n in read.counts.items()) or "none"
    yield "trials", f"{done}; {duration(read.seconds)} of evaluation in all"
    if read.pending:
        what = "running" if writer else "cut off"
        yield what, f"{len(read.pending)}: {words.numbers(read.pending)}"
    if len(record.objectives) > 1 and read.best:
        front = [trial.number for trial in record.front]
        yield "front", f"{words.numbers(front)}: no trial is better than these in every objective"
    for trial in read.errors:
        yield f"trial {trial.number}", f"{trial.status}: {trial.error}"
    yield "writer", str(writer) if writer else "none: no process is writing the study"
    aims = ", ".join(f"{objective.name} ({objective.direction})" for objective in record.objectives)
    yield "problem", f"{header.get('problem')}: {aims}"
    yield "optimizer", words.optimizer(header["optimizer"])
    yield "seed", str(header["seed"])
    made = words.moment(header["created"]) if "created" in header else "?"
    yield "study", f"{path or 'in memory'}, made {made} by hpopt {header.get('hpopt')}"
    yield "space", _fields(words.space(record.space))


def _of_trial(trial: Trial, path: Path | None) -> Iterator[Row]:
    yield "trial", str(trial.number)
    yield "status", trial.status
    if trial.error:
        yield "error", trial.error
    if trial.values:
        yield "values", words.values(trial.values)
    if trial.info:
        yield "info", _fields((name, words.as_json(v)) for name, v in trial.info.items())
    yield "config", _fields((name, words.as_json(v)) for name, v in trial.config.items())
    yield "started", words.moment(trial.started)
    yield "seconds", f"{trial.seconds:.3f}"
    if trial.memory is not None:
        yield "memory", f"{words.size(trial.memory)} at most"
    yield "seed", str(trial.solution.seed)
    if trial.solution.fidelity is not None:
        yield "fidelity", words.number(trial.solution.fidelity)
    if path is not None:
        folder = path.with_name(path.name + ".files") / str(trial.number)
        if folder.is_dir():
            yield "files", str(folder)


def _curve(trial: Trial) -> str:
    """List what was reported; of very many reports some, evenly spaced, with both ends."""
    reports = trial.curve
    if len(reports) > MOST_REPORTS:
        last = len(reports) - 1
        places = sorted({round(i * last / (MOST_REPORTS - 1)) for i in range(MOST_REPORTS)})
        reports = tuple(reports[place] for place in places)
    return "\n".join(f"{words.number(step):>8}  {words.number(value)}" for step, value in reports)


def _fields(rows: Iterable[Row]) -> Any:
    """Lay out names and what they stand for in two columns."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for name, what in rows:
        grid.add_row(_text(name), _text(what) if isinstance(what, str) else what)
    return grid


def _text(text: str) -> Any:
    """Give text as it is, but escape codes, which trials may print, as harmless styles."""
    from rich.text import Text

    return Text.from_ansi(text)
