"""The run file: what a search is to be, as plain data with known keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpopt.checks import expanded
from hpopt.cli.reading import content_of
from hpopt.cli.sweep import is_sweep, run_file_of_sweep
from hpopt.errors import SettingError, StudyError, UnknownNameError
from hpopt.optimizers.registry import strategy_name

KEYS = (
    "study",
    "trials",
    "timeout",
    "target",
    "plateau",
    "seed",
    "workers",
    "executor",
    "gpus",
    "trials_per_gpu",
    "window",
    "retries",
    "fail_fast",
    "early_stopping",
    "keep_paused",
    "start",
    "learn_from",
    "problem",
    "objectives",
    "constraints",
    "space",
    "optimizer",
    "limits",
)
KINDS = ("class", "function", "command")
"""The keys of ``[problem]`` that say what is optimised: there is one of them."""

KEYS_OF_COMMAND = (
    "arguments",
    "flags",
    "words",
    "shell",
    "folder",
    "environment",
    "result_file",
    "pattern",
    "exit_codes",
    "stop_by",
    "grace",
    "output_bytes",
    "fidelity",
)
KEYS_OF_LIMITS = ("seconds", "memory")


@dataclass(frozen=True)
class RunFile:
    """What a run file says, with the right keys and kinds; values are checked when they are used.

    Attributes
    ----------
    content : mapping
        JSON data.
    folder : Path
        Absolute; files that it names are relative to it (but for the study).
    name : str
        For messages.
    needs_problem : bool
        Whether it must say what to evaluate, and not the space alone.
    notes : tuple of str
        What is worth knowing of how it was read.
    """

    content: Mapping[str, Any]
    folder: Path
    name: str
    needs_problem: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_keys(self.content, KEYS, "the run file")
        _check_plain(self.content)
        for key in (
            "problem",
            "objectives",
            "constraints",
            "space",
            "optimizer",
            "limits",
            "early_stopping",
            "executor",
        ):
            text_too = key in ("problem", "optimizer", "early_stopping", "executor")
            _check_table(self.content, key, text_too=text_too)
        if not self.problem_kind and self.needs_problem:
            raise SettingError(
                f'{self.name} must say what to optimise: [problem] with class = "file.py:Class", '
                'with function = "file.py:function" and a [space], or with command = "..." and a '
                "[space]"
            )
        _check_objectives(self.content.get("objectives"))
        if self.optimizer_name == "":
            raise SettingError('[optimizer] must have a name, such as name = "genetic"')
        study = self.content.get("study")
        if study is not None and (not isinstance(study, str) or not study):
            raise SettingError(f"study must be the path of the study file, but got {study!r}")
        if not all(isinstance(path, str) and path for path in self.learn_from):
            raise SettingError(
                "learn_from must be the path of a study file, or a list of paths, but got "
                f"{self.content['learn_from']!r}"
            )
        paths = {"study": study, "learn_from": [expanded(path) for path in self.learn_from]}
        if study is not None:
            paths["study"] = expanded(study)
        content = {key: paths.get(key, value) for key, value in self.content.items()}
        object.__setattr__(self, "content", content)
        start = self.content.get("start", [])
        if not isinstance(start, list) or not all(isinstance(each, Mapping) for each in start):
            raise SettingError(f"start must be a list of tables ([[start]]), but got {start!r}")

    @classmethod
    def read(cls, path: Path, *, needs_problem: bool = True) -> RunFile:
        """Read a file: a run file, or a sweep of Weights & Biases.

        Raises
        ------
        SettingError
            It cannot be read, is not TOML, JSON or YAML, or says what cannot be.
        UnknownNameError
            A key does not exist; suggests the nearest.
        """
        content, notes = content_of(path), tuple[str, ...]()
        if is_sweep(content):
            content, notes = run_file_of_sweep(content, path)
        return cls(content, path.absolute().parent, path.name, needs_problem, notes)

    @classmethod
    def of_study(
        cls, header: Mapping[str, Any], path: str, *, needs_problem: bool = True
    ) -> RunFile:
        """Return the run file that a study was last run with.

        Raises
        ------
        StudyError
            The study was made from Python.
        """
        stored = header.get("run")
        if not isinstance(stored, Mapping) or not {"content", "folder", "file"} <= set(stored):
            raise StudyError(
                f"a study must come from 'hpopt run' to be resumed here, but {path} was made from "
                f"Python, with the problem {header.get('problem')}: go on there, with "
                f"hpopt.optimize(problem, study={path!r}, trials=...), or hpopt.Study(problem, "
                f"path={path!r}).run(trials=...)"
            )
        return cls(stored["content"], Path(stored["folder"]), stored["file"], needs_problem)

    def overridden(self, options: Mapping[str, Any]) -> RunFile:
        """Return it with other values for some keys; None leaves a key as it is."""
        given = {key: value for key, value in options.items() if value is not None}
        asked, named = given.get("optimizer"), self.optimizer_name
        if asked and isinstance(named, str) and strategy_name(asked) == strategy_name(named):
            del given["optimizer"]  # the file has its arguments too
        return replace(self, content={**self.content, **given})

    def about(self) -> dict[str, Any]:
        """Return what a study's header keeps of it."""
        run = {"file": self.name, "folder": str(self.folder), "content": dict(self.content)}
        return {"run": run}

    @property
    def problem_kind(self) -> str:
        """What is optimised: one of `KINDS`; empty where the file does not say."""
        problem = self.content.get("problem", "")
        if not isinstance(problem, Mapping):
            return "class" if problem else ""
        given = [kind for kind in KINDS if kind in problem]
        if len(given) > 1:
            raise SettingError(
                f"[problem] must have one of {', '.join(KINDS)}, but has {' and '.join(given)}: "
                "class is a problem, function a function of a config, command a command line"
            )
        return given[0] if given else ""

    @property
    def problem_source(self) -> str:
        """Where the problem's class or function is: ``file.py:Class``."""
        problem, kind = self.content["problem"], self.problem_kind
        found = problem[kind] if isinstance(problem, Mapping) else problem
        if not isinstance(found, str) or not found:
            raise SettingError(f"{kind} in [problem] must be text, but got {found!r}")
        return found

    @property
    def problem_arguments(self) -> Mapping[str, Any]:
        """What it is called with."""
        problem = self.content.get("problem")
        arguments = problem.get("arguments", {}) if isinstance(problem, Mapping) else {}
        if not isinstance(arguments, Mapping):
            raise SettingError(f"arguments in [problem] must be a table, but got {arguments!r}")
        return arguments

    @property
    def learn_from(self) -> list[Any]:
        """The paths of earlier studies to learn from."""
        given = self.content.get("learn_from", [])
        return given if isinstance(given, list) else [given]

    @property
    def optimizer_name(self) -> Any:
        """The optimizer's name; None where the file leaves it open."""
        optimizer = self.content.get("optimizer")
        return optimizer.get("name", "") if isinstance(optimizer, Mapping) else optimizer

    @property
    def optimizer_arguments(self) -> dict[str, Any]:
        """What the optimizer gets."""
        optimizer = self.content.get("optimizer")
        table = optimizer if isinstance(optimizer, Mapping) else {}
        return {key: value for key, value in table.items() if key != "name"}


