from hpopt import GeneticAlgorithm, GridSearch, QuasiRandomSearch, RandomSearch
from hpopt.testing import OptimizerContract
from hpopt.testing.landscapes import LANDSCAPES

SOME = ("conditions", "layers", "forbidden", "tiny", "two_objectives")


class TestRandomSearch(OptimizerContract):
    n_trials = 80

    def make(self):
        return RandomSearch()


class TestQuasiRandomSearch(OptimizerContract):
    n_trials = 80

    def make(self):
        return QuasiRandomSearch()


class TestGridSearch(OptimizerContract):
    seeded = False
    problems = {name: LANDSCAPES[name] for name in SOME}  # noqa: RUF012

    def make(self):
        return GridSearch()


class TestShuffledGridSearch(OptimizerContract):
    def make(self):
        return GridSearch(shuffle=True)


class TestGeneticAlgorithm(OptimizerContract):
    def make(self):
        return GeneticAlgorithm(population=10)


class TestGeneticAlgorithmOfOtherOperators(OptimizerContract):
    problems = {name: LANDSCAPES[name] for name in SOME}  # noqa: RUF012

    def make(self):
        return GeneticAlgorithm(
            population=7,
            initialisation="random",
            selection="truncation",
            crossover="two_point",
            length_probability=1.0,
            elites=0,
        )
