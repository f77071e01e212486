"""A report of studies in one file, which opens anywhere without a network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpopt._version import __version__
from hpopt.core.amounts import counted
from hpopt.errors import SettingError
from hpopt.reports import words
from hpopt.reports.findings import compared, findings
from hpopt.reports.page.document import document
from hpopt.reports.page.packing import packed_importance, packed_study
from hpopt.reports.page.sections import Told, sections
from hpopt.reports.page.told import told_trials
from hpopt.reports.reader import read_data
from hpopt.reports.source import Source

MOST_STUDIES = 8  # as many as there are colours


def report(sources: Source | Sequence[Source], path: str | os.PathLike[str]) -> Path:
    """Write a report of a study, or of several head to head, as one HTML file.

    It opens in any browser without a network, and no text of a study is run in it.

    Parameters
    ----------
    sources : Study, Record, Result or sequence of them
    path : path
        Of the file, which is there whole or not at all.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        The file is a study, or cannot be written; or there is no study, or more than eight.
    """
    several = list(sources) if isinstance(sources, Sequence) else [sources]
    target = Path(path)
    _check(several, target)
    _write(page(several), target)
    return target


def page(sources: Sequence[Source]) -> str:
    """Return the report as HTML."""
    several = [told_of(source) for source in sources]
    packed = [_packed(told, source) for told, source in zip(several, sources, strict=True)]
    title = " and ".join(each.data.name for each in several)
    is_one = len(several) == 1
    found = sections(several, None if is_one else compared([each.data for each in several]))
    return document(
        title,
        _lead(several[0]) if is_one else f"{len(several)} studies",
        [each for each in found if each.blocks],
        packed={"version": __version__, "studies": packed},
    )


def told_of(source: Source) -> Told:
    """Read a study, and find what is said of it."""
    data = read_data(source)
    return Told(data, findings(source, data))


def _packed(told: Told, source: Source) -> dict[str, Any]:
    data = told.data
    return {
        **packed_study(data),
        "path": "" if source.path is None else source.path.name,
        "told": told_trials(source, data),
        "importance": packed_importance(told.findings.importance, data),
    }


def _lead(told: Told) -> str:
    data, header = told.data, told.data.header
    aims = ", ".join(f"{each.direction} {each.name}" for each in data.objectives[:4])
    counts = data.counts()
    trials = counted(len(data), "trials")
    if set(counts) - {"complete"}:
        trials += " (" + ", ".join(f"{n:,} {status}" for status, n in counts.items()) + ")"
    made = f", begun {words.moment(header['created'])}" if "created" in header else ""
    return f"{aims[:1].upper()}{aims[1:]}: {trials} by {header['optimizer']['name']}{made}"


def _check(sources: Sequence[Source], path: Path) -> None:
    if not 0 < len(sources) <= MOST_STUDIES:
        raise SettingError(
            f"a report must be of 1 to {MOST_STUDIES} studies, but got {len(sources)}: choose some"
        )
    for source in sources:
        if source.path is not None and path.exists() and path.samefile(source.path):
            raise SettingError(f"a report must be another file than the study, but got {path}")


def _write(text: str, path: Path) -> None:
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SettingError(
            f"a report must be written to a file, but {path} cannot be ({error.strerror}): choose "
            "another path"
        ) from None
