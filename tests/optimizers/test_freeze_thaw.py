"""What freeze-thaw promises beside the contract: few steps, and no trust in misleading ones."""

import math

import numpy as np
import pytest

import hpopt
from hpopt import Fidelity, FreezeThaw, FunctionProblem, RandomSearch
from hpopt.core import Outcome, Trial, failed
from hpopt.errors import SettingError
from hpopt.testing import OptimizerContract

from .test_contract import among

SPACE = hpopt.Space({"x": hpopt.Float(0, 1), "rate": hpopt.Float(1e-4, 1, log=True)})
HIGH = 32
STEPS = np.arange(1.0, HIGH + 1)


def curve_of(config):
    """Return losses that fall exponentially, not all at the same pace, to 0 at best."""
    off = abs(math.log10(config["rate"]) + 1)
    end = (config["x"] - 0.3) ** 2 + 0.1 * off**2
    return end + np.exp(-STEPS * (0.1 + 0.3 * config["x"])) + 0.001 * np.sin(99 * STEPS * off)


def searched(
    optimizer, curve, work, seed=0, space=SPACE, fidelity=(1, HIGH), resumes=True, price=None
):
    """Ask and tell one by one until so many trainings to the end are paid; return the trials.

    `price` gives the seconds of a step of a config.
    """
    fidelity = Fidelity(*fidelity, resumes=resumes)
    problem = FunctionProblem(lambda config, trial: 0.0, space, fidelity=fidelity)
    optimizer.bind(problem, seed=seed)
    reached, spent, trials = {}, 0.0, []
    while spent < work * HIGH:
        (solution,) = optimizer.ask()
        losses = curve(solution.config)[: int(solution.fidelity)]
        steps = solution.fidelity - (reached.get(solution.seed, 0) if resumes else 0)
        spent += steps
        reached[solution.seed] = solution.fidelity
        seconds = 0.0 if price is None else steps * price(solution.config)
        trials.append(told(optimizer, solution, losses, seconds=seconds))
    return trials


def told(optimizer, solution, losses, status="complete", seconds=0.0):
    reports = tuple((step, float(loss)) for step, loss in zip(STEPS, losses, strict=False))
    values = {"value": float(losses[-1])}
    trial = Trial(solution, Outcome(status, values, curve=reports, seconds=seconds))
    optimizer.tell(trial)
    return trial


def end_of_best(optimizer, curve):
    """Return what the best trial's config would end at."""
    points = dict(zip(optimizer.history.numbers, optimizer.history.points, strict=True))
    (config,) = optimizer.space.decode(points[optimizer.best][None])
    return curve(config)[-1]


class TestFreezeThaw(OptimizerContract):
    order_free = False
    chooses_fidelity = True
    n_trials = 14
    problems = among("fidelity", "layers", "tiny")

    def make(self):
        return FreezeThaw(first=4)


def test_it_takes_fewer_steps_than_full_trainings_at_random():
    ends = {}
    for make in (FreezeThaw, RandomSearch):
        searches = [make() for _ in range(4)]
        for seed, optimizer in enumerate(searches):
            searched(optimizer, curve_of, 5, seed)
        ends[make] = np.array([end_of_best(each, curve_of) for each in searches])
    assert ends[FreezeThaw].mean() < 0.5 * ends[RandomSearch].mean()


def test_it_begins_with_a_16th_and_goes_on_by_doubling():
    trials = searched(FreezeThaw(), curve_of, 3)
    assert [trial.solution.fidelity for trial in trials[:10]] == [2] * 10
    assert {trial.solution.fidelity for trial in trials} <= {2, 4, 8, 16, 32}
    reached = {}
    for trial in trials:
        solution = trial.solution
        before = reached.get(solution.seed, 1)
        assert solution.fidelity in {2 * before, HIGH}
        reached[solution.seed] = solution.fidelity
    assert max(reached.values()) == HIGH


def test_a_third_is_trained_to_the_end_where_curves_mislead():
    trials = searched(FreezeThaw(), lambda config: curve_of(config)[::-1], 8)
    assert sum(trial.solution.fidelity == HIGH for trial in trials) >= 0.33 * 8 - 1


def test_a_stopped_trial_is_not_continued():
    problem = FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH))
    optimizer, stopped = FreezeThaw(first=4).bind(problem), set()
    for number in range(24):
        (solution,) = optimizer.ask()
        assert solution.seed not in stopped
        losses = curve_of(solution.config)[: int(solution.fidelity)]
        is_stopped = number % 3 == 0
        told(optimizer, solution, losses, "stopped" if is_stopped else "complete")
        if is_stopped:
            stopped.add(solution.seed)


def test_where_all_values_are_equal_it_goes_on():
    trials = searched(FreezeThaw(first=3), lambda config: np.ones(HIGH), 2)
    assert len(trials) >= 3


