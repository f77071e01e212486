"""What people look at: tables of terminals and notebooks, and the report in one file."""

from typing import Any

from hpopt.reports.printing import write
from hpopt.reports.tables import best_or_front, best_trials, summary
from hpopt.reports.trial_page import trial_page

__all__ = ["best_or_front", "best_trials", "report", "summary", "trial_page", "write"]


def __getattr__(name: str) -> Any:
    """Import the report when it is asked for (PEP 562): each run ends with a table only."""
    if name != "report":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hpopt.reports.page import report

    return report


def __dir__() -> list[str]:
    return sorted({*globals(), "report"})
