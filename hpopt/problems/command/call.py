"""What a command problem calls: its words and variables, checked once, filled for each trial."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpopt.checks import one_of
from hpopt.errors import ProblemError
from hpopt.problems.command.template import (
    ARGUMENTS,
    CommandLine,
    ShellLine,
    Word,
    check_fields,
    fields_in,
    filled,
    read_word,
)
from hpopt.problems.command.values import WORDS, ArgumentForm, as_json, as_text
from hpopt.space import Space

OF_THE_TRIAL = (
    "number",
    "seed",
    "directory",
    "fidelity",
    "config",
    "json",
    "wandb_config",
    "python",
)
"""Fields for something of the trial, where no parameter has the name."""

VARIABLE = "env:"  # before the name of an environment variable, in a field
WHOLE_CONFIG = {"config", "json", "wandb_config"}


class Call:
    """The command and the variables of a problem; see `CommandProblem`."""

    def __init__(
        self,
        command: str | Sequence[str],
        space: Space,
        *,
        arguments: str | None,
        flags: bool,
        words: str,
        shell: bool,
        environment: Mapping[str, str],
        has_fidelity: bool,
    ) -> None:
        self.command = _checked(command)
        self._words = one_of("words", words, WORDS)
        self._line = self._read(space, shell=shell)
        self._form = ArgumentForm(arguments, flags=flags) if arguments else None
        self._environment = _variables(environment)
        known = [*space, *OF_THE_TRIAL]
        if not has_fidelity and "fidelity" not in space:
            known.remove("fidelity")
        self._named = fields_in(self._line.words)
        self._inherited = _inherited(self.fields)
        known += self._inherited
        check_fields(self._line.words, [*known, ARGUMENTS], "the command")
        check_fields(self._environment.values(), known, "the environment")
        self._parameters = {*space}
        self._check_all_arrive(space, arguments)

    @property
    def fields(self) -> set[str]:
        """The names of all fields, in the command and in the variables."""
        return self._named | fields_in(self._environment.values())

    def argv(self, config: Mapping[str, Any], facts: Mapping[str, str]) -> list[str]:
        """Return what to start for a config; `facts` are texts for `OF_THE_TRIAL`."""
        rest = {name: value for name, value in config.items() if name not in self._named}
        arguments = [] if self._form is None else self._form.of(rest, self._words)
        return self._line.argv(self._texts(config, facts), arguments)

    def variables(self, config: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, str]:
        """Return the user's environment variables; one with an inactive parameter is left out."""
        texts = self._texts(config, facts)
        return {
            name: filled(value, texts)
            for name, value in self._environment.items()
            if fields_in([value]) <= texts.keys()
        }

    def check_program(self, folder: Path) -> None:
        """Raise ProblemError where there is no such program."""
        program = self._line.program
        if program is None:
            return
        path = "".join(map(str, self._environment.get("PATH", (os.environ.get("PATH", ""),))))
        place = str(folder / program) if os.sep in program else program
        if shutil.which(place, path=path) is None:
            is_there = os.sep in program and Path(place).is_file()
            advice = (
                f"it is not executable: chmod +x, or name its interpreter, as 'python {program}'"
                if is_there
                else "there is none: check its name and PATH, or set shell=True for the shell's own"
            )
            raise ProblemError(
                f"a command must begin with a program, but got {program!r}: {advice}"
            )

    def _read(self, space: Space, *, shell: bool) -> CommandLine | ShellLine:
        if not shell:
            return CommandLine.read(self.command)
        if not isinstance(self.command, str):
            raise ProblemError(
                f"a command must be text with shell=True, but got the list {self.command!r}"
            )
        return ShellLine.read(self.command, [name for name in space if space[name].when])

    def _texts(self, config: Mapping[str, Any], facts: Mapping[str, str]) -> dict[str, str]:
        texts = {name: as_text(value, self._words) for name, value in config.items()}
        own = {"python": sys.executable, "json": as_json(config), **facts}
        own |= {name: os.environ.get(variable, "") for name, variable in self._inherited.items()}
        free = {name: text for name, text in own.items() if name not in self._parameters}
        return {**free, **texts}

    def _check_all_arrive(self, space: Space, arguments: str | None) -> None:
        named = self.fields
        if self._form is None and ARGUMENTS in self._named:
            raise ProblemError(
                "{arguments} in a command needs the form of one argument, such as "
                "arguments='--{name}={value}'"
            )
        missing = [name for name in space if name not in named]
        if missing and arguments is None and not WHOLE_CONFIG & named:
            raise ProblemError(
                f"every parameter must get into the command, but {missing[0]!r} does not: write "
                f"{{{missing[0]}}} in it, or arguments='--{{name}}={{value}}' for all that it does "
                "not name, or {config} for a JSON file; or arguments='' if it reads the file that "
                "HPOPT_CONFIG names"
            )


def _checked(command: Any) -> str | list[str]:
    if isinstance(command, str) and command.strip():
        return command
    is_list = isinstance(command, Sequence) and not isinstance(command, str | bytes)
    if is_list and command and all(isinstance(each, str) for each in command):
        return list(command)
    raise ProblemError(
        f"a command must be text or a list of words, such as 'python train.py', but got {command!r}"
    )


def _variables(environment: Mapping[str, str]) -> dict[str, Word]:
    for name, value in environment.items():
        if not isinstance(value, str) or not isinstance(name, str) or not name or "=" in name:
            raise ProblemError(
                f"environment must be names and texts, but got {name!r}: {value!r}: write "
                f"{str(value)!r} in quotes"
            )
    return {name: read_word(value) for name, value in environment.items()}


def _inherited(names: set[str]) -> dict[str, str]:
    """Return fields such as ``env:HOME`` with their variables, which must be set."""
    found = {name: name[len(VARIABLE) :] for name in sorted(names) if name.startswith(VARIABLE)}
    for variable in found.values():
        if variable not in os.environ:
            raise ProblemError(
                f"{{{VARIABLE}{variable}}} in a command must name a variable of the environment, "
                f"but {variable!r} is not set"
            )
    return found
