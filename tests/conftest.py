import os
import sys

import pytest
from comparing import BENCHMARKS
from hypothesis import HealthCheck, settings

CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much]

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=CHECKS,
)
settings.register_profile(
    "deep", deadline=None, max_examples=500, suppress_health_check=CHECKS, database=None
)
settings.load_profile("repeatable")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """One process more than there are cores: now and then a test only waits."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def as_benchmark(monkeypatch):
    """Give what lets the modules of folders of benchmarks be imported as their scripts do.

    Some are named like folders of tests, which are back when the test ends.
    """
    names, before = set(), {}

    def add(*folders):
        for folder in folders:
            monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
            names.update(path.stem for path in (BENCHMARKS / folder).glob("*.py"))
        names.discard("__main__")
        before.update((name, sys.modules.pop(name)) for name in names & sys.modules.keys())

    yield add
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(before)
