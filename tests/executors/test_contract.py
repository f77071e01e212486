"""Every executor of ours, and one of the standard library, keeps the public contract."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from hpopt.executors import ProcessExecutor, SerialExecutor
from hpopt.testing import ExecutorContract


class TestSerial(ExecutorContract):
    def make(self):
        return SerialExecutor()


class TestProcesses(ExecutorContract):
    def make(self):
        return ProcessExecutor(2)


class TestThreads(ExecutorContract):
    def make(self):
        return ThreadPoolExecutor(2)


class OneForAll(ThreadPoolExecutor):
    """It gives every call the future of the first."""

    def submit(self, fn, /, *args, **kwargs):
        self.first = getattr(self, "first", None) or super().submit(fn, *args, **kwargs)
        return self.first


def test_a_wrong_executor_is_found():
    with OneForAll(2) as executor, pytest.raises(AssertionError):
        ExecutorContract().test_each_call_gets_its_own_result(executor)
