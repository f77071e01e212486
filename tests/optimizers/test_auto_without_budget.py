"""How long "auto" asks a model where nobody says how many trials there will be.

On every such path it is `model_trials` results, after which cheap evaluations count as cheap. Here
that is 34: between the 30 that a known, large budget allows at least, and the default of 200.
"""

import os
import signal

import pytest
from problems_for_tests import of

import hpopt
from hpopt import Auto, Chain, Narrowing
from hpopt.cli import main
from hpopt.core import Optimizer, Outcome, Trial
from hpopt.optimizers.stages import Stage, Stages
from hpopt.space import Categorical, Float, Space
from hpopt.stopping import Never, Plateau, Time

SPACE = Space({"x": Float(0, 1), "kind": Categorical(["a", "b"])})
MODEL_TRIALS = 34
CHEAP = 0.001  # seconds, as if measured: no test hangs on how fast this machine is


def bowl(config):
    return (config["x"] - 0.3) ** 2 + (config["kind"] == "b")


def auto():
    return Auto(seconds=CHEAP, model_trials=MODEL_TRIALS)


def way(optimizer):
    return optimizer.phase.name


def asks(optimizer):
    """Ask and tell by hand until the model ends, at most 45 times; return how many asks it had."""
    for k in range(45):
        if way(optimizer) == "steady state":
            return k
        (solution,) = optimizer.ask()
        outcome = Outcome("complete", {"value": bowl(solution.config)}, seconds=CHEAP)
        optimizer.tell(Trial(solution, outcome))
    return None


class Hosting(Optimizer):
    def _setup(self):
        self.hosted = self.host(auto())

    @property
    def phase(self):
        return self.hosted.phase

    def _ask(self, number, n):
        return self.hosted.propose(number, n)


class TwoStages(Stages):
    def _stage(self, index, points, losses):
        return Stage(auto(), 3 if index == 0 else None, self.space) if index < 2 else None


def test_by_hand():
    assert asks(auto().bind(of(bowl, SPACE))) == MODEL_TRIALS


def test_by_hand_with_the_default_there_are_two_hundred():
    optimizer = Auto(seconds=CHEAP).bind(of(bowl, SPACE))
    assert asks(optimizer) is None
    points = SPACE.random(200, optimizer.generator(0))
    trials = []
    for config in SPACE.decode(points)[: 199 - len(optimizer.history)]:
        trials.append(Trial(optimizer.solution_of(config), Outcome("complete", {"value": 1.0})))
        optimizer.add(trials[-1])
    assert way(optimizer) != "steady state"
    assert asks(optimizer) == 1


def test_a_known_large_budget_may_be_shorter():
    optimizer = auto().bind(of(bowl, SPACE))
    optimizer.expect(1000)
    assert asks(optimizer) == 30


def test_a_study_asked_and_told():
    study = hpopt.Study(of(bowl, SPACE), auto(), seed=0)
    for k in range(MODEL_TRIALS):
        assert way(study.optimizer) != "steady state", k
        trial = study.ask()
        study.tell(trial, bowl(trial.config))
    assert way(study.optimizer) == "steady state"


def test_results_that_a_study_was_given():
    study = hpopt.Study(of(bowl, SPACE), auto(), seed=0)
    for k in range(MODEL_TRIALS):
        assert way(study.optimizer) != "steady state", k
        study.add_trial({"x": k / 100, "kind": "a"}, k / 100)
    assert way(study.optimizer) == "steady state"


ENDS = {
    "time": {"timeout": 3600},
    "a rule on time": {"stop": Time("1h")},
    "a rule on progress": {"stop": Plateau(1000)},
    "no end": {"stop": Never()},
}


