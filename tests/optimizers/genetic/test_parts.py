"""Parts: by name, as data, as objects, of one's own; and what each of them promises."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems_for_tests import MIXED

import hpopt
from hpopt import Categorical, Float, GeneticAlgorithm, Int, Sequence, Space
from hpopt.errors import SettingError, UnknownNameError
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.genetic import (
    ADAPTATIONS,
    CROSSOVERS,
    INITIALISATIONS,
    MUTATIONS,
    REPLACEMENTS,
    RESTARTS,
    SELECTIONS,
    Ageing,
    Comma,
    Crossover,
    Elitist,
    Gaussian,
    InTurn,
    LatinHypercubeDraws,
    Length,
    Mixed,
    Mutation,
    OneGene,
    OnePoint,
    Periodic,
    Plus,
    Population,
    Reset,
    Selection,
    Stagnation,
    Step,
    Tournament,
    Truncation,
    TwoPoint,
    Uniform,
)

from ..evolving import bound, generation

TABLES = {
    "initialisation": INITIALISATIONS,
    "selection": SELECTIONS,
    "crossover": CROSSOVERS,
    "mutation": MUTATIONS,
    "replacement": REPLACEMENTS,
    "adaptation": ADAPTATIONS,
    "restart": RESTARTS,
}
EVERY_PART = [(kind, name) for kind, table in TABLES.items() for name in table]
seeds = st.integers(0, 2**32)


def population(losses, numbers=None):
    losses = np.array(losses, dtype=float).reshape(len(losses), -1)
    numbers = np.arange(len(losses)) if numbers is None else np.array(numbers)
    return Population(numbers, np.zeros((len(losses), 1)), losses)


# -- how a part is given -------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), EVERY_PART)
def test_a_name_a_mapping_and_an_object_mean_the_same(kind, name):
    part = TABLES[kind][name]()
    by_name, by_data, by_object = (
        GeneticAlgorithm(**{kind: each}) for each in (name, {"part": name}, part)
    )
    assert by_name.settings() == by_data.settings() == by_object.settings()
    stored = json.loads(json.dumps(by_object.settings()))
    again = make_optimizer("genetic", stored)
    assert again.settings() == stored == by_object.settings()
    assert getattr(again, kind) == getattr(by_object, kind)


def test_settings_of_parts_survive():
    made = GeneticAlgorithm(
        selection=Tournament(5),
        crossover={"part": "one_point", "probability": 0.4, "ends": True},
        mutation=[Length(0.5, ("delete",)), {"part": "gaussian", "scale": 0.3}],
        replacement=Plus(4),
        restart=Stagnation(3, best=1),
    )
    again = make_optimizer("genetic", json.loads(json.dumps(made.settings())))
    assert again.selection == Tournament(5)
    assert again.crossover == OnePoint(0.4, ends=True)
    assert again.mutation == (Length(0.5, ("delete",)), Gaussian(None, 0.3))
    assert again.replacement == Plus(4)
    assert again.restart == Stagnation(3, 1)


def test_probabilities_take_the_place_of_those_in_parts():
    made = GeneticAlgorithm(
        crossover_probability=0.3, mutation_probability=0.2, length_probability=0.1, elites=3
    )._parts()
    assert made.crossover == Uniform(0.3)
    assert made.mutation == (Length(0.1), Mixed(0.2))
    assert made.replacement == Elitist(3)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"crossover": "none", "crossover_probability": 0.5}, "crossover_probability must belong"),
        ({"replacement": "plus", "elites": 2}, "elites must belong to a part with the setting el"),
        ({"mutation": "mixed", "length_probability": 0.5}, "length_probability must have a mutat"),
        ({"mutation": "length", "mutation_probability": 0.5}, "mutation_probability must have a"),
        ({"selection": {"part": "tournament", "sice": 3}}, "did you mean 'size'"),
        ({"selection": {"part": "turnament"}}, "unknown selection 'turnament': did you mean"),
        ({"selection": {"size": 3}}, 'selection must be one of .* a mapping such as {"part": "in'),
        ({"selection": Uniform()}, "selection must be one of .* or a Selection, but got Uniform"),
        ({"mutation": ["mixed", 3]}, "mutation must be one of .* but got 3"),
        ({"restart": {"part": "stagnation", "generations": 0}}, "generations of a restart must"),
        ({"mutation": {"part": "length", "kinds": ["insert", "remove"]}}, "unknown kind of a ch"),
        ({"mutation": {"part": "length", "kinds": "insert"}}, "kinds must be a list of some of"),
        ({"crossover": {"part": "one_point", "ends": 1}}, "ends of a crossover must be True or"),
        ({"adaptation": {"part": "success", "down": 0}}, "down must be a number of at least 1"),
        ({"offspring": 0}, "offspring must be an int of at least 1, but got 0"),
        ({"generations": 0}, "generations must be an int of at least 1, but got 0"),
    ],
)
def test_what_cannot_be_a_part_raises(arguments, why):
    with pytest.raises(SettingError, match=why):
        GeneticAlgorithm(**arguments)


# -- a part of one's own -------------------------------------------------------------------------


@dataclass(frozen=True)
class Loudest(Selection):
    """Let the best be everybody's mother."""

    fathers: int = 3

    def select(self, losses, n, rng):
        order = np.argsort(losses[:, 0])
        return np.stack([np.full(n, order[0]), order[rng.integers(self.fathers, size=n)]], axis=1)


