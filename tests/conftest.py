import os

import pytest
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
