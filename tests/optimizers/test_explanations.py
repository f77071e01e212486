"""What strategies say they do: in plain words, cheaply, and the same after a replay."""

import math
import re

import numpy as np
import pytest
from problems_for_tests import CHOOSING_FIDELITY, of

from hpopt import TPE, Auto, BayesianOptimization, Chain, Narrowing
from hpopt.core import Objective, Outcome, Phase, Solution, Trial, failed
from hpopt.optimizers import BY_NAME, make_optimizer
from hpopt.optimizers.surrogates.sight import Sight
from hpopt.optimizers.surrogates.surrogate import Surrogate
from hpopt.space import Categorical, Float, Int, Space
from hpopt.testing.landscapes import LANDSCAPES
from hpopt.testing.searches import search

BRANCHES = Space(
    {
        "solver": Categorical(["adam", "sgd", "newton"]),
        "momentum": Float(0, 1, when={"solver": "sgd"}),
        "beta": Float(0, 1, when={"solver": "adam"}),
        "rate": Float(1e-5, 1, log=True),
    }
)
FLAT = Space({"rate": Float(0, 1), "n": Int(1, 100), "kind": Categorical(["a", "b"])})


def value(config):
    solver = {"adam": 0.0, "sgd": 0.3, "newton": 0.9}.get(config.get("solver"), 0.0)
    return solver + abs(math.log10(config["rate"] + 1e-9) + 2)


def tell(optimizer, solution, result):
    outcome = failed("no") if result is None else Outcome("complete", {"value": result})
    optimizer.tell(Trial(solution, outcome))


def run(optimizer, n, result=value):
    """Ask and tell n times; return the optimizer."""
    for _ in range(n):
        for solution in optimizer.ask():
            tell(optimizer, solution, result(solution.config))
    return optimizer


@pytest.mark.parametrize(
    ("strategy", "name", "then"),
    [
        (Auto(), "Gaussian process", "a Gaussian process"),
        (BayesianOptimization(), "Gaussian process", "a Gaussian process"),
        (TPE(), "TPE", "TPE"),
    ],
)
def test_the_first_configs_and_then_the_model(strategy, name, then):
    optimizer = strategy.bind(of(value, BRANCHES), seed=1)
    assert optimizer.explanation == f"first configs: 9 spread over the space, then {then}"
    run(optimizer, 9)
    assert optimizer.phase.name == "first configs"
    run(optimizer, 16)
    best = optimizer.history.losses.min()
    assert f"({name} on 25 results); best {best:.5g}" in optimizer.explanation


def test_the_best_is_the_objectives_own():
    problem = of(value, FLAT, objectives=[Objective("accuracy", "maximize")])
    optimizer = Auto().bind(problem)
    for accuracy in (0.5, 0.875, 0.75):
        (solution,) = optimizer.ask()
        optimizer.tell(Trial(solution, Outcome("complete", {"accuracy": accuracy})))
    assert "; best 0.875" in optimizer.explanation


