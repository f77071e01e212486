"""A function as a problem: how it is called, and what cannot be one."""

import functools
import math

import cloudpickle
import pytest

from hpopt.core import Fidelity, Objective, Solution, evaluate, objectives_of
from hpopt.core.handle import TrialHandle
from hpopt.errors import ProblemError, SpaceError
from hpopt.problems import FunctionProblem
from hpopt.space import Float, Space

SPACE = {"x": Float(0, 4)}
CONFIG = {"x": 2.0}


class Doubler:
    def __call__(self, config):
        return 2 * config["x"]

    def of_trial(self, config, trial):
        return config["x"] + trial.seed

    @staticmethod
    def static(config):
        return 2 * config["x"]


def with_factor(config, factor=2):
    return factor * config["x"]


def with_trial_last(config, factor=2, trial=None):
    return factor * config["x"] + trial.seed


def seeded(config, trial):
    return config["x"] + trial.seed


def value_of(function):
    return FunctionProblem(function, SPACE).evaluate(dict(CONFIG), TrialHandle(0, seed=10))


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lambda config: config["x"], 2),
        (lambda config, trial: config["x"] + trial.seed, 12),
        (seeded, 12),
        (lambda config, handle: handle.seed, 10),
        (lambda config, *, trial: trial.seed, 10),
        (lambda config, trial=None: trial.seed, 10),
        (with_factor, 4),
        (with_trial_last, 14),
        (lambda *arguments: len(arguments), 1),
        (lambda config, **settings: len(settings), 0),
        (functools.partial(with_factor, factor=3), 6),
        (functools.partial(seeded, trial=TrialHandle(0, seed=1)), 12),
        (lambda config, scale=1, *, trial: scale * trial.seed, 10),
        (Doubler(), 4),
        (Doubler().of_trial, 12),
        (Doubler.static, 4),
        (len, 1),
        (max, "x"),
    ],
)
def test_it_is_called_as_it_asks(function, value):
    assert value_of(function) == value


@pytest.mark.parametrize("function", [3, None, "function", {"x": 1}])
def test_what_is_not_callable_is_refused(function):
    with pytest.raises(ProblemError, match="must be callable, but got"):
        FunctionProblem(function, SPACE)


@pytest.mark.parametrize(
    "function",
    [
        lambda: 1,
        lambda config, trial, data: 1,
        lambda config, *, data: 1,
        functools.partial(seeded, {}, None),
    ],
)
def test_the_wrong_arguments_are_refused(function):
    with pytest.raises(ProblemError, match=r"function\(config\) or function\(config, trial\)"):
        FunctionProblem(function, SPACE)


def test_the_message_names_the_function_and_the_way_out():
    def score(config, trial, data):
        return 1

    with pytest.raises(ProblemError, match=r"score\(config, trial, data\).*functools.partial"):
        FunctionProblem(score, SPACE)


def test_coroutine_functions_are_refused():
    async def later(config):
        return 1

    class Later:
        async def __call__(self, config):
            return 1

    for function in (later, Later()):
        with pytest.raises(ProblemError, match=r"asyncio\.run"):
            FunctionProblem(function, SPACE)


def test_the_space_may_be_a_mapping():
    assert FunctionProblem(len, SPACE).space == Space(SPACE)
    space = Space(SPACE)
    assert FunctionProblem(len, space).space is space
    with pytest.raises(SpaceError, match="at least one parameter"):
        FunctionProblem(len, {})
    with pytest.raises(SpaceError, match="mapping"):
        FunctionProblem(len, [Float(0, 1)])


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        (Objective("loss"), (Objective("loss"),)),
        ([Objective("loss"), Objective("size")], (Objective("loss"), Objective("size"))),
        ({"score": "maximize"}, (Objective("score", "maximize"),)),
    ],
)
def test_objectives_are_one_several_or_a_mapping(objectives, expected):
    assert objectives_of(FunctionProblem(len, SPACE, objectives=objectives)) == expected


def test_by_default_the_value_is_minimised():
    problem = FunctionProblem(len, SPACE)
    assert objectives_of(problem) == (Objective("value", "minimize"),)
    assert problem.fidelity is None


@pytest.mark.parametrize("objectives", ["loss", [], {"loss": "down"}, ["loss"], 3])
def test_other_objectives_are_refused(objectives):
    with pytest.raises(ProblemError):
        FunctionProblem(len, SPACE, objectives=objectives)


def test_a_fidelity_reaches_the_function():
    fidelity = Fidelity(1, 9)
    problem = FunctionProblem(lambda config, trial: trial.fidelity, SPACE, fidelity=fidelity)
    assert evaluate(problem, Solution(0, CONFIG, None, 0, 3.0)).values == {"value": 3.0}
    with pytest.raises(ProblemError, match="Fidelity or None"):
        FunctionProblem(len, SPACE, fidelity=(1, 9))
    with pytest.raises(ProblemError, match=r"function\(config, trial\), but len takes a config"):
        FunctionProblem(len, SPACE, fidelity=fidelity)


def test_lambdas_can_be_sent_to_a_worker():
    offset = 3
    problem = FunctionProblem(lambda config: config["x"] + offset, SPACE)
    sent = cloudpickle.loads(cloudpickle.dumps(problem))
    assert sent.evaluate({"x": 1.0}, TrialHandle(0, 0)) == 4


def test_several_numbers_may_be_returned():
    problem = FunctionProblem(
        lambda config: {"loss": config["x"], "seconds": 1},
        SPACE,
        objectives={"loss": "minimize"},
    )
    outcome = evaluate(problem, Solution(0, CONFIG, None, 0))
    assert dict(outcome.values) == {"loss": 2.0, "seconds": 1.0}


@pytest.mark.parametrize(
    ("function", "status"),
    [
        (lambda config: None, "failed"),
        (lambda config: "2", "failed"),
        (lambda config: math.nan, "invalid"),
        (lambda config: {"other": 1}, "failed"),
        (lambda config: 1 / 0, "failed"),
    ],
)
def test_bad_values_are_outcomes(function, status):
    outcome = evaluate(FunctionProblem(function, SPACE), Solution(0, CONFIG, None, 0))
    assert outcome.status == status
    assert outcome.error


def test_its_repr_names_the_function():
    assert repr(FunctionProblem(with_factor, SPACE)).startswith("FunctionProblem(with_factor, ")
    assert "Doubler" in repr(FunctionProblem(Doubler(), SPACE))
