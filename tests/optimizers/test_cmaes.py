"""What CMA-ES promises beside the contract."""

import json

import numpy as np
import pytest
from problems_for_tests import of, trial_of
from scipy.stats import mannwhitneyu

from hpopt import CMAES, RandomSearch
from hpopt.core import Objective
from hpopt.errors import SettingError
from hpopt.optimizers import make_optimizer
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space

from .modelling import BAD_VALUES, told

FLOATS = Space({f"x{j}": Float(-5, 5) for j in range(5)})
NUMBERS = Space(
    {
        "x": Float(-5, 5),
        "rate": Float(1e-5, 1, log=True),
        "n": Int(1, 40),
        "width": Int(4, 512, log=True),
        "size": Ordinal([16, 32, 64, 128]),
    }
)


def ellipsoid(config):
    return sum(10.0 ** (4 * j / 4) * (x - 1.3) ** 2 for j, x in enumerate(config.values()))


def numbers(config):
    return (
        (config["x"] - 1.5) ** 2
        + np.log10(config["rate"] / 3e-3) ** 2
        + abs(config["n"] - 17) / 10
        + abs(np.log2(config["width"] / 96))
        + abs(config["size"] - 64) / 64
    )


def run(optimizer, space, value, n, seed=0):
    optimizer.bind(of(value, space), seed=seed)
    while optimizer.n_asked < n:
        solutions = optimizer.ask(n - optimizer.n_asked)
        if not solutions:
            break
        optimizer.tell([told(s, value(s.config)) for s in solutions])
    return optimizer


def test_it_finds_the_bottom_of_a_long_valley():
    assert run(CMAES(), FLOATS, ellipsoid, 1500).history.losses.min() < 1e-6


def test_whole_numbers_reach_their_optimum():
    """Without the margin some of them would be stuck in the value next to it."""
    bests = [run(CMAES(), NUMBERS, numbers, 800, seed).history.losses.min() for seed in range(6)]
    assert np.median(bests) < 0.02


def test_it_beats_random_search():
    bests = [
        [run(make(), NUMBERS, numbers, 200, seed).history.losses.min() for seed in range(12)]
        for make in (CMAES, RandomSearch)
    ]
    assert mannwhitneyu(*bests, alternative="less").pvalue < 0.001


def test_with_failures_at_random_it_improves():
    rng = np.random.default_rng(0)
    optimizer = run(CMAES(), FLOATS, lambda c: None if rng.random() < 0.3 else ellipsoid(c), 400)
    losses = optimizer.history.losses[:, 0]
    assert len(losses) == 400
    assert losses[200:].min() < 0.4 * losses[:50].min()


def test_it_begins_again_with_twice_the_population():
    space = Space({"x": Float(0, 1)})
    optimizer = CMAES(population=4).bind(of(None, space))
    sizes = []
    while len(optimizer.history) < 1200:
        solutions = optimizer.ask(1000)
        sizes.append(len(solutions))
        optimizer.tell([trial_of(s, (s.config["x"] - 0.4) ** 2) for s in solutions])
    assert sizes[0] == 4
    assert set(sizes) >= {4, 8}
    assert sizes == sorted(sizes)


def test_without_restarts_it_goes_on_at_random():
    space = Space({"x": Float(0, 1)})
    optimizer = run(CMAES(population=4, restarts=False), space, lambda c: c["x"] ** 2, 900)
    assert optimizer.history.points[-40:].std() > 0.2


def test_it_begins_at_what_is_known():
    optimizer = CMAES().bind(of(ellipsoid, FLOATS))
    points = np.random.default_rng(0).random((50, 5))
    optimizer.learn(points, np.array([[ellipsoid(c)] for c in FLOATS.decode(points)]))
    first = np.array([s.point for s in optimizer.ask(1000)])
    best = points[optimizer.knowledge.losses[:, 0].argmin()]
    assert np.abs(first.mean(axis=0) - best).max() < 0.3

    start = [{f"x{j}": 4.5 for j in range(5)}]
    optimizer = CMAES(sigma=0.05).bind(of(ellipsoid, FLOATS), start=start)
    (given,) = optimizer.ask(1000)
    assert given.config == start[0]
    optimizer.tell(trial_of(given, 1.0))
    first = np.array([s.point for s in optimizer.ask(1000)])
    assert np.abs(first - 0.95).max() < 0.2


def test_lists_and_conditions_of_numbers_are_taken():
    space = Space(
        {
            "depth": Int(0, 1),
            "rate": Float(0, 1, when={"depth": 1}),
            "layers": Sequence({"width": Int(1, 64)}, 1, 3),
            "fixed": Categorical(["only"]),
        }
    )

    def value(config):
        widths = sum(abs(layer["width"] - 20) for layer in config["layers"])
        return widths / 10 + abs(config.get("rate", 2.0) - 0.5) + abs(len(config["layers"]) - 2)

    assert run(CMAES(), space, value, 600).history.losses.min() < 0.3


def test_a_small_space_is_tried_to_its_end():
    space = Space({"n": Int(1, 6), "m": Ordinal([1, 2, 4])})
    optimizer = run(CMAES(), space, lambda c: c["n"] + c["m"], 100)
    assert len(optimizer.history) == 18
    assert optimizer.ask() == []


@pytest.mark.parametrize("values", BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_values_do_not_stop_it(values):
    optimizer = CMAES().bind(of(numbers, NUMBERS))
    keys = set()
    while len(keys) < 60:
        for solution in optimizer.ask(20):
            assert NUMBERS.validate(solution.config) == solution.config
            keys.add(NUMBERS.key(solution.config))
            optimizer.tell(told(solution, values(solution.number)))
    assert len(keys) == len(optimizer.history)


def test_three_hundred_dimensions():
    space = Space({f"x{j}": Float(0, 1) for j in range(300)})
    optimizer = run(CMAES(), space, lambda c: sum((x - 0.3) ** 2 for x in c.values()), 210)
    losses = optimizer.history.losses[:, 0]
    assert losses[-21:].mean() < 0.9 * losses[:21].mean()


def test_choices_without_an_order_raise():
    space = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"])})
    with pytest.raises(SettingError, match="order only, but kind is categorical: use optimizer="):
        CMAES().bind(of(numbers, space))


def test_several_objectives_raise():
    objectives = [Objective("one"), Objective("two")]
    with pytest.raises(SettingError, match="one objective, but got 2"):
        CMAES().bind(of(numbers, NUMBERS, objectives=objectives))


MISTAKES = {
    "population": ({"population": 1}, "population must be an int of at least 2, but got 1"),
    "sigma": ({"sigma": 0.0}, "sigma must be a positive number"),
    "restarts": ({"restarts": "yes"}, "restarts must be True or False"),
}


@pytest.mark.parametrize(("arguments", "why"), MISTAKES.values(), ids=MISTAKES)
def test_arguments_out_of_range_raise(arguments, why):
    with pytest.raises(SettingError, match=why):
        CMAES(**arguments)


def test_it_is_made_again_of_its_settings():
    optimizer = CMAES(population=12, sigma=0.2, restarts=False)
    settings = json.loads(json.dumps(optimizer.settings()))
    assert make_optimizer("cmaes", settings).settings() == optimizer.settings()
