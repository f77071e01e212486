"""How to reproduce a study, and how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpopt.reports.data import StudyData
from hpopt.reports.findings.parts import Recipe
from hpopt.reports.phrases import quoted
from hpopt.terminal import printable

N_MORE = 50  # trials to go on with, as in the outlook


def recipe_of(data: StudyData, path: Path | None = None) -> Recipe:
    """Return versions, seed, and what to type.

    Parameters
    ----------
    data : StudyData
    path : Path, optional
        The study file; None in memory.
    """
    header = data.header
    versions = {
        name: printable(str(header[key]))
        for name, key in (("hpopt", "hpopt"), ("Python", "python"))
        if key in header
    }
    seed = header.get("seed")
    seed = seed if isinstance(seed, int) else None
    problem = quoted(str(header.get("problem", "unknown")))
    optimizer = _name_of(header)
    is_run = isinstance(header.get("run"), Mapping) and path is not None
    command = f"hpopt resume {_quoted_path(path)} --trials {len(data) + N_MORE}" if is_run else ""
    made = f"with hpopt {versions['hpopt']}" if "hpopt" in versions else ""
    made += f" on Python {versions['Python']}" if made and "Python" in versions else ""
    said = [f"The study was made {made}, from seed {seed}." if made else f"Its seed is {seed}."]
    said.append(
        "The same problem, strategy and seed give the same search, where evaluations give the same "
        "values; with several workers, a strategy that learns from each result needs window= too."
    )
    if path is None:
        said.append("The study is in memory: give it a file to go on later.")
    return Recipe(
        versions, seed, _python(problem, optimizer, path, len(data), seed), command, tuple(said)
    )


def _python(problem: str, optimizer: str, path: Path | None, n: int, seed: int | None) -> str:
    study = "" if path is None else f", study={str(path)!r}"
    return (
        "import hpopt\n\n"
        f"problem = ...  # {problem}\n"
        "# The same search anew:\n"
        f"hpopt.optimize(problem, {optimizer!r}, trials={n}, seed={seed})\n"
        f"# {N_MORE} trials more:\n"
        f"hpopt.optimize(problem, {optimizer!r}, trials={n + N_MORE}, seed={seed}{study})\n"
    )


def _name_of(header: Mapping[str, Any]) -> str:
    described = header.get("optimizer")
    name = described.get("name") if isinstance(described, Mapping) else None
    return printable(str(name or "auto"))


def _quoted_path(path: Path | None) -> str:
    return shlex.quote(printable(str(path)))