def test_a_small_space_is_trained_to_the_end():
    space = hpopt.Space({"x": hpopt.Categorical(["a", "b", "c"])})
    problem = FunctionProblem(lambda config, trial: 0.0, space, fidelity=Fidelity(1, 4))
    optimizer = FreezeThaw(first=2).bind(problem)
    asked = []
    while solutions := optimizer.ask():
        (solution,) = solutions
        optimizer.tell(
            Trial(solution, Outcome("complete", {"value": float(ord(solution.config["x"]))}))
        )
        asked.append((solution.config["x"], solution.fidelity))
    assert len(asked) == len(set(asked))
    assert {name for name, fidelity in asked if fidelity == 4} == {"a", "b", "c"}


def test_pending_configs_are_neither_repeated_nor_continued():
    optimizer = FreezeThaw()
    searched(optimizer, curve_of, 2)
    waiting = optimizer.ask(8)
    assert len({solution.seed for solution in waiting}) == 8
    points = np.array([solution.point for solution in waiting])
    assert len(np.unique(points.round(3), axis=0)) == 8


def test_what_may_be_continued_is_ordered_by_what_is_expected():
    optimizer = FreezeThaw()
    trials = searched(optimizer, curve_of, 4)
    last = {trial.solution.seed: trial for trial in trials}
    numbers = np.array([trial.number for trial in last.values()])
    kept = optimizer.continuable(numbers)
    by_number = {trial.number: trial for trial in trials}
    assert 0 < len(kept) < len(numbers)
    assert all(by_number[number].solution.fidelity < HIGH for number in kept)
    ends = [curve_of(by_number[number].config)[-1] for number in kept]
    half = len(ends) // 2
    assert np.mean(ends[:half]) < np.mean(ends[half:])


def test_the_model_says_what_is_best():
    optimizer = FreezeThaw()
    searched(optimizer, curve_of, 6)
    config, value = optimizer.best_believed()
    assert value == pytest.approx(curve_of(config)[-1], abs=0.05)
    assert curve_of(config)[-1] < 0.15


def test_the_direction_of_an_objective_makes_no_difference():
    asked = []
    for sign, goal in ((1, "minimize"), (-1, "maximize")):
        problem = FunctionProblem(
            lambda config, trial: 0.0,
            SPACE,
            objectives=hpopt.Objective("score", goal),
            fidelity=Fidelity(1, HIGH),
        )
        optimizer = FreezeThaw(first=4).bind(problem)
        for _ in range(20):
            (solution,) = optimizer.ask()
            losses = sign * curve_of(solution.config)[: int(solution.fidelity)]
            reports = tuple(zip(STEPS.tolist(), losses.tolist(), strict=False))
            outcome = Outcome("complete", {"score": float(losses[-1])}, curve=reports)
            optimizer.tell(Trial(solution, outcome))
        asked.append([*map(tuple, optimizer.history.points)])
    assert asked[0] == asked[1]


def test_known_results_are_ends_of_curves():
    problem = FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH))
    optimizer = FreezeThaw().bind(problem)
    points = SPACE.random(30, np.random.default_rng(0))
    losses = np.array([[curve_of(config)[-1]] for config in SPACE.decode(points)])
    losses[3] = np.inf
    optimizer.learn(points, losses)
    (solution,) = optimizer.ask()
    assert solution.fidelity == 2
    assert curve_of(solution.config)[-1] < np.median(losses)
    assert optimizer._curves.observed.work == 0


def test_failures_are_no_obstacle():
    problem = FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH))
    optimizer = FreezeThaw(first=4).bind(problem)
    for number in range(40):
        (solution,) = optimizer.ask()
        if number < 6 or number % 4 == 0:
            optimizer.tell(Trial(solution, failed("no")))
        else:
            told(optimizer, solution, curve_of(solution.config)[: int(solution.fidelity)])
    config, value = optimizer.best_believed()
    assert curve_of(config)[-1] < 0.2
    assert value < 1


def test_the_model_knows_whether_it_predicts():
    def rough(config):
        return curve_of({"x": 1e4 * config["x"] % 1, "rate": 0.1})

    smooth, blind = FreezeThaw(), FreezeThaw()
    searched(smooth, curve_of, 3)
    searched(blind, rough, 3)
    assert smooth._curves.fitted().skill > 0.5
    assert blind._curves.fitted().skill < 0.2


def test_it_needs_a_fidelity_and_one_objective():
    with pytest.raises(SettingError, match="must have a fidelity"):
        FreezeThaw().bind(FunctionProblem(lambda config, trial: 0.0, SPACE))
    two = FunctionProblem(
        lambda config, trial: {},
        SPACE,
        objectives={"a": "minimize", "b": "minimize"},
        fidelity=Fidelity(1, HIGH),
    )
    with pytest.raises(SettingError, match=r"but got 2 \(a, b\): use .*'asha' or 'hyperband'"):
        FreezeThaw().bind(two)
    with pytest.raises(SettingError, match="different values"):
        problem = FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH))
        FreezeThaw().bind(problem).best_believed()


