import pytest

from hpopt import (
    ASHA,
    CMAES,
    MENNDL,
    TPE,
    Auto,
    BayesianOptimization,
    Chain,
    DifferentialEvolution,
    Fidelity,
    GeneticAlgorithm,
    GridSearch,
    Hyperband,
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
from hpopt.core import Objective
from hpopt.errors import ConfigError
from hpopt.testing import OptimizerContract
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.searches import search

SOME = ("conditions", "layers", "forbidden", "tiny", "two_objectives")
FEW = ("conditions", "layers", "two_objectives")
ONE_OBJECTIVE = ("steps", "choices", "conditions", "layers")
THREE_OBJECTIVES = {
    "three_objectives": Landscape(
        LANDSCAPES["conditions"].space,
        [Objective("error"), Objective("speed", "maximize"), Objective("size")],
    )
}


FIDELITY_OF_THREE = {
    "fidelity": Landscape(
        LANDSCAPES["conditions"].space,
        THREE_OBJECTIVES["three_objectives"].objectives,
        Fidelity(1, 9),
    )
}


def among(*names):
    """Give spaces by their names: all kinds are run through by those that others are made of."""
    return {name: LANDSCAPES[name] for name in names}


class TestRandomSearch(OptimizerContract):
    def make(self):
        return RandomSearch()


class TestQuasiRandomSearch(OptimizerContract):
    problems = among("floats", *SOME)

    def make(self):
        return QuasiRandomSearch()


class TestGridSearch(OptimizerContract):
    heeds_priors = False
    seeded = False
    problems = among(*SOME)

    def make(self):
        return GridSearch()


class TestShuffledGridSearch(OptimizerContract):
    heeds_priors = False
    problems = among(*SOME)

    def make(self):
        return GridSearch(shuffle=True)


class TestGeneticAlgorithm(OptimizerContract):
    def make(self):
        return GeneticAlgorithm(population=10)


class TestGeneticAlgorithmOfOtherOperators(OptimizerContract):
    problems = among(*FEW)

    def make(self):
        return GeneticAlgorithm(
            population=7,
            initialisation="random",
            selection="truncation",
            crossover="two_point",
            length_probability=1.0,
            elites=0,
        )


class TestGeneticAlgorithmOfAllParts(OptimizerContract):
    problems = among(*FEW)

    def make(self):
        return GeneticAlgorithm(
            population=6,
            offspring=9,
            initialisation="latin_hypercube",
            mutation=[{"part": "length", "kinds": ["copy", "delete"]}, "one_gene", "step"],
            replacement="ageing",
            adaptation="success",
            restart={"part": "periodic", "generations": 3, "best": 1},
        )


class TestMENNDL(OptimizerContract):
    problems = among(*FEW)

    def make(self):
        return MENNDL(population=10)


class TestZhan(OptimizerContract):
    problems = among(*FEW)

    def make(self):
        return Zhan(population=9)


class TestMuPlusLambda(OptimizerContract):
    problems = among(*FEW)

    def make(self):
        return MuPlusLambda(population=5, offspring=7, patience=2)


class TestSelfAdaptive(OptimizerContract):
    problems = among(*FEW)

    def make(self):
        return SelfAdaptive(population=5, offspring=7)


class TestSteadyState(OptimizerContract):
    order_free = False
    problems = among(*SOME)

    def make(self):
        return SteadyState(population=8)


class TestRegularizedEvolution(OptimizerContract):
    order_free = False
    problems = among(*FEW)

    def make(self):
        return RegularizedEvolution(population=10, sample=4)


class TestMemetic(OptimizerContract):
    problems = among("forbidden", *FEW)

    def make(self):
        return Memetic(algorithm={"name": "genetic", "population": 8}, local_share=0.4)


class TestLatinHypercube(OptimizerContract):
    problems = among("floats", *FEW)

    def make(self):
        return LatinHypercube(n=15)


class TestNeighbourhoodSearch(OptimizerContract):
    problems = among(*ONE_OBJECTIVE)

    def make(self):
        return NeighbourhoodSearch(initial=5)


class TestNeighbourhoodSearchWithDraws(OptimizerContract):
    heeds_priors = False
    problems = among("layers")

    def make(self):
        return NeighbourhoodSearch(initial=2, gradient="smoothing", poll=3, step=0.5)


class TestDifferentialEvolution(OptimizerContract):
    problems = among(*ONE_OBJECTIVE)

    def make(self):
        return DifferentialEvolution(population=6, adaptive=True)


class TestSimulatedAnnealing(OptimizerContract):
    problems = among(*ONE_OBJECTIVE)

    def make(self):
        return SimulatedAnnealing(chains=3, cooling=0.5)


class TestChain(OptimizerContract):
    problems = among("floats", *FEW)

    def make(self):
        return Chain(
            (QuasiRandomSearch(), 9),
            (GridSearch(resolution=2), 12),
            (GeneticAlgorithm(population=6), 13),
            ("random", None),
        )


class TestChainOfOneThatLearnsFromEachResult(OptimizerContract):
    order_free = False
    problems = among("layers")

    def make(self):
        return Chain((RandomSearch(), 7), (SteadyState(population=5), 15), ("regularized", None))


class TestNarrowing(OptimizerContract):
    problems = among("floats", *FEW)

    def make(self):
        return Narrowing(
            optimizer={"name": "genetic", "population": 6},
            trials_per_round=14,
            confidence=0.5,
            keep=0.0,
        )


class TestNarrowingOfRandomSearch(OptimizerContract):
    problems = among("layers")

    def make(self):
        return Narrowing(
            optimizer="random", rounds=3, trials_per_round=[12, 13], confidence=0.5, keep=0.0
        )


class TestBayesianOptimization(OptimizerContract):
    order_free = False
    n_trials = 14
    problems = among("conditions", "layers", "tiny", "two_objectives")

    def make(self):
        return BayesianOptimization(first=5, most_points=20)


class TestAuto(OptimizerContract):
    order_free = False
    n_trials = 14
    problems = among("floats", "tiny")

    def make(self):
        return Auto()


class TestAutoOfCheapEvaluations(OptimizerContract):
    order_free = False
    n_trials = 24
    problems = among("layers", "two_objectives")

    def make(self):
        return Auto(seconds=1e-4, model_trials=8)


class TestTPE(OptimizerContract):
    order_free = False
    problems = among("conditions", "layers", "tiny") | THREE_OBJECTIVES

    def make(self):
        return TPE(first=5)


class TestCMAES(OptimizerContract):
    """It takes parameters with an order only, which some tests of the contract lack."""

    exhaustive = False
    problems = among("floats", "steps", "fidelity")

    def make(self):
        return CMAES()

    def test_directions_are_applied_once(self):
        space = LANDSCAPES["floats"].space
        asked = []
        for direction in ("minimize", "maximize"):
            problem = Landscape(space, Objective("value", direction))
            trials = search(self.bound(problem), problem, self.n_trials)
            asked.append([trial.config for trial in trials])
        assert asked[0] == asked[1]

    def test_wrong_start_configs_raise(self):
        problem = LANDSCAPES["steps"]
        for start, why in (
            ([{"width": 1}], "must lie in"),
            (problem.space.sample(1) * 2, "differ"),
        ):
            with pytest.raises(ConfigError, match=why):
                self.make().bind(problem, start=start)


class TestASHA(OptimizerContract):
    order_free = False
    chooses_fidelity = True
    problems = among("fidelity", "forbidden", "tiny")

    def make(self):
        return ASHA()


class TestASHAOfThreeObjectives(TestASHA):
    problems = FIDELITY_OF_THREE


class TestASHAOfModelAndBrackets(TestASHA):
    problems = among("conditions")

    def make(self):
        return ASHA(proposer={"name": "tpe", "first": 5}, reduction=2, brackets=3)


class TestASHAOfGenerations(TestASHA):
    problems = among("layers")

    def make(self):
        return ASHA(proposer={"name": "menndl", "population": 10})


class TestHyperband(OptimizerContract):
    chooses_fidelity = True
    n_trials = 60
    problems = among("fidelity", "forbidden", "tiny")

    def make(self):
        return Hyperband()


class TestHyperbandOfGenerations(TestHyperband):
    problems = among("layers")

    def make(self):
        return Hyperband(proposer={"name": "genetic", "population": 7}, reduction=2)


class TestAsynchronousHyperband(TestASHA):
    problems = among("conditions", "tiny")

    def make(self):
        return Hyperband(asynchronous=True)
