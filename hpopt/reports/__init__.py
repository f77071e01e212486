"""What people look at: the tables of the command line."""

from hpopt.reports.printing import write
from hpopt.reports.tables import best_or_front, best_trials, summary, trial_page

__all__ = ["best_or_front", "best_trials", "summary", "trial_page", "write"]
