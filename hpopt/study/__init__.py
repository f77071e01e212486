"""The loop: what ties a problem, an optimizer, an executor and a storage together."""

from hpopt.study.record import Record, Result
from hpopt.study.search import optimize
from hpopt.study.study import Study

__all__ = ["Record", "Result", "Study", "optimize"]
