import functools
import json
import math

import numpy as np
import pytest
from problems_for_tests import of, trial_of
from scipy.stats import wilcoxon

import hpopt
from hpopt import Categorical, Float, GeneticAlgorithm, GridSearch, Narrowing, Ordinal, Sequence
from hpopt.errors import ConfigError, SettingError, UnknownNameError
from hpopt.optimizers import make_optimizer
from hpopt.testing.landscapes import LANDSCAPES
from hpopt.testing.searches import described, search

SPACE = hpopt.Space(
    {
        "optimizer": Categorical(["adam", "sgd", "nadam", "adagrad"]),
        "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
        "rate": Float(1e-5, 1, log=True),
        "batch": Ordinal([8, 16, 32, 64, 128, 256]),
        "dropout": Float(0, 0.9),
        "layers": Sequence({"kind": Categorical(["conv", "pool", "dense"])}, 0, 6),
    }
)


def cost(config):
    """Generous ranges: high rates diverge, two optimizers and one kind of layer never help."""
    if config["rate"] > 0.1:
        return math.nan
    value = {"adam": 0.0, "sgd": 0.1, "nadam": 1.0, "adagrad": 1.5}[config["optimizer"]]
    value += 0.3 * abs(math.log10(config["rate"]) + 3) + abs(config.get("momentum", 0.9) - 0.9)
    value += abs(math.log2(config["batch"]) - 5) / 4 + config["dropout"] ** 2
    kinds = [layer["kind"] for layer in config["layers"]]
    return value + 0.4 * abs(len(kinds) - 3) + 0.5 * kinds.count("pool")


PROBLEM = of(cost, SPACE)


def narrowing(**settings):
    return Narrowing(**{"optimizer": {"name": "genetic", "population": 10}, **settings})


def test_three_rounds_of_growing_length():
    optimizer = Narrowing(optimizer="random").bind(PROBLEM, seed=0)
    trials = search(optimizer, PROBLEM, 150, workers=3)
    first, second, third = optimizer.narrowed
    assert (first.space, first.reasons) == (SPACE, ())
    assert (second.n_trials, third.n_trials) == (40, 120)
    ordered = sorted(trials, key=lambda trial: trial.number)
    for found, part in ((second, ordered[40:120]), (third, ordered[120:])):
        assert found.reasons
        for trial in part:
            assert found.space.validate(trial.config)
            assert SPACE.validate(trial.config)


def test_it_drops_what_space_narrow_drops():
    """The user's call and the strategy agree, in words too."""
    optimizer = narrowing(trials_per_round=60).bind(PROBLEM, seed=1)
    trials = search(optimizer, PROBLEM, 61)
    by_hand = SPACE.narrow(trials[:60], confidence=optimizer.confidence)
    assert optimizer.narrowed[1].reasons == by_hand.reasons
    assert optimizer.narrowed[1].space == by_hand.space
    assert "dropped layers[].kind='pool'" in str(by_hand)


def test_rounds_know_what_was_found():
    """A genetic algorithm does not begin anew: it breeds the best of the rounds before."""
    optimizer = narrowing(trials_per_round=[40, 40]).bind(PROBLEM, seed=2)
    trials = search(optimizer, PROBLEM, 100)
    best = [
        np.median([trial.values.get("value", math.inf) for trial in part])
        for part in (trials[:10], trials[40:50], trials[80:90])
    ]
    assert best[0] > best[1] > best[2]


def test_what_other_studies_found_counts_as_told():
    optimizer = narrowing(trials_per_round=10).bind(PROBLEM, seed=0)
    points = SPACE.random(200, np.random.default_rng(0))
    losses = np.array([[cost(config)] for config in SPACE.decode(points)])
    optimizer.learn(points, np.where(np.isnan(losses), np.inf, losses))
    search(optimizer, PROBLEM, 12)
    assert optimizer.narrowed[1].n_trials == 210
    assert "dropped optimizer='adagrad'" in str(optimizer.narrowed[1])


def test_an_exhausted_round_gives_way_to_the_whole_space():
    space = hpopt.Space({"n": hpopt.Int(0, 59), "kind": Categorical(["a", "b"])})
    problem = of(lambda c: c["n"] + 9 * (c["kind"] == "b"), space)
    optimizer = Narrowing(optimizer="random", trials_per_round=40, rounds=2).bind(problem, seed=0)
    trials = search(optimizer, problem, 1000)
    assert len(trials) == 120
    assert len({tuple(trial.config.values()) for trial in trials}) == 120
    assert 2 < optimizer.narrowed[1].space.size < 100


def test_several_objectives_are_ranked_by_front():
    problem = LANDSCAPES["two_objectives"]
    optimizer = narrowing(trials_per_round=40, confidence=0.5).bind(problem, seed=3)
    assert len(search(optimizer, problem, 100)) == 100
    assert any(found.reasons for found in optimizer.narrowed)


def test_a_strategy_that_suits_only_the_whole_space_stays_in_it():
    problem = of(lambda config: config["rate"] + 5 * (config["optimizer"] == "sgd"), SPACE)
    grid = GridSearch(resolution={"momentum": 3, "rate": 4, "dropout": 3}, shuffle=True)
    optimizer = Narrowing(optimizer=grid, trials_per_round=60, rounds=2).bind(problem, seed=0)
    trials = search(optimizer, problem, 160)
    assert "momentum" not in optimizer.narrowed[1].space
    assert len({SPACE.key(trial.config) for trial in trials}) == 160
    assert any(trial.config["optimizer"] == "sgd" for trial in trials[60:])


