"""What a run tells about the phases of its strategy."""

import itertools
import logging

import pytest

import hpopt
from hpopt.core import Optimizer, Phase
from hpopt.progress import Silent

SPACE = hpopt.Space({"x": hpopt.Float(0, 1)})


class Phased(Optimizer):
    """Be in the phases of a list, one an ask."""

    def __init__(self, *, phases):
        self.phases = phases

    @property
    def phase(self):
        name = self.phases[max(0, self.n_asked - 1)]
        return None if name is None else Phase(name, "why")

    def _ask(self, number, n):
        return self.generator(number).random((1, 1))


class Explained(Optimizer):
    """A strategy of one's own that has an explanation only."""

    @property
    def explanation(self):
        return f"{'early' if self.n_asked < 4 else 'late'}: {self.n_asked} asked"

    def _ask(self, number, n):
        return self.generator(number).random((1, 1))


def messages(strategy, trials, caplog, **settings):
    problem = hpopt.FunctionProblem(lambda config: config["x"], SPACE)
    with caplog.at_level(logging.INFO, logger="hpopt"):
        hpopt.optimize(problem, strategy, trials=trials, seed=0, progress=False, **settings)
    return [message.partition(";")[0] for message in caplog.messages]


def test_each_phase_is_told_when_it_begins(caplog):
    strategy = Phased(phases=["a"] * 3 + ["b"] * 4)
    assert messages(strategy, 7, caplog) == ["a: why", "now b: why"]


def test_what_has_no_phases_says_nothing(caplog):
    assert messages(Phased(phases=[None] * 4), 4, caplog) == []
    assert messages("random", 4, caplog) == []


def test_a_phase_that_comes_back_again_and_again_is_not_told_each_time(caplog):
    said = messages(Phased(phases=["a", "b"] * 50), 100, caplog)
    assert said[:3] == ["a: why", "now b: why", "now a: why"]
    assert len(said) <= 9  # as the number of trials must double between two of them
    assert all(one != other for one, other in itertools.pairwise(said))


def test_a_phase_that_stays_is_told_in_the_end(caplog):
    phases = ["a"] * 10 + ["b"] * 2 + ["a"] * 30
    assert messages(Phased(phases=phases), 42, caplog) == ["a: why", "now b: why", "now a: why"]


def test_an_explanation_alone_is_enough(caplog):
    assert messages(Explained(), 6, caplog) == ["early: 1 asked", "now late: 4 asked"]


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (Phased(phases=["a"] * 3), "a"),
        (Explained(), "early: 3 asked"),
        ("random", "drawing configs at random"),
    ],
)
def test_a_display_gets_what_the_strategy_does(strategy, words, monkeypatch):
    monkeypatch.setattr("hpopt.study.loop.DOING_SECONDS", 0.0)
    shown = []

    class Noting(Silent):
        def show(self, snapshot):
            shown.append(snapshot.doing)

    problem = hpopt.FunctionProblem(lambda config: config["x"], SPACE)
    hpopt.optimize(problem, strategy, trials=3, seed=0, progress=Noting())
    assert shown[-1] == words
