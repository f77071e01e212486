"""The fidelity of a run file's problem."""

from __future__ import annotations

from collections.abc import Mapping

from hpopt.cli.run_file import RunFile
from hpopt.core import Fidelity
from hpopt.errors import ProblemError, UnknownNameError

KEYS = ("low", "high", "name", "resumes")


def fidelity_of(run_file: RunFile) -> Fidelity | None:
    """Return what ``fidelity`` in ``[problem]`` says; None where there is none.

    Raises
    ------
    ProblemError
        It is no table, or its numbers are no range.
    UnknownNameError
        A key does not exist; suggests the nearest.
    """
    problem = run_file.content.get("problem")
    table = problem.get("fidelity") if isinstance(problem, Mapping) else None
    if table is None:
        return None
    if not isinstance(table, Mapping) or not {"low", "high"} <= {*table}:
        raise ProblemError(
            "fidelity in [problem] must be a table, such as "
            f'{{ low = 1, high = 27, name = "epochs" }}, but got {table!r}'
        )
    for key in table:
        if key not in KEYS:
            raise UnknownNameError("key in [problem.fidelity]", key, KEYS)
    return Fidelity(**table)