def test_nothing_underperforms_where_all_fails():
    trials = []
    optimizer = narrowing(trials_per_round=12).bind(PROBLEM, seed=0)
    for _ in range(40):
        (solution,) = optimizer.ask()
        trials.append(hpopt.Trial(solution, hpopt.failed("no")))
        optimizer.tell(trials[-1])
    assert [found.reasons for found in optimizer.narrowed] == [(), (), ()]


class TestSearches:
    SEEDS = range(12)

    @staticmethod
    @functools.cache
    def finals(name, flaky=False):
        makers = {"narrowing": narrowing, "of random": lambda: Narrowing(optimizer="random")}
        finals = []
        for seed in TestSearches.SEEDS:
            rng = np.random.default_rng(seed)
            fails = rng.random(1000) < (0.3 if flaky else 0.0)
            optimizer = makers.get(name, lambda: make_optimizer(name))().bind(PROBLEM, seed=seed)
            best = []
            while len(best) < 150:
                for solution in optimizer.ask(10):
                    value = cost(solution.config)
                    bad = fails[solution.number] or math.isnan(value)
                    failed = hpopt.Trial(solution, hpopt.failed("by chance"))
                    optimizer.tell(failed if bad else trial_of(solution, value))
                    best.append(math.inf if bad else value)
            finals.append((min(best[:30]), min(best)))
        return np.array(finals)

    def test_it_beats_random_search(self):
        ours, theirs = self.finals("narrowing")[:, 1], self.finals("random")[:, 1]
        assert wilcoxon(ours, theirs, alternative="less").pvalue < 0.01

    def test_it_improves_where_evaluations_fail(self):
        early, late = self.finals("narrowing", flaky=True).T
        assert np.isfinite(late).all()
        assert (late < early).mean() > 0.9

    def test_random_search_is_better_where_it_is_narrowed(self):
        ours, theirs = self.finals("of random")[:, 1], self.finals("random")[:, 1]
        assert wilcoxon(ours, theirs, alternative="less").pvalue < 0.05


class TestSettings:
    def test_it_is_remade_of_json(self):
        optimizer = Narrowing(
            optimizer=GeneticAlgorithm(population=6), rounds=4, trials_per_round=[5, 6, 7], keep=0.2
        )
        settings = json.loads(json.dumps(optimizer.settings()))
        again = make_optimizer("narrowing", settings)
        assert again.settings() == optimizer.settings()
        found = [search(each.bind(PROBLEM, seed=5), PROBLEM, 40) for each in (optimizer, again)]
        assert described(found[0]) == described(found[1])

    def test_another_strategy_by_name(self):
        assert make_optimizer("narrowing").optimizer.name == "genetic"
        assert Narrowing(optimizer="quasi_random").optimizer.name == "quasi_random"

    @pytest.mark.parametrize(
        ("settings", "error", "why"),
        [
            ({"optimizer": "gentic"}, UnknownNameError, "did you mean 'genetic'"),
            ({"optimizer": 3}, SettingError, "optimizer must be a name"),
            ({"rounds": 0}, SettingError, "rounds must be an int of at least 1"),
            ({"trials_per_round": 0}, SettingError, "trials_per_round must be an int of at least"),
            ({"trials_per_round": [10]}, SettingError, "each of the 3 rounds but the last"),
            ({"trials_per_round": "many"}, SettingError, "trials_per_round must be an int"),
            ({"confidence": 1.0}, SettingError, "confidence must lie between 0 and 1"),
            ({"keep": -1}, SettingError, r"keep must be a number in \[0, 1\]"),
        ],
    )
    def test_bad_ones(self, settings, error, why):
        with pytest.raises(error, match=why):
            Narrowing(**settings)

    def test_a_strategy_that_does_not_suit_the_problem(self):
        with pytest.raises(SettingError, match="the optimizer of the narrowing: unknown parameter"):
            Narrowing(optimizer=GridSearch(resolution={"z": 2})).bind(PROBLEM)


def test_a_result_that_the_narrowed_space_has_no_room_for_may_be_added():
    """The round goes on within its space, and so does one that replays."""
    outside = {"optimizer": "adagrad", "rate": 0.9, "batch": 256, "dropout": 0.9, "layers": []}

    def bound(trials=()):
        optimizer = Narrowing(optimizer="random", trials_per_round=[40, 10]).bind(PROBLEM, seed=0)
        optimizer.replay(trials)
        return optimizer

    optimizer = bound()
    trials = search(optimizer, PROBLEM, 45)
    with pytest.raises(ConfigError):
        optimizer.narrowed[1].space.validate(outside)
    added = trial_of(optimizer.solution_of(outside), 99.0)
    optimizer.add(added)
    trials.append(added)
    found = [bound(trials).ask(1)[0].config]
    trials += search(optimizer, PROBLEM, 10)
    assert found == [trials[46].config]
    for trial in trials[46:50]:
        assert optimizer.narrowed[1].space.validate(trial.config)
    assert bound(trials).ask(3) == optimizer.ask(3)
