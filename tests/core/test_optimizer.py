"""The state that the base class of every optimizer keeps."""

import json

import numpy as np
import pytest
from problems_for_tests import Calling, of, trial_of

from hpopt.core import Fidelity, Objective, Optimizer, Outcome, Trial, failed
from hpopt.errors import ConfigError, ProblemError, SettingError
from hpopt.space import Float, Space

LINE = Space({"x": Float(0, 1)})
PROBLEM = of(lambda config: config["x"], LINE)


class Straight(Optimizer):
    """Asks for k / 10 in batches of three, waits at number 6, ends at number 9."""

    def __init__(self, *, factor=1.0, names=("a",)):
        self.factor, self.names = factor, names

    def _ask(self, number, n):
        if number == 6 and self.history.n_contiguous < 6:
            return np.empty((0, 1))
        stop = min(9, number - number % 3 + 3)
        return np.array([[k / 10] for k in range(number, stop)]).reshape(-1, 1)


def test_asking_waits_and_ends():
    optimizer = Straight().bind(PROBLEM)
    first = optimizer.ask(5)
    assert [solution.number for solution in first] == [0, 1, 2, 3, 4]
    second = optimizer.ask(5)
    assert [solution.number for solution in second] == [5]
    assert optimizer.ask() == []
    optimizer.tell([trial_of(s, 1.0) for s in first])
    assert optimizer.ask(2) == []
    optimizer.tell(trial_of(second[0], 2.0))
    last = optimizer.ask(100)
    assert [solution.config["x"] for solution in last] == [0.6, 0.7, 0.8]
    optimizer.tell([trial_of(s, 0.5) for s in last])
    assert optimizer.ask() == [] == optimizer.ask(3)
    assert not optimizer.pending
    assert optimizer.n_asked == 9


def test_what_was_told_is_in_the_history():
    optimizer = Straight().bind(of(None, LINE, objectives=Objective("up", "maximize")))
    zero, one, two = optimizer.ask(3)
    optimizer.tell([trial_of(two, 5.0, "up"), Trial(zero, failed("no"))])
    assert optimizer.history.numbers.tolist() == [2, 0]
    assert optimizer.history.losses.tolist() == [[-5.0], [np.inf]]
    assert optimizer.history.points.tolist() == [[0.2], [0.0]]
    assert list(optimizer.pending) == [1]
    assert optimizer.best == 2
    optimizer.tell(trial_of(one, 5.0, "up"))
    assert optimizer.best == 1


def test_a_stopped_trial_has_values_to_learn_from():
    optimizer = Straight().bind(PROBLEM)
    (solution,) = optimizer.ask()
    optimizer.tell(Trial(solution, Outcome("stopped", {"value": 3.0})))
    assert optimizer.history.losses.tolist() == [[3.0]]


def test_values_without_the_objective_change_nothing():
    optimizer = Straight().bind(PROBLEM)
    zero, one = optimizer.ask(2)
    with pytest.raises(ProblemError, match=r"must hold the objectives \['value'\]"):
        optimizer.tell([trial_of(zero, 1.0), trial_of(one, 1.0, "valeu")])
    assert len(optimizer.history) == 0
    assert list(optimizer.pending) == [0, 1]
    optimizer.tell([trial_of(zero, 1.0), trial_of(one, 1.0)])


def test_nothing_told_is_nothing_known():
    optimizer = Straight().bind(PROBLEM)
    assert optimizer.best is None
    optimizer.tell([])
    optimizer.replay([])
    assert optimizer.n_asked == 0
    (solution,) = optimizer.ask()
    optimizer.tell(Trial(solution, failed("no")))
    assert optimizer.best is None


def test_replay_keeps_what_is_pending():
    optimizer = Straight().bind(PROBLEM)
    asked = optimizer.ask(4)
    told = [trial_of(asked[2], 1.0), trial_of(asked[0], 2.0)]
    optimizer.tell(told)
    fresh = Straight().bind(PROBLEM)
    fresh.replay(told, [asked[1], asked[3]])
    assert fresh.pending == {1: asked[1], 3: asked[3]}
    assert fresh.n_asked == 4
    assert fresh.best == 2
    assert fresh.ask(5) == optimizer.ask(5)


