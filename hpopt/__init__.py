"""Hyper-parameter optimization for models that are expensive to evaluate."""

from hpopt import early_stopping, stopping
from hpopt._version import __version__
from hpopt.core import Fidelity, Objective, Optimizer, Outcome, Problem, Solution, Trial, failed
from hpopt.errors import HpoptError
from hpopt.executors import Limits
from hpopt.optimizers import (
    CMAES,
    MENNDL,
    TPE,
    BayesianOptimization,
    Chain,
    DifferentialEvolution,
    GeneticAlgorithm,
    GridSearch,
    LatinHypercube,
    Memetic,
    MuPlusLambda,
    Narrowing,
    NeighbourhoodSearch,
    QuasiRandomSearch,
    RandomSearch,
    RegularizedEvolution,
    SelfAdaptive,
    SimulatedAnnealing,
    SteadyState,
    Zhan,
)
from hpopt.problems import FunctionProblem
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.study import Result, Study, optimize

__all__ = [
    "CMAES",
    "MENNDL",
    "TPE",
    "BayesianOptimization",
    "Categorical",
    "Chain",
    "DifferentialEvolution",
    "Fidelity",
    "Float",
    "FunctionProblem",
    "GeneticAlgorithm",
    "GridSearch",
    "HpoptError",
    "Int",
    "LatinHypercube",
    "Limits",
    "Memetic",
    "MuPlusLambda",
    "Narrowing",
    "NeighbourhoodSearch",
    "Objective",
    "Optimizer",
    "Ordinal",
    "Outcome",
    "Problem",
    "QuasiRandomSearch",
    "RandomSearch",
    "RegularizedEvolution",
    "Result",
    "SelfAdaptive",
    "Sequence",
    "SimulatedAnnealing",
    "Solution",
    "Space",
    "SteadyState",
    "Study",
    "Trial",
    "Zhan",
    "__version__",
    "early_stopping",
    "failed",
    "optimize",
    "stopping",
]
