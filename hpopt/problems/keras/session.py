"""Keras itself: imported when it is first needed, and reset for each trial."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from hpopt.checks import one_of
from hpopt.errors import MissingExtraError
from hpopt.problems.keras.backend import (
    BACKENDS,
    chosen_backend,
    deterministic_operations,
    kernels_kept,
    quieten_tensorflow,
    temporary_gradients,
)
from hpopt.problems.keras.compilation_cache import keep_compiled

PURPOSE = "a Keras problem"
OLDEST = 3  # with keras.ops and several backends
PRECISIONS = ("float32", "float64", "bfloat16", "mixed_bfloat16", "mixed_float16")
# Sessions after which a full collection runs, which takes a quarter of a second: about a hundredth
# of a second for each of them.
THOROUGH = 20


def import_keras() -> Any:
    """Import Keras.

    Raises
    ------
    MissingExtraError
        Keras 3, or the backend that it is set to, is not installed.
    """
    quieten_tensorflow()
    try:
        import keras
    except ImportError as error:
        if error.name in BACKENDS:
            raise _missing_backend(str(error.name)) from error
        raise MissingExtraError(error.name or "keras", "keras", PURPOSE) from error
    if _version_of(keras)[0] < OLDEST:
        raise MissingExtraError(
            f"Keras {OLDEST} or later (here is {keras.__version__})", "keras", PURPOSE
        )
    return keras


def keras_version() -> tuple[int, ...]:
    """Return the version of Keras, as (3, 15)."""
    return _version_of(import_keras())


def _version_of(keras: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in keras.__version__.split(".")[:2])


def require_keras() -> None:
    """Raise MissingExtraError unless Keras and its backend are installed."""
    # Without importing them, which takes seconds.
    if not _is_installed("keras"):
        raise MissingExtraError("keras", "keras", PURPOSE)
    backend = chosen_backend()
    if not _is_installed(backend):
        raise _missing_backend(backend)


@contextmanager
def fresh_session(seed: int, precision: str | None = None) -> Iterator[Any]:
    """Yield Keras as in a new process: seeded, with nothing left of what was built before."""
    keras = import_keras()
    keep_compiled(keras)
    with _CLEANING.of_new_objects():
        _KERNELS.are_wanted = False
        reset_session(keras, seed, precision)
        try:
            with deterministic_operations(keras), temporary_gradients(keras):
                yield keras
        finally:
            # Models and graphs are cycles of objects: without a collection they would pile up.
            with _KERNELS.at_end(keras):
                keras.utils.clear_session(free_memory=True)


class _Cleaning:
    """Collect the garbage of a session; a full collection runs only now and then.

    It visits hundreds of thousands of objects of the framework, which takes a quarter of a
    second: too much for each trial.
    """

    def __init__(self) -> None:
        self._n_sessions = 0
        self._is_due = False

    @contextmanager
    def of_new_objects(self) -> Iterator[None]:
        """Freeze older objects, so that a collection at the end visits only new ones."""
        self._n_sessions += 1
        if self._is_due or self._n_sessions % THOROUGH == 0:
            self._is_due = False
            gc.collect()
        is_mine = not gc.get_freeze_count()
        if is_mine:
            gc.freeze()
        try:
            yield
        except BaseException:
            self._is_due = True  # the traceback still holds the model
            raise
        finally:
            if is_mine:
                gc.unfreeze()


_CLEANING = _Cleaning()


class _Kernels:
    """Keep TensorFlow's kernels from session to session, where a model will be trained again.

    Without them its graphs are optimised anew, which takes as long as some epochs of a small
    network. But a kernel of random numbers goes on where it was, so all are cleared where a seed
    comes again; and now and then, as those of models that are gone pile up.
    """

    def __init__(self) -> None:
        self._seeds: set[int] = set()  # since they were cleared
        self._are_kept = False
        self.are_wanted = False  # by this session

    def for_seed(self, keras: Any, seed: int) -> AbstractContextManager[None]:
        """Return a context in which a session is reset and seeded."""
        if seed in self._seeds or len(self._seeds) >= THOROUGH or not self._are_kept:
            self._seeds.clear()
            self._are_kept = False
        self._seeds.add(seed)
        return kernels_kept(keras) if self._are_kept else nullcontext()

    def at_end(self, keras: Any) -> AbstractContextManager[None]:
        """Return a context in which a session is cleared."""
        self._are_kept = self.are_wanted
        return kernels_kept(keras) if self._are_kept else nullcontext()


_KERNELS = _Kernels()


def want_kernels() -> None:
    """Keep the kernels of this session for later ones."""
    _KERNELS.are_wanted = True


def reset_session(keras: Any, seed: int, precision: str | None = None) -> None:
    """Clear Keras' global state, and seed everything random. Existing models still work."""
    with _KERNELS.for_seed(keras, seed):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
    if precision is not None:
        keras.config.set_dtype_policy(precision)


def check_precision(precision: str | None) -> None:
    """Raise UnknownNameError unless layers can compute in a precision."""
    if precision is not None:
        one_of("precision", precision, PRECISIONS)


@contextmanager
def precision_of_layers(precision: str | None) -> Iterator[None]:
    """Let the layers that are made here compute in a precision."""
    keras = import_keras()
    usual = keras.config.dtype_policy()
    if precision is not None:
        keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _missing_backend(backend: str) -> MissingExtraError:
    return MissingExtraError(
        f"the backend that Keras is set to, {backend}",
        "keras",
        PURPOSE,
        install=None if backend == "tensorflow" else backend,
    )
