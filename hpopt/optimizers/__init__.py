"""Who chooses: the strategies, by class and by name."""

from __future__ import annotations

from hpopt.optimizers.auto import Auto
from hpopt.optimizers.bayesian_optimization import BayesianOptimization
from hpopt.optimizers.chain import Chain
from hpopt.optimizers.cmaes import CMAES
from hpopt.optimizers.differential_evolution import DifferentialEvolution
from hpopt.optimizers.genetic_algorithm import GeneticAlgorithm
from hpopt.optimizers.grid_search import GridSearch
from hpopt.optimizers.latin_hypercube import LatinHypercube
from hpopt.optimizers.memetic import Memetic
from hpopt.optimizers.menndl import MENNDL
from hpopt.optimizers.mu_plus_lambda import MuPlusLambda
from hpopt.optimizers.narrowing import Narrowing
from hpopt.optimizers.neighbourhood_search import NeighbourhoodSearch
from hpopt.optimizers.quasi_random_search import QuasiRandomSearch
from hpopt.optimizers.random_search import RandomSearch
from hpopt.optimizers.registry import BY_NAME, make_optimizer
from hpopt.optimizers.regularized_evolution import RegularizedEvolution
from hpopt.optimizers.self_adaptive import SelfAdaptive
from hpopt.optimizers.simulated_annealing import SimulatedAnnealing
from hpopt.optimizers.steady_state import SteadyState
from hpopt.optimizers.tpe import TPE
from hpopt.optimizers.zhan import Zhan

BY_NAME.update(
    {
        strategy.name: strategy
        for strategy in (
            Auto,
            BayesianOptimization,
            CMAES,
            Chain,
            DifferentialEvolution,
            GeneticAlgorithm,
            GridSearch,
            LatinHypercube,
            MENNDL,
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
            TPE,
            Zhan,
        )
    }
)

__all__ = [
    "BY_NAME",
    "CMAES",
    "MENNDL",
    "TPE",
    "Auto",
    "BayesianOptimization",
    "Chain",
    "DifferentialEvolution",
    "GeneticAlgorithm",
    "GridSearch",
    "LatinHypercube",
    "Memetic",
    "MuPlusLambda",
    "Narrowing",
    "NeighbourhoodSearch",
    "QuasiRandomSearch",
    "RandomSearch",
    "RegularizedEvolution",
    "SelfAdaptive",
    "SimulatedAnnealing",
    "SteadyState",
    "Zhan",
    "make_optimizer",
]
