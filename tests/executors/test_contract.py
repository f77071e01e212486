"""Every executor of ours, and one of the standard library, keeps the public contract."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from hpopt.executors import ProcessExecutor, SerialExecutor
from hpopt.executors.joblib import JoblibExecutor
from hpopt.executors.threads import ThreadExecutor
from hpopt.testing import ExecutorContract


class TestSerial(ExecutorContract):
    def make(self):
        return SerialExecutor()


class TestStandardThreads(ExecutorContract):
    def make(self):
        return ThreadPoolExecutor(2)


class TestThreads(ExecutorContract):
    def make(self):
        return ThreadExecutor(2)


def make_dask():
    pytest.importorskip("distributed")
    from hpopt.executors.dask import DaskExecutor

    return DaskExecutor(workers=2)


@pytest.fixture(scope="module")
def on_processes():
    """Executors that take a while to start serve all tests but the last."""
    with ProcessExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def on_joblib():
    with JoblibExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def on_dask():
    with make_dask() as executor:
        yield executor


class TestProcesses(ExecutorContract):
    def make(self):
        return ProcessExecutor(2)

    @pytest.fixture
    def executor(self, on_processes):
        return on_processes


class TestJoblib(ExecutorContract):
    def make(self):
        return JoblibExecutor(2)

    @pytest.fixture
    def executor(self, on_joblib):
        return on_joblib


class TestDask(ExecutorContract):
    def make(self):
        return make_dask()

    @pytest.fixture
    def executor(self, on_dask):
        return on_dask


class FirstForAll(ThreadPoolExecutor):
    """It gives every call the future of the first."""

    def submit(self, fn, /, *args, **kwargs):
        self.first = getattr(self, "first", None) or super().submit(fn, *args, **kwargs)
        return self.first


def test_a_wrong_executor_is_found():
    with FirstForAll(2) as executor, pytest.raises(AssertionError):
        ExecutorContract().test_each_call_gets_its_own_result(executor)
