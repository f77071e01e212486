"""The strategies by name, and how an instance is made from a name.

A strategy is imported when it is first used, as importing all takes longer than a short search.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from hpopt.core import Optimizer
from hpopt.errors import SettingError, UnknownNameError
from hpopt.names import known_name

CLASSES = {
    "annealing": ("simulated_annealing", "SimulatedAnnealing"),
    "asha": ("asha", "ASHA"),
    "auto": ("auto", "Auto"),
    "bayesian": ("bayesian_optimization", "BayesianOptimization"),
    "chain": ("chain", "Chain"),
    "cmaes": ("cmaes", "CMAES"),
    "differential_evolution": ("differential_evolution", "DifferentialEvolution"),
    "freeze_thaw": ("freeze_thaw", "FreezeThaw"),
    "genetic": ("genetic_algorithm", "GeneticAlgorithm"),
    "grid": ("grid_search", "GridSearch"),
    "hyperband": ("hyperband", "Hyperband"),
    "latin_hypercube": ("latin_hypercube", "LatinHypercube"),
    "memetic": ("memetic", "Memetic"),
    "menndl": ("published", "MENNDL"),
    "mu_plus_lambda": ("published", "MuPlusLambda"),
    "narrowing": ("narrowing", "Narrowing"),
    "neighbourhood": ("neighbourhood_search", "NeighbourhoodSearch"),
    "quasi_random": ("quasi_random_search", "QuasiRandomSearch"),
    "random": ("random_search", "RandomSearch"),
    "regularized": ("steady_state", "RegularizedEvolution"),
    "self_adaptive": ("published", "SelfAdaptive"),
    "steady_state": ("steady_state", "SteadyState"),
    "tpe": ("tpe", "TPE"),
    "zhan": ("published", "Zhan"),
}
"""Name → module of this package, and class in it, of all strategies of hpopt."""
STRATEGIES = {class_name: name for name, (_, class_name) in CLASSES.items()}
"""Class → its name."""
BOHB = (
    "BOHB is 'hyperband' with a model as its proposer: hpopt.Hyperband(proposer=\"tpe\"), or "
    '{ name = "hyperband", proposer = "tpe" } in a run file.'
)
EVOLUTION = (
    "did you mean 'genetic', 'regularized', 'differential_evolution', 'mu_plus_lambda' or "
    "'self_adaptive'?"
)
SPELLINGS = {
    **STRATEGIES,
    "neighborhood": "neighbourhood",
    "neighborhood_search": "neighbourhood",
    "regularised": "regularized",
    "regularised_evolution": "regularized",
    "latin_hypercube_sampling": "latin_hypercube",
    "simulated_annealing_search": "annealing",
    "bayesian_optimisation": "bayesian",
    "covariance_matrix_adaptation": "cmaes",
    "tree_structured_parzen_estimator": "tpe",
}
"""Other spellings of a strategy's name → the name: the class's, and those of other dialects."""
ADVICE = {
    **dict.fromkeys(
        ("bo", "bayes", "gp", "gaussian_process", "gp_ei", "botorch", "ax", "smac", "skopt"),
        "bayesian",
    ),
    **dict.fromkeys(("ga", "genetics", "nsga", "nsga2", "nsga_ii", "nsga3", "nsga_iii"), "genetic"),
    **dict.fromkeys(("evolution", "evolutionary", "ea", "evolutionary_algorithm"), EVOLUTION),
    **dict.fromkeys(("de", "shade", "lshade", "jade"), "differential_evolution"),
    **dict.fromkeys(("cma", "es", "evolution_strategy", "evolution_strategies"), "cmaes"),
    **dict.fromkeys(("parzen", "hyperopt", "optuna"), "tpe"),
    **dict.fromkeys(("aging_evolution", "ageing_evolution", "re"), "regularized"),
    **dict.fromkeys(("mu+lambda", "mu_lambda"), "mu_plus_lambda"),
    **dict.fromkeys(("lhs", "lhc"), "latin_hypercube"),
    **dict.fromkeys(("qmc", "sobol", "halton", "low_discrepancy"), "quasi_random"),
    **dict.fromkeys(("sa", "anneal"), "annealing"),
    **dict.fromkeys(("local", "local_search", "hill_climbing", "gradient"), "neighbourhood"),
    **dict.fromkeys(("exhaustive", "brute_force", "gridsearchcv"), "grid"),
    **dict.fromkeys(("rs", "monte_carlo", "uniform", "randomizedsearchcv"), "random"),
    **dict.fromkeys(("default", "best", "automatic"), "auto"),
    **dict.fromkeys(("sha", "pasha", "mobster", "successive_halving", "halving"), "asha"),
    "bohb": BOHB,
    "dehb": "hyperband",
    **dict.fromkeys(
        ("pso", "particle_swarm"),
        "hpopt has no particle swarm; the nearest are 'differential_evolution' and 'cmaes'.",
    ),
    **dict.fromkeys(
        ("pbt", "population_based_training"),
        "hpopt has no population-based training; the nearest is 'genetic'.",
    ),
}
"""Common names that are no strategy of hpopt → the strategy that is meant, or advice."""


class Strategies(Mapping[str, type[Optimizer]]):
    """Name → class; a class is imported when it is looked up."""

    def __getitem__(self, name: str) -> type[Optimizer]:
        module, class_name = CLASSES[name]
        strategy: type[Optimizer] = getattr(import_module(f"hpopt.optimizers.{module}"), class_name)
        return strategy

    def __contains__(self, name: object) -> bool:
        return name in CLASSES

    def __iter__(self) -> Iterator[str]:
        return iter(CLASSES)

    def __len__(self) -> int:
        return len(CLASSES)


BY_NAME = Strategies()
"""Name → class, of all strategies of hpopt."""


def strategy_name(name: str) -> str:
    """Return the name of the strategy that is meant; see `known_name`.

    Raises
    ------
    UnknownNameError
        There is none; suggests the nearest.
    """
    return known_name("optimizer", name, CLASSES, aliases=SPELLINGS, advice=ADVICE)


def make_optimizer(
    optimizer: str | Optimizer, arguments: Mapping[str, Any] | None = None
) -> Optimizer:
    """Return the optimizer of a name, or the instance that is passed.

    Parameters
    ----------
    optimizer : str or Optimizer
        One of the names in `BY_NAME` (capitals, spaces and punctuation do not matter), or an
        instance.
    arguments : mapping, optional
        Those of the named class.

    Raises
    ------
    UnknownNameError
        There is no such name or argument; suggests the nearest.
    SettingError
        It is neither a name nor an instance, or an instance with arguments.
    """
    if isinstance(optimizer, Optimizer):
        if arguments:
            raise SettingError(
                f"arguments belong to a name, but got {dict(arguments)} beside a "
                f"{type(optimizer).__name__}: give them to its class"
            )
        return optimizer
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        raise SettingError(
            f"optimizer must be a name or an instance, but got the class {optimizer.__name__}: "
            f"write {optimizer.__name__}(...)"
        )
    if not isinstance(optimizer, str):
        raise SettingError(
            "optimizer must be a name or an hpopt.Optimizer, but got "
            f"{type(optimizer).__name__}; names are {', '.join(sorted(BY_NAME))}"
        )
    optimizer = strategy_name(optimizer)
    strategy = BY_NAME[optimizer]
    known = strategy.argument_names()
    for name in arguments or {}:
        if name not in known:
            raise UnknownNameError(f"argument of optimizer {optimizer!r}", name, known)
    return strategy(**(arguments or {}))


def strategy_of(argument: str, value: Any) -> Optimizer:
    """Return the strategy of an argument of another strategy.

    Parameters
    ----------
    argument : str
        The argument's name, for messages.
    value : str, mapping or Optimizer
        A name; a name and arguments, ``{"name": "genetic", "population": 50}``; or an instance that
        is not bound.

    Raises
    ------
    SettingError
        It is none of these, or serves a study already.
    """
    if isinstance(value, Mapping):
        if not isinstance(value.get("name"), str):
            raise SettingError(
                f'{argument} must have a name, as {{"name": "genetic", "population": 50}}, but got '
                f"{dict(value)!r}"
            )
        arguments = {key: part for key, part in value.items() if key != "name"}
        return make_optimizer(value["name"], arguments)
    made = make_optimizer(value)
    if hasattr(made, "space"):
        raise SettingError(
            f"{argument} must be an optimizer that serves no study yet, but this "
            f"{type(made).__name__} is bound: make another one"
        )
    return made


def as_settings(optimizer: Optimizer) -> dict[str, Any]:
    """Return a strategy as JSON data that `strategy_of` takes."""
    name = optimizer.name or f"{type(optimizer).__module__}.{type(optimizer).__qualname__}"
    return {"name": name, **optimizer.settings()}