class Halving(Mutation):
    """Half the first gene."""

    def mutate(self, points, space, rng):
        points = points.copy()
        points[:, 0] /= 2
        return points


def test_a_part_of_ones_own_is_used():
    space = Space({name: Float(0, 1) for name in "abcd"})
    optimizer = GeneticAlgorithm(
        population=12, selection=Loudest(), crossover="none", mutation=[Halving(), Reset(0.3)]
    )
    first = generation(bound(optimizer, space), 12, lambda s: float(s.number))
    children = [s.point for s in optimizer.ask(12)]
    inherited = [child[1:] == first[0].point[1:] for child in children]
    assert np.mean(inherited) > 0.4
    assert sum(child[0] == first[0].point[0] / 2 for child in children) >= 3


def test_a_study_with_a_part_of_ones_own_wants_it_again(tmp_path):
    problem = hpopt.FunctionProblem(lambda config: config["x"] ** 2, {"x": Float(-1, 1)})
    path = tmp_path / "own.db"
    options = {"study": path, "progress": False}

    def make(**settings):
        return GeneticAlgorithm(population=4, selection=Loudest(**settings), mutation=Reset(0.5))

    hpopt.optimize(problem, make(), trials=9, seed=1, **options)
    whole = hpopt.optimize(problem, make(), trials=20, seed=1, progress=False)
    with pytest.raises(SettingError, match=r"selection was a part of your own, Loudest\(fathers=3"):
        hpopt.optimize(problem, trials=20, **options)
    with pytest.raises(hpopt.HpoptError, match=r"selection of the optimizer was .*fathers=2"):
        hpopt.optimize(problem, make(fathers=2), trials=20, **options)
    result = hpopt.optimize(problem, make(), trials=20, **options)
    assert [t.config for t in result.trials] == [t.config for t in whole.trials]


def test_a_part_without_a_repr_is_called_by_its_class():
    settings = GeneticAlgorithm(mutation=Halving()).settings()
    assert settings["mutation"] == [{"part of your own": f"{__name__}.Halving"}]


# -- what each kind promises ---------------------------------------------------------------------

