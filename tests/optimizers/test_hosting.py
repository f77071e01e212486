"""One strategy inside another: the same trials as by itself, and no private names in between."""

import ast
import hashlib
import itertools
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from problems_for_tests import CHOOSING_FIDELITY

import hpopt
from hpopt import Chain, Memetic, Narrowing, RandomSearch
from hpopt.core import Optimizer
from hpopt.errors import SettingError
from hpopt.optimizers import BY_NAME, make_optimizer
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.searches import described, journal, search, steps

FLOATS, CONDITIONS, LAYERS = (LANDSCAPES[name] for name in ("floats", "conditions", "layers"))
SOURCES = sorted(Path(hpopt.__file__).parent.glob("optimizers/**/*.py"))
LEARNING = ("auto", "bayesian", "chain", "genetic", "grid", "memetic", "narrowing", "steady_state")


class Hosting(Optimizer):
    """Do what another one does."""

    name = "hosting"

    def __init__(self, *, inner):
        self.inner = inner

    def _setup(self):
        self.hosted = self.host(self.inner)

    def _ask(self, number, n):
        return self.hosted.propose(number, n)


def hosting(name):
    return Hosting(inner=Hosting(inner=make_optimizer(name)))


@pytest.mark.parametrize("name", sorted({*BY_NAME} - CHOOSING_FIDELITY))
def test_a_hosted_strategy_gives_the_trials_that_it_gives_by_itself(name):
    problem = FLOATS if name == "cmaes" else CONDITIONS
    start = problem.space.sample(2, seed=1)
    alone = make_optimizer(name).bind(problem, seed=3, start=start)
    hosted = hosting(name).bind(problem, seed=3, start=start)
    points, losses = problem.space.random(9, np.random.default_rng(2)), np.arange(9.0)[:, None]
    for optimizer in (alone, hosted):
        optimizer.learn(points[:5], losses[:5])
        optimizer.learn(points[5:], losses[5:], paid_for=True)
    expected = described(search(alone, problem, 45, batch=3))
    assert described(search(hosted, problem, 45, batch=3)) == expected


@pytest.mark.parametrize("name", LEARNING)
def test_replay_and_pickling_are_exact_inside_another(name):
    optimizer = hosting(name).bind(LAYERS, seed=4)
    run = steps(optimizer, LAYERS, 40, workers=3)
    done = list(itertools.islice(run, 35))
    told, pending = journal(done)
    copied = cloudpickle.loads(cloudpickle.dumps(optimizer))
    fresh = hosting(name).bind(LAYERS, seed=4)
    fresh.replay(told[:9])
    fresh.replay(told[9:], pending)
    expected = [(s.number, s.config) for s in optimizer.ask(3)]
    assert [(s.number, s.config) for s in fresh.ask(3)] == expected
    assert [(s.number, s.config) for s in copied.ask(3)] == expected


def test_what_is_hosted_is_a_copy_and_sees_what_its_host_sees():
    inner = RandomSearch()
    first, second = (Hosting(inner=inner).bind(FLOATS, seed=1) for _ in range(2))
    assert not hasattr(inner, "space")
    assert first.hosted is not second.hosted
    search(first, FLOATS, 5)
    assert len(first.hosted.history) == 5
    assert not len(second.hosted.history)


def test_hosting_comes_first():
    optimizer = RandomSearch().bind(FLOATS)
    optimizer.ask()
    with pytest.raises(SettingError, match="call host in _setup"):
        optimizer.host(RandomSearch())
    for run_inside in (RandomSearch().bind(FLOATS).host, RandomSearch().bind(FLOATS).subsearch):
        arguments = {"seed": 1} if run_inside.__name__ == "subsearch" else {}
        with pytest.raises(SettingError, match="bound already"):
            run_inside(optimizer, **arguments)


def test_a_subsearch_has_numbers_of_its_own():
    outer = RandomSearch().bind(FLOATS, seed=1)
    outer.ask(3)
    inner = outer.subsearch(RandomSearch(), seed=5)
    by_itself = RandomSearch().bind(FLOATS, seed=5)
    asked = inner.ask(4)
    assert [s.config for s in asked] == [s.config for s in by_itself.ask(4)]
    assert [s.number for s in asked] == [0, 1, 2, 3]
    inner.take_back(2)
    assert [(s.number, s.config) for s in inner.ask(2)] == [(s.number, s.config) for s in asked[2:]]
    elsewhere = outer.subsearch(RandomSearch(), seed=5, space=CONDITIONS.space)
    assert set(elsewhere.ask()[0].config) <= set(CONDITIONS.space)


@pytest.mark.parametrize(
    ("make", "problem", "expected"),
    [
        (lambda: Memetic(algorithm={"name": "menndl", "population": 6}), LAYERS, "1f06b9993875"),
        (lambda: Narrowing(optimizer="random", trials_per_round=20), CONDITIONS, "c35a2ae8cc2c"),
        (lambda: Chain(("latin_hypercube", 9), "regularized"), LAYERS, "883b123e9faf"),
        (lambda: make_optimizer("auto"), Landscape(LANDSCAPES["tiny"].space), "335d5aa01e7e"),
    ],
    ids=["memetic", "narrowing", "chain", "auto"],
)
def test_searches_are_those_of_the_first_version(make, problem, expected):
    """They draw from numpy's generators alone, which are the same on every machine."""
    trials = search(make().bind(problem, seed=7), problem, 60, batch=2)
    points = np.array([trial.solution.point for trial in trials]).round(6)
    assert hashlib.sha256(points.tobytes()).hexdigest()[:12] == expected


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_strategy_reads_private_names_of_another_object(path):
    found = [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    ]
    assert not found
