"""What ``hpopt show --json`` and ``hpopt best --json`` print: stable, documented keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpopt.core import Trial
from hpopt.storage import writer_of
from hpopt.storage.running import Running
from hpopt.study import Record
from hpopt.study.columns import Marks

N_TOP = 5  # as many as the table has


def study_as_data(record: Record, path: Path, top: int | None) -> dict[str, Any]:
    """Return the state of a study: what it is, what is best, what runs."""
    fidelity, writer, marks = record.fidelity, writer_of(path), record.marks()
    header, several = record.header, len(record.objectives) > 1
    best = record.top(top or N_TOP)
    return {
        "study": str(path.absolute()),
        "created": header.get("created"),
        "problem": header.get("problem"),
        "objectives": [
            {"name": each.name, "direction": each.direction} for each in record.objectives
        ],
        "constraints": [
            {"name": each.name, "operator": each.operator, "bound": each.bound}
            for each in record.constraints
        ],
        "fidelity": fidelity
        and {"name": fidelity.name, "low": fidelity.low, "high": fidelity.high},
        "space": header["space"],
        "optimizer": header["optimizer"],
        "seed": header["seed"],
        "counts": record.counts,
        "best": trial_in_short(best[0], marks(best[0])) if best else None,
        "top": [trial_in_short(each, marks(each)) for each in best],
        "front": [trial_in_short(each, marks(each)) for each in record.front] if several else None,
        "pending": [_pending(each) for each in record.running],
        "writer": writer and {"pid": writer.pid, "host": writer.host, "since": writer.started},
    }


def trial_in_short(trial: Trial, marks: Marks) -> dict[str, Any]:
    """Return a trial as ``hpopt export`` has it, but for its curve, which may be long."""
    data = {**trial.to_dict(), **marks}
    del data["curve"]
    return data


def trial_as_data(record: Record, number: int) -> dict[str, Any]:
    """Return all of one trial: its curve, traceback and output too."""
    trial = record.trial(number)
    texts = {"traceback": trial.outcome.traceback, "output": record.output(number)}
    return {**trial.to_dict(), **record.marks()(trial), **texts}


def _pending(running: Running) -> dict[str, Any]:
    solution, seen = running.solution, running.seen
    return {
        "number": running.number,
        "config": solution.config,
        "seed": solution.seed,
        "fidelity": solution.fidelity,
        "since": running.since,
        "step": seen and seen.step,
        "value": seen and seen.value,
        "worker": f"{seen.host}:{seen.pid}" if seen and seen.pid else None,
    }
