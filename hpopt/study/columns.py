"""Trials as flat rows, for tables, CSV and pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpopt.core import Trial

COLUMNS = ("number", "status", "fidelity", "seconds", "memory", "error")
PREFIXES = ("info.", "config.")
Marks = Mapping[str, bool]
"""What a study says of a trial by name, as `Record.marks` returns it."""


def in_columns(trial: Trial, marks: Marks) -> dict[str, Any]:
    """Return a trial as one flat row; a value named as another column is ``values.<name>``."""
    taken = {*COLUMNS, *marks}
    return {
        "number": trial.number,
        "status": trial.status,
        **({} if trial.solution.fidelity is None else {"fidelity": trial.solution.fidelity}),
        **marks,
        **{
            f"values.{name}" if name in taken or name.startswith(PREFIXES) else name: value
            for name, value in trial.values.items()
        },
        **{f"info.{name}": value for name, value in trial.info.items()},
        **{f"config.{name}": value for name, value in trial.config.items()},
        "seconds": trial.seconds,
        "memory": trial.memory,
        "error": trial.error,
    }