def test_the_branch_of_the_last_ask_where_it_is_not_the_bests():
    optimizer = Auto().bind(of(value, BRANCHES), seed=0)
    run(optimizer, 9)
    seen = set()
    for _ in range(24):
        (solution,) = optimizer.ask()
        best = BRANCHES.decode(optimizer.history.points)[optimizer.history.losses.argmin()]
        said = f"exploring branch solver={solution.config['solver']}"
        assert (said in optimizer.explanation) == (solution.config.keys() != best.keys())
        assert ("exploring" in optimizer.explanation) == (said in optimizer.explanation)
        seen.add(solution.config.keys() != best.keys())
        tell(optimizer, solution, value(solution.config))
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("best", "last", "words"),
    [
        ({"kind": "a", "n": 2}, {"kind": "a", "n": 2}, ""),
        ({"kind": "a", "n": 2}, {"kind": "b", "n": 2}, "exploring branch kind=b"),
        ({"kind": "a", "n": 2}, {"kind": "c", "n": 2}, "exploring branch kind=c"),
        ({"kind": "b", "n": 2}, {"kind": "c", "n": 2}, "exploring branch kind=c"),
        ({"kind": "a", "n": 2}, {"kind": "a", "n": 4}, "exploring branch n=4"),
        ({"kind": "a", "n": 4}, {"kind": "a", "n": 2}, "exploring branch n=2"),
        ({"kind": "a", "n": 1}, {"kind": "a", "n": 2}, ""),
        ({"kind": "a", "n": 2}, {"kind": "b", "n": 4}, "exploring branch kind=b, n=4"),
    ],
)
@pytest.mark.parametrize("is_told", [False, True])
def test_which_branches_are_others(best, last, words, is_told):
    space = Space(
        {
            "kind": Categorical(["a", "b", "c"]),
            "n": Int(1, 4),
            "x": Float(0, 1, when={"kind": "a"}),
            "y": Float(0, 1, when={"n": [3, 4]}),
        }
    )
    optimizer = BayesianOptimization(first=2).bind(of(None, space), start=[best, last])
    points = space.random(4, np.random.default_rng(0))
    optimizer.learn(points, np.arange(4.0)[:, None])
    one, other = optimizer.ask(2)
    tell(optimizer, one, 0.25)
    if is_told:
        tell(optimizer, other, 0.5)
    assert words in optimizer.explanation
    assert ("exploring" in optimizer.explanation) == bool(words)


def test_why_tpe_is_asked_where_the_process_explains_little():
    rng = np.random.default_rng(0)
    for make in (Auto, BayesianOptimization):
        optimizer = run(make().bind(of(value, FLAT)), 40, lambda c: rng.standard_normal())
        words = r".* \(TPE on 40 results\): the Gaussian process explains little .* \(noise \d+ %\)"
        assert re.match(words, optimizer.explanation)
        assert "at random" not in optimizer.explanation


def test_what_is_left_out_may_be_predicted_badly_without_noise(monkeypatch):
    optimizer = run(BayesianOptimization().bind(of(value, FLAT)), 25)
    assert optimizer.phase.name == "Gaussian process"
    monkeypatch.setattr(Sight, "skill", property(lambda sight: -0.5))
    assert optimizer.phase.reason.endswith(
        "explains little of them (0 % of what differs among them)"
    )
    monkeypatch.setattr(Sight, "skill", property(lambda sight: 0.12))
    assert optimizer.phase.reason.endswith("(12 % of what differs among them)")


def test_beyond_many_results_two_strategies_take_turns():
    optimizer = Auto(seconds=5).bind(of(value, FLAT))
    points = FLAT.random(2000, np.random.default_rng(0))
    configs = FLAT.decode(points)
    solutions = [Solution(k, configs[k], points[k], k, None) for k in range(2000)]
    optimizer.replay([Trial(s, Outcome("complete", {"value": 1.0 + s.number})) for s in solutions])
    assert optimizer.phase == Phase(
        "Gaussian process and steady state in turn",
        "there are 2000 results and more",
        "200 of 2000 results",
    )


def test_no_branch_without_conditions():
    optimizer = Auto().bind(of(value, FLAT))
    for _ in range(20):
        run(optimizer, 1)
        assert "branch" not in optimizer.explanation


def test_what_was_wasted_is_said():
    optimizer = run(Auto().bind(of(value, FLAT)), 20, lambda c: round(c["rate"] + 0.5) * 1.0)
    assert "10 of the last 10 repeated a known value" in optimizer.explanation
    optimizer = run(Auto().bind(of(value, FLAT)), 20, lambda c: None if c["n"] < 60 else c["n"] / 7)
    assert "failed" in optimizer.explanation


