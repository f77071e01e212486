"""Which generation a solution belongs to, and which trials it was made from."""

import numpy as np
import pytest
from problems_for_tests import of, trial_of

import hpopt
from hpopt import Categorical, Fidelity, Float, Int, Sequence, Space
from hpopt.optimizers import make_optimizer
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.searches import described, journal, search, steps

from .evolving import bowl, generation

FLOATS = Space({f"x{k}": Float(0, 1) for k in range(6)})
LAYERS = Space(
    {
        "x": Float(0, 1),
        "kind": Categorical(["a", "b", "c"]),
        "layers": Sequence({"k": Int(1, 10**6)}, 1, 4),
    }
)


def searched(optimizer, n, *, space=FLOATS, **settings):
    """Search one by one; return the solutions by number, and their values."""
    optimizer = optimizer.bind(of(None, space), seed=5, **settings)
    asked = [generation(optimizer, 1)[0] for _ in range(n)]
    return asked, [bowl(each) for each in asked]


UNMUTATED = {"mutation_probability": 0.0, "length_probability": 0.0}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("genetic", UNMUTATED),
        ("genetic", UNMUTATED | {"crossover": "two_point", "screening": "surrogate"}),
        ("steady_state", UNMUTATED),
        ("zhan", {"mutation_probability": 0.0, "layer_probability": 0.0}),
    ],
)
@pytest.mark.parametrize("space", [FLOATS, LAYERS], ids=["floats", "layers"])
def test_a_child_has_genes_of_its_parents(name, settings, space):
    asked, _ = searched(make_optimizer(name, {"population": 8, **settings}), 60, space=space)
    of_two = []
    for child in asked:
        own = [child.point == asked[number].point for number in child.parents]
        assert len(own) <= 2
        assert child.number >= 8 or not own
        if len(own) == 2:
            of_two.append((own[0] | own[1]).all() and not own[0].all() and not own[1].all())
    # The others were known, and so mutated all the same.
    assert len(of_two) > 10
    assert np.mean(of_two) > 0.5


def test_a_vector_of_differential_evolution_is_made_of_its_parents():
    strategy = hpopt.DifferentialEvolution(population=6, strategy="rand/1", weight=0.25)
    asked, values = searched(strategy, 60)
    n_inside = 0
    for child in asked[6:]:
        target, first, second, third = (asked[number].point for number in child.parents)
        vector = first + 0.25 * (second - third)
        inside = (vector > 0) & (vector < 1)
        of_vector = np.isclose(child.point, vector, rtol=0, atol=1e-12)
        assert (of_vector | (child.point == target) | ~inside).all()
        n_inside += of_vector.sum()
    assert n_inside > 60
    best = hpopt.DifferentialEvolution(population=6, strategy="best/1", best_share=0.0)
    asked, values = searched(best, 30)
    for child in asked[6:]:
        before = [*range(6 * child.generation)]
        assert min(before, key=values.__getitem__) in child.parents


def test_the_parent_of_a_neighbour_is_the_config_it_is_next_to():
    asked, values = searched(hpopt.NeighbourhoodSearch(move="neighbour", initial=4), 60)
    assert [each.parents for each in asked[:4]] == [()] * 4
    for child in asked[4:]:
        (parent,) = child.parents
        assert (child.point != asked[parent].point).sum() == 1
        assert values[parent] == min(values[: max(4, parent + 1)])


def test_the_parent_in_a_chain_of_annealing_is_where_it_stands():
    cold = hpopt.SimulatedAnnealing(chains=1, temperature=1e-9, coldest=1e-12)
    asked, values = searched(cold, 60)
    for child in asked[1:]:
        assert child.parents == (int(np.argmin(values[: child.number])),)


def test_local_search_belongs_to_the_generation_that_it_follows():
    asked, values = searched(hpopt.Memetic(algorithm={"name": "genetic", "population": 8}), 80)
    generations = [each.generation for each in asked]
    assert generations == sorted(generations)
    assert generations.count(0) > 8
    polled = [each for each in asked if each.generation == 0][8:]
    best = set(np.argsort(values[:8])[:3].tolist())
    for child in polled:
        (parent,) = child.parents
        assert parent in best or parent >= 8
        assert (child.point != asked[parent].point).sum() == 1


GENERATIONS = {
    "genetic": {"population": 7},
    "menndl": {"population": 7},
    "mu_plus_lambda": {"population": 7, "offspring": 7},
    "self_adaptive": {"population": 7, "offspring": 7},
    "zhan": {"population": 7},
    "differential_evolution": {"population": 7},
    "cmaes": {"population": 7},
}


