"""What people look at: the tables of the command line."""

from hpopt.reports.printing import write
from hpopt.reports.tables import best_trials, summary, trial_page

__all__ = ["best_trials", "summary", "trial_page", "write"]
