"""Store an object once for all worker processes, its large arrays memory-mapped."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hpopt.errors import TransferError
from hpopt.executors.supervision.main_module import define_in_main, pickler, recording_names
from hpopt.executors.supervision.transfer import culprit

T = TypeVar("T")

LARGE = 1_000_000
"""Arrays above this many bytes get a file of their own. (Below, a file and a mapping of
its own cost more than to read it along.)"""

FOLDER = "HPOPT_SHARED_FOLDER"
"""Names, in a worker process's environment, the folder of what travelled to its machine."""

_loaded: dict[str, tuple[Any, dict[str, Any]]] = {}
_here = threading.local()  # several executors may pickle or load at the same time


class Shared(Generic[T]):
    """A handle of an object that is sent many times but stored once.

    As an argument of ``submit`` it turns into the object itself on the way: a worker process
    loads it when it meets it first, and keeps it. Its large arrays are memory maps
    (copy-on-write), so processes share their pages, and what one writes stays its own.

    Parameters
    ----------
    obj : object
        It is stored as it is now; later changes of it are not seen by worker processes.
    folder : path
        Where to store it.

    Raises
    ------
    TransferError
        When it can't be pickled.
    """

    def __init__(self, obj: T, folder: Path) -> None:
        self._object = obj
        self.token = os.urandom(16).hex()
        self.path = folder / f"{self.token}.pickle"
        try:
            _store(obj, self.path)
        except (OSError, TransferError):
            raise
        except Exception as error:
            raise TransferError(
                "an object must be picklable to be shared with worker processes, but "
                f"{culprit([(f'the {type(obj).__name__}', obj)], error)}: "
                "leave it out by __getstate__, or give a function that makes it"
            ) from error

    def get(self) -> T:
        """Return the object itself."""
        return self._object

    def files(self) -> list[Path]:
        """Return the files that it was stored in; they can be moved to another folder together."""
        return [self.path, *sorted(self.path.parent.glob(f"{self.token}.*.array"))]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        used: list[Shared[Any]] | None = getattr(_here, "used", None)
        if used is not None and self not in used:
            used.append(self)
        return load_shared, (self.token, str(self.path))


@contextlib.contextmanager
def recording_used() -> Iterator[list[Shared[Any]]]:
    """Return a list that gets the handles that this thread pickles in the block."""
    used: list[Shared[Any]] = []
    _here.used = used
    try:
        yield used
    finally:
        _here.used = None


def load_shared(token: str, path: str) -> Any:
    """Return a shared object, loaded from its file the first time.

    The file lies where the driver stored it, or, on another machine, in the folder that
    ``HPOPT_SHARED_FOLDER`` names.

    Raises
    ------
    FileNotFoundError
        When the executor that shared it has been shut down.
    """
    if token not in _loaded:
        travelled = Path(os.environ.get(FOLDER, ""), Path(path).name)
        here = travelled if FOLDER in os.environ and travelled.exists() else Path(path)
        _here.folder = here.parent
        with here.open("rb") as file, recording_names() as names:
            _loaded[token] = pickle.load(file), names
    loaded, names = _loaded[token]
    # Another object, of a later version of the script, may have been loaded meanwhile.
    define_in_main(names)
    return loaded


def load_array(name: str) -> NDArray[Any]:
    """Map an array into memory, copy-on-write. Its file lies beside the object's."""
    import joblib

    return cast("NDArray[Any]", joblib.load(_here.folder / name, mmap_mode="c"))


def _store(obj: Any, path: Path) -> None:
    numbers = itertools.count()

    class Pickler(pickler()):  # type: ignore[misc]
        def reducer_override(self, part: Any) -> Any:
            if not _is_large_array(part):
                return super().reducer_override(part)
            import joblib

            array_path = path.with_suffix(f".{next(numbers)}.array")
            joblib.dump(np.asarray(part), str(array_path))  # aligned, so that it can be mapped
            return load_array, (array_path.name,)

    with path.open("wb") as file:
        Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(obj)


def _is_large_array(part: Any) -> bool:
    return (
        type(part) in (np.ndarray, np.memmap)
        and part.nbytes > LARGE
        and not part.dtype.hasobject  # objects cannot be mapped
        and (part.flags.c_contiguous or part.flags.f_contiguous)
    )
