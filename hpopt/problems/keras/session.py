"""Keras itself: imported when it is first needed, and left clean by each trial."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hpopt.errors import MissingExtraError
from hpopt.problems.keras.backend import forgotten_gradients, quieten, repeatable

PURPOSE = "a Keras problem"
OLDEST = 3


def import_keras() -> Any:
    """Import Keras.

    Raises
    ------
    MissingExtraError
        Keras 3, or the backend that it is set to, is not installed.
    """
    quieten()
    try:
        import keras
    except ImportError as error:
        raise MissingExtraError(error.name or "keras", "keras", PURPOSE) from error
    if int(keras.__version__.partition(".")[0]) < OLDEST:
        raise MissingExtraError(
            f"Keras {OLDEST} or later (here is {keras.__version__})", "keras", PURPOSE
        )
    return keras


def require_keras() -> None:
    """Raise MissingExtraError unless Keras is installed, without the seconds of importing it."""
    if importlib.util.find_spec("keras") is None:
        raise MissingExtraError("keras", "keras", PURPOSE)


@contextmanager
def fresh_session(seed: int) -> Iterator[Any]:
    """Give Keras as in a new process: seeded, and with nothing left of what was built before.

    Parameters
    ----------
    seed : int, in [0, 2**32)
        For everything random in Keras, its backend, numpy and Python.
    """
    keras = import_keras()
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    try:
        with repeatable(keras), forgotten_gradients(keras):
            yield keras
    finally:
        # Models and graphs are cycles of objects: without a collection they would pile up.
        keras.utils.clear_session(free_memory=True)
