"""A problem whose evaluation runs a command: a script in any language."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from hpopt.checks import flag, integer, one_of, positive, whole
from hpopt.core.constraint import Constraints, normalised_constraints
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective, Objectives, normalised_objectives
from hpopt.core.problem import Fidelity, Problem, check_problem
from hpopt.core.trial import OUTPUT_FILE, Config, Status, failed
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.command.call import Call
from hpopt.problems.command.folder import CONFIG
from hpopt.problems.command.running import Run, Setup
from hpopt.space import Parameter, Space

LEAST_OUTPUT = 1000  # bytes: less has no room for the last lines
MOST_CODE = 255  # of a process's exit codes


class CommandProblem(Problem):
    """Optimise what a command prints: a script or a program in any language.

    The command runs once for each config. Its result is the last line of its output that is JSON
    with the objectives, or a number where there is one objective. Lines of JSON with a ``step``
    before it are reports, so that trials are stopped early. It ends with exit code 0, else the
    trial has failed, with the last lines of stderr as the reason.

    Parameters
    ----------
    command : str or sequence of str
        With fields in braces: parameters by name, and ``{number}``, ``{seed}``, ``{directory}``
        (the trial's folder), ``{fidelity}``, ``{config}`` (the path of the config as a JSON file),
        ``{json}`` (the config as JSON), ``{env:HOME}`` (a variable), ``{python}`` (this
        interpreter). A word with an inactive parameter is left out, with the option before it.
        Text is split into words, in which values may hold anything; ``{{`` is a brace.
    space : Space or mapping of str to Parameter
    arguments : str, optional
        Generate an argument for each active parameter that the command does not name, in this
        form: ``"--{name}={value}"``, ``"--{name} {value}"``. They are put at ``{arguments}``, or
        at the end. ``""`` for a command that reads the file which the environment variable
        ``HPOPT_CONFIG`` names.
    objectives : Objective, several, or mapping of str to {"minimize", "maximize"}
        By default one number, ``value``, to be minimised.
    constraints : mapping of str to (operator, bound), or several Constraint
    fidelity : Fidelity, optional
        The resource of one evaluation; the command names ``{fidelity}``, or reads
        ``HPOPT_FIDELITY``.
    flags : bool
        Whether a generated argument of True is its name alone, and of False is left out.
    words : {"json", "python", "r"}
        How true, false and nothing are written: as ``true``, ``True`` or ``TRUE``.
    shell : bool
        Whether ``/bin/sh`` runs the command, for pipes and redirections; values are quoted.
    folder : path, optional
        The working directory; by default that of this process.
    environment : mapping of str to str, optional
        Variables in addition to those of this process, with the same fields.
    result_file : str, optional
        A file that the command writes its result to, as JSON, relative to the trial's folder.
    pattern : str, or mapping of str to str, optional
        In place of JSON, regular expressions for lines of the output: the first group is the
        number, the last match counts. One for the only objective, or by name; ``"step"`` is that
        of reports.
    exit_codes : mapping of int to status, optional
        What exit codes mean: ``{3: "invalid"}``.
    stop_by : {"signal", "file"}
        How the command learns that it is to stop early: by SIGTERM, or by a file whose path is in
        ``HPOPT_STOP_FILE``.
    grace : float, > 0
        Seconds until a command that does not stop is killed.
    output_bytes : int, at least 1000
        The most that is kept of its output, in ``output.txt`` in the trial's folder.

    Raises
    ------
    ProblemError
        The command cannot be run, names what does not exist, or leaves a parameter out.
    SpaceError
        The space cannot be built.

    Examples
    --------
    >>> space = {"lr": Float(1e-4, 1, log=True)}
    >>> problem = CommandProblem("python train.py --lr {lr}", space)
    """

    def __init__(
        self,
        command: str | Sequence[str],
        space: Space | Mapping[str, Parameter],
        *,
        arguments: str | None = None,
        objectives: Objectives = Objective(),  # noqa: B008  (it is frozen)
        constraints: Constraints = (),
        fidelity: Fidelity | None = None,
        flags: bool = False,
        words: Literal["json", "python", "r"] = "json",
        shell: bool = False,
        folder: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        result_file: str | None = None,
        pattern: str | Mapping[str, str] | None = None,
        exit_codes: Mapping[int, Status] | None = None,
        stop_by: Literal["signal", "file"] = "signal",
        grace: float = 10.0,
        output_bytes: int = 1_000_000,
    ) -> None:
        if os.name != "posix":
            raise ProblemError("a command problem needs Linux or macOS, but this is another system")
        self.space = space if isinstance(space, Space) else Space(space)
        self.objectives = normalised_objectives(objectives)
        self.constraints = normalised_constraints(constraints)
        self.fidelity = fidelity
        check_problem(self)
        self.call = Call(
            command,
            self.space,
            arguments=arguments,
            flags=flag("flags", flags, error=ProblemError),
            words=words,
            shell=flag("shell", shell, error=ProblemError),
            environment=environment or {},
            has_fidelity=fidelity is not None,
        )
        self.folder = None if folder is None else Path(folder).absolute()
        if self.folder is not None and not self.folder.is_dir():
            raise ProblemError(f"folder must be a folder, but there is none at {self.folder}")
        self.call.check_program(self.folder or Path.cwd())
        self._setup = Setup(
            self.call,
            self.folder,
            result_file,
            result_patterns(pattern, self.objectives, result_file),
            exit_statuses(exit_codes or {}),
            one_of("stop_by", stop_by, ("signal", "file")),
            positive("grace", grace, error=ProblemError),
            whole("output_bytes", output_bytes, LEAST_OUTPUT, error=ProblemError),
        )

    def evaluate(self, config: Config, trial: TrialHandle) -> Any:
        """Run the command."""
        names = [objective.name for objective in normalised_objectives(self.objectives)]
        fidelity = None
        if self.fidelity is not None:
            spent = self.fidelity.high if trial.fidelity is None else trial.fidelity
            fidelity = str(self.fidelity.level(spent))
        return Run(self._setup, names, fidelity, config, trial).result()

    def state_files(self, directory: Path) -> Iterable[Path]:
        """Return all files but the config and the output, which stay."""
        kept = {directory / name for name in (CONFIG, OUTPUT_FILE)}
        return (path for path in super().state_files(directory) if path not in kept)

    def fingerprint(self) -> Mapping[str, str]:
        """Return the command, as another one gives other values."""
        command = self.call.command
        return {"command": command if isinstance(command, str) else shlex.join(command)}

    def __repr__(self) -> str:
        return f"CommandProblem({self.call.command!r}, {self.space!r})"


def result_patterns(
    pattern: str | Mapping[str, str] | None,
    objectives: Sequence[Objective],
    result_file: str | None,
) -> dict[str, re.Pattern[str]]:
    """Return patterns by name.

    Raises
    ------
    ProblemError
        One is none, or an objective has none.
    """
    if pattern is None:
        return {}
    if result_file is not None:
        raise ProblemError("a result must come from result_file or by pattern, but got both")
    names = [each.name for each in objectives]
    if isinstance(pattern, str):
        if len(names) > 1:
            raise ProblemError(
                f"pattern must name one for each objective of {names}, but got {pattern!r}: write "
                f"{{{names[0]!r}: ..., {names[1]!r}: ...}}"
            )
        pattern = {names[0]: pattern}
    if missing := [name for name in names if name not in pattern]:
        raise ProblemError(f"pattern must have all objectives, but {missing} are not among them")
    found = {}
    for name, text in pattern.items():
        try:
            found[name] = re.compile(text)
        except (re.error, TypeError) as error:
            raise ProblemError(
                f"pattern must be a regular expression, but that of {name!r} is {text!r} ({error})"
            ) from None
    return found


def exit_statuses(exit_codes: Mapping[Any, Any]) -> dict[int, Status]:
    """Return what exit codes mean; TOML and JSON have texts as keys."""
    found: dict[int, Status] = {}
    for code, status in exit_codes.items():
        number = int(code) if isinstance(code, str) and code.isdecimal() else code
        if integer(number) is None or not 1 <= number <= MOST_CODE:
            raise ProblemError(f"exit_codes must be from 1 to {MOST_CODE}, but got {code!r}")
        try:
            found[number] = failed("", status=status).status
        except SettingError as error:
            raise ProblemError(f"exit_codes: {error}") from None
    return found
