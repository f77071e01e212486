"""A study ties a problem, an optimizer, an executor and a storage together, and runs them."""

from hpopt.storage.running import Running
from hpopt.study.knowledge import Learned
from hpopt.study.record import Record
from hpopt.study.result import Result
from hpopt.study.search import optimize
from hpopt.study.study import Study

__all__ = ["Learned", "Record", "Result", "Running", "Study", "optimize"]