@pytest.mark.parametrize("name", GENERATIONS)
def test_generations_are_counted(name):
    start = [] if name == "cmaes" else FLOATS.sample(2, seed=1)
    asked, _ = searched(make_optimizer(name, GENERATIONS[name]), 28, start=start)
    assert [each.generation for each in asked] == [k // 7 for k in range(28)]
    assert all((each.parents == ()) == (each.number < 7) or name == "cmaes" for each in asked)
    for child in asked:
        assert all(parent < 7 * child.generation for parent in child.parents)


@pytest.mark.parametrize("name", ["random", "grid", "quasi_random", "tpe", "bayesian"])
def test_what_is_drawn_or_found_by_a_model_comes_from_nowhere(name):
    asked, _ = searched(make_optimizer(name), 24)
    assert {(each.generation, each.parents) for each in asked} == {(None, ())}


def test_what_is_drawn_in_place_of_a_child_has_no_parents():
    """At the end of a space mutation finds nothing new, and what is left is enumerated."""
    space = Space({"a": Int(0, 4), "b": Int(0, 4)})
    optimizer = hpopt.GeneticAlgorithm(population=6, mutation_probability=0.0)
    asked, _ = searched(optimizer, 25, space=space)
    orphans = [each for each in asked[6:] if not each.parents]
    assert orphans
    assert len(orphans) < 19
    assert all(each.generation is not None for each in orphans)


def test_what_takes_the_place_of_a_child_that_was_added_has_no_parents():
    def after_a_generation():
        optimizer = hpopt.GeneticAlgorithm(population=6).bind(of(None, FLOATS), seed=5)
        generation(optimizer, 6)
        return optimizer

    expected = after_a_generation().ask(6)
    optimizer = after_a_generation()
    assert optimizer.ask(2) == expected[:2]
    optimizer.add(trial_of(optimizer.solution_of(expected[4].config), 0.5))
    rest = optimizer.ask(3)  # the added one has taken the place of the third
    assert [each.number for each in rest] == [9, 10, 11]
    assert rest[0] == expected[3]
    assert rest[1].config != expected[4].config
    assert (rest[1].generation, rest[1].parents) == (1, ())
    assert rest[2] == expected[5]


def test_what_is_taken_back_keeps_its_origin():
    optimizer = hpopt.GeneticAlgorithm(population=6).bind(of(None, FLOATS), seed=5)
    generation(optimizer, 6)
    asked = optimizer.ask(6)
    optimizer.take_back(4)
    assert optimizer.ask(6) == asked[2:]


def test_a_stage_knows_those_before_it():
    """By the study's numbers; generations are counted on."""

    def make(space=LANDSCAPES["layers"].space):
        small = hpopt.GeneticAlgorithm(population=6)
        stages = [("random", 8), (small, 15), (hpopt.GeneticAlgorithm(population=5), None)]
        return hpopt.Chain(stages=stages).bind(problem, seed=4, start=space.sample(1, seed=1))

    problem = LANDSCAPES["layers"]
    whole = list(steps(make(), problem, 45, batch=4))
    trials = [trial for _, trial in whole]
    assert [each.generation for each in trials[:9]] == [None] * 9
    first, second = (trials[9].parents, trials[9 + 15].parents)
    assert first
    assert max(first) < 9
    assert second
    assert [each.generation for each in trials[9:24]] == [0] * 6 + [1] * 6 + [2] * 3
    assert [each.generation for each in trials[24:34]] == [3] * 5 + [4] * 5
    assert any(9 <= parent < 24 for each in trials[24:29] for parent in each.parents)
    for n in (7, 20, 26, 33):
        observed, pending = journal(whole[:n])
        fresh = make()
        fresh.replay(observed, pending)
        rest = [trial for _, trial in steps(fresh, problem, n + 5, n_told=n, batch=4)]
        assert described(rest) == described(trials[n : n + 5])


def test_a_stage_in_a_narrower_space_knows_those_before_it():
    problem = LANDSCAPES["floats"]
    optimizer = hpopt.Narrowing(rounds=2, trials_per_round=12)
    trials = search(optimizer.bind(problem, seed=1), problem, 20)
    parents = [each for trial in trials[12:] for each in trial.parents]
    assert parents
    assert min(parents) < 12


def test_what_other_studies_found_is_no_trial_of_this_one():
    optimizer = hpopt.GeneticAlgorithm(population=6).bind(of(None, FLOATS), seed=5)
    points = FLOATS.random(6, np.random.default_rng(0))
    optimizer.learn(points, np.arange(6.0)[:, None])
    first = generation(optimizer, 6)
    assert {(each.generation, each.parents) for each in first} == {(0, ())}
    assert any(each.parents for each in optimizer.ask(6))


@pytest.mark.parametrize("make", [hpopt.ASHA, hpopt.Hyperband])
def test_a_config_that_goes_on_comes_from_its_earlier_trial(make):
    problem = Landscape(FLOATS, fidelity=Fidelity(1, 9))
    optimizer = make(proposer={"name": "genetic", "population": 6}).bind(problem, seed=2)
    trials = sorted(search(optimizer, problem, 60, batch=2), key=lambda trial: trial.number)
    last, firsts, n_bred = {}, set(), 0
    for trial in trials:
        key = FLOATS.key(trial.config)
        if key in last:
            assert (trial.parents, trial.generation) == ((last[key],), None)
        else:
            firsts.add(trial.number)
            assert firsts.issuperset(trial.parents)
            n_bred += bool(trial.parents and trial.generation)
        last[key] = trial.number
    assert len(trials) - len(last) > 3
    assert n_bred > 5
