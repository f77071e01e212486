"""What one of the backends, TensorFlow, needs to repeat itself and to forget."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def quieten() -> None:
    """Let TensorFlow report errors alone, unless the user said otherwise."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextmanager
def repeatable(keras: Any) -> Iterator[None]:
    """Let operations add up in a fixed order, on a CPU.

    Without it sums are shared among threads as they come, and differ in the last digits. On a
    GPU some operations have no such order and would fail, so there it is left to the user. It is
    taken back afterwards, as it forbids random numbers without a seed to the whole process.
    """
    config = _module(keras, "config")
    take_back = getattr(config, "disable_op_determinism", None)  # no public name
    if (
        take_back is None
        or config.is_op_determinism_enabled()
        or config.list_physical_devices("GPU")
    ):
        yield
        return
    config.enable_op_determinism()
    try:
        yield
    finally:
        take_back()


@contextmanager
def forgotten_gradients(keras: Any) -> Iterator[None]:
    """Take from TensorFlow's register of gradients what was put there meanwhile.

    It would never forget the custom gradients of a traced function, nor they its whole graph:
    some megabytes a model (https://github.com/keras-team/tf-keras/issues/286).
    """
    registry = getattr(_module(keras, "ops"), "gradient_registry", None)
    register: dict[str, Any] = getattr(registry, "_registry", {})  # no public names
    known = set(register)
    try:
        yield
    finally:
        for name in register.keys() - known:
            del register[name]


def _module(keras: Any, name: str) -> Any:
    """Give a module of TensorFlow's framework; None with another backend."""
    if keras.backend.backend() != "tensorflow":
        return None
    from tensorflow.python import framework

    return getattr(framework, name, None)
