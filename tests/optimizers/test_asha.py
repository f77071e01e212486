"""Asynchronous successive halving beside the paper's pseudo-code, and inside studies."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from halving import Curves

import hpopt
from hpopt import ASHA, Fidelity, Hyperband
from hpopt.core import Objective, Outcome, Trial, failed
from hpopt.errors import SettingError
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.searches import described, search, steps

SPACE = LANDSCAPES["floats"].space
PROBLEM = Landscape(SPACE, fidelity=Fidelity(1, 27))
RUNGS = [1, 3, 9, 27]
ONE, TWO = Objective(), (Objective("error"), Objective("speed", "maximize"))


def expected(journal, pending, reduction):
    """Return the job of algorithm 2 of Li et al. 2020: a config to promote and its rung, or None.

    `journal` has (config, rung, loss, number) of all that has ended, `pending` (config, rung).
    """
    taken = {(config, rung) for config, rung, *_ in journal} | {*pending}
    for rung in (2, 1, 0):
        ended = sorted((loss, number, config) for config, k, loss, number in journal if k == rung)
        for loss, _, config in ended[: len(ended) // reduction]:
            if (config, rung + 1) not in taken and loss < math.inf:
                return config, rung + 1
    return None


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_it_is_algorithm_2(workers):
    """Whatever ends when, with failures and equal losses."""
    outcomes = np.random.default_rng(workers).integers(0, 30, size=(90, 2)).tolist()
    optimizer, journal = ASHA().bind(PROBLEM, seed=1), []
    rung_of = {number: k for k, number in enumerate(RUNGS)}
    for loss, who in outcomes:
        while len(optimizer.pending) < workers:
            waiting = [(each.seed, rung_of[each.fidelity]) for each in optimizer.pending.values()]
            job = expected(journal, waiting, 3)
            (solution,) = optimizer.ask()
            if job is None:
                assert solution.fidelity == 1
                assert solution.seed not in {seed for seed, *_ in journal + waiting}
            else:
                assert (solution.seed, rung_of[solution.fidelity]) == job
        number = sorted(optimizer.pending)[who % workers]
        solution = optimizer.pending[number]
        has_value = loss < 25
        outcome = Outcome("complete", {"value": float(loss)}) if has_value else failed("so")
        optimizer.tell(Trial(solution, outcome))
        value = float(loss) if has_value else math.inf
        journal.append((solution.seed, rung_of[solution.fidelity], value, number))


def test_what_was_stopped_early_or_is_nan_never_goes_on():
    def evaluate(problem, solution):
        if solution.number % 3 == 0:
            return Outcome("stopped", {"value": -1.0})
        if solution.number % 3 == 1:
            return Outcome("invalid", error="objective 'value' is nan")
        return Outcome("complete", {"value": float(solution.number)})

    trials = search(ASHA(reduction=2).bind(PROBLEM), PROBLEM, 60, evaluate=evaluate)
    good = {t.solution.seed for t in trials if t.status == "complete" and t.solution.fidelity == 1}
    higher = [t for t in trials if t.solution.fidelity > 1]
    assert higher
    assert {trial.solution.seed for trial in higher} <= good


def test_each_bracket_compares_its_own_and_has_its_share():
    trials = search(ASHA(brackets=4).bind(PROBLEM), PROBLEM, 400)
    begun = {}
    for trial in trials:
        begun.setdefault(trial.solution.seed, trial.solution.fidelity)
    counts = Counter(begun.values())
    # As in Hyperband: 27, 12, 6 and 4.
    share = sum(counts.values()) / (27 + 12 + 6 + 4)
    assert [counts[rung] for rung in RUNGS] == pytest.approx(
        [share * n for n in (27, 12, 6, 4)], abs=2
    )
    for bracket, lowest in enumerate(RUNGS[:-1]):
        for rung, then in pairwise(RUNGS[bracket:]):
            own = [t for t in trials if begun[t.solution.seed] == lowest]
            n, n_next = (sum(t.solution.fidelity == at for t in own) for at in (rung, then))
            assert n_next >= n // 3 - 1


@pytest.mark.parametrize("strategy", [ASHA, Hyperband])
def test_of_several_objectives_whole_fronts_go_on_first_and_then_most_volume(strategy):
    optimizer = strategy(low=3).bind(Landscape(SPACE, TWO, fidelity=Fidelity(1, 27)), seed=1)
    solutions = optimizer.ask(9)
    # The first front is one trial; the second a bend between two ends, and others behind it.
    errors, speeds = [1, 2, 9, 3, 8, 9, 9, 9, 0.5], [5, 1, 4.5, 3, 0, 0, 1, 2, 9.5]
    values = [{"error": e, "speed": s} for e, s in zip(errors, speeds, strict=True)]
    outcomes = [Outcome("complete", each) for each in values]
    outcomes[7] = failed("so")
    optimizer.tell([Trial(*each) for each in zip(solutions, outcomes, strict=True)])
    assert [each.fidelity for each in solutions] == [3] * 9
    found = optimizer.ask(3)
    assert [each.fidelity for each in found] == [9] * 3
    places = [[s.config for s in solutions].index(each.config) for each in found]
    assert places == [8, 0, 3]


@pytest.mark.parametrize("strategy", [ASHA, Hyperband])
def test_the_front_is_of_the_highest_fidelity(strategy):
    problem = Landscape(SPACE, TWO, fidelity=Fidelity(1, 9))
    result = run(strategy(), problem, trials=40)
    assert {trial.solution.fidelity for trial in result.front} == {9}
    assert 1 < len(result.front) < len([t for t in result.trials if t.solution.fidelity == 9])


def test_in_a_space_that_is_used_up_one_reaches_the_end():
    space = hpopt.Space({"a": hpopt.Int(0, 4)})
    problem = Landscape(space, fidelity=Fidelity(1, 27))
    for optimizer in (ASHA(), Hyperband(), Hyperband(asynchronous=True)):
        optimizer.bind(problem)
        trials = search(optimizer, problem, 100)
        assert len({trial.config["a"] for trial in trials}) == 5
        assert max(trial.solution.fidelity for trial in trials) == 27
        assert not optimizer.ask()


def test_start_configs_begin_at_the_lowest_rung():
    start = SPACE.sample(12, seed=3)
    for optimizer in (ASHA(), Hyperband(low=3)):
        trials = search(optimizer.bind(PROBLEM, start=start), PROBLEM, 30)
        lowest = 3 if optimizer.low else 1
        begun = [t for t in trials[:17] if t.solution.fidelity == lowest]
        assert [t.config for t in begun][:12] == start


def test_hyperband_makes_its_first_bracket_as_large_as_start():
    start = SPACE.sample(12, seed=3)
    trials = search(Hyperband(low=3).bind(PROBLEM, start=start), PROBLEM, 17)
    assert [t.solution.fidelity for t in trials] == [3] * 12 + [9] * 4 + [27]


def test_what_is_said():
    optimizer = ASHA().bind(PROBLEM)
    assert optimizer.explanation == "rungs of 1, 3, 9 and 27 epochs, new configs by random"
    search(optimizer, PROBLEM, 40)
    assert "rung 1: 9 of 25 go on; rung 3: 5 of 9 go on" in optimizer.explanation
    optimizer = Hyperband(proposer={"name": "tpe", "first": 5}, low=3).bind(PROBLEM)
    search(optimizer, PROBLEM, 11)
    optimizer.ask()
    said = optimizer.explanation
    assert said.startswith("bracket 1 of 3, from 3 epochs, new configs by TPE on 8 results")
    assert "rung 9: 2 of 3 have ended" in said


def test_a_model_is_shown_the_highest_rung_with_enough():
    optimizer = ASHA(proposer="tpe").bind(PROBLEM, seed=2)
    trials = search(optimizer, PROBLEM, 120)
    optimizer.ask()
    shown = optimizer._new._inner.history.losses[:, 0].tolist()
    ended = Counter(trial.solution.fidelity for trial in trials)
    level = max(at for at, n in ended.items() if n >= 3 + 3)
    assert shown == [t.values["value"] for t in trials if t.solution.fidelity == level]


@pytest.mark.parametrize(
    ("strategy", "proposer", "objectives"),
    [
        (ASHA, "menndl", ONE),
        (ASHA, "bayesian", ONE),
        (ASHA, "steady_state", ONE),
        (Hyperband, "tpe", ONE),
        (ASHA, "genetic", TWO),
        (Hyperband, "tpe", TWO),
    ],
)
def test_replay_is_exact_with_any_proposer(strategy, proposer, objectives):
    problem = Landscape(LANDSCAPES["conditions"].space, objectives, fidelity=Fidelity(1, 9))
    whole = list(steps(strategy(proposer=proposer).bind(problem), problem, 34, workers=3))
    told, pending = [trial for _, trial in whole[:21]], []
    numbers = {trial.number for trial in told}
    pending = [s for asked, _ in whole[:21] for s in asked if s.number not in numbers]
    again = strategy(proposer=proposer).bind(problem)
    again.replay(told, pending)
    rest = [trial for _, trial in steps(again, problem, 34, workers=3, n_told=21)]
    assert described(rest) == described([trial for _, trial in whole[21:]])


# -- in a study --------------------------------------------------------------------------------


def essence(result):
    return [
        (t.number, t.config, t.solution.seed, t.solution.fidelity, dict(t.values), t.curve)
        for t in result.trials
    ]


def run(optimizer, problem=None, trials=30, **options):
    options = {"seed": 3, "progress": False, **options}
    return hpopt.optimize(problem or Curves(), optimizer, trials=trials, **options)


def test_with_a_window_it_is_the_same_at_any_number_of_workers():
    expected = essence(run(ASHA(reduction=2), window=3))
    assert {at for _, _, _, at, *_ in expected} == {2, 4, 8}
    found = run(ASHA(reduction=2), Curves(delay=0.001), window=3, workers=3, executor="threads")
    assert essence(found) == expected


def test_synchronous_brackets_are_the_same_without_one():
    expected = essence(run(Hyperband(reduction=2)))
    assert {at for _, _, _, at, *_ in expected} == {2, 4, 8}
    found = run(Hyperband(reduction=2), Curves(delay=0.001), workers=3, executor="threads")
    assert essence(found) == expected


@pytest.mark.parametrize("name", ["asha", "hyperband"])
def test_a_resumed_study_is_one_that_ran_through(tmp_path, name):
    path = tmp_path / "study.db"
    optimizer = {"asha": ASHA, "hyperband": Hyperband}[name]
    expected = essence(run(optimizer(reduction=2)))
    for trials in (5, 14, 30):
        found = run(optimizer(reduction=2) if trials == 5 else None, trials=trials, study=path)
    assert essence(found) == expected
    assert name in hpopt.Study.load(path).header["optimizer"]["name"]


def test_hyperband_keeps_no_files_of_what_cannot_go_on(tmp_path):
    path = tmp_path / "study.db"
    n = 4 + 2 + 1 + 3  # the second bracket's new configs have ended
    trials = run(Hyperband(reduction=2), trials=n, study=path).trials
    assert [t.solution.fidelity for t in trials] == [2] * 4 + [4] * 2 + [8] + [4] * 3
    folders = sorted(int(each.name) for each in (tmp_path / "study.db.files").iterdir())
    assert folders == [6, 8]  # the final one, and the one of the three that goes on


def test_values_added_by_hand_are_not_compared_with_lower_rungs():
    for optimizer in (ASHA(), Hyperband()):
        study = hpopt.Study(PROBLEM, optimizer, seed=1)
        study.run(trials=8, progress=False)
        waiting = min(study.trials, key=lambda trial: trial.values["value"])
        added = study.add_trial(waiting.config, -1.0)
        study.run(trials=40, progress=False)
        own = [trial for trial in study.trials if trial.config == waiting.config]
        assert own[-1].number == added.number
        assert study.best.number == added.number
        assert Counter(t.solution.fidelity for t in study.trials)[9] > 1


# -- kind="stopping" ---------------------------------------------------------------------------


def reporting(config, trial):
    value = 9.0
    for step in range(1, 28):
        value = config["x"] ** 2 + value / 2
        trial.report(step, value)
        if trial.should_stop():
            break
    return value


@pytest.mark.parametrize("fidelity", [Fidelity(3, 27), None])
def test_stopping_is_the_rule_that_travels(fidelity):
    problem = hpopt.FunctionProblem(reporting, {"x": hpopt.Float(-5, 5)}, fidelity=fidelity)
    low = None if fidelity else 3
    found = run(ASHA(kind="stopping", low=low), problem, trials=40)
    rule = hpopt.early_stopping.HalvingRule(low=3)
    assert essence(found) == essence(run("random", problem, trials=40, early_stopping=rule))
    assert found.counts["stopped"] > 10
    with_model = run(ASHA(kind="stopping", proposer="tpe", low=low), problem, trials=40)
    assert essence(with_model) == essence(run("tpe", problem, trials=40, early_stopping=rule))


def test_stopping_has_one_rule_and_one_bracket():
    problem = hpopt.FunctionProblem(reporting, {"x": hpopt.Float(-5, 5)})
    with pytest.raises(SettingError, match="early_stopping must be left out, as ASHA"):
        run(ASHA(kind="stopping"), problem, early_stopping="median")
    with pytest.raises(SettingError, match=r"brackets must be 1 with kind=.stopping., but got 2"):
        ASHA(kind="stopping", brackets=2)
    with pytest.raises(SettingError, match="stage 1 of the chain must not stop trials early"):
        run(hpopt.Chain((ASHA(kind="stopping"), 9), ("random", None)), problem)
    two = Landscape(SPACE, TWO)
    with pytest.raises(SettingError, match=r"one objective to stop.*early_stopping=.dominance."):
        run(ASHA(kind="stopping"), two)
    with pytest.raises(SettingError, match="unknown kind 'stoping'"):
        ASHA(kind="stoping")
