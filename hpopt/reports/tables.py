"""Tables of a study for people, as renderables of `rich`: print them with `write`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from hpopt.core import Constraint, Objective, Ranking, Trial
from hpopt.core.amounts import counted, in_units
from hpopt.progress import duration
from hpopt.reports import words
from hpopt.reports.digest import Digest, digest
from hpopt.reports.source import Source
from hpopt.storage import Writer, lacks_log
from hpopt.storage.running import Running
from hpopt.terminal import printable, without_styles

BEST_SHOWN = 5  # with the rest of the page they fit a terminal of 24 lines
FRONT_SHOWN = 20  # enough to see its shape
MOST_REPORTS = 40  # of a learning curve: a screen
MOST_RUNNING = 20
"""Rows of running trials: on a cluster there may be hundreds, and the page is shown each second."""

MOST_ROWS = 1000  # of one table of names: a space from anybody's file may have millions
MOST_CHARACTERS = 20_000  # of one text, as much as is kept of a trial's output
Row = tuple[str, Any]
T = TypeVar("T")


def summary(
    record: Source,
    *,
    top: int | None = None,
    path: Path | None = None,
    writer: Writer | None = None,
) -> Any:
    """Show the best trials of a study, of several objectives the front, and the state of the rest.

    Parameters
    ----------
    record : Record or Source
        It may be running. No code of the study's is run.
    top : int, optional
        How many of the best, by default 5; of the front, by default 20.
    path : Path, optional
        Its file.
    writer : Writer, optional
        The process that is writing it now (`hpopt.storage.writer_of`).
    """
    from rich.console import Group

    read = digest(record, n_best=BEST_SHOWN if top is None else top)
    if read.best:
        table = best_or_front(read, record.objectives, top=top)
    else:
        table = _text("no trial has values yet")
    parts = [table, ""]
    running = record.running if writer and read.pending else []
    if running:
        parts += [running_trials(running), ""]
    return Group(*parts, _fields(_state(record, read, path, writer)))


def best_or_front(read: Digest, objectives: Sequence[Objective], *, top: int | None = None) -> Any:
    """Show the best trials; of several objectives the front, or as many of it, evenly spread.

    Parameters
    ----------
    read : Digest
        With values.
    objectives : sequence of Objective
    top : int, optional
        How many of the front, by default 20. Of one objective all best of the digest are shown.
    """
    if not read.front:
        constraints = read.ranking.constraints
        return best_trials(read.best, objectives, of=read.n_done, constraints=constraints)
    shown = _spread(read.front, FRONT_SHOWN if top is None else top)
    n = len(read.front)
    some = f"; {len(shown)} of them" if len(shown) < n else ""
    title = f"the front: {n} of {read.n_done} trials, which no trial dominates{some}"
    return _trials(shown, Ranking(objectives), f"{title}, {_order(objectives)}")


def best_trials(
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    *,
    of: int | None = None,
    constraints: Sequence[Constraint] = (),
) -> Any:
    """Show trials with values: number, values, seconds and config, a row each.

    With constraints there is a column that says whether all are met.

    Parameters
    ----------
    trials : sequence of Trial
        In the order in which they are shown.
    objectives : sequence of Objective
    of : int, optional
        How many trials there are, for the title.
    constraints : sequence of Constraint, optional
    """
    ranking = Ranking(objectives, constraints)
    total = f" of {of} trials" if of is not None else ""
    if trials and not ranking.is_feasible(trials[0]):
        title = f"the nearest {len(trials)}{total}, of which none meets all constraints"
        return _trials(trials, ranking, title)
    order = _order(objectives)
    if len({trial.reached for trial in trials}) > 1:
        order = order.replace("the ", "the highest fidelity first, then the ").removesuffix(
            " first"
        )
    return _trials(trials, ranking, f"the best {len(trials)}{total}, {order}")


def _order(objectives: Sequence[Objective]) -> str:
    best = "highest" if objectives[0].direction == "maximize" else "lowest"
    return f"the {best} {objectives[0].name} first"


def _trials(trials: Sequence[Trial], ranking: Ranking, title: str) -> Any:
    from rich.table import Table

    objectives = [objective.name for objective in ranking.objectives]
    # What constraints are on is worth a column, too.
    names = list(dict.fromkeys([*objectives, *(each.name for each in ranking.constraints)]))
    table = Table(box=None, pad_edge=False, title_justify="left", header_style="bold")
    table.title = shown = _text(title)
    shown.no_wrap, shown.overflow = True, "ignore"  # else it is wrapped to a narrow table
    has_fidelity = any(trial.solution.fidelity is not None for trial in trials)
    marks = ["feasible"] if ranking.constraints else []
    for name in ("trial", *["fidelity"] * has_fidelity, *names, *marks, "seconds"):
        table.add_column(_text(name), justify="right", no_wrap=True)
    table.add_column("config", overflow="fold", min_width=20)
    others = any(set(trial.values) - set(names) for trial in trials)
    if others:
        table.add_column("other values", overflow="fold")
    for trial in trials:
        at = trial.solution.fidelity
        cells = [str(trial.number), *["" if at is None else words.number(at)] * has_fidelity]
        cells += [words.number(trial.values[n]) if n in trial.values else "" for n in names]
        cells += ["yes" if ranking.is_feasible(trial) else "no" for _ in marks]
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


def trial_page(record: Source, number: int, *, path: Path | None = None) -> Any:
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
    from rich.console import Group
    from rich.text import Text

    trial = record.trial(number)
    parts: list[Any] = [_fields(_of_trial(trial, record, path))]
    passages = (
        ("curve (step, value)", _curve(trial)),
        ("traceback", trial.traceback),
        ("output", record.output(number)),
    )
    for title, text in passages:
        if text:
            parts += ["", Text(title, style="bold"), _text(text.rstrip())]
    return Group(*parts)


def _state(record: Source, read: Digest, path: Path | None, writer: Writer | None) -> Iterator[Row]:
    header = record.header
    done = ", ".join(f"{n} {status}" for status, n in read.counts.items()) or "none"
    if 0 < read.n_configs < read.n_done:  # some were continued
        done += f", of {counted(read.n_configs, 'configs')}"
    yield "trials", f"{done}; {duration(read.seconds)} of evaluation in all"
    if record.fidelity is not None:
        low, high = words.number(record.fidelity.low), words.number(record.fidelity.high)
        spent = f"; {read.spent}" if read.spent else ""
        yield "fidelity", f"{low} to {high} {record.fidelity.name}{spent}"
    if record.constraints:
        bounds = ", ".join(map(str, record.constraints))
        yield "constraints", f"{bounds}; met by {read.n_feasible} of {read.n_done} trials"
    if read.front:
        yield "front", f"{len(read.front)} trials; {_about(read)}"
    if read.pending:
        what = "running" if writer else "cut off"
        yield what, f"{len(read.pending)}: {words.numbers(read.pending)}"
    for trial in read.errors:
        yield f"trial {trial.number}", f"{trial.status}: {trial.error}"
    if path is not None and lacks_log(path):
        yield "log", f"{path.name}-wal is not here: if this is a copy, it may lack the last trials"
    yield "writer", str(writer) if writer else "none: no process is writing the study"
    aims = ", ".join(f"{objective.name} ({objective.direction})" for objective in record.objectives)
    yield "problem", f"{header.get('problem')}: {aims}"
    yield "optimizer", words.optimizer(header["optimizer"])
    yield "seed", str(header["seed"])
    made = words.moment(header["created"]) if "created" in header else "?"
    yield "study", f"{path or 'in memory'}, made {made} by hpopt {header.get('hpopt')}"
    yield "space", _fields(words.space(record.space))


def _about(read: Digest) -> str:
    knee = "" if read.knee is None else f"knee: trial {read.knee.number}; "
    if read.hypervolume is None:
        return knee.removesuffix("; ")
    return f"{knee}hypervolume {words.number(read.hypervolume)} from the worst values"


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
        yield "info", _fields((name, words.as_json(v)) for name, v in trial.info.items())
    yield "config", _fields((name, words.as_json(v)) for name, v in trial.config.items())
    yield "started", words.moment(trial.started)
    yield "seconds", f"{trial.seconds:.3f}"
    if trial.memory is not None:
        yield "memory", f"{in_units(trial.memory)} at most"
    yield "seed", str(trial.solution.seed)
    if trial.solution.fidelity is not None:
        yield "fidelity", words.number(trial.solution.fidelity)
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
    reports = _spread(trial.curve, MOST_REPORTS)
    return "\n".join(f"{words.number(step):>8}  {words.report(value)}" for step, value in reports)


def _spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many of these, evenly spaced, with both ends."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[i] for i in sorted({round(i * last / max(1, most - 1)) for i in range(most)})]


def _fields(rows: Iterable[Row]) -> Any:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    shown = iter(rows)
    for name, what in islice(shown, MOST_ROWS):
        grid.add_row(_text(name), _text(what) if isinstance(what, str) else what)
    n_more = sum(1 for _ in shown)
    if n_more:
        grid.add_row(_text("…"), _text(f"and {n_more} more"))
    return grid


def _text(text: str) -> Any:
    """Make text that somebody's trials and files say: legible, harmless, and not without end."""
    from rich.text import Text

    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]} … ({len(text)} characters)"
    return Text(printable(without_styles(text)))