def test_every_solution_gets_the_whole_fidelity():
    problem = Calling(None, LINE, fidelity=Fidelity(1, 81))
    assert {s.fidelity for s in Straight().bind(problem).ask(4)} == {81}


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(SettingError, match="seed must be an int of at least 0, but got"):
        Straight().bind(PROBLEM, seed=seed)


def test_seeds_of_numpy_and_of_any_size_are_fine():
    seeds = [Straight().bind(PROBLEM, seed=seed).ask()[0].seed for seed in (np.int64(3), 3, 2**200)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_start_may_be_a_generator_and_twice_names_the_config():
    optimizer = Straight().bind(PROBLEM, start=({"x": x} for x in (0.9, 0.8)))
    assert [s.config["x"] for s in optimizer.ask(3)] == [0.9, 0.8, 0.2]
    with pytest.raises(ConfigError, match=r"different configs, but got \{'x': 0.5\} twice"):
        Straight().bind(PROBLEM, start=iter([{"x": 0.1}, {"x": 0.5}, {"x": 0.5}]))


def test_a_failed_bind_may_be_repeated():
    optimizer = Straight()
    with pytest.raises(ConfigError):
        optimizer.bind(PROBLEM, start=[{"y": 1}])
    with pytest.raises(SettingError):
        optimizer.bind(PROBLEM, seed=-1)
    with pytest.raises(ProblemError):
        optimizer.bind(abs)
    assert optimizer.bind(PROBLEM) is optimizer


def test_settings_are_json():
    optimizer = Straight(factor=2, names=("a", {"b": (1, object)}))
    assert optimizer.argument_names() == ["factor", "names"]
    settings = optimizer.settings()
    assert settings["factor"] == 2
    assert settings["names"][0] == "a"
    json.dumps(settings)
    assert repr(Straight()) == "Straight(factor=1.0, names=['a'])"


class TestAdd:
    """A known result takes the next number; what was drawn for it is drawn for others."""

    def test_it_is_asked_for_and_told_at_once(self):
        optimizer = Straight().bind(PROBLEM, seed=3)
        asked = optimizer.ask(1)
        solution = optimizer.solution_of({"x": 0.55})
        assert (solution.number, solution.config) == (1, {"x": 0.55})
        assert optimizer.n_asked == 1
        optimizer.add(trial_of(solution, 7.0))
        assert list(optimizer.pending) == [0]
        assert optimizer.history.numbers.tolist() == [1]
        assert optimizer.history.points.tolist() == [[0.55]]
        assert optimizer.ask(1)[0].number == 2
        optimizer.tell(trial_of(asked[0], 1.0))
        assert optimizer.best == 0

    def test_what_it_has_is_not_asked(self):
        optimizer = Straight().bind(PROBLEM, seed=3)
        optimizer.ask(1)
        optimizer.add(trial_of(optimizer.solution_of({"x": 0.2}), 7.0))
        (third,) = optimizer.ask(1)
        assert third.config["x"] not in (0.0, 0.2)
        again = Straight().bind(PROBLEM, seed=3)
        again.replay([trial_of(again.solution_of({"x": 0.0}), 1.0)])
        again.add(trial_of(again.solution_of({"x": 0.2}), 7.0))
        assert again.ask(1)[0] == third

    def test_start_configs_come_after_it_once(self):
        start = [{"x": 0.31}, {"x": 0.32}, {"x": 0.33}]
        optimizer = Straight().bind(PROBLEM, start=start)
        assert optimizer.ask(1)[0].config == start[0]
        optimizer.add(trial_of(optimizer.solution_of(start[2]), 7.0))
        optimizer.add(trial_of(optimizer.solution_of({"x": 0.9}), 7.0))
        assert [solution.config["x"] for solution in optimizer.ask(2)] == [0.32, 0.4]

    def test_it_must_be_the_next_and_fit(self):
        optimizer = Straight().bind(PROBLEM)
        solution = optimizer.solution_of({"x": 0.5})
        optimizer.ask(1)
        with pytest.raises(SettingError, match="must have the next number, 1, but got 0"):
            optimizer.add(trial_of(solution, 1.0))
        with pytest.raises(ConfigError, match="x must"):
            optimizer.solution_of({"x": 2.0})
