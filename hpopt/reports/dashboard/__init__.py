"""The live page: a small server that reads studies, and can do nothing else."""

from hpopt.reports.dashboard.server import Dashboard, Settings, studies_of, warn_of_remote

__all__ = ["Dashboard", "Settings", "studies_of", "warn_of_remote"]
