import os
import sys
from pathlib import Path

import pytest
from comparing import BENCHMARKS
from hypothesis import HealthCheck, settings

from hpopt.numerics.blas_threads import single_blas_thread

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


@pytest.fixture(scope="session", autouse=True)
def one_thread_in_blas():
    """Let no test hand small matrices over to the cores that other tests run on."""
    with single_blas_thread():
        yield


LONGEST = [
    "docs/test_code_blocks.py",
    "docs/test_types_of_blocks.py",
    "docs/test_site.py",
    "study/test_killed.py",
    "problems/keras/test_problem.py",
    "test_benchmarks.py",
    "test_fuzz_study_files.py",
    "problems/keras/training/test_checkpoints.py",
    "problems/keras/test_memory_estimate.py",
]


def pytest_collection_modifyitems(items):
    """Let what takes longest begin first, so that no process works alone at the end."""
    folder = Path(__file__).parent
    places = {folder / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


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
