"""Local search within a genetic algorithm: where it looks, what it finds, what it may cost."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems_for_tests import MIXED

from hpopt import Float, GeneticAlgorithm, Int, Memetic, Space
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.batches import LazyBatch
from hpopt.optimizers.genetic import Generational, Tournament

from .evolving import bound, bowl, generation, points_of

GRID = Space({name: Int(1, 50) for name in "abcd"})
INNER = {"name": "genetic", "population": 10}


def batches(optimizer, n, value=bowl):
    """Give the batches of a search of n solutions."""
    found = []
    while optimizer.n_asked < n:
        solutions = generation(optimizer, 1000, value)
        if not solutions:
            break
        found.append(solutions)
    return found


class Recording(Generational):
    """The genetic algorithm, with what it yields and what it is told."""

    def __init__(self):
        self.population = 6
        self.evolved, self.received = set(), []

    def _parts(self):
        return GeneticAlgorithm(population=6)._parts()

    def evolution(self):
        plan = super().evolution()
        generation = next(plan)
        while True:

            def draw(first, generation=generation):
                self.evolved |= set(range(first, first + len(generation)))
                return generation.draw(first)

            results = yield LazyBatch(len(generation), draw)
            self.received.append(results)
            generation = plan.send(results)

    def __deepcopy__(self, memo):
        return copy.copy(self)  # what is hosted records into the same lists


@given(st.floats(0, 0.9), st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=12)
def test_local_search_never_has_more_than_its_share(share, individuals, seed):
    algorithm = Recording()
    optimizer = Memetic(algorithm=algorithm, local_share=share, individuals=individuals)
    bound(optimizer, MIXED, seed=seed)
    asked = batches(optimizer, 150, lambda s: float(s.point.sum()))
    n_all = n_local = 0
    for solutions in asked:
        n_all += len(solutions)
        n_local += sum(solution.number not in algorithm.evolved for solution in solutions)
        assert n_local <= share * n_all + 1e-6
    if share > 0.2 and individuals > 2:
        assert n_local > 0.5 * share * n_all


def test_polls_are_neighbours_of_the_best_and_never_repeat():
    optimizer = bound(Memetic(algorithm=INNER, local_share=0.5, individuals=2), GRID)
    seen, n_polls = [], 0
    told = []
    for solutions in batches(optimizer, 300):
        best = sorted(told, key=bowl)[:2]
        near = [GRID.keys_of(GRID.neighbour_points(one.point, 21)) for one in best]
        keys = GRID.keys_of(points_of(solutions))
        in_poll = [any(key in keys_near for keys_near in near) for key in keys]
        if told and all(in_poll):
            n_polls += 1
            for solution in solutions:
                steps = [np.count_nonzero(solution.point != one.point) for one in best]
                assert min(steps) == 1
        told += solutions
        seen += keys
    assert n_polls >= 8
    assert len(seen) == len(set(seen))


def test_it_climbs_to_a_local_optimum():
    def value(solution):
        return float(sum(abs(solution.config[name] - 20) for name in "abcd"))

    optimizer = bound(Memetic(algorithm=INNER, local_share=0.8, individuals=1), GRID)
    batches(optimizer, 600, value)
    assert optimizer.history.losses.min() == 0.0


def test_improvements_take_the_refit_at_where_they_came_from():
    algorithm = Recording()
    optimizer = bound(Memetic(algorithm=algorithm, local_share=0.6, individuals=2), GRID)
    asked = batches(optimizer, 150)
    received = algorithm.received
    assert len(received) >= 5
    everything = {s.number: s for solutions in asked for s in solutions}
    first = {s.number for s in asked[0]}
    told = set(received[0].numbers.tolist())
    added, gone = (
        sorted(bowl(everything[n]) for n in each) for each in (told - first, first - told)
    )
    assert 1 <= len(gone) <= len(added) <= 3
    assert all(better < worse for better, worse in zip(added, gone, strict=False))
    for told in received:
        assert len(set(told.numbers.tolist())) == len(told.numbers)
        losses = [bowl(everything[number]) for number in told.numbers.tolist()]
        np.testing.assert_array_equal(told.losses[:, 0], losses)


def test_without_a_share_it_is_the_algorithm_alone():
    def configs(optimizer):
        return [s.config for batch in batches(bound(optimizer, MIXED), 60) for s in batch]

    alone = configs(GeneticAlgorithm(population=10))
    assert configs(Memetic(algorithm=INNER, local_share=0.0)) == alone


def test_it_begins_around_what_is_known():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    points = np.random.default_rng(1).random((30, 2))
    optimizer = bound(Memetic(algorithm=INNER, local_share=0.5, individuals=1), space)
    optimizer.learn(points, ((points - 0.3) ** 2).sum(axis=1)[:, None], paid_for=True)
    batches(optimizer, 40)
    assert optimizer.history.losses.min() < ((points - 0.3) ** 2).sum(axis=1).min()


@pytest.mark.parametrize(
    "algorithm",
    ["menndl", {"name": "zhan", "population": 8}, GeneticAlgorithm(selection=Tournament(3))],
    ids=["name", "mapping", "instance"],
)
def test_its_settings_make_it_again(algorithm):
    made = Memetic(algorithm=algorithm)
    again = make_optimizer("memetic", made.settings())
    assert again.settings() == made.settings()
    assert type(again.algorithm) is type(made.algorithm)
    searches = [
        [s.config for batch in batches(bound(each, MIXED), 70) for s in batch]
        for each in (made, again)
    ]
    assert searches[0] == searches[1]


class Own(Generational):
    population = 5

    def _parts(self):
        return GeneticAlgorithm()._parts()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"algorithm": "steady_state"}, "unknown algorithm .a generational one. 'steady_state'"),
        ({"algorithm": "genetics"}, "did you mean 'genetic'"),
        ({"algorithm": 3}, "algorithm must be one of 'genetic', .*, but got 3"),
        ({"algorithm": {"population": 3}}, "algorithm must be one of 'genetic'"),
        ({"algorithm": {"name": "genetic", "populatoin": 3}}, "did you mean 'population'"),
        ({"local_share": 1}, "local_share must be less than 1, but got 1"),
        ({"local_share": -0.1}, r"local_share must be a number in \[0, 1\], but got -0.1"),
        ({"individuals": 0}, "individuals must be an int of at least 1, but got 0"),
        ({"resolution": 1}, "resolution must be an int of at least 2, but got 1"),
        (Memetic(algorithm=Own()).settings(), "was an algorithm of your own, Own.*give the opt"),
    ],
)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        Memetic(**arguments)
