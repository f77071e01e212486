"""Where a problem has a wide fidelity, auto begins with short trainings, if that gains much."""

import pytest

import hpopt
from hpopt import Auto, Chain, Fidelity, FunctionProblem
from hpopt.core import Outcome, Trial
from hpopt.testing import OptimizerContract

from .test_contract import among

SPACE = {"x": hpopt.Float(0, 1), "y": hpopt.Float(0, 1)}
HIGH = 32


def loss(config, trial):
    for epoch in range(1, int(trial.fidelity) + 1):
        trial.report(epoch, config["x"] + config["y"] + 1 / epoch)
        if trial.should_stop():
            break
    return config["x"] + config["y"] + 1 / trial.fidelity


def problem(low=1, objectives=("value",)):
    goals = dict.fromkeys(objectives, "minimize")
    fidelity = Fidelity(low, HIGH, "epochs")
    return FunctionProblem(loss, SPACE, objectives=goals, fidelity=fidelity)


def asked(optimizer, n, seconds=1.0):
    """Ask and tell n times; return the fidelities."""
    found = []
    for _ in range(n):
        (solution,) = optimizer.ask()
        value = sum(solution.config.values()) + 1 / solution.fidelity
        values = {each.name: value for each in optimizer.objectives}
        optimizer.tell(Trial(solution, Outcome("complete", values, seconds=seconds)))
        found.append(solution.fidelity)
    return found


class TestAutoWithFidelity(OptimizerContract):
    order_free = False
    chooses_fidelity = True
    n_trials = 14
    problems = among("fidelity")

    def make(self):
        return Auto()


def test_it_begins_with_short_trainings_and_says_so():
    optimizer = Auto().bind(problem())
    assert "each trained for 2 of 32 epochs" in optimizer.explanation
    fidelities = asked(optimizer, 20)
    assert fidelities[:10] == [2] * 10
    assert max(fidelities) > 2
    assert "the promising ones go on" in optimizer.explanation
    assert optimizer.n_possible == optimizer.space.size


def test_a_start_config_begins_as_the_others():
    optimizer = Auto().bind(problem(), start=[{"x": 0.5, "y": 0.5}])
    assert asked(optimizer, 1) == [2]


@pytest.mark.parametrize(
    ("settings", "trials", "reason"),
    [
        ({}, 20, "a study begun for 20 trials is too small for short ones"),
        ({"seconds": 0.001, "model_trials": 1}, None, "short trainings would save no time"),
    ],
)
def test_it_trains_to_the_end_where_short_trainings_gain_nothing(settings, trials, reason):
    optimizer = Auto(**settings).bind(problem())
    if trials is not None:
        optimizer.expect(trials)
    assert asked(optimizer, 12)[2:] == [HIGH] * 10
    assert f"every config gets all 32 epochs, as {reason}" in optimizer.explanation


def test_a_space_of_fewer_configs_than_trials_is_trained_to_the_end():
    space = {"x": hpopt.Int(0, 7), "y": hpopt.Int(0, 4)}
    few = FunctionProblem(loss, space, fidelity=Fidelity(1, HIGH))
    optimizer = Auto().bind(few)
    optimizer.expect(40)
    assert asked(optimizer, 40) == [HIGH] * 40
    assert optimizer.ask() == []


def test_a_narrow_fidelity_and_several_objectives_leave_it_at_the_highest():
    assert asked(Auto().bind(problem(low=11)), 12) == [HIGH] * 12
    assert asked(Auto().bind(problem(objectives=("one", "two"))), 12) == [HIGH] * 12


def test_where_evaluations_begin_anew_the_range_must_be_wider():
    for low, shortest in ((10, HIGH), (8, 8)):
        fidelity = Fidelity(low, HIGH, resumes=False)
        optimizer = Auto().bind(FunctionProblem(loss, SPACE, fidelity=fidelity))
        assert asked(optimizer, 5) == [shortest] * 5


def test_the_cost_is_that_of_a_training_to_the_end():
    optimizer = Auto(model_trials=1).bind(problem())
    # A 16th of a training takes 2 ms, so a whole one is long enough for a model.
    assert HIGH not in asked(optimizer, 6, seconds=0.002)
    optimizer = Auto(model_trials=1).bind(problem())
    assert asked(optimizer, 6, seconds=0.001)[2:] == [HIGH] * 4


def test_with_early_stopping_every_config_may_train_to_the_end():
    study = hpopt.Study(problem(), seed=0)
    result = study.run(trials=40, early_stopping="median", progress=False)
    assert {trial.solution.fidelity for trial in result.trials} == {HIGH}
    assert result.counts["stopped"]
    assert "as early stopping is used" in study.optimizer.explanation


def test_short_trainings_come_back_without_the_rule():
    optimizer = Auto().bind(problem())
    optimizer.expect_early_stopping(True)
    assert asked(optimizer, 3) == [HIGH] * 3
    optimizer.expect_early_stopping(False)
    assert asked(optimizer, 3) == [2] * 3


@pytest.mark.parametrize(
    "optimizer, n_objectives", [("random", 1), ("bayesian", 1), ("genetic", 1), ("auto", 2)]
)
def test_a_strategy_that_chooses_no_fidelity_says_so(optimizer, n_objectives):
    objectives = [hpopt.Objective(f"o{k}", "minimize") for k in range(n_objectives)]
    problem = hpopt.FunctionProblem(
        lambda config, trial: 0.0, SPACE, objectives=objectives, fidelity=hpopt.Fidelity(1, 27)
    )
    study = hpopt.Study(problem, optimizer)
    assert "every config gets all 27 epochs" in study.optimizer.explanation


def test_a_stage_of_a_chain_knows_that_trials_are_stopped():
    optimizer = Chain(stages=[("random", 2), ("auto", None)]).bind(problem())
    optimizer.expect_early_stopping(True)
    assert asked(optimizer, 6) == [HIGH] * 6
    optimizer.expect_early_stopping(False)
    assert min(asked(optimizer, 4)) < HIGH
