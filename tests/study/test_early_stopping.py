"""Early stopping in a study: on every executor, the same after a crash, the same in a window."""

import pickle

import pytest

import hpopt
from hpopt.early_stopping import EarlyStoppingRule, Experience, MedianRule
from hpopt.errors import SettingError

from .problems import Greedy, Line, essence, numbers


class Curves(Line):
    """A straight curve to the value, in five steps that may be cut short."""

    objectives = hpopt.Objective("height", "maximize")

    def __init__(self, crash_at=None):
        self.crash_at = crash_at

    def evaluate(self, config, trial):
        if trial.number == self.crash_at:
            raise KeyboardInterrupt
        for step in range(1, 6):
            trial.report(step, step * config["x"])
            if trial.should_stop():
                return step * config["x"]
        return 5 * config["x"]


RULE = MedianRule(warmup_steps=2, min_trials=3)


def expected(trials, rule=RULE):
    """Give the statuses and lengths that the rule gives one after the other."""
    experience = rule.begin(Curves.objectives)
    for trial in trials:
        snapshot = experience.snapshot()
        full = [(float(step), step * trial.config["x"]) for step in range(1, 6)]
        n = next((n for n in range(1, 6) if snapshot and snapshot(full[:n])), None)
        yield ("complete", 5) if n is None else ("stopped", n)
        experience.learn(trial)


def lengths(trials):
    return [(trial.status, len(trial.curve)) for trial in trials]


def search(**options):
    options = {"trials": 30, "seed": 2, "early_stopping": RULE, "progress": False, **options}
    return hpopt.optimize(Curves(), options.pop("optimizer", "random"), **options).trials


def test_what_is_worse_than_the_median_is_stopped():
    trials = search()
    assert lengths(trials) == list(expected(trials))
    n_stopped = sum(trial.status == "stopped" for trial in trials)
    assert 5 < n_stopped < 25
    for trial in trials:
        assert trial.values == {"height": trial.curve[-1][1]}
        assert trial.ok


def test_without_a_rule_nothing_is_stopped():
    assert {trial.status for trial in search(early_stopping=None)} == {"complete"}


def test_by_name():
    trials = search(early_stopping="median")
    assert lengths(trials) == list(expected(trials, MedianRule()))


@pytest.mark.parametrize("optimizer", ["random", Greedy])
def test_the_same_at_any_number_of_workers_in_a_window(processes, optimizer):
    make = optimizer if isinstance(optimizer, str) else optimizer()
    alone = search(window=3, optimizer=make)
    make = optimizer if isinstance(optimizer, str) else optimizer()
    together = search(window=3, optimizer=make, executor=processes, workers=3)
    assert essence(together) == essence(alone)
    assert lengths(together) == lengths(alone)
    assert optimizer is Greedy or {"stopped", "complete"} == {trial.status for trial in alone}


@pytest.mark.parametrize("window", [None, 3])
def test_the_same_after_a_crash(path, window):
    """Those that were cut off get the rule that they had: what was known when they were asked."""
    straight = search(window=window, optimizer=Greedy())
    with (
        hpopt.Study(Curves(crash_at=17), Greedy(), path=path, seed=2) as study,
        pytest.raises(KeyboardInterrupt),
    ):
        study.run(trials=30, early_stopping=RULE, window=window, progress=False)
    with hpopt.Study(Curves(), Greedy(), path=path) as study:
        assert len(study.trials) == 17
        study.run(
            stop=hpopt.stopping.Trials(30), early_stopping=RULE, window=window, progress=False
        )
        assert essence(study.trials) == essence(straight)
        assert lengths(study.trials) == lengths(straight)


class Learning(Curves):
    """Sixteen steps to the value, of which slow starters take more than others."""

    def evaluate(self, config, trial):
        if trial.number == self.crash_at:
            raise KeyboardInterrupt
        value = 0.0
        for step in range(1, 17):
            value = config["x"] * (1 - (0.5 + 0.4 * config["x"]) ** step)
            trial.report(step, value)
            if trial.should_stop():
                break
        return value


def learned(optimizer):
    """Return what a strategy has learned of each trial, in order."""
    history = optimizer.history
    return list(zip(history.numbers.tolist(), history.losses[:, 0].tolist(), strict=True))


@pytest.mark.parametrize("rule", ["median", "halving", "extrapolation", "patience"])
@pytest.mark.parametrize("strategy", ["tpe", "chain"])
def test_beliefs_are_the_same_after_a_crash_and_in_a_window(path, processes, rule, strategy):
    """A strategy learns what stopped trials are believed to have ended at."""

    def made():
        stages = [("random", 8), ("tpe", None)]
        return hpopt.Chain(stages=stages) if strategy == "chain" else hpopt.TPE()

    options = {"early_stopping": rule, "window": 3, "progress": False}
    with hpopt.Study(Learning(), made(), seed=2) as straight:
        straight.run(trials=30, **options)
    with hpopt.Study(Learning(), made(), seed=2) as together:
        together.run(trials=30, executor=processes, workers=3, **options)
    with (
        hpopt.Study(Learning(crash_at=21), made(), path=path, seed=2) as study,
        pytest.raises(KeyboardInterrupt),
    ):
        study.run(trials=30, **options)
    with hpopt.Study(Learning(), made(), path=path) as resumed:
        resumed.run(stop=hpopt.stopping.Trials(30), **options)
        for other in (together, resumed):
            assert lengths(other.trials) == lengths(straight.trials)
            assert learned(other.optimizer) == learned(straight.optimizer)
    statuses = {trial.status for trial in straight.trials}
    assert statuses == {"complete"} if rule == "patience" else {"complete", "stopped"}


