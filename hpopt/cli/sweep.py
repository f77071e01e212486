"""A sweep's file of Weights & Biases as a run file: what it says, and what has no counterpart."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpopt.checks import positive, real, whole
from hpopt.cli.sweep_parameters import space_of
from hpopt.errors import SettingError, UnknownNameError
from hpopt.names import known_name

KEYS = (
    "program",
    "command",
    "method",
    "parameters",
    "metric",
    "early_terminate",
    "run_cap",
)
OF_THE_SERVER = ("name", "description", "project", "entity", "controller", "settings", "version")
"""Keys that concern W&B's server and its pages only."""

METHODS = {"grid": "grid", "random": "random", "bayes": "bayesian"}
MACRO = re.compile(r"\$\{([^{}]*)\}")
FORMS = {
    "args": "--{name}={value}",
    "args_no_boolean_flags": "--{name}={value}",
    "args_no_hyphens": "{name}={value}",
    "args_no_equals": "--{name} {value}",
    "args_append_hydra": "+{name}={value}",
    "args_override_hydra": "++{name}={value}",
}
"""Macros that stand for all arguments, and how one of them is written."""

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
REDUCTION = 3.0  # W&B's default for eta

LOGGED = (
    "hpopt reads what a script prints, not wandb.log: it must print {{{name}: ...}} as JSON, with "
    '"step" for early stopping, as print(json.dumps({{{name}: value}}), flush=True)'
)


def is_sweep(content: Mapping[str, Any]) -> bool:
    """Return whether a file is a sweep's, and not a run file."""
    return "problem" not in content and bool({"parameters", "method", "program"} & {*content})


def run_file_of_sweep(
    sweep: Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the content of a run file that does what a sweep says, and notes on what differs.

    Raises
    ------
    SettingError
        The sweep says what cannot be done.
    UnknownNameError
        A key does not exist; suggests the nearest.
    """
    for key in sweep:
        if key not in (*KEYS, *OF_THE_SERVER):
            raise UnknownNameError("key in the sweep", str(key), KEYS)
    notes: list[str] = []
    if unused := [key for key in OF_THE_SERVER if key in sweep]:
        notes.append(f"{', '.join(unused)}: not used, as nothing is sent to a server")
    objectives, target = _metric(sweep.get("metric"))
    content: dict[str, Any] = {
        "study": f"{path.stem}.db",
        "optimizer": _method(sweep.get("method")),
        "problem": _problem(sweep, notes),
        "objectives": objectives,
        "space": space_of(sweep.get("parameters"), notes),
    }
    if target is not None:
        content["target"] = target
    if "run_cap" in sweep:
        content["trials"] = whole("run_cap", sweep["run_cap"], 1)
    if sweep.get("early_terminate") is not None:
        content["early_stopping"] = _early_stopping(sweep["early_terminate"], notes)
    name = f'"{next(iter(objectives))}"'
    notes.append(LOGGED.format(name=name))
    return content, tuple(notes)


def _metric(metric: Any) -> tuple[dict[str, str], float | None]:
    if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str):
        raise SettingError(
            "metric must name what is optimised, such as metric: {name: val_loss, goal: minimize}, "
            f"but got {metric!r}"
        )
    for key in metric:
        if key not in ("name", "goal", "target", "impute", "impute_while_running"):
            raise UnknownNameError("key in metric", str(key), ("name", "goal", "target"))
    goal = known_name("goal in metric", str(metric.get("goal", "minimize")), GOALS)
    target = metric.get("target")
    if target is not None and real(target) is None:
        raise SettingError(f"target in metric must be a number, but got {target!r}")
    return {metric["name"]: goal}, target


GOALS = ("minimize", "maximize")


def _method(method: Any) -> str:
    if method is None:
        raise SettingError("a sweep must have a method: grid, random or bayes")
    return METHODS[known_name("method", str(method), METHODS)]


def _problem(sweep: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    program, given = sweep.get("program"), sweep.get("command", DEFAULT_COMMAND)
    if isinstance(given, str):
        given = shlex.split(given)
    if not isinstance(given, list | tuple) or not given:
        raise SettingError(f"command must be a list of words, but got {given!r}")
    words = [str(word) for word in given]
    if program is None and any("${program}" in word for word in words):
        raise SettingError("a sweep must name its program, such as program: train.py")
    used = [name for word in words for name in MACRO.findall(word) if name in FORMS]
    if len({*used}) > 1:
        raise SettingError(f"a command must have one macro for its arguments, but has {used}")
    problem: dict[str, Any] = {
        "command": [_word(word, str(program)) for word in words],
        "words": "python",
        "arguments": FORMS[used[0]] if used else "",
        "environment": {"WANDB_SWEEP_PARAM_PATH": "{wandb_config}"},  # for wandb.config
    }
    if used == ["args_no_boolean_flags"]:
        problem["flags"] = True
    if not used and not any("${args_json" in word for word in words):
        notes.append(
            "command: no macro passes the parameters, so the script must take them from "
            "wandb.config, or from the JSON file that HPOPT_CONFIG names"
        )
    return problem


def _word(word: str, program: str) -> str:
    """Return a word of a command with fields for macros."""
    if word.strip() in [f"${{{name}}}" for name in FORMS]:
        return "{arguments}"
    pieces: list[str] = []
    end = 0
    for found in MACRO.finditer(word):
        pieces += [_escaped(word[end : found.start()]), _field(found[1], program)]
        end = found.end()
    return "".join([*pieces, _escaped(word[end:])])


def _field(macro: str, program: str) -> str:
    # Some systems have python3 only; W&B writes "python".
    python = "python" if shutil.which("python") else "{python}"
    known = {
        "env": "/usr/bin/env",
        "interpreter": python,
        "program": _escaped(program),
        "args_json": "{json}",
        "args_json_file": "{config}",
    }
    if macro.startswith("envvar:"):
        return f"{{env:{macro.removeprefix('envvar:')}}}"
    if macro in known:
        return known[macro]
    if macro in FORMS:
        raise SettingError(f"${{{macro}}} in command must be a word of its own")
    raise UnknownNameError("macro in command", macro, (*known, *FORMS, "envvar:NAME"))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _early_stopping(rule: Any, notes: list[str]) -> dict[str, Any]:
    if not isinstance(rule, Mapping) or rule.get("type") != "hyperband":
        raise SettingError(f"early_terminate must have type: hyperband, but got {rule!r}")
    known = ("type", "min_iter", "max_iter", "s", "eta", "strict")
    for key in rule:
        if key not in known:
            raise UnknownNameError("key in early_terminate", str(key), known)
    eta = positive("eta in early_terminate", rule.get("eta", REDUCTION))
    if "min_iter" in rule:
        low = positive("min_iter in early_terminate", rule["min_iter"])
    elif "max_iter" in rule and "s" in rule:
        n_brackets = whole("s in early_terminate", rule["s"], 1)
        low = positive("max_iter in early_terminate", rule["max_iter"]) / eta**n_brackets
    else:
        raise SettingError("early_terminate must have min_iter, or max_iter and s")
    notes.append(
        'early_terminate: as early_stopping = "halving", which compares trials at equal steps and '
        "waits for five complete ones" + (", strict or not" if "strict" in rule else "")
    )
    return {"name": "halving", "low": low, "reduction": eta}
