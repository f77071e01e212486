"""Evolution without generations: what each ask knows, and that it never waits."""

import numpy as np
import pytest
from problems_for_tests import MIXED, of, trial_of

import hpopt
from hpopt import Float, RegularizedEvolution, Space, SteadyState
from hpopt.core import failed
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.numerics.sampling import keyed_generator

from .evolving import bound, bowl, points_of

CUBE = Space({name: Float(0, 1) for name in "abcd"})
MAKERS = {
    "steady_state": lambda **settings: SteadyState(population=6, **settings),
    "regularized": lambda **settings: RegularizedEvolution(population=6, sample=3, **settings),
}


def told(optimizer, solutions):
    optimizer.tell([trial_of(s, bowl(s)) for s in solutions])


@pytest.mark.parametrize("name", MAKERS)
def test_no_ask_waits(name):
    optimizer = bound(MAKERS[name](), CUBE)
    solutions = optimizer.ask(40)
    assert len(solutions) == 40  # nothing was told yet
    told(optimizer, solutions[30:33])
    assert len(optimizer.ask(7)) == 7
    keys = CUBE.keys_of(points_of([*solutions, *optimizer.pending.values()]))
    assert len(set(keys)) == 44 + 3


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_asked_follows_from_the_order_of_the_tells(name):
    def asked(order):
        optimizer = bound(MAKERS[name](), MIXED, seed=2)
        solutions = optimizer.ask(10)
        for place in order:
            told(optimizer, [solutions[place]])
        return optimizer.ask(1)[0].config

    straight = asked(range(10))
    assert straight == asked(range(10))
    if name == "regularized":  # who is told last is the youngest
        assert straight != asked([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    else:  # the best are the best, in any order
        assert straight == asked([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])


def test_asking_many_is_asking_one_by_one():
    searches = []
    for n in (1, 7):
        optimizer = bound(SteadyState(population=4), MIXED, seed=4)
        told(optimizer, optimizer.ask(6))
        solutions = [s for _ in range(14 // n) for s in optimizer.ask(n)]
        searches.append([s.config for s in solutions])
    assert searches[0] == searches[1]


def test_the_steady_state_is_that_of_the_paper():
    """Transcribe GENITOR: two parents, one child, which takes the place of the worst."""
    optimizer = SteadyState(
        population=5,
        initialisation="random",
        mutation={"part": "reset", "probability": 0.4},
        replacement="plus",
    )
    bound(optimizer, CUBE, seed=3)
    living, n_compared = [], 0
    for number in range(60):
        solution = optimizer.ask()[0]
        if number < 5:
            expected = keyed_generator(3, 0).random((5, 4))[number]
        else:
            rng = keyed_generator(3, number)
            mother, father = (min(drawn) for drawn in rng.integers(5, size=(2, 2)).tolist())
            genes, crossed = rng.random(4), rng.random() < 0.9
            child = [
                living[father if crossed and gene < 0.5 else mother][1][place]
                for place, gene in enumerate(genes)
            ]
            changed, values = rng.random(4) < 0.4, rng.random(4)
            expected = [v if c else g for c, v, g in zip(changed, values, child, strict=True)]
        if tuple(expected) not in {tuple(point) for _, point in living}:  # else: mutated again
            n_compared += 1
            np.testing.assert_allclose(solution.point, expected, rtol=0, atol=1e-9)
        told(optimizer, [solution])
        living.append((bowl(solution), solution.point))
        if len(living) > 5:
            living.remove(max(living, key=lambda pair: pair[0]))
        if number >= 4:
            living.sort(key=lambda pair: pair[0])
    assert n_compared > 40


def test_regularized_evolution_is_that_of_the_paper():
    """Transcribe Algorithm 1: a queue; the best of a sample is mutated; the oldest is dropped."""
    optimizer = RegularizedEvolution(
        population=5, sample=3, step_probability=0.0, length_probability=0.0
    )
    bound(optimizer, CUBE, seed=6)
    queue = []
    for number in range(60):
        solution = optimizer.ask()[0]
        if number < 5:
            expected = keyed_generator(6, 0).random((5, 4))[number]
        else:
            rng = keyed_generator(6, number)
            places = rng.integers(5, size=(2, 3))[0].tolist()
            by_worth = sorted(queue, key=lambda pair: pair[0])
            expected = by_worth[min(places)][1].copy()
            rng.random()  # whether a gene changes at all: always
            gene = int(np.argmax(rng.random(4)))
            rng.random(4), rng.standard_normal(4)  # no gene steps
            expected[gene] = rng.random(4)[gene]
        np.testing.assert_allclose(solution.point, expected, rtol=0, atol=1e-9)
        queue = [*queue, (bowl(solution), solution.point)][-5:]
        told(optimizer, [solution])


def test_the_oldest_die_whatever_they_are_worth():
    optimizer = bound(
        RegularizedEvolution(population=4, sample=8, step_probability=0.0), CUBE, seed=1
    )
    first = optimizer.ask(4)
    optimizer.tell([trial_of(s, 0.0 if s.number == 0 else 1.0) for s in first])
    heirs = 0
    for _ in range(4):
        child = optimizer.ask()[0]
        heirs += (child.point == first[0].point).sum() == 3
        optimizer.tell(trial_of(child, 2.0))
    assert heirs <= 3  # it lived for one more result
    child = optimizer.ask()[0]
    assert (child.point == first[0].point).sum() < 3 or heirs


def test_the_worst_die_in_the_steady_state():
    optimizer = bound(SteadyState(population=4, mutation_probability=0.0), CUBE)
    first = optimizer.ask(12)
    optimizer.tell([trial_of(s, float(s.number)) for s in first])
    best = points_of(first[:4])
    children = points_of(optimizer.ask(20))
    assert np.isin(children, best).mean() > 0.6
    assert not np.isin(children, points_of(first[4:])).any()


@pytest.mark.parametrize("name", MAKERS)
def test_where_all_failed_it_goes_on(name):
    optimizer = bound(MAKERS[name](), MIXED)
    for _ in range(30):
        solution = optimizer.ask()[0]
        optimizer.tell(Trial(solution, failed("on purpose")))
    assert optimizer.best is None


@pytest.mark.parametrize("name", MAKERS)
def test_knowledge_is_the_first_population(name):
    rng = np.random.default_rng(0)
    points = 0.3 + 0.01 * rng.standard_normal((9, 4))
    losses = ((points - 0.3) ** 2).sum(axis=1)
    losses[2] = np.inf
    optimizer = bound(MAKERS[name](), CUBE)
    optimizer.learn(points, losses[:, None])
    asked = points_of(optimizer.ask(10))
    inherited = np.isin(asked, np.delete(points, 2, axis=0)).mean(axis=1)
    assert (inherited > 0).mean() >= 0.9


@pytest.mark.parametrize("name", MAKERS)
def test_its_settings_make_it_again(name):
    made = MAKERS[name](**({"replacement": "ageing"} if name == "steady_state" else {}))
    again = hpopt.optimizers.make_optimizer(name, made.settings())
    assert again.settings() == made.settings()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: SteadyState(population=1), "population must be an int of at least 2"),
        (lambda: SteadyState(crossover="three_point"), "unknown crossover 'three_point'"),
        (lambda: SteadyState(mutation_probability=2), "mutation_probability must be a number in"),
        (lambda: RegularizedEvolution(sample=0), "sample must be an int of at least 1"),
        (lambda: RegularizedEvolution(step_probability=-1), "step_probability must be a number"),
    ],
)
def test_arguments_out_of_range_raise(make, why):
    with pytest.raises(SettingError, match=why):
        make()


def test_it_searches_several_objectives():
    from hpopt.core import Objective

    problem = of(None, Space({"x": Float(0, 1), "y": Float(0, 1)}), objectives=[
        Objective("left"), Objective("right", "maximize")])  # fmt: skip
    optimizer = SteadyState(population=20).bind(problem)
    solutions = []
    for _ in range(250):
        solution = optimizer.ask()[0]
        x, y = solution.config["x"], solution.config["y"]
        outcome = type(trial_of(solution).outcome)("complete", {"left": x + y, "right": x - y})
        optimizer.tell(Trial(solution, outcome))
        solutions.append(solution)
    ys = [s.config["y"] for s in solutions[-40:]]
    assert np.mean(ys) < 0.25  # y is bad for both