SPACES = {
    "mixed": MIXED,
    "lists": Space(
        {
            "a": Sequence({"k": Int(1, 3), "c": Categorical(["x", "y", "z"])}, 0, 3),
            "b": Sequence({"r": Float(0, 1)}, 2, 5),
        }
    ),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("name", MUTATIONS)
@given(seeds)
@settings(max_examples=15)
def test_mutants_are_valid_and_parents_stay_as_they_are(space, name, seed):
    rng = np.random.default_rng(seed)
    points = rng.random((20, space.d))
    before = points.copy()
    for mutation in (MUTATIONS[name](), MUTATIONS[name]().insistent(space)):
        mutants = mutation.mutate(points, space, rng)
        assert mutants.shape == points.shape
        assert ((mutants >= 0) & (mutants <= 1)).all()
        for config in space.decode(mutants):
            assert space.validate(config) == config
        np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize("name", CROSSOVERS)
@given(seeds)
@settings(max_examples=15)
def test_children_have_genes_of_their_parents(name, seed):
    rng = np.random.default_rng(seed)
    mothers, fathers = rng.random((2, 20, MIXED.d))
    children = CROSSOVERS[name]().cross(mothers, fathers, MIXED, rng)
    assert ((children == mothers) | (children == fathers)).all()
    for config in MIXED.decode(children):
        assert MIXED.validate(config) == config


@pytest.mark.parametrize(
    ("crossover", "pieces"), [(OnePoint(1.0), {2}), (OnePoint(1.0, ends=True), {1, 2}),
                              (TwoPoint(1.0), {3})], ids=str,
)  # fmt: skip
def test_crossovers_cut_into_as_many_pieces(crossover, pieces):
    rng = np.random.default_rng(0)
    mothers, fathers = np.zeros((300, MIXED.d)), np.ones((300, MIXED.d))
    children = crossover.cross(mothers, fathers, MIXED, rng)
    assert {1 + int((np.diff(child) != 0).sum()) for child in children} == pieces


def test_a_cut_may_be_anywhere_as_likely():
    space = Space({name: Float(0, 1) for name in "abcd"})
    rng = np.random.default_rng(0)
    mothers, fathers = np.zeros((20_000, 4)), np.ones((20_000, 4))
    children = OnePoint(1.0, ends=True).cross(mothers, fathers, space, rng)
    shares = np.bincount(children.sum(axis=1).astype(int), minlength=5) / 20_000
    np.testing.assert_allclose(shares, 0.2, atol=0.015)


@pytest.mark.parametrize("name", INITIALISATIONS)
@pytest.mark.parametrize("n", [0, 1, 2, 17])
def test_as_many_are_drawn_as_are_wanted(name, n):
    points = INITIALISATIONS[name]().draw(n, MIXED, np.random.default_rng(0))
    assert points.shape == (n, MIXED.d)
    assert ((points >= 0) & (points <= 1)).all()


def test_a_latin_hypercube_has_one_point_in_each_layer():
    points = LatinHypercubeDraws().draw(11, MIXED, np.random.default_rng(0))
    for column in np.floor(points * 11).astype(int).T:
        assert sorted(column.tolist()) == list(range(11))


losses = st.lists(st.floats(-10, 10) | st.just(np.inf), min_size=1, max_size=20)


@given(losses, seeds)
def test_selected_places_are_there(losses, seed):
    told = population(losses).losses
    for table in SELECTIONS.values():
        places = table().select(told, 15, np.random.default_rng(seed))
        assert places.shape == (15, 2)
        assert ((places >= 0) & (places < len(losses))).all()


def test_tournaments_are_won_as_often_as_the_textbook_says():
    losses = population([5.0, 1.0, 4.0, 2.0, 3.0]).losses
    places = Tournament(3).select(losses, 40_000, np.random.default_rng(0))
    shares = np.bincount(places.ravel(), minlength=5) / 80_000
    rank = np.array([4, 0, 3, 1, 2])
    expected = ((5 - rank) / 5) ** 3 - ((4 - rank) / 5) ** 3
    np.testing.assert_allclose(shares, expected, atol=0.01)


def test_truncation_takes_the_better_share():
    losses = population([5.0, 1.0, np.inf, 2.0, 3.0]).losses
    places = Truncation(0.4).select(losses, 200, np.random.default_rng(0))
    assert set(places.ravel().tolist()) == {1, 3}


def test_in_turn_is_each_with_the_next():
    places = InTurn().select(population([3.0, 1.0, 2.0]).losses, 5, np.random.default_rng(0))
    assert places.tolist() == [[0, 1], [1, 2], [2, 0], [0, 1], [1, 2]]


@given(losses, losses, st.integers(1, 12), st.integers(0, 12))
def test_replacements_keep_whom_they_say(old, young, n, elites):
    parents = population(old, -1 - np.arange(len(old)))
    offspring = population(young)
    everyone = sorted([*old, *young])

    def kept(replacement):
        return replacement.replace(parents, offspring, n)

    assert sorted(kept(Plus()).losses[:, 0].tolist()) == everyone[:n]
    assert kept(Comma()).losses[:, 0].tolist() == sorted(young)[:n]
    expected = [*parents.numbers.tolist(), *offspring.numbers.tolist()][-n:]
    assert kept(Ageing()).numbers.tolist() == expected
    elite = kept(Elitist(min(elites, n)))
    assert len(elite) <= n
    different = sorted({loss for loss in everyone if np.isfinite(loss)})
    rest = list(everyone)
    for loss in different:
        rest.remove(loss)
    n_sure = min(elites, n, len(everyone))
    assert elite.losses[:n_sure, 0].tolist() == [*different, *rest][:n_sure]
    old_ones = (elite.numbers < 0).sum()
    assert old_ones <= min(elites, n)


def test_one_gene_changes_one_active_gene():
    rng = np.random.default_rng(0)
    points = MIXED.snap(rng.random((500, MIXED.d)))
    mutants = OneGene().mutate(points, MIXED, rng)
    changed = mutants != points
    assert (changed.sum(axis=1) == 1).all()
    assert (changed & ~MIXED.active(points)).sum() == 0
    assert changed.any(axis=0)[MIXED.active(points).any(axis=0)].all()


def test_the_mixed_mutation_changes_one_active_gene_at_least_but_where_a_probability_is_given():
    rng = np.random.default_rng(0)
    points = MIXED.snap(rng.random((2000, MIXED.d)))
    active = MIXED.active(points)
    changed = (Mixed().mutate(points, MIXED, rng) != points) & active
    assert changed.any(axis=1).all()
    alone = changed[changed.sum(axis=1) == 1]
    assert len(alone) > 800
    few = Mixed(0.05).mutate(points, MIXED, rng) != points
    assert 0.3 < few.any(axis=1).mean() < 0.7
    np.testing.assert_array_equal(Mixed(0.0).mutate(points, MIXED, rng), points)


def test_a_reset_is_a_uniform_draw():
    space = Space({"c": Categorical(["a", "b", "c", "d"]), "x": Float(0, 1)})
    points = np.full((20_000, 2), 0.1)
    mutants = Reset(0.5).mutate(points, space, np.random.default_rng(0))
    drawn = mutants[mutants[:, 1] != 0.1, 1]
    assert len(drawn) / 20_000 == pytest.approx(0.5, abs=0.015)
    assert np.histogram(drawn, 4, (0, 1))[0] / len(drawn) == pytest.approx([0.25] * 4, abs=0.02)
    stayed = np.mean([config["c"] == "a" for config in space.decode(mutants)])
    assert stayed == pytest.approx(0.5 + 0.5 / 4, abs=0.015)


def test_a_step_is_uniform_up_to_the_most():
    space = Space({"x": Float(0, 1), "n": Int(1, 100)})
    points = np.full((20_000, 2), 0.495)
    moves = Step(1.0, 0.2).mutate(points, space, np.random.default_rng(0)) - points
    assert np.histogram(moves[:, 0], 4, (-0.2, 0.2))[0] / 20_000 == pytest.approx(
        [0.25] * 4, abs=0.015
    )
    levels = np.floor((points + moves)[:, 1] * 100) - 49
    assert np.abs(levels).min() == 1
    assert np.abs(levels).max() == 20


def test_lengths_stay_within_their_bounds_and_change_by_one():
    space = SPACES["lists"]
    rng = np.random.default_rng(0)
    points = space.snap(rng.random((2000, space.d)))
    mutants = Length(1.0).mutate(points, space, rng)
    for layout in space.sequences:
        before, after = layout.lengths(points), layout.lengths(mutants)
        assert after.min() == layout.min_length
        assert after.max() == layout.max_length
        assert np.abs(after - before).max() == 1
        inside = (before > layout.min_length) & (before < layout.max_length)
        np.testing.assert_allclose((after > before)[inside].mean(), 2 / 3, atol=0.06)


@pytest.mark.parametrize("kind", ["insert", "copy", "delete"])
def test_only_the_kinds_asked_for_happen(kind):
    space = Space({"s": Sequence({"k": Int(1, 10**9)}, 1, 5)})
    rng = np.random.default_rng(0)
    points = rng.random((300, space.d))
    n_changed = 0
    for old, new in zip(
        space.decode(points),
        space.decode(Length(1.0, (kind,)).mutate(points, space, rng)),
        strict=True,
    ):
        before, after = ([layer["k"] for layer in each["s"]] for each in (old, new))
        if before == after:
            assert len(before) == (1 if kind == "delete" else 5)
            continue
        n_changed += 1
        if kind == "delete":
            assert after in [before[:i] + before[i + 1 :] for i in range(len(before))]
        else:
            assert before in [after[:i] + after[i + 1 :] for i in range(len(after))]
            assert (len(set(after)) < len(after)) == (kind == "copy")
    assert n_changed > 100


def test_stagnation_and_periods_end():
    ideals = np.array([[5.0], [4.0], [4.0], [4.0], [3.9]])
    due = [Stagnation(2, best=1).carried(ideals[: k + 1]) for k in range(5)]
    assert due == [None, None, None, 1, None]
    assert [Periodic(3, best=0).carried(ideals[:k]) for k in (1, 2, 3, 4)] == [None, None, 0, 0]
    two = np.array([[5.0, 1.0], [5.0, 0.9], [5.0, 0.9]])
    assert [Stagnation(1).carried(two[:k]) for k in (2, 3)] == [None, 2]


def test_names_do_not_repeat_and_fit_the_kind():
    for kind, table in TABLES.items():
        for name, part in table.items():
            assert part.name == name
            with pytest.raises(UnknownNameError):
                GeneticAlgorithm(**{kind: name + "_"})


def test_the_mean_of_enormous_losses_is_finite():
    told = population([1.7e308, 1.7e308, -1.7e308, np.inf, 1.7e308])
    assert told.mean()[0] == pytest.approx(0.85e308)
    assert population([np.inf]).mean().tolist() == [np.inf]


def test_a_crossover_of_ones_own_may_be_any_class():
    class Mean(Crossover):
        def cross(self, mothers, fathers, space, rng):
            return (mothers + fathers) / 2

    optimizer = bound(GeneticAlgorithm(population=5, crossover=Mean()), MIXED)
    generation(optimizer, 5)
    assert len(generation(optimizer, 5)) == 5
