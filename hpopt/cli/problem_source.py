"""Load what a run file names, from a file beside it or from a module, and make a problem of it."""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from hpopt.core import Problem
from hpopt.errors import MissingExtraError, ProblemError, SettingError, UnknownNameError

INSTALLED = ("site-packages", "dist-packages")
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
HPOPT = Path(__file__).resolve().parent.parent


def load(source: str, folder: Path) -> Any:
    """Return the class, function or object of this name.

    The folder of the file (or of the run file, for a module) is put first on ``sys.path``, as
    Python does for a script: worker processes, which inherit the path, import it from there.

    Parameters
    ----------
    source : str
        ``"file.py:Class"``, the file relative to `folder`; or ``"module:Class"``.
    folder : Path
        Absolute.

    Raises
    ------
    SettingError
        It is not written like this, there is no such file, or its name is taken.
    UnknownNameError
        There is no such name; suggests the nearest.
    ProblemError
        It cannot be imported; says on which line of which file.
    """
    place, _, name = source.rpartition(":")
    if not place or not name:
        raise SettingError(
            "class in [problem] must be 'file.py:Class' or 'module:Class', but got " + repr(source)
        )
    module = _file(folder / place) if place.endswith(".py") else _module(place, folder, place)
    return _found(module, name, place)


def _file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise SettingError(f"the file of the problem must exist, but there is no {path}")
    other = _taken_by(path.stem, path)
    if other is not None:
        raise SettingError(
            f"the file of a problem must have a name that is free, but {path.name} is also "
            f"{other}: rename the file"
        )
    return _module(path.stem, path.parent, path.name)  # by name, as worker processes will


def _taken_by(stem: str, path: Path) -> str | None:
    """Return what else ``import stem`` means; None where it means this file."""
    if "." in stem:
        return "the name of a package, for its dot"
    loaded = sys.modules.get(stem)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
        same = origin is not None and Path(origin).resolve() == path
        return None if same else f"the module {origin or stem}"
    if stem in sys.stdlib_module_names:
        return "a module of Python's own"
    # This file would hide an installed module of its name from all who import that one.
    installed = [entry for entry in sys.path if Path(entry).name in INSTALLED]
    spec = importlib.machinery.PathFinder.find_spec(stem, installed)
    return f"the module {spec.origin}" if spec is not None and spec.origin else None


def _module(name: str, folder: Path, shown: str) -> ModuleType:
    entry = str(folder)
    if entry in sys.path:
        sys.path.remove(entry)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except MissingExtraError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in _and_parents(name):
            raise ProblemError(
                f"the module of a problem must be importable, but there is no {error.name!r}, "
                f"neither in {folder} nor installed; a file is named with its ending, as "
                "'file.py:Class'"
            ) from error
        raise ProblemError(f"{shown} must be importable, but {_what(error, folder)}") from error


def _and_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def _found(module: ModuleType, name: str, place: str) -> Any:
    try:
        return functools.reduce(getattr, name.split("."), module)
    except AttributeError:
        own = [
            known
            for known, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__ and not known.startswith("_")
        ]
        raise UnknownNameError(f"name in {place}", name, own) from None


def make(target: Any, arguments: Mapping[str, Any], source: str) -> Problem:
    """Return the problem that a class or function makes, or one that is ready."""
    if isinstance(target, Problem) and not arguments:
        return target
    if not callable(target):
        raise ProblemError(
            f"{source} must be a class of problems or a function that makes one, but is a "
            f"{type(target).__name__}"
        )
    check_arguments(target, arguments, source)
    if lacking := missing_arguments(target, arguments):
        raise ProblemError(
            f"{source} needs {', '.join(lacking)}: give it in [problem.arguments]. (A function "
            "that is to be optimised needs a [space] in the run file, each parameter with a type, "
            "or becomes a problem by hpopt.FunctionProblem(function, space))"
        )
    try:
        problem = target(**arguments)
    except MissingExtraError:
        raise
    except (Exception, SystemExit) as error:
        folder = Path(inspect.getsourcefile(target) or source).resolve().parent
        raise ProblemError(f"{source} could not be made: {_what(error, folder)}") from error
    if not isinstance(problem, Problem):
        raise ProblemError(
            f"{source} must give an hpopt.Problem, but gave a {type(problem).__name__}: return "
            "hpopt.FunctionProblem(function, space), or subclass hpopt.Problem"
        )
    return problem


def check_arguments(target: Any, arguments: Mapping[str, Any], source: str) -> None:
    """Raise UnknownNameError where an argument does not exist; suggests the nearest."""
    parameters = _parameters(target)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = [p.name for p in parameters if p.kind in NAMED]
    for name in arguments:
        if parameters and name not in known:
            raise UnknownNameError(f"argument of {source}", name, known)


def missing_arguments(target: Any, arguments: Mapping[str, Any]) -> list[str]:
    """Return the names of what must still be given to call it."""
    return [
        p.name
        for p in _parameters(target)
        if p.kind in NAMED and p.default is p.empty and p.name not in arguments
    ]


def _parameters(target: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # some builtins have none
        return []


def _what(error: BaseException, folder: Path) -> str:
    """Return what was raised, and on which line of the user's own code, in words."""
    message = " ".join(str(error).split())
    described = f"{type(error).__name__}: {message}" if message else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        message = error.msg or "invalid syntax"
        return f"{type(error).__name__}: {message} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not _is_internal(frame.filename)]
    own = [frame for frame in outside if folder in Path(frame.filename).resolve().parents]
    if not (own or outside):
        return described
    frame = (own or outside)[-1]
    return f"{described} ({frame.filename}, line {frame.lineno}: {frame.line})"


def _is_internal(filename: str) -> bool:
    return filename.startswith("<frozen") or HPOPT in Path(filename).resolve().parents
