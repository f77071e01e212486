"""Where trials run: every executor is a ``concurrent.futures.Executor`` and knows no problem."""

from hpopt.executors.limits import Limits
from hpopt.executors.processes import ProcessExecutor
from hpopt.executors.registry import make_executor
from hpopt.executors.serial import SerialExecutor

__all__ = ["Limits", "ProcessExecutor", "SerialExecutor", "make_executor"]
