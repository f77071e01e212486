"""Trials that failed are evaluated again, under their own numbers and seeds."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import hpopt
from hpopt.errors import AllTrialsFailedError, SettingError

from .problems import LEARNING, STRATEGIES, Greedy, Line, Mixed, essence, numbers

ALL = STRATEGIES | LEARNING
SEED = 5


class Mended(Mixed):
    """It fails in every third trial until it is mended."""

    def __init__(self):
        super().__init__()
        self.is_broken = True

    def evaluate(self, config, trial):
        if self.is_broken and trial.number % 3 == 1:
            raise RuntimeError("not mended yet")
        return super().evaluate(config, trial)


def broken_and_mended(make, path, n=14, problem=None, **options):
    """Run a study with failures, then mend its problem."""
    problem = problem or Mended()
    study = hpopt.Study(problem, make(), path=path, seed=SEED)
    study.run(trials=n, progress=False, **options)
    problem.is_broken = False
    return study


@pytest.mark.parametrize("name", ALL)
def test_cut_off_in_the_middle_it_goes_on_the_same(path, name):
    with broken_and_mended(ALL[name], path) as study:
        before = study.trials
        study.run(trials=13, retry_failed=True, progress=False)
        whole = study.trials
    assert numbers(whole) == list(range(len(whole)))
    assert {trial.status for trial in whole} == {"complete"}
    for old, new in zip(before, whole, strict=False):
        assert essence([new])[0][:4] == essence([old])[0][:4]
        assert old.outcome == new.outcome or old.status == "failed"
    path.unlink()
    with broken_and_mended(ALL[name], path) as study:
        study.run(trials=2, retry_failed=True, progress=False)
    for n in (1, 4, 6):
        with hpopt.Study(Mixed(), ALL[name](), path=path) as study:
            study.run(trials=n, progress=False)
            parts = study.trials
    assert essence(parts) == essence(whole)


@pytest.mark.parametrize("name", ["genetic", "greedy"])
def test_in_a_window_and_with_workers(path, name, processes):
    options = {"window": 3, "executor": processes, "workers": 3, "progress": False}
    with broken_and_mended(ALL[name], path, window=3) as study:
        study.run(trials=11, window=3, retry_failed=True, progress=False)
        alone = study.trials
    path.unlink()
    with broken_and_mended(ALL[name], path, window=3) as study:
        study.run(trials=2, retry_failed=True, **options)
    with hpopt.Study(Mixed(), ALL[name](), path=path) as study:
        study.run(trials=9, **options)
        assert essence(study.trials) == essence(alone)


def test_with_early_stopping(path):
    class Reporting(Mended):
        def evaluate(self, config, trial):
            value = super().evaluate(config, trial)
            for step in range(4):
                trial.report(step, value)
                if trial.should_stop():
                    break
            return value

    rule = hpopt.early_stopping.MedianRule(min_trials=2)

    def search(cuts):
        path.unlink(missing_ok=True)
        problem = Reporting()
        with hpopt.Study(problem, "random", path=path, seed=SEED) as study:
            study.run(trials=12, early_stopping=rule, progress=False)
            problem.is_broken = False
            study.run(trials=cuts[0], early_stopping=rule, retry_failed=True, progress=False)
        for n in cuts[1:]:
            with hpopt.Study(problem, path=path) as study:
                study.run(trials=n, early_stopping=rule, progress=False)
        return hpopt.Study.load(path).trials

    whole = search([12])
    assert "stopped" in {trial.status for trial in whole}
    assert essence(search([2, 10])) == essence(whole)


def test_again_in_the_same_process_and_in_memory():
    class Getting(Line):
        n = 0

        def evaluate(self, config, trial):
            self.n += 1
            if trial.number in (1, 2, 3) and self.n < 9:
                raise RuntimeError("not yet")
            return trial.number

    study = hpopt.Study(Getting(), Greedy(), seed=SEED)
    study.run(trials=5, progress=False)
    first = study.trials
    result = study.run(trials=3, retry_failed=True, progress=False)
    assert [t.status for t in result.trials] == [t.status for t in first]
    result = study.run(trials=4, retry_failed=True, progress=False)
    assert [trial.status for trial in result.trials] == ["complete"] * 6
    assert [t.solution.seed for t in result.trials[:5]] == [t.solution.seed for t in first]
    assert result.best.number == study.best.number == 0


def test_what_the_study_has_lived_with_does_not_end_the_run():
    """A mistake that was not mended after all ends it only where the study has no values."""

    def evaluate(config, trial):
        if trial.number in (0, 2, 4, 6):
            raise RuntimeError("for good")
        return 1.0

    problem = hpopt.FunctionProblem(evaluate, {"x": hpopt.Float(0, 1)})
    study = hpopt.Study(problem, "random", seed=SEED)
    study.run(trials=8, progress=False)
    result = study.run(retry_failed=True, progress=False)
    assert (result.counts["failed"], result.reason) == (4, "8 trials are done")
    without = hpopt.Study(failing(), "random")
    without.run(trials=4, fail_fast=0, progress=False)
    with pytest.raises(AllTrialsFailedError):
        without.run(retry_failed=True, progress=False)


def test_no_other_end_is_needed(path):
    with broken_and_mended(Greedy, path, 7) as study:
        result = study.run(retry_failed=True, progress=False)
        assert result.reason == "7 trials are done"
        assert [trial.status for trial in result.trials] == ["complete"] * 7
        assert study.run(retry_failed=True, progress=False).reason == "7 trials are done"
        with pytest.raises(SettingError, match="must have an end"):
            study.run(progress=False)


def test_the_budget_of_optimize_is_still_that_of_the_whole_study(path):
    with pytest.raises(AllTrialsFailedError):
        hpopt.optimize(failing(), "random", trials=5, study=path, progress=False)
    fine = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
    result = hpopt.optimize(fine, trials=5, study=path, retry_failed=True, progress=False)
    assert numbers(result.trials) == list(range(5))
    assert result.counts["complete"] == 5


def test_lost_ones_too_but_not_those_that_met_a_limit_or_gave_nan():
    study = hpopt.Study(Line(), "random")
    for status in ("lost", "timeout", "out_of_memory", "invalid", "failed"):
        study.tell(study.ask(), hpopt.failed("no value", status=status))
    study.run(retry_failed=True, progress=False)
    statuses = [trial.status for trial in study.trials]
    assert statuses == ["complete", "timeout", "out_of_memory", "invalid", "complete"]


def test_what_comes_before_the_first_trial_is_known_again(path):
    """Configs to start with, the number of trials, and what was learned of another study."""
    source = hpopt.optimize(Mixed(), "random", trials=8, seed=1, progress=False)
    start = [Mixed.space.decode(Mixed.space.snap(source.trials[0].solution.point[None]))[0]]

    def search(cuts):
        path.unlink(missing_ok=True)
        problem = Mended()
        with hpopt.Study(problem, "tpe", path=path, seed=SEED, start=start) as study:
            study.learn_from(source)
            study.run(trials=6, progress=False)
            problem.is_broken = False
            study.run(trials=cuts[0], retry_failed=True, progress=False)
        with hpopt.Study(problem, path=path) as study:
            study.run(trials=cuts[1], progress=False)
            return essence(study.trials)

    assert search([1, 12]) == search([9, 4])


def test_cut_off_before_the_first_of_them_nothing_is_lost(path):
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    with broken_and_mended(Greedy, path, 5) as study, pytest.raises(RuntimeError, match="shutdown"):
        study.run(trials=3, executor=threads, retry_failed=True, progress=False)
    record = hpopt.Study.load(path)
    assert (record.counts["complete"], record.counts["pending"]) == (3, 2)
    result = hpopt.optimize(Mixed(), Greedy(), trials=5, study=path, progress=False)
    assert [trial.status for trial in result.trials] == ["complete"] * 5


def test_a_wrong_argument_changes_nothing(path):
    with broken_and_mended(Greedy, path, 5) as study:
        before = essence(study.trials)
        for wrong in ({"trials": -1}, {"window": 0}, {"early_stopping": "mean"}, {"fail_fast": -1}):
            with pytest.raises(SettingError):
                study.run(retry_failed=True, progress=False, **wrong)
        assert essence(study.trials) == before


def failing():
    return hpopt.FunctionProblem(lambda config: config["y"], {"x": hpopt.Float(0, 1)})


KILLED = """
import os, signal, sys
import hpopt
from study.problems import Greedy
from study.test_retry_failed import SEED, Mended, broken_and_mended


class Deadly(Mended):
    def evaluate(self, config, trial):
        if not self.is_broken and trial.number == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(config, trial)


study = broken_and_mended(Greedy, sys.argv[1], problem=Deadly())
study.run(trials=13, retry_failed=True, progress=False)
"""


@pytest.mark.parametrize("number", [1, 7, 16])
def test_killed_at_any_of_them_it_goes_on_the_same(start_script, path, tmp_path, number):
    with broken_and_mended(Greedy, tmp_path / "whole.db") as study:
        study.run(trials=13, retry_failed=True, progress=False)
        whole = study.trials
    process = start_script(KILLED, path, number)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert hpopt.Study.load(path).counts["pending"] > 0
    result = hpopt.optimize(Mixed(), Greedy(), trials=len(whole), study=path, progress=False)
    assert essence(result.trials) == essence(whole)
