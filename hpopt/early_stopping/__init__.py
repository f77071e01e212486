"""When an evaluation ends early: rules that travel with each trial.

A rule learns from finished trials in the driver. What it knows when a solution is asked goes with
the solution to wherever it runs, as a small snapshot, which the evaluation asks after each report.
So nobody has to be reached while it runs, and every executor will do.
"""

from hpopt.early_stopping.alone import PatienceRule, ThresholdRule
from hpopt.early_stopping.dominance import DominanceRule
from hpopt.early_stopping.extrapolation import ExtrapolationRule
from hpopt.early_stopping.halving import HalvingRule
from hpopt.early_stopping.median import MedianRule
from hpopt.early_stopping.racing import RacingRule
from hpopt.early_stopping.registry import BY_NAME, make_early_stopping
from hpopt.early_stopping.rule import (
    EarlyStoppingRule,
    Experience,
    StopTest,
    check_objectives,
)

__all__ = [
    "BY_NAME",
    "DominanceRule",
    "EarlyStoppingRule",
    "Experience",
    "ExtrapolationRule",
    "HalvingRule",
    "MedianRule",
    "PatienceRule",
    "RacingRule",
    "StopTest",
    "ThresholdRule",
    "check_objectives",
    "make_early_stopping",
]