def _check_table(content: Mapping[str, Any], key: str, *, text_too: bool) -> None:
    if key not in content:
        return
    table = content[key]
    if isinstance(table, Mapping):
        _check_keys(table, _keys_of(key, table), f"[{key}]")
    elif not (text_too and isinstance(table, str)):
        wanted = "text or a table" if text_too else "a table"
        raise SettingError(f"{key} must be {wanted} ([{key}]), but got {table!r}")


def _keys_of(key: str, table: Mapping[str, Any]) -> Iterable[str]:
    """Return the keys that a table may have."""
    if key == "problem":
        others = KEYS_OF_COMMAND if "command" in table else ("arguments", "fidelity")
        return (*KINDS, *others)
    return KEYS_OF_LIMITS if key == "limits" else table


def _check_objectives(objectives: Any) -> None:
    if objectives is None:
        return
    directions = objectives.values()
    if not objectives or not all(isinstance(direction, str) for direction in directions):
        raise SettingError(
            'objectives must name at least one value and its direction, such as loss = "minimize", '
            f"but got {dict(objectives)!r}"
        )


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            raise UnknownNameError(f"key in {where}", str(key), known)


def _check_plain(value: Any, where: str = "") -> None:
    """Raise SettingError for TOML's dates and times, which a study file cannot hold."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            _check_plain(part, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for part in value:
            _check_plain(part, where)
    elif not isinstance(value, str | int | float | None):
        raise SettingError(
            f"{where} must be a number, text, true, false, a list or a table, but got {value}: "
            "write a date as text, in quotes"
        )
