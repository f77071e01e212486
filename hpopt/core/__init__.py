"""The contracts: what every problem, solution, optimizer and trial is."""

from hpopt.core.evaluation import evaluate, judge, outcome_of_loss
from hpopt.core.history import History
from hpopt.core.optimizer import Optimizer
from hpopt.core.problem import (
    Fidelity,
    Objective,
    Problem,
    TrialHandle,
    check_problem,
    losses,
    normalised_objectives,
    objectives_of,
)
from hpopt.core.solution import Config, Solution
from hpopt.core.trial import STATUSES, Outcome, Status, Trial, failed

__all__ = [
    "STATUSES",
    "Config",
    "Fidelity",
    "History",
    "Objective",
    "Optimizer",
    "Outcome",
    "Problem",
    "Solution",
    "Status",
    "Trial",
    "TrialHandle",
    "check_problem",
    "evaluate",
    "failed",
    "judge",
    "losses",
    "normalised_objectives",
    "objectives_of",
    "outcome_of_loss",
]
