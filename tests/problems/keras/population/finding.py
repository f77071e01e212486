"""What a process on JAX finds, and how histories are compared."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax"
)


def found_on_jax(part, cache):
    """Return what is found in a process of its own."""
    chosen = {"KERAS_BACKEND": "jax", "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(
        [sys.executable, "-m", "problems.keras.population.on_jax", part],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **chosen},
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_same(beside, alone):
    if isinstance(alone, list):  # of several runs
        assert len(beside) == len(alone)
        for mine, theirs in zip(beside, alone, strict=True):
            assert_same(mine, theirs)
        return
    assert [*beside] == [*alone]
    for name, values in alone.items():
        np.testing.assert_allclose(beside[name], values, 1e-5, err_msg=name)
