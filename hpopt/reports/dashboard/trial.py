"""All of one trial as JSON data: config, values, curve, output, traceback, names of its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hpopt.core.amounts import in_units
from hpopt.reports import words
from hpopt.reports.page.told import told_trial
from hpopt.reports.source import Source
from hpopt.terminal import printable, without_styles

MOST_CHARACTERS = 20_000  # of one text, as much as is kept of a trial's output
MOST_FILES = 500  # listed: a trial of Keras leaves a handful


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
        What `told_trials` returns of one, with all of its traceback, and ``parents``, ``broken``
        (why it does not meet all constraints), ``info`` (names and texts), ``output``, ``folder``,
        and ``files`` (names and sizes).

    Raises
    ------
    SettingError
        There is no finished trial of this number.
    """
    trial = source.trial(number)
    is_judged = (trial.ok or trial.status == "infeasible") and source.constraints
    return {
        **told_trial(trial, source.objectives[0].name),
        "error": _text(trial.error or ""),
        "traceback": _text(trial.traceback or ""),
        "parents": list(trial.solution.parents),
        "broken": _text(source.ranking.why_infeasible(trial)) if is_judged else "",
        "info": [[_text(name), _text(words.as_json(what))] for name, what in trial.info.items()],
        "output": _text(source.output(number)),
        "folder": "" if path is None else _text(str(_folder(path, number))),
        "files": [] if path is None else list(files_of(path, number)),
    }


def files_of(path: Path, number: int) -> Iterator[tuple[str, str]]:
    """Yield names and sizes of the files of a trial; links are named, never followed.

    Their contents are for those who have the folder: a server would send weights, logs and
    whatever else an evaluation writes to anybody who reaches it.
    """
    root, n = _folder(path, number), 0
    if root.is_symlink() or root.parent.is_symlink():
        return
    folders = [root]
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


def _folder(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.files") / str(int(number))


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
