"""The contracts: what every problem, solution, optimizer and trial is."""

from hpopt.core.batch import evaluate_together
from hpopt.core.constraint import Constraint, Constraints, normalised_constraints
from hpopt.core.evaluation import evaluate, outcome_of_loss
from hpopt.core.handle import Curve, Previous, TrialHandle
from hpopt.core.heartbeat import Heartbeat, LiveFolder, heartbeat_of
from hpopt.core.history import History
from hpopt.core.hosting import Proposer
from hpopt.core.judging import judge
from hpopt.core.objective import Objective, Objectives, losses, normalised_objectives
from hpopt.core.optimizer import Optimizer
from hpopt.core.origin import Origin
from hpopt.core.phase import Phase
from hpopt.core.plain import as_json_data
from hpopt.core.problem import (
    Fidelity,
    Problem,
    check_problem,
    constraints_of,
    fingerprint_of,
    objectives_of,
    with_constraints,
)
from hpopt.core.ranking import Front, Ranking
from hpopt.core.start import is_part_of, start_configs
from hpopt.core.trial import STATUSES, Config, Outcome, Solution, Status, Trial, copy_data, failed

__all__ = [
    "STATUSES",
    "Config",
    "Constraint",
    "Constraints",
    "Curve",
    "Fidelity",
    "Front",
    "Heartbeat",
    "History",
    "LiveFolder",
    "Objective",
    "Objectives",
    "Optimizer",
    "Origin",
    "Outcome",
    "Phase",
    "Previous",
    "Problem",
    "Proposer",
    "Ranking",
    "Solution",
    "Status",
    "Trial",
    "TrialHandle",
    "as_json_data",
    "check_problem",
    "constraints_of",
    "copy_data",
    "evaluate",
    "evaluate_together",
    "failed",
    "fingerprint_of",
    "heartbeat_of",
    "is_part_of",
    "judge",
    "losses",
    "normalised_constraints",
    "normalised_objectives",
    "objectives_of",
    "outcome_of_loss",
    "start_configs",
    "with_constraints",
]
