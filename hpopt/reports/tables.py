"""Tables of a study for people: print them with `write`, or look at them in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hpopt.core import Constraint, Objective, Ranking, Trial
from hpopt.core.amounts import counted
from hpopt.digits import in_digits
from hpopt.progress import duration
from hpopt.reports import words
from hpopt.reports.digest import Digest, digest
from hpopt.reports.source import Source
from hpopt.reports.trials_table import trials_table
from hpopt.sheets import Choice, Line, Part, Row, Sheet, Stack, Table, config_in_short, fields
from hpopt.space.description import fields_of
from hpopt.storage import Writer, lacks_log
from hpopt.storage.running import Running

BEST_SHOWN = 5  # with the rest of the page they fit a terminal of 24 lines
FRONT_SHOWN = 20  # enough to see its shape
MOST_RUNNING = 20
"""Rows of running trials: on a cluster there may be hundreds, and the page is shown each second."""

T = TypeVar("T")


def summary(
    record: Source,
    *,
    top: int | None = None,
    path: Path | None = None,
    writer: Writer | None = None,
    reason: str = "",
) -> Sheet:
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
    reason : str
        Why the run ended that gave it, where that is known.
    """
    read = digest(record, n_best=BEST_SHOWN if top is None else top)
    parts: list[Part] = []
    if read.best:
        parts += best_or_front(read, record.objectives, top=top).parts
    else:
        parts.append(Line("no trial has values yet"))
    running = record.running if writer and read.pending else []
    if running:
        parts.append(running_trials(running))
    ended = [("ended", f"as {reason}")] if reason else []
    return Sheet((*parts, fields([*ended, *_state(record, read, path, writer)])))


def best_or_front(
    read: Digest, objectives: Sequence[Objective], *, top: int | None = None
) -> Sheet:
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
    shown = spread(read.front, FRONT_SHOWN if top is None else top)
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
) -> Sheet:
    """Show trials with values: number, values, seconds and config.

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


def _trials(trials: Sequence[Trial], ranking: Ranking, title: str) -> Sheet:
    return Sheet((Stack((Line(title, is_title=True), trials_table(trials, ranking))),))


def running_trials(running: Sequence[Running], *, most: int = MOST_RUNNING) -> Stack:
    """Show what runs: number, for how long, the last report, and where, a row each.

    Parameters
    ----------
    running : sequence of Running
    most : int
        How many rows at most.
    """
    shown = f"the first {most} of " if len(running) > most else ""
    in_short, as_json = (
        _running(running[:most], write) for write in (config_in_short, words.as_json)
    )
    table = Choice((in_short,), plain=as_json, html=in_short)
    return Stack((Line(f"{shown}{len(running)} running", is_title=True), table))


def _running(running: Sequence[Running], write: Callable[[Mapping[str, Any]], str]) -> Table:
    rows = (
        (str(each.number), *words.running(each), write(each.solution.config)) for each in running
    )
    heads = ("trial", "for", "step", "value", "where", "config")
    return Table(heads, tuple(rows), right=(True,) * 4, folds=(*[False] * 5, True))


def _state(record: Source, read: Digest, path: Path | None, writer: Writer | None) -> Iterator[Row]:
    header = record.header
    done = ", ".join(f"{n} {status}" for status, n in read.counts.items()) or "none"
    if 0 < read.n_configs < read.n_done:  # some were continued
        done += f", of {counted(read.n_configs, 'configs')}"
    yield "trials", f"{done}; {duration(read.seconds)} of evaluation in all"
    if record.fidelity is not None:
        low, high = in_digits(record.fidelity.low), in_digits(record.fidelity.high)
        spent = f"; {read.spent}" if read.spent else ""
        yield "fidelity", f"{low} to {high} {record.fidelity.name}{spent}"
    if record.constraints:
        bounds = ", ".join(map(str, record.constraints))
        yield "constraints", f"{bounds}; met by {read.n_feasible} of {read.n_done} trials"
    if read.front:
        yield "front", f"{len(read.front)} trials; {_about(read)}"
    if read.pending:
        is_elsewhere = str(header.get("problem")).endswith(".ExternalProblem")
        what = "running" if writer else "pending" if is_elsewhere else "cut off"
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
    yield "study", f"{words.place(path)}, made {made} by hpopt {header.get('hpopt')}"
    yield "space", fields_of(record.space)


def _about(read: Digest) -> str:
    knee = "" if read.knee is None else f"knee: trial {read.knee.number}; "
    if read.hypervolume is None:
        return knee.removesuffix("; ")
    return f"{knee}hypervolume {in_digits(read.hypervolume)} from the worst values"


def spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many of these, evenly spaced, with both ends."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[i] for i in sorted({round(i * last / max(1, most - 1)) for i in range(most)})]
