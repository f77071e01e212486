"""How the values of a config are written on a command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hpopt.errors import ProblemError
from hpopt.problems.command.template import Field, Word, fields_in, filled, read_word

WORDS = {
    "json": ("true", "false", "null"),
    "python": ("True", "False", "None"),
    "r": ("TRUE", "FALSE", "NULL"),
}
"""How a language writes true, false and nothing."""


def as_text(value: Any, words: str = "json") -> str:
    """Return a value as an argument: text as it is, lists as JSON, all else as a literal.

    A negative number has no exponent: argparse takes ``-1e-05`` for an option.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return WORDS[words][2 if value is None else int(not value)]
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f") if value < 0 else repr(value)
    return str(value) if isinstance(value, int) else as_json(value)


def as_json(value: Any) -> str:
    """Return a value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_wandb(config: Mapping[str, Any]) -> str:
    """Return a config as the file of parameters that ``wandb.init`` reads in a sweep.

    It is JSON, and so YAML too; ``optimizer.lr`` is nested.
    """
    nested: dict[str, Any] = {}
    for name, value in config.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return as_json({name: {"value": value} for name, value in nested.items()})


class ArgumentForm:
    """How arguments are generated: ``"--{name}={value}"``, ``"--{name} {value}"``.

    Parameters
    ----------
    form : str
        Text with the fields ``{name}`` and ``{value}``; it is split into words at blanks.
    flags : bool
        Whether True is the name without a value, and False is left out.
    """

    def __init__(self, form: str, *, flags: bool) -> None:
        self._words: list[Word] = [read_word(each) for each in shlex.split(form)]
        self._flags = flags
        if fields_in(self._words) != {"name", "value"}:
            raise ProblemError(
                "arguments must be the form of one argument, such as '--{name}={value}' or "
                f"'--{{name}} {{value}}', but got {form!r}"
            )

    def of(self, values: Mapping[str, Any], words: str) -> list[str]:
        """Return the arguments of some parameters, in their order."""
        found: list[str] = []
        for name, value in values.items():
            if self._flags and isinstance(value, bool):
                found += [self._flag(name)] if value else []
                continue
            texts = {"name": name, "value": as_text(value, words)}
            found += [filled(each, texts) for each in self._words]
        return found

    def _flag(self, name: str) -> str:
        """Return the text up to the end of the name: ``--verbose``."""
        first = next(each for each in self._words if Field("name") in each)
        return filled(first[: first.index(Field("name")) + 1], {"name": name})