def test_the_phase_tells_when_the_model_chooses():
    optimizer = FreezeThaw()
    problem = FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH))
    assert "first configs" in optimizer.bind(problem).explanation
    optimizer = FreezeThaw()
    searched(optimizer, curve_of, 2)
    assert optimizer.explanation.startswith("model of learning curves on ")


def noise(config):
    """Return a curve of which only the last value is the config's."""
    values = np.random.default_rng(int(1e9 * config["x"])).random(HIGH)
    return np.append(values[:-1], curve_of(config)[-1])


def test_where_no_level_tells_of_the_end_another_strategy_trains_to_the_end():
    optimizer = FreezeThaw(first=4, full="quasi_random")
    trials = searched(optimizer, noise, 12)
    fidelities = [trial.solution.fidelity for trial in trials]
    assert min(fidelities) == 2
    assert fidelities[-4:] == [HIGH] * 4
    assert "as short trainings do not tell how long ones end" in optimizer.explanation


def test_an_early_insurance_trains_a_third_to_the_end_from_the_first_on():
    n_complete = {}
    for insurance in ("late", "early"):
        optimizer = FreezeThaw(insurance=insurance)
        searched(optimizer, lambda config: curve_of(config)[::-1], 9)
        n_complete[insurance] = optimizer._curves.observed.n_complete
    assert n_complete["late"] < n_complete["early"]


def test_the_last_trial_finishes_what_is_expected_to_be_best():
    finished = 0
    for seed in range(3):
        problem = FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH))
        optimizer = FreezeThaw(first=4).bind(problem, seed=seed)
        optimizer.expect(12)
        for _ in range(11):
            (solution,) = optimizer.ask()
            told(optimizer, solution, curve_of(solution.config)[: int(solution.fidelity)])
        believed, _ = optimizer.best_believed()
        (last,) = optimizer.ask()
        if last.fidelity == HIGH:
            assert last.config == believed
            finished += 1
    assert finished


def test_without_a_model_the_last_trial_finishes_the_best():
    optimizer = FreezeThaw()
    optimizer.bind(FunctionProblem(lambda config, trial: 0.0, SPACE, fidelity=Fidelity(1, HIGH)))
    optimizer.expect(4)
    seeds = []
    for loss in (0.3, 0.1, 0.2):
        (solution,) = optimizer.ask()
        told(optimizer, solution, [1.0, loss])
        seeds.append(solution.seed)
    (last,) = optimizer.ask()
    assert (last.fidelity, last.seed) == (HIGH, seeds[1])


def test_where_each_evaluation_begins_anew_steps_are_larger_and_cost_more():
    optimizer = FreezeThaw(first=4)
    trials = searched(optimizer, curve_of, 4, resumes=False)
    assert {trial.solution.fidelity for trial in trials} == {2, 8, HIGH}
    spent = sum(trial.solution.fidelity for trial in trials) / HIGH
    assert optimizer._curves.observed.work == pytest.approx(spent)


SIZED = hpopt.Space({**SPACE, "size": hpopt.Categorical(["small", "large"])})


def price_of(config):
    return 10.0 if config["size"] == "large" else 1.0


def test_in_seconds_what_is_as_good_and_cheaper_is_preferred():
    seconds, ends = {}, {}
    for cost in ("fidelity", "seconds"):
        optimizer = FreezeThaw(cost=cost)
        trials = searched(optimizer, curve_of, 3, space=SIZED, price=price_of)
        seconds[cost] = sum(trial.seconds for trial in trials)
        ends[cost] = end_of_best(optimizer, curve_of)
    assert seconds["seconds"] < 0.6 * seconds["fidelity"]
    assert ends["seconds"] < 2 * ends["fidelity"]


def test_in_seconds_a_replayed_search_goes_on_as_it_did():
    trials = searched(FreezeThaw(cost="seconds"), curve_of, 2, space=SIZED, price=price_of)
    problem = FunctionProblem(lambda config, trial: 0.0, SIZED, fidelity=Fidelity(1, HIGH))
    for n_told in (8, 14, len(trials) - 6):
        fresh = FreezeThaw(cost="seconds").bind(problem)
        fresh.replay(trials[:n_told])
        for trial in trials[n_told : n_told + 6]:
            (solution,) = fresh.ask()
            assert solution == trial.solution
            fresh.tell(trial)


def test_where_seconds_are_not_measured_the_fidelity_counts():
    plain = searched(FreezeThaw(), curve_of, 2)
    for cost, price in (("fidelity", lambda config: 1 + 9 * config["x"]), ("seconds", None)):
        found = searched(FreezeThaw(cost=cost), curve_of, 2, price=price)
        assert [trial.solution for trial in found] == [trial.solution for trial in plain]


def test_an_unknown_cost_is_an_error():
    with pytest.raises(SettingError, match="unknown cost 'dollars': known are 'fidelity'"):
        FreezeThaw(cost="dollars")
