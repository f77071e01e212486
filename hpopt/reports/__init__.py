"""What people look at: tables of terminals and notebooks, and the report in one file."""

from hpopt.reports.page import report
from hpopt.reports.printing import write
from hpopt.reports.tables import best_or_front, best_trials, summary
from hpopt.reports.trial_page import trial_page

__all__ = ["best_or_front", "best_trials", "report", "summary", "trial_page", "write"]
