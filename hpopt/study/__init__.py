"""The loop: what ties a problem, an optimizer, an executor and a storage together."""

from hpopt.study.knowledge import Learned
from hpopt.study.live import Running
from hpopt.study.record import Record, Result
from hpopt.study.search import optimize
from hpopt.study.study import Study

__all__ = ["Learned", "Record", "Result", "Running", "Study", "optimize"]
