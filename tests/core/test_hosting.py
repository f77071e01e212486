"""A strategy that knows no fidelities, inside one that chooses them."""

import numpy as np
import pytest
from halving import LEARNS, TwoRungs

import hpopt
from hpopt.core import Fidelity, History, Outcome, Trial
from hpopt.errors import SettingError
from hpopt.testing import OptimizerContract
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.searches import described, journal, search, steps

PROBLEM = Landscape(LANDSCAPES["conditions"].space, fidelity=Fidelity(1, 9))


def among(*names):
    return {name: LANDSCAPES[name] for name in names}


class TestTwoRungs(OptimizerContract):
    order_free = False
    chooses_fidelity = True
    problems = among("conditions", "tiny", "two_objectives", "fidelity")

    def make(self):
        return TwoRungs()


class TestWithGenerations(TestTwoRungs):
    problems = among("layers")

    def make(self):
        return TwoRungs(proposer="genetic")


class TestWithAModel(TestTwoRungs):
    problems = among("forbidden")
    n_trials = 30

    def make(self):
        return TwoRungs(proposer="tpe", learns="highest")


@pytest.mark.parametrize(
    ("proposer", "learns"),
    [
        ("bayesian", "latest"),
        ("bayesian", "highest"),
        ("steady_state", "first"),
        ("chain", "first"),
    ],
)
def test_replay_is_exact_whatever_it_is_shown(proposer, learns):
    def make():
        return TwoRungs(proposer=proposer, learns=learns).bind(PROBLEM, seed=2)

    whole = list(steps(make(), PROBLEM, 36, workers=3))
    for n_steps in (7, 20, 33):
        observed, pending = journal(whole[:n_steps])
        again = make()
        again.replay(observed, pending)
        rest = list(steps(again, PROBLEM, 36, workers=3, n_told=n_steps))
        assert [[*map(repr, asked)] for asked, _ in rest] == [
            [*map(repr, asked)] for asked, _ in whole[n_steps:]
        ]


def test_new_configs_are_those_that_the_strategy_has_by_itself():
    problem = Landscape(LANDSCAPES["floats"].space, fidelity=Fidelity(1, 9))
    alone = hpopt.GridSearch(resolution=4).bind(LANDSCAPES["floats"], seed=3)
    expected = [trial.config for trial in search(alone, LANDSCAPES["floats"], 20)]
    optimizer = TwoRungs(proposer=hpopt.GridSearch(resolution=4)).bind(problem, seed=3)
    trials = search(optimizer, problem, 30)
    assert [t.config for t in trials if t.solution.fidelity == 1] == expected


def history_of(*rows):
    """Make a history and the configs of its rows from (config, fidelity, loss)."""
    history = History(1, 1)
    for number, (_, fidelity, loss) in enumerate(rows):
        history.append(number, np.array([0.5]), np.array([loss]), fidelity)
    return history, np.array([config for config, _, _ in rows])


def test_what_may_be_shown():
    inf = np.inf
    known = history_of((0, 1, 5.0), (1, 1, 3.0), (2, 1, inf), (1, 9, 2.0), (4, 1, 1.0), (4, 9, inf))
    assert LEARNS["first"](*known) == [0, 1, 2, 4]
    assert LEARNS["latest"](*known) == [0, 3, 2, 5]
    assert LEARNS["highest"](*known) == [0, 1, 2, 4]  # one value at the highest is not enough
    more = history_of(*((k, at, 1.0) for at in (1, 9) for k in range(3)), (3, 1, 0.0), (4, 1, inf))
    assert LEARNS["highest"](*more) == [3, 4, 5, 7]
    assert LEARNS["highest"](*history_of((0, 1, inf))) == [0]
    assert LEARNS["highest"](*history_of()) == []


def test_the_strategy_sees_each_config_once_and_no_fidelity():
    optimizer = TwoRungs(proposer="tpe").bind(
        PROBLEM, seed=5, start=PROBLEM.space.sample(1, seed=1)
    )
    trials = search(optimizer, PROBLEM, 30)
    optimizer.ask()
    inner = optimizer._new._inner
    n_configs = len({PROBLEM.space.key(trial.config) for trial in trials})
    assert inner.history.numbers.tolist() == list(range(n_configs))
    assert np.isnan(inner.history.fidelities).all()
    finals = {PROBLEM.space.key(t.config): t.values["value"] for t in trials}
    keys = PROBLEM.space.keys_of(inner.history.points)
    assert inner.history.losses[:, 0].tolist() == [finals[key] for key in keys]


def test_a_strategy_that_does_not_suit_is_said_when_it_is_bound():
    two = Landscape(PROBLEM.space, LANDSCAPES["two_objectives"].objectives, Fidelity(1, 9))
    with pytest.raises(SettingError, match="must have one objective"):
        TwoRungs(proposer="differential_evolution").bind(two)


def test_knowledge_is_passed_on():
    optimizer = TwoRungs(proposer="steady_state").bind(PROBLEM, seed=1)
    points = PROBLEM.space.random(6, np.random.default_rng(0))
    optimizer.learn(points, np.arange(6.0)[:, None])
    optimizer.ask()
    assert len(optimizer._new._inner.knowledge) == 6


def test_a_chain_goes_from_rungs_to_full_trainings():
    chain = hpopt.Chain((TwoRungs(), 12), ("bayesian", None)).bind(PROBLEM, seed=4)
    trials = search(chain, PROBLEM, 18)
    fidelities = [trial.solution.fidelity for trial in trials]
    assert fidelities == [1, 1, 9] * 4 + [9] * 6
    inner = chain._inner
    # It learned the four that reached the highest, and repeats none of the others.
    assert len(inner.knowledge) == 4
    assert len({PROBLEM.space.key(trial.config) for trial in trials}) == 8 + 6
    again = hpopt.Chain((TwoRungs(), 12), ("bayesian", None)).bind(PROBLEM, seed=4)
    again.replay(trials[:14])
    assert described(search(again, PROBLEM, 4)) == described(trials[14:])


def test_what_a_host_does_not_use_is_proposed_again():
    class Wasteful(TwoRungs):
        def _ask(self, number, n):
            return self._new.propose(number, 3)[:1]

    expected, found = (
        [t.config for t in search(each().bind(PROBLEM, seed=1), PROBLEM, 20)]
        for each in (TwoRungs, Wasteful)
    )
    assert found == expected


def test_a_trial_whose_texts_were_dropped_is_the_same():
    solution = hpopt.RandomSearch().bind(PROBLEM).ask()[0]
    trial = Trial(solution, Outcome("complete", {"value": 1.0}, ((1, 2.0),), info={"a": 1}))
    assert trial.without_texts().outcome == Outcome("complete", {"value": 1.0})
