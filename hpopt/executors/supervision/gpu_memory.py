"""Keep a framework to its share of the GPU's memory where only code can say so.

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

from hpopt.executors.devices import SHARE


def limit_gpu_memory() -> None:
    """Have PyTorch, when this process imports it, use no more than ``HPOPT_GPU_SHARE`` says."""
    if SHARE in os.environ:
        sys.meta_path.insert(0, _Finder(float(os.environ[SHARE])))


class _Finder(MetaPathFinder):
    """Find torch as all others do, once, and add a call to the end of its import."""

    def __init__(self, share: float) -> None:
        self._share = share

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
            _limit(module, self._share)

        loader.exec_module = execute_and_limit
        return spec


def _limit(torch: Any, share: float) -> None:
    """Set the limit when CUDA is initialised: doing it now would, and cost who needs no GPU."""
    cuda: Any = getattr(torch, "cuda", None)
    if hasattr(cuda, "_lazy_call") and hasattr(cuda, "set_per_process_memory_fraction"):
        cuda._lazy_call(lambda: cuda.set_per_process_memory_fraction(share))
