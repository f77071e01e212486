"""Contracts that prove other people's optimizers, executors, storages and problems."""

import pytest

for suite in ("executors", "optimizer_runs", "observing", "optimizers", "problems", "storages"):
    pytest.register_assert_rewrite(f"{__name__}.{suite}")

from hpopt.testing.executors import ExecutorContract  # noqa: E402  (rewritten from here on)
from hpopt.testing.optimizers import OptimizerContract  # noqa: E402
from hpopt.testing.problems import ProblemContract  # noqa: E402
from hpopt.testing.storages import DurableStorageContract, StorageContract  # noqa: E402

__all__ = [
    "DurableStorageContract",
    "ExecutorContract",
    "OptimizerContract",
    "ProblemContract",
    "StorageContract",
]
