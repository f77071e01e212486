"""The driver's ``__main__`` in a worker process, as far as its calls need it.

cloudpickle carries what a script or notebook defines by value, and leaves the worker's own
``__main__`` empty. But whatever pickles by reference there (pickle itself, joblib.dump, torch.save,
multiprocessing) looks for ``__main__.Model`` by that name. So what arrives under a name of the
driver's ``__main__`` gets this name in the worker's too. The script itself is not run.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, ClassVar, NamedTuple

MAIN = "__main__"


class Script(NamedTuple):
    """What a program is known by that runs as ``__main__``.

    Attributes
    ----------
    file : str or None
        None in a notebook.
    name : str or None
        The module's, where it was started by ``python -m``.
    arguments : list of str
        sys.argv.
    """

    file: str | None
    name: str | None
    arguments: list[str]


@functools.cache
def pickler() -> type[pickle.Pickler]:
    """Return cloudpickle's Pickler, made to carry names of ``__main__`` along."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table: ClassVar[ChainMap[type, Any]] = ChainMap(
            {CodeType: _with_file}, cloudpickle.Pickler.dispatch_table
        )

        def reducer_override(self, obj: Any) -> Any:
            reduced = super().reducer_override(obj)
            return reduced if reduced is NotImplemented else _with_main_name(obj, reduced)

    return Pickler


def script_of_driver() -> Script:
    """Return what this program is known by."""
    main = sys.modules.get(MAIN)
    name = getattr(getattr(main, "__spec__", None), "name", None)
    return Script(getattr(main, "__file__", None), name, list(map(str, sys.argv)))


def clear_main() -> None:
    """Make this process's ``__main__`` an empty one, to be filled by calls."""
    names = vars(sys.modules[MAIN])
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    _namespaces.append(names)


def pose_as(script: Script) -> None:
    """Set file, name and arguments of this process's ``__main__`` to those of the driver's.

    Children that multiprocessing spawns find a script by its file, and run it as ``__mp_main__``
    first. A script that never says ``"__main__"`` would search anew in each of them, so it stays
    unknown: then what is imported from modules still works in such children.
    """
    sys.argv[:] = script.arguments
    main: Any = sys.modules[MAIN]
    main.__spec__ = None
    vars(main).pop("__file__", None)
    with contextlib.suppress(OSError, ValueError):  # on this machine there may be none
        if script.file is not None and MAIN.encode() in Path(script.file).read_bytes():
            main.__file__ = script.file
            main.__spec__ = script.name and ModuleSpec(script.name, None, origin=script.file)


def define_in_main(names: dict[str, Any]) -> None:
    """Put names into this process's ``__main__``, where it is a worker's."""
    for namespace in _namespaces:
        namespace.update(names)


@contextlib.contextmanager
def recording_names() -> Iterator[dict[str, Any]]:
    """Return a dict that gets all that `define_in_main` defines in the block."""
    names: dict[str, Any] = {}
    _namespaces.append(names)
    try:
        yield names
    finally:
        _namespaces.pop()


def _with_file(code: CodeType) -> tuple[Any, ...]:
    """Reduce code with its file's name, without which tracebacks do not show the lines.

    cloudpickle 3.1.3 leaves the name out.
    """
    import cloudpickle

    return _in_file, (code.co_filename, *cloudpickle.Pickler.dispatch_table[CodeType](code))


def _in_file(filename: str, make: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return make(*arguments).replace(co_filename=filename)


def _with_main_name(obj: Any, reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Have a function or class that is reached by a name of ``__main__`` define it on arrival."""
    if not isinstance(obj, type | FunctionType) or obj.__module__ != MAIN or len(reduced) != 6:
        return reduced
    main = sys.modules[MAIN]
    try:
        is_reached = operator.attrgetter(obj.__qualname__)(main) is obj
    except Exception:  # a lambda, a local or a redefined one: no other way of pickling finds it
        return reduced
    if not is_reached:
        return reduced
    make, arguments, state, items, pairs, set_state = reduced
    # The state is pickled when the object itself is known already, so that of Outer.Inner may
    # bring Outer, which has it.
    name = obj.__qualname__
    carried = name, getattr(main, name.partition(".")[0]), set_state, state
    return make, arguments, carried, items, pairs, _arrive


def _arrive(obj: Any, carried: tuple[str, Any, Callable[[Any, Any], None], Any]) -> None:
    name, outermost, set_state, state = carried
    set_state(obj, state)
    obj.__qualname__ = name  # cloudpickle names Outer.Inner just Inner
    define_in_main({name.partition(".")[0]: outermost})


_namespaces: list[dict[str, Any]] = []
"""Where names are defined: in the ``__main__`` of a worker process, and in what records them."""
