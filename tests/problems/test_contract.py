"""The public contract: function problems pass it, and it catches what breaks it."""

import itertools
import threading

import pytest
from halving import Curves

from hpopt.core import Fidelity, Objective
from hpopt.problems import FunctionProblem
from hpopt.space import Categorical, Float, Int, Sequence, Space
from hpopt.testing import ProblemContract

SPACE = Space(
    {
        "x": Float(-5, 5),
        "kind": Categorical(["a", "b"]),
        "rate": Float(1e-5, 1, log=True, when={"kind": "b"}),
        "layers": Sequence({"units": Int(1, 9)}, 0, 3),
    }
)


class TestFunction(ProblemContract):
    n_configs = 50

    def make(self):
        return FunctionProblem(lambda config: config["x"] ** 2 + len(config["layers"]), SPACE)


def noisy(config, trial):
    import numpy as np

    rng = np.random.default_rng(trial.seed)
    for step in range(1, round(trial.fidelity or 9) + 1):
        trial.report(step, rng.random())
        if trial.should_stop():
            break
    return {"error": rng.random(), "accuracy": rng.random(), "seconds": 1}


class TestFunctionOfATrial(ProblemContract):
    n_configs = 20

    def make(self):
        objectives = {"error": "minimize", "accuracy": "maximize"}
        return FunctionProblem(noisy, SPACE, objectives=objectives, fidelity=Fidelity(1, 9))


class Clock:
    """Returns another number of seconds at each call."""

    ticks = 0

    def __call__(self, config):
        self.ticks += 1
        return {"value": config["x"], "seconds": self.ticks}


class TestClock(ProblemContract):
    varying = ("seconds",)

    def make(self):
        return FunctionProblem(Clock(), SPACE)


class _Contract(ProblemContract):
    """The suite of one problem, to be called by hand."""

    def __init__(self, problem, folder):
        self._problem, self._folder = problem, folder

    def make(self):
        return self._problem


def check(problem, folder, name):
    contract = _Contract(problem, folder)
    getattr(contract, f"test_{name}")(problem)


def test_it_must_repeat_itself(tmp_path):
    ticks = itertools.count()
    problem = FunctionProblem(lambda config: next(ticks), SPACE)
    with pytest.raises(AssertionError):
        check(problem, tmp_path, "the_same_seed_gives_the_same_values")


def test_it_must_give_values(tmp_path):
    problem = FunctionProblem(lambda config: 1 / 0, SPACE)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        check(problem, tmp_path, "sampled_configs_have_values")


def test_it_must_report_growing_steps(tmp_path):
    def backwards(config, trial):
        trial.report(2, 0)
        trial.report(1, 0)
        return 0

    with pytest.raises(AssertionError, match="steps that do not go down"):
        check(FunctionProblem(backwards, SPACE), tmp_path, "sampled_configs_have_values")


def test_it_must_be_picklable(tmp_path):
    lock = threading.Lock()
    problem = FunctionProblem(lambda config: lock.locked(), SPACE)
    with pytest.raises(TypeError, match="pickle"):
        check(problem, tmp_path, "it_can_be_sent_to_a_worker_process")


def test_it_must_leave_its_space_alone(tmp_path):
    problem = FunctionProblem(lambda config: 1, SPACE)

    def narrowing(config):
        problem.space = Space({"x": Float(0, 1)})
        return 1

    problem.function = narrowing
    with pytest.raises(AssertionError):
        check(problem, tmp_path, "an_evaluation_changes_nothing")


def test_it_must_survive_early_stopping(tmp_path):
    def stubborn(config, trial):
        trial.report(1, 0)
        return "stopped" if trial.should_stop() else 1

    with pytest.raises(AssertionError, match="'value' is str 'stopped'"):
        check(FunctionProblem(stubborn, SPACE), tmp_path, "it_may_be_stopped_early")


@pytest.mark.parametrize(
    "objective", [Objective("val_accuracy", "minimize"), Objective("loss", "maximize")]
)
def test_its_directions_must_be_sane(tmp_path, objective):
    problem = FunctionProblem(lambda config: 1, SPACE, objectives=objective)
    with pytest.raises(AssertionError, match="by its name"):
        check(problem, tmp_path, "its_directions_are_sane")


class Together(FunctionProblem):
    """Configs of one kind are evaluated together."""

    max_batch = 5

    def batch_key(self, solution):
        return solution.config["kind"]

    def evaluate_batch(self, configs, trials):
        assert len({config["kind"] for config in configs}) == 1
        return [self.evaluate(c, t) for c, t in zip(configs, trials, strict=True)]


class TestTogether(ProblemContract):
    def make(self):
        return Together(lambda config: config["x"] ** 2, SPACE)


class Different(Together):
    """What goes together comes out otherwise."""

    def evaluate_batch(self, configs, trials):
        return [config["x"] for config in configs]


class Raising(Together):
    def evaluate_batch(self, configs, trials):
        raise ValueError("not together")


@pytest.mark.parametrize("kind", [Different, Raising])
def test_a_batch_that_differs_is_caught(kind, tmp_path):
    problem = kind(lambda config: config["x"] ** 2, SPACE)
    suite = _Contract(problem, tmp_path)
    with pytest.raises(AssertionError):
        suite.test_a_batch_gives_what_one_by_one_gives(problem)


class TestGoingOn(ProblemContract):
    def make(self):
        return Curves()


class GoesOnWrongly(Curves):
    """Begins with the last step again, as if it had not been done."""

    def evaluate(self, config, trial):
        if trial.previous is not None:
            trial.report(trial.previous.fidelity, 0.0)
            return float((trial.previous.directory / "state").read_text()) + 1
        return super().evaluate(config, trial)


def test_going_on_with_another_result_is_caught(tmp_path):
    suite = _Contract(GoesOnWrongly(), tmp_path)
    with pytest.raises(AssertionError):
        suite.test_going_on_gives_what_one_evaluation_gives(GoesOnWrongly())
