"""Run calls on a Dask cluster: one that exists, or a local one for the run."""

from hpopt.errors import MissingExtraError

try:
    import distributed as _distributed  # noqa: F401
except ImportError as error:
    raise MissingExtraError("distributed", "dask", "executor='dask'") from error

from hpopt.executors.dask.connection import is_of_dask
from hpopt.executors.dask.executor import DaskExecutor, make

__all__ = ["DaskExecutor", "is_of_dask", "make"]
