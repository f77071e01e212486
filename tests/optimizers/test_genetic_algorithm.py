"""What the genetic algorithm promises beside the contract."""

import numpy as np
import pytest
from problems_for_tests import MIXED, of, trial_of

from hpopt import GeneticAlgorithm
from hpopt.core import Objective, failed
from hpopt.core.trial import Trial
from hpopt.errors import SettingError
from hpopt.space import Categorical, Float, Int, Sequence, Space

from .evolving import bowl, generation, points_of

CUBE = Space({name: Float(0, 1) for name in "abcd"})


def test_a_generation_ends_when_all_of_it_are_told():
    optimizer = GeneticAlgorithm(population=5).bind(of(None, CUBE))
    first = optimizer.ask(12)
    assert len(first) == 5
    assert optimizer.ask() == []
    optimizer.tell([trial_of(s, bowl(s)) for s in first[:2] + first[3:]])
    assert optimizer.ask() == []
    optimizer.tell(trial_of(first[2], bowl(first[2])))
    assert len(optimizer.ask(12)) == 5


def test_the_first_generation_is_spread_evenly():
    optimizer = GeneticAlgorithm(population=16).bind(of(None, CUBE))
    points = points_of(optimizer.ask(16))
    for column in np.floor(points * 16).astype(int).T:
        assert sorted(column.tolist()) == list(range(16))
    other = GeneticAlgorithm(population=16, initialisation="random").bind(of(None, CUBE))
    uneven = points_of(other.ask(16))
    assert any(len(set(column.tolist())) < 16 for column in np.floor(uneven * 16).astype(int).T)


def test_start_configs_are_part_of_the_first_generation():
    start = CUBE.sample(7, seed=3)
    optimizer = GeneticAlgorithm(population=4).bind(of(None, CUBE), start=start)
    first = generation(optimizer, 100)
    assert [solution.config for solution in first] == start
    assert len(optimizer.ask(100)) == 4
    optimizer = GeneticAlgorithm(population=10).bind(of(None, CUBE), start=start)
    assert len(optimizer.ask(100)) == 10


def test_without_mutation_genes_are_the_parents():
    optimizer = GeneticAlgorithm(population=20, mutation_probability=0.0, elites=0)
    optimizer.bind(of(None, CUBE))
    parents = points_of(generation(optimizer, 20))
    children = points_of(optimizer.ask(20))
    inherited = [np.isin(children[:, gene], parents[:, gene]).mean() for gene in range(CUBE.d)]
    assert min(inherited) > 0.7  # the others were bred twice, so they are mutated
    assert len({tuple(child) for child in children} & {tuple(p) for p in parents}) == 0


def test_better_parents_have_more_children():
    optimizer = GeneticAlgorithm(
        population=40,
        mutation_probability=0.0,
        crossover_probability=1.0,
        selection={"part": "tournament", "size": 3},
    ).bind(of(None, CUBE))
    parents = generation(optimizer, 40)
    better = sorted(parents, key=bowl)[:20]
    children = points_of(optimizer.ask(40))
    genes = np.isin(children, points_of(parents))
    of_better = np.isin(children, points_of(better))
    assert of_better.sum() > 0.75 * genes.sum()


def test_truncation_lets_only_the_better_half_breed():
    optimizer = GeneticAlgorithm(population=40, mutation_probability=0.0, selection="truncation")
    optimizer.bind(of(None, CUBE))
    parents = sorted(generation(optimizer, 40), key=bowl)
    children = points_of(optimizer.ask(40))
    assert not np.isin(children, points_of(parents[20:])).any()


def test_failures_have_no_children_while_others_are_there():
    optimizer = GeneticAlgorithm(population=20, mutation_probability=0.0, selection="truncation")
    optimizer.bind(of(None, CUBE))
    first = optimizer.ask(20)
    optimizer.tell(
        [Trial(s, failed("no")) if s.number % 2 else trial_of(s, float(s.number)) for s in first]
    )
    children = points_of(optimizer.ask(20))
    assert not np.isin(children, points_of(first[1::2])).any()
    assert np.isin(children, points_of(first[::2])).any()


def test_elites_stay_parents_and_are_not_evaluated_again():
    def value(solution):
        return 0.0 if solution.number == 3 else 1.0 + solution.number

    inherited = []
    for elites in (0, 1):
        optimizer = GeneticAlgorithm(
            population=10,
            elites=elites,
            mutation_probability=0.5,
            selection={"part": "tournament", "size": 10},
        ).bind(of(None, CUBE))
        best, last = generation(optimizer, 10, value)[3], []
        for _ in range(8):
            last = generation(optimizer, 10, value)
            assert best.config not in [solution.config for solution in last]
        inherited.append(np.isin(points_of(last), best.point).mean())
    assert inherited[0] < 0.1 < 0.2 < inherited[1]