def test_what_was_cut_off_knows_no_more_than_when_it_was_asked(path):
    """Whatever has been learned between the asking and the crash."""
    with hpopt.Study(Curves(), "random", path=path, seed=2) as study:
        early = study.ask()
        for _ in range(10):
            study.tell(study.ask(), {"height": 1.0})
    seen = []

    class Seeing(EarlyStoppingRule):
        def begin(self, objective):
            return Counting()

    class Counting(Experience):
        n = 0

        def learn(self, trial):
            self.n += 1

        def snapshot(self):
            seen.append(self.n)
            return None

    with hpopt.Study(Curves(), path=path) as study:
        study.run(trials=3, early_stopping=Seeing(), progress=False)
        assert numbers(study.trials)[0] == early.number
    assert seen == [0, 11, 12]


def test_another_rule_from_run_to_run():
    study = hpopt.Study(Curves(), "random", seed=2)
    study.run(trials=10, progress=False)
    study.run(trials=10, early_stopping=RULE, progress=False)
    study.run(trials=10, progress=False)
    trials = study.trials
    assert {trial.status for trial in trials[:10] + trials[20:]} == {"complete"}
    assert lengths(trials)[10:20] == list(expected(trials))[10:20]


def test_a_rule_that_raises_fails_its_trials_alone(caplog):
    class Broken(EarlyStoppingRule):
        def begin(self, objective):
            return Learner()

    class Learner(Experience):
        def learn(self, trial):
            pass

        def snapshot(self):
            return broken

    trials = search(early_stopping=Broken(), trials=3, fail_fast=0)
    assert [trial.status for trial in trials] == ["failed"] * 3
    assert "no such rule" in trials[0].error


def broken(curve):
    raise RuntimeError("no such rule")


def test_it_travels():
    assert pickle.loads(pickle.dumps(RULE)) == RULE


class Nets(hpopt.Problem):
    """An accuracy that rises in sixteen steps, and a size that is reported once."""

    space = hpopt.Space({"x": hpopt.Float(0, 1), "size": hpopt.Float(0, 1)})
    objectives = (hpopt.Objective("accuracy", "maximize"), hpopt.Objective("size"))

    def __init__(self, crash_at=None):
        self.crash_at = crash_at

    def evaluate(self, config, trial):
        if trial.number == self.crash_at:
            raise KeyboardInterrupt
        trial.report(0, {"size": config["size"]})
        end = config["x"] * (0.5 + config["size"])
        for step in range(1, 17):
            trial.report(step, {"accuracy": end - 0.8**step})
            if trial.should_stop():
                return None
        return {"accuracy": end - 0.8**16, "size": config["size"]}


@pytest.mark.parametrize("strategy", ["random", "genetic"])
def test_several_objectives_are_the_same_after_a_crash_and_in_a_window(path, processes, strategy):
    options = {"early_stopping": "dominance", "window": 3, "progress": False}
    with hpopt.Study(Nets(), strategy, seed=2) as straight:
        straight.run(trials=40, **options)
    with hpopt.Study(Nets(), strategy, seed=2) as together:
        together.run(trials=40, executor=processes, workers=3, **options)
    with (
        hpopt.Study(Nets(crash_at=31), strategy, path=path, seed=2) as study,
        pytest.raises(KeyboardInterrupt),
    ):
        study.run(trials=40, **options)
    with hpopt.Study(Nets(), strategy, path=path) as resumed:
        resumed.run(stop=hpopt.stopping.Trials(40), **options)
        for other in (together, resumed):
            assert [each.curve for each in other.trials] == [each.curve for each in straight.trials]
            assert other.optimizer.history.losses.tolist() == (
                straight.optimizer.history.losses.tolist()
            )
    stopped = [each for each in straight.trials if each.status == "stopped"]
    assert 5 < len(stopped) < 30
    for trial in stopped:
        assert trial.values == {"size": trial.config["size"], **trial.curve[-1][1]}
    assert {each.status for each in straight.front} == {"complete"}


def test_a_stopped_trial_is_learned_as_what_it_would_have_come_to():
    study = hpopt.Study(Nets(), "random", seed=2)
    study.run(trials=60, early_stopping="dominance", progress=False)
    errors, last = [], []
    for trial in study.trials:
        if trial.status == "stopped":
            loss, size = study.optimizer.history.losses[trial.number]
            end = trial.config["x"] * (0.5 + trial.config["size"]) - 0.8**16
            errors.append(abs(-loss - end))
            last.append(abs(trial.values["accuracy"] - end))
            assert size == trial.config["size"]
    assert sum(errors) < sum(last) / 2


@pytest.mark.parametrize("rule", ["median", "halving", "patience", RULE])
def test_rules_for_one_objective_refuse_several(path, rule):
    """Trials that are good in another one would be stopped."""

    class Two(Line):
        objectives = (hpopt.Objective("loss"), hpopt.Objective("size"))

    said = r"Rule must have one objective .* 2, \['loss', 'size'\].*early_stopping=\"dominance\""
    with pytest.raises(SettingError, match=said):
        hpopt.optimize(Two(), trials=3, early_stopping=rule, study=path, progress=False)
    assert hpopt.Study.load(path).trials == []
