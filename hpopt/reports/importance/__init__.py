"""What mattered: how much of the differences between trials each parameter accounts for."""

from hpopt.reports.importance.analysis import importance
from hpopt.reports.importance.process import process_shares
from hpopt.reports.importance.shares import (
    Importance,
    Marginal,
    PairShare,
    ProcessShares,
    Share,
)

__all__ = [
    "Importance",
    "Marginal",
    "PairShare",
    "ProcessShares",
    "Share",
    "importance",
    "process_shares",
]