def test_a_stall_is_said_until_it_ends():

    def bowl(config):
        return (config["rate"] - 0.3) ** 2 + (config["n"] / 100 - 0.5) ** 2

    best = {"rate": 0.3, "n": 50, "kind": "a"}
    optimizer = run(BayesianOptimization().bind(of(bowl, FLAT), start=[best]), 12, bowl)
    assert "no progress" not in optimizer.explanation
    run(optimizer, 30, bowl)
    assert re.search(r"; no progress in [34]\d results: .* at random", optimizer.explanation)
    (solution,) = optimizer.ask()
    tell(optimizer, solution, -100.0)
    assert "no progress" not in optimizer.explanation


@pytest.mark.parametrize("space", [BRANCHES, FLAT], ids=["branches", "flat"])
@pytest.mark.parametrize("make", [Auto, BayesianOptimization, TPE])
def test_words_fit_no_model_and_change_no_ask(make, space, monkeypatch):
    mute = run(make().bind(of(value, space), seed=3), 18)
    spoken = make().bind(of(value, space), seed=3)
    for _ in range(18):
        run(spoken, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Surrogate, "_fit", lambda *_: pytest.fail("a model was fitted"))
            assert spoken.explanation
            assert spoken.phase
    assert spoken.ask(2) == mute.ask(2)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_after_a_replay_the_same_is_said_as_without(name):
    kind = "fidelity" if name in CHOOSING_FIDELITY else "conditions"
    problem = LANDSCAPES["floats" if name == "cmaes" else kind]
    whole = make_optimizer(name).bind(problem, seed=2)
    trials = search(whole, problem, 30)
    again = make_optimizer(name).bind(problem, seed=2)
    again.replay(trials)
    assert [s.config for s in again.ask(2)] == [s.config for s in whole.ask(2)]
    assert again.explanation == whole.explanation


def test_many_results_are_more_than_the_model_takes():
    optimizer = BayesianOptimization(most_points=20).bind(of(value, FLAT))
    points = FLAT.random(50, np.random.default_rng(0))
    optimizer.learn(points, np.arange(50.0)[::-1, None])
    assert optimizer.explanation == "a model chooses (Gaussian process on 20 of 50 results)"


def test_a_chain_says_its_stage_and_what_the_strategy_of_it_does():
    optimizer = Chain(("random", 4), (TPE(first=3), None)).bind(of(value, BRANCHES))
    assert optimizer.explanation == ""
    run(optimizer, 3)
    assert optimizer.phase == Phase("stage 1 of 2, random")
    run(optimizer, 2)
    assert optimizer.phase == Phase("stage 2 of 2, TPE", "", "5 results")


def test_a_narrowing_says_its_round_and_why_the_space_is_smaller():
    optimizer = Narrowing(optimizer="random", trials_per_round=30, rounds=2)
    run(optimizer.bind(of(value, BRANCHES), seed=0), 3)
    assert optimizer.phase == Phase(
        "round 1 of 2, random", "the whole space, as nothing is known of it"
    )
    run(optimizer, 30)
    assert optimizer.phase.name == "round 2 of 2, random"
    assert optimizer.phase.reason == str(optimizer.narrowed[1]).replace("\n", "; ")


def test_a_reason_and_the_best_are_left_out_where_they_are_shown_elsewhere():
    optimizer = run(Auto().bind(of(value, Space({"x": Float(0, 1), "rate": Float(0, 1)}))), 20)
    assert "best" not in optimizer.doing
    assert "(Gaussian process and quadratic steps on 20 results)" in optimizer.doing
    assert "2 continuous numbers" not in optimizer.doing
    assert "2 continuous numbers; best " in optimizer.explanation


def test_a_dear_evaluation_is_a_reason_once_the_cost_counts():
    optimizer = Auto(seconds=5, model_trials=14).bind(of(value, BRANCHES))
    assert optimizer.phase.reason == "9 spread over the space, then a Gaussian process"
    assert run(optimizer, 13).phase.reason == ""
    assert run(optimizer, 2).phase.reason == "an evaluation takes 5 s, more than the model"