def test_list_lengths_change_by_one_layer_within_their_bounds():
    space = Space({"s": Sequence({"k": Int(1, 10**6)}, 2, 5)})
    optimizer = GeneticAlgorithm(
        population=60,
        mutation_probability=0.0,
        crossover_probability=0.0,
        length_probability=1.0,
        elites=0,
    ).bind(of(None, space))
    parents = [
        [layer["k"] for layer in solution.config["s"]]
        for solution in generation(optimizer, 60, lambda s: float(s.number))
    ]
    kinds = {"deleted": 0, "doubled": 0, "inserted": 0, "same length": 0}
    for solution in optimizer.ask(60):
        child = [layer["k"] for layer in solution.config["s"]]
        assert 2 <= len(child) <= 5
        for parent in parents:
            longer = (
                [[*parent[:i], child[i], *parent[i:]] for i in range(len(child))]
                if len(child) == len(parent) + 1
                else []
            )
            if child in [parent[:i] + parent[i + 1 :] for i in range(len(parent))]:
                kinds["deleted"] += 1
            elif child in longer:
                kinds["doubled" if len(set(child)) < len(child) else "inserted"] += 1
            elif child == parent:
                kinds["same length"] += 1
    assert kinds["same length"] == 0  # known configs are bred again
    assert min(kinds["deleted"], kinds["doubled"], kinds["inserted"]) >= 3


def test_all_kinds_of_genes_mutate():
    optimizer = GeneticAlgorithm(
        population=30, crossover_probability=0.0, mutation_probability=1.0
    ).bind(of(None, MIXED))
    parents = points_of(generation(optimizer, 30))
    children = points_of(optimizer.ask(30))
    for gene in np.flatnonzero((MIXED.levels == 0) | (MIXED.levels > 50)):
        assert not np.isin(children[:, gene], parents[:, gene]).all()


def test_it_searches_fronts_of_several_objectives():
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    objectives = [Objective("left"), Objective("right", "maximize")]
    optimizer = GeneticAlgorithm(population=20).bind(of(None, space, objectives=objectives))
    last = []
    for _ in range(15):
        last = optimizer.ask(20)
        for s in last:
            x, y = s.config["x"], s.config["y"]
            trial = trial_of(s)
            values = {"left": x + y, "right": x - y}
            optimizer.tell(Trial(s, type(trial.outcome)("complete", values)))
    ys = [s.config["y"] for s in last]
    xs = [s.config["x"] for s in last]
    assert np.mean(ys) < 0.25  # y is bad for both
    assert np.ptp(xs) > 0.5  # x trades one for the other


def test_a_space_of_one_choice_is_no_obstacle():
    space = Space({"c": Categorical(["only"]), "x": Float(0, 1)})
    optimizer = GeneticAlgorithm(population=4).bind(of(None, space))
    for _ in range(4):
        assert len(generation(optimizer, 4, lambda s: s.config["x"])) == 4


MISTAKES = {
    "population": ({"population": 1}, "population must be an int of at least 2, but got 1"),
    "population of another type": ({"population": 2.5}, "population must be an int of at least 2"),
    "tournament": ({"selection": {"part": "tournament", "size": 0}}, "size of a tournament must"),
    "elites": ({"elites": -1}, "elites must be an int of at least 0, but got -1"),
    "many elites": ({"population": 5, "elites": 6}, "elites <= population must hold, but got eli"),
    "selection": ({"selection": "tournment"}, "'tournment': did you mean 'tournament'"),
    "crossover": ({"crossover": "onepoint"}, "unknown crossover 'onepoint': did you mean 'one_p"),
    "initialisation": ({"initialisation": "sobol"}, "unknown initialisation 'sobol'"),
    "crossover probability": ({"crossover_probability": 1.1}, r"number in \[0, 1\], but got 1.1"),
    "mutation probability": ({"mutation_probability": -0.1}, "mutation_probability must be a num"),
    "nan": ({"mutation_probability": float("nan")}, "mutation_probability must be a number in"),
    "length probability": ({"length_probability": "1"}, "length_probability must be a number"),
    "step": ({"mutation": {"part": "mixed", "step": "1"}}, "step of a mutation must be a number"),
    "scale": ({"mutation": {"part": "mixed", "scale": 0}}, "scale of a mutation must be a posit"),
    "scale of another type": ({"mutation": {"part": "mixed", "scale": "wide"}}, "must be a posit"),
}


@pytest.mark.parametrize(("arguments", "why"), MISTAKES.values(), ids=MISTAKES)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        GeneticAlgorithm(**arguments)


def test_generations_end_the_search():
    optimizer = GeneticAlgorithm(population=5, offspring=3, generations=4).bind(of(None, CUBE))
    sizes = [len(generation(optimizer, 99)) for _ in range(6)]
    assert sizes == [5, 3, 3, 3, 0, 0]
    assert optimizer.n_possible == 14


def test_what_is_known_are_the_first_parents():
    rng = np.random.default_rng(0)
    known = rng.random((12, CUBE.d))
    losses = np.arange(12.0)[:, None]
    losses[3] = np.inf
    optimizer = GeneticAlgorithm(population=8, mutation_probability=0.0).bind(of(None, CUBE))
    optimizer.learn(known, losses)
    children = points_of(optimizer.ask(99))
    assert len(children) == 8
    assert np.isin(children, np.delete(known[:9], 3, axis=0)).mean() > 0.6
    assert not np.isin(children, [*known[3], *known[9:].ravel()]).any()


def test_what_is_known_is_completed_by_draws():
    known = np.random.default_rng(0).random((3, CUBE.d))
    optimizer = GeneticAlgorithm(population=8).bind(of(None, CUBE), start=CUBE.sample(2, seed=1))
    optimizer.learn(known, np.zeros((3, 1)))
    first = generation(optimizer, 99, lambda s: 1.0)
    assert len(first) == 2 + 3
    children = points_of(optimizer.ask(99))
    assert np.isin(children, known).mean() > 0.3


def test_arguments_are_keywords():
    with pytest.raises(TypeError):
        GeneticAlgorithm(20)
