"""Hyper-parameter optimization for models that are expensive to evaluate."""

from hpopt import stopping
from hpopt._version import __version__
from hpopt.core import Fidelity, Objective, Optimizer, Outcome, Problem, Solution, Trial, failed
from hpopt.errors import HpoptError
from hpopt.executors import Limits
from hpopt.optimizers import GeneticAlgorithm, GridSearch, QuasiRandomSearch, RandomSearch
from hpopt.problems import FunctionProblem
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.study import Result, Study, optimize

__all__ = [
    "Categorical",
    "Fidelity",
    "Float",
    "FunctionProblem",
    "GeneticAlgorithm",
    "GridSearch",
    "HpoptError",
    "Int",
    "Limits",
    "Objective",
    "Optimizer",
    "Ordinal",
    "Outcome",
    "Problem",
    "QuasiRandomSearch",
    "RandomSearch",
    "Result",
    "Sequence",
    "Solution",
    "Space",
    "Study",
    "Trial",
    "__version__",
    "failed",
    "optimize",
    "stopping",
]
