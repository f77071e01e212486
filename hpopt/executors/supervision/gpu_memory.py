"""Limit the GPU memory of a framework that reads no variable for it.

JAX and TensorFlow read a variable. PyTorch has a function, so a worker process calls it when
PyTorch has been imported, whoever imports it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from hpopt.executors.devices import MEMORY_FRACTION


def limit_gpu_memory() -> None:
    """Have PyTorch, when this process imports it, use no more than MEMORY_FRACTION says."""
    if MEMORY_FRACTION in os.environ:
        sys.meta_path.insert(0, _Finder(float(os.environ[MEMORY_FRACTION])))


class _Finder(MetaPathFinder):
    """Find torch as all others do, once, and add a call to the end of its import."""

    def __init__(self, fraction: float) -> None:
        self._fraction = fraction

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_limit(module: ModuleType) -> None:
            execute(module)
            _limit(module, self._fraction)

        loader.exec_module = execute_and_limit
        return spec


def _limit(torch: Any, fraction: float) -> None:
    # When CUDA is initialised: to set it now would initialise it, which costs seconds and memory.
    cuda: Any = getattr(torch, "cuda", None)
    if hasattr(cuda, "_lazy_call") and hasattr(cuda, "set_per_process_memory_fraction"):
        cuda._lazy_call(lambda: cuda.set_per_process_memory_fraction(fraction))
