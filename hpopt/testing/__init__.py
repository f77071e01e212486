"""Contracts that prove other people's optimizers, executors, storages and problems."""

import pytest

for suite in ("executors", "optimizers", "problems", "storages"):
    pytest.register_assert_rewrite(f"{__name__}.{suite}")
