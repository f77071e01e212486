"""The problem of a run file that names a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpopt.cli.fidelity import fidelity_of
from hpopt.cli.run_file import RunFile
from hpopt.cli.space_changes import whole_space
from hpopt.core import Objective
from hpopt.errors import HpoptError, ProblemError, UnknownNameError
from hpopt.problems.command import CommandProblem


def command_problem(run_file: RunFile, objectives: tuple[Objective, ...] | None) -> CommandProblem:
    """Make the problem; its command runs in the folder of the run file, or in one relative to it.

    Raises
    ------
    ProblemError
        There is no space, or the command cannot be run; the message names the key.
    """
    settings: dict[str, Any] = dict(run_file.content["problem"])
    space = run_file.content.get("space")
    if space is None:
        raise ProblemError(
            "a command needs a [space] that defines its parameters, such as "
            'lr = { type = "float", low = 1e-4, high = 1, log = true }'
        )
    command = settings.pop("command")
    settings["folder"] = run_file.folder / _text(settings, "folder", ".")
    settings["fidelity"] = fidelity_of(run_file)
    for key in ("environment", "exit_codes"):
        if not isinstance(settings.get(key, {}), Mapping):
            raise ProblemError(f"{key} in [problem] must be a table, but got {settings[key]!r}")
    if objectives is not None:
        settings["objectives"] = objectives
    whole = whole_space(space, "a command")
    try:
        return CommandProblem(command, whole, **settings)
    except UnknownNameError:
        raise
    except HpoptError as error:
        raise type(error)(f"[problem]: {error}") from error


def _text(settings: Mapping[str, Any], key: str, default: str) -> str:
    found = settings.get(key, default)
    if not isinstance(found, str):
        raise ProblemError(f"{key} in [problem] must be text, but got {found!r}")
    return found