@pytest.mark.parametrize(
    ("ends", "workers"),
    [*((ends, 1) for ends in ENDS.values()), (ENDS["no end"], 2)],
    ids=[*ENDS, "two workers"],
)
def test_a_run_that_ends_by_something_else(ends, workers):
    ways = {}

    def note(study, trial):
        n = len(study.optimizer.history)
        ways[n] = way(study.optimizer)
        if n >= MODEL_TRIALS + 2:
            study.stop_soon()

    hpopt.optimize(
        of(bowl, SPACE),
        auto(),
        seed=0,
        workers=workers,
        executor="threads",
        callbacks=[note],
        progress=False,
        **ends,
    )
    assert {n for n, found in ways.items() if found == "steady state"} == {
        n for n in ways if n >= MODEL_TRIALS
    }


def test_a_study_that_is_resumed(tmp_path):
    path = tmp_path / "study.db"
    problem = of(bowl, SPACE)

    def end_after(n):
        return [lambda study, trial: study.stop_soon() if trial.number >= n - 1 else None]

    def run(n):
        given = {"timeout": 3600, "callbacks": end_after(n), "progress": False}
        with hpopt.Study(problem, auto(), path=path, seed=0) as study:
            study.run(**given)
            assert len(study.optimizer.history) == n
            return way(study.optimizer)

    assert run(MODEL_TRIALS - 2) != "steady state"
    assert run(MODEL_TRIALS - 1) != "steady state"
    with hpopt.Study(problem, auto(), path=path, seed=0) as study:
        assert "trials" not in study.header
        trial = study.ask()
        assert way(study.optimizer) != "steady state"
        study.tell(trial, bowl(trial.config))
        assert way(study.optimizer) == "steady state"


INSIDE = {
    "a host": Hosting,
    "a chain": lambda: Chain(("random", 3), (auto(), None)),
    "a chain of a chain": lambda: Chain((Chain((auto(), None)), None)),
    "stages": TwoStages,
    "the narrowing": lambda: Narrowing(optimizer=auto(), rounds=2, trials_per_round=3),
}


@pytest.mark.parametrize("make", INSIDE.values(), ids=INSIDE)
def test_inside_another_strategy(make, monkeypatch):
    """Neither kind of strategy must be told of a budget that nobody knows."""
    ways = []
    chosen = Auto._ask

    def noted(self, number, n):
        ways.append((len(self.history.all_losses), way(self)))
        return chosen(self, number, n)

    monkeypatch.setattr(Auto, "_ask", noted)
    optimizer = make().bind(of(bowl, SPACE))
    for _ in range(MODEL_TRIALS + 8):
        (solution,) = optimizer.ask()
        outcome = Outcome("complete", {"value": bowl(solution.config)}, seconds=CHEAP)
        optimizer.tell(Trial(solution, outcome))
    late = [n for n, found in ways if found == "steady state"]
    assert late
    assert min(late) >= MODEL_TRIALS


PROBLEM = """
import os, signal, hpopt

class Bowl(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1), "kind": hpopt.Categorical(["a", "b"])})

    def evaluate(self, config, trial):
        if trial.number in (32, 39):
            os.kill(os.getpid(), signal.SIGINT)  # nothing else ends the run in time
        return (config["x"] - 0.3) ** 2 + (config["kind"] == "b")
"""

RUN = f"""
study = "bowl.db"
timeout = "1h"
optimizer = {{ name = "auto", seconds = {CHEAP}, model_trials = {MODEL_TRIALS} }}

[problem]
class = "bowl.py:Bowl"
"""


@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C goes to the whole console")
def test_the_command_line_with_a_time_only(tmp_path, monkeypatch, capfd):
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bowl.py").write_text(PROBLEM)
    (tmp_path / "bowl.toml").write_text(RUN)
    main(["run", "bowl.toml"])
    first = capfd.readouterr().err
    assert len(hpopt.Study.load("bowl.db").trials) == MODEL_TRIALS - 1
    assert "hpopt: now a model chooses (Gaussian process" in first
    assert "steady state" not in first
    main(["resume", "bowl.db"])
    assert "steady state" in capfd.readouterr().err
