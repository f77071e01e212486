"""Read the files that people write: TOML, JSON, YAML."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpopt.errors import MissingExtraError, SettingError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]


def content_of(path: Path) -> dict[str, Any]:
    """Return what a run file or a sweep holds.

    Raises
    ------
    SettingError
        It cannot be read, or is not what its name says.
    MissingExtraError
        It is YAML, and PyYAML is not installed.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise SettingError(
            f"a run file must be .toml, .json or .yaml, but got {str(path)!r}: to go on with a "
            "study, write 'hpopt resume STUDY'"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingError(
            f"a run file must be readable, but {path} is not ({error.strerror}): check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingError(f"a run file must be UTF-8 text, but {path} is not ({error})") from error
    name, parse = KINDS[kind]
    try:
        content = parse(text)
    except ValueError as error:
        raise SettingError(f"{path} must be {name}, but it is not: {error}: correct it") from error
    if not isinstance(content, dict):
        what = "nothing" if content is None else type(content).__name__
        wanted = "a YAML mapping" if name == "YAML" else "a JSON object"
        raise SettingError(
            f"{path} must hold {wanted}, but holds {what}: 'hpopt init' writes a run file to begin "
            "with"
        )
    return content


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("PyYAML", "sweeps", "a YAML file") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        if mark is None or problem is None:
            raise ValueError(" ".join(str(error).split())) from error
        where = f"(at line {mark.line + 1}, column {mark.column + 1})"  # as of TOML
        raise ValueError(f"{problem} {where}") from error


KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    ".toml": ("TOML", tomllib.loads),
    ".json": ("JSON", json.loads),
    ".yaml": ("YAML", _yaml),
    ".yml": ("YAML", _yaml),
}
"""The endings of files → what they hold, and what parses it."""
