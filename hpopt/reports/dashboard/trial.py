"""All of one trial as JSON data: config, values, curve, output, traceback, names of its files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hpopt.core import Trial
from hpopt.core.amounts import in_units
from hpopt.digits import in_digits
from hpopt.reports import words
from hpopt.reports.source import Source
from hpopt.terminal import printable, without_styles

MOST_CHARACTERS = 20_000  # of one text, as much as is kept of a trial's output
MOST_STEPS = 1_000  # of a curve: as many as its picture has pixels for
MOST_FILES = 500  # listed: a trial of Keras leaves a handful
MOST_PARAMETERS = 5_000  # of a config: more is no page that a person reads


def trial_data(source: Source, number: int, path: Path | None = None) -> dict[str, Any]:
    """Return what a page shows of a finished trial.

    Parameters
    ----------
    source : Source
    number : int
    path : Path, optional
        The study file, beside which the trial may have files.

    Returns
    -------
    dict
        Texts, numbers that JSON has, and lists of these.

    Raises
    ------
    SettingError
        There is no finished trial of this number.
    """
    trial = source.trial(number)
    config = _text(words.as_json(trial.config))
    pairs = [(name, words.as_json(value)) for name, value in trial.config.items()]
    return {
        "number": trial.number,
        "status": trial.status,
        "facts": [[_text(name), _text(what)] for name, what in _facts(trial, source)],
        "config": config,
        "parameters": [[_text(name), _text(what)] for name, what in pairs[:MOST_PARAMETERS]],
        "values": [[_text(name), in_digits(value)] for name, value in trial.values.items()],
        "info": [[_text(name), _text(words.as_json(what))] for name, what in trial.info.items()],
        "curve": _curve(trial, source.objectives[0].name),
        "error": _text(trial.error or ""),
        "traceback": _text(trial.traceback or ""),
        "output": _text(source.output(number)),
        "files": [] if path is None else list(files_of(path, number)),
    }


def _facts(trial: Trial, source: Source) -> Iterator[tuple[str, str]]:
    if (trial.ok or trial.status == "infeasible") and source.constraints:
        why = source.ranking.why_infeasible(trial)
        yield "feasible", f"no: {why}" if why else "yes"
    yield "started", words.moment(trial.started)
    yield "seconds", in_digits(trial.seconds)
    if trial.memory is not None:
        yield "memory", f"{in_units(trial.memory)} at most"
    if trial.solution.fidelity is not None:
        yield "fidelity", in_digits(trial.solution.fidelity)
    yield "seed", str(trial.solution.seed)
    generation = getattr(trial.solution, "generation", None)
    if generation is not None:
        yield "generation", str(generation)
    parents = getattr(trial.solution, "parents", ())
    if parents:
        yield "parents", ", ".join(f"trial {number}" for number in parents)
    worker = getattr(trial.outcome, "worker", None)
    if worker:
        yield "worker", worker


def _curve(trial: Trial, objective: str) -> list[list[float | None]]:
    """Return the reports as (step, value), thinned out evenly; None for what JSON has not."""
    reports = trial.curve[:: -(-len(trial.curve) // MOST_STEPS) or 1]
    if trial.curve and reports[-1] != trial.curve[-1]:
        reports += (trial.curve[-1],)
    found = []
    for step, value in reports:
        one = value.get(objective) if isinstance(value, Mapping) else value
        found.append([_number(step), _number(one)])
    return found


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def files_of(path: Path, number: int) -> Iterator[tuple[str, str]]:
    """Yield names and sizes of the files of a trial; links are named, never followed.

    Their contents are for those who have the folder: a server would send weights, logs and
    whatever else an evaluation writes to anybody who reaches it.
    """
    folders = [path.with_name(f"{path.name}.files") / str(int(number))]
    if folders[0].is_symlink() or folders[0].parent.is_symlink():
        return
    root, n = folders[0], 0
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError:
            continue
        for entry in entries:
            name = _text(str(Path(entry.path).relative_to(root)))
            n += 1
            if n > MOST_FILES:
                yield "…", ""
                return
            if entry.is_symlink():
                yield name, "link"
            elif entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            else:
                yield name, _size(entry)


def _size(entry: os.DirEntry[str]) -> str:
    try:
        return in_units(entry.stat(follow_symlinks=False).st_size)
    except OSError:
        return "?"


def _text(text: str) -> str:
    """Return text as it is shown: legible, harmless, and not without end; of a long one the end."""
    if len(text) > MOST_CHARACTERS:
        text = f"… ({len(text)} characters)\n{text[-MOST_CHARACTERS:]}"
    return printable(without_styles(text))
