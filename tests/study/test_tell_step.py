"""A loop of your own that reports, in one process or in one process a step; and when it ends."""

import pytest

import hpopt
from hpopt.errors import ProblemError, SettingError
from hpopt.problems import ExternalProblem
from hpopt.stopping import Plateau, Target, Time, Trials

from .problems import Line
from .test_early_stopping import RULE, Curves, lengths, search


class Two(Line):
    objectives = (hpopt.Objective("loss"), hpopt.Objective("speed", "maximize"))


def evaluate(study, number, config):
    """Report five steps, unless told to stop, and tell."""
    for step in range(1, 6):
        if study.tell_step(number, step, step * config["x"]):
            return study.tell(number)
    return study.tell(number, 5 * config["x"])


class TestEarlyStopping:
    def test_it_stops_what_a_run_stops(self):
        study = hpopt.Study(Curves(), "random", seed=2)
        study.use_early_stopping(RULE)
        for _ in range(30):
            solution = study.ask()
            evaluate(study, solution.number, solution.config)
        expected = search()
        assert lengths(study.trials) == lengths(expected)
        assert [t.values for t in study.trials] == [t.values for t in expected]
        assert {"stopped", "complete"} == {trial.status for trial in study.trials}

    def test_each_step_may_be_of_a_process_of_its_own(self, path):
        def opened():
            study = hpopt.Study(Curves(), "random", seed=2, path=path)
            study.use_early_stopping(RULE)
            return study

        class EachTime:
            def __getattr__(self, name):
                def call(*arguments, **options):
                    with opened() as study:
                        return getattr(study, name)(*arguments, **options)

                return call

        # Two at a time, so that what was known when each was asked matters.
        study, waiting = EachTime(), []
        for _ in range(10):
            waiting.append(study.ask(again=False))
            if len(waiting) == 2:
                first = waiting.pop(0)
                evaluate(study, first.number, first.config)
        expected = hpopt.Study(Curves(), "random", seed=2)
        expected.use_early_stopping(RULE)
        asked = [expected.ask()]
        for _ in range(9):
            asked.append(expected.ask())
            first = asked.pop(0)
            evaluate(expected, first.number, first.config)
        trials = hpopt.Study.load(path).trials
        assert lengths(trials) == lengths(expected.trials)
        assert any(trial.status == "stopped" for trial in trials)

    def test_the_strategys_own_rule_needs_no_naming(self):
        def asha():
            return hpopt.ASHA(kind="stopping", low=1)

        expected = hpopt.optimize(Curves(), asha(), trials=20, seed=0, progress=False)
        study = hpopt.Study(Curves(), asha(), seed=0)
        study.expect(20)
        for _ in range(20):
            solution = study.ask()
            evaluate(study, solution.number, solution.config)
        assert lengths(study.trials) == lengths(expected.trials)
        assert any(trial.status == "stopped" for trial in study.trials)

    def test_without_a_rule_nothing_is_stopped(self):
        study = hpopt.Study(Curves(), "random", seed=2)
        assert evaluate(study, study.ask().number, {"x": -5.0}).status == "complete"

    def test_a_loop_may_stop_a_trial_itself(self):
        study = hpopt.Study(Curves(), "random", seed=2)
        first, second, third = (study.ask() for _ in range(3))
        study.tell_step(first, 1, 0.25)
        assert study.tell(first, stopped=True).values == {"height": 0.25}
        trial = study.tell(second, 0.5, stopped=True)
        assert (trial.status, trial.values) == ("stopped", {"height": 0.5})
        with pytest.raises(SettingError, match="it reported none"):
            study.tell(third, stopped=True)
        assert study.tell(third, 1.0).status == "complete"


class TestReports:
    def test_they_become_the_curve(self, path):
        with hpopt.Study(Line(), "random", seed=0, path=path) as study:
            number = study.ask().number
            assert study.tell_step(number, 1, 3.0) is False
        with hpopt.Study(Line(), path=path) as study:
            study.tell_step(number, 2, 2.0)
            assert study.tell(number, 1.5).curve == ((1.0, 3.0), (2.0, 2.0))
        assert hpopt.Study.load(path).trial(number).curve == ((1.0, 3.0), (2.0, 2.0))

    def test_a_failure_keeps_them(self):
        study = hpopt.Study(Line(), "random", seed=0)
        number = study.ask().number
        study.tell_step(number, 1, 3.0)
        assert study.tell(number, hpopt.failed("it broke")).curve == ((1.0, 3.0),)

    def test_what_is_asked_again_begins_anew(self, path):
        with hpopt.Study(Line(), "random", seed=0, path=path) as study:
            study.tell_step(study.ask(), 4, 3.0)
        with hpopt.Study(Line(), path=path) as study:
            number = study.ask().number
            study.tell_step(number, 1, 7.0)
            assert study.tell(number, 1.5).curve == ((1.0, 7.0),)

    @pytest.mark.parametrize(
        ("step", "value", "said"),
        [("a", 1.0, "a finite number as step"), (2, "b", "a number as value"), (0, 1.0, "go down")],
    )
    def test_wrong_ones(self, step, value, said):
        study = hpopt.Study(Line(), "random", seed=0)
        number = study.ask().number
        study.tell_step(number, 1, 3.0)
        with pytest.raises(SettingError, match=said):
            study.tell_step(number, step, value)
        assert study.tell(number, 2.0).curve == ((1.0, 3.0),)

    def test_of_what_is_not_pending(self):
        study = hpopt.Study(Line(), "random", seed=0)
        with pytest.raises(SettingError, match="number 3 was never asked"):
            study.tell_step(3, 1, 1.0)

    def test_of_several_objectives(self):
        study = hpopt.Study(Two(), "random", seed=0)
        number = study.ask().number
        study.tell_step(number, 1, {"loss": 3.0, "speed": 1})
        trial = study.tell(number, stopped=True)
        assert trial.values == {"loss": 3.0, "speed": 1.0}


def test_what_others_have_asked_may_be_left_to_them(path):
    with hpopt.Study(Line(), "random", seed=0, path=path) as study:
        study.ask()
    with hpopt.Study(Line(), path=path) as study:
        assert study.ask(again=False).number == 1
        assert study.ask().number == 0


def test_the_time_since_it_was_asked_counts(path):
    with hpopt.Study(Line(), "random", seed=0, path=path) as study:
        study.ask()
        since = study.running[0].since
    with hpopt.Study(Line(), path=path) as study:
        trial = study.tell(0, 1.0)
        assert trial.started == since
        assert trial.seconds > 0


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Trials(2), "2 trials are done"),
        (Target(0.5) | Trials(9), "reached 0.25"),
        (Plateau(1), "no better trial for 1 trials"),
        (Trials(9) | Time(0.0), "the time of 0 s is over"),
        (Trials(9), ""),
    ],
)
def test_why_a_loop_is_over(rule, said):
    study = hpopt.Study(Line(), "random", seed=0)
    for value in (0.25, 1.0):
        study.tell(study.ask(), value)
    found = study.why_over(rule)
    assert said in found
    assert bool(found) == bool(said)


def test_a_loop_is_over_when_all_have_been_asked():
    study = hpopt.Study(Line(), "random", seed=0)
    study.ask()
    assert study.why_over(Trials(1)) == "all trials have been asked"


def test_the_strategy_is_told_how_many_trials_there_will_be():
    told, run = hpopt.Study(Line(), "random"), hpopt.Study(Line(), "random")
    told.expect(7)
    told.expect(9)
    run.run(trials=7, progress=False)
    assert told.header["trials"] == run.header["trials"] == 7


def test_where_files_lie(path):
    with hpopt.Study(Line(), "random", seed=0, path=path) as study:
        solution = study.ask()
        assert study.directory_of(solution) == path.with_name(f"{path.name}.files") / "0"
        assert study.previous_of(solution) is None


class TestExternalProblem:
    def test_it_is_asked_and_told(self):
        space = {"x": hpopt.Float(0, 1)}
        study = hpopt.Study(ExternalProblem(space, objectives={"taste": "maximize"}), "random")
        for _ in range(3):
            solution = study.ask()
            study.tell(solution, {"taste": solution.config["x"]})
        assert study.best.values["taste"] == max(trial.config["x"] for trial in study.trials)

    def test_it_cannot_be_run(self):
        study = hpopt.Study(ExternalProblem({"x": hpopt.Float(0, 1)}), "random")
        with pytest.raises(hpopt.errors.AllTrialsFailedError, match="evaluated elsewhere"):
            study.run(trials=3, progress=False)

    def test_it_checks_what_it_is_given(self):
        with pytest.raises(ProblemError):
            ExternalProblem({"x": hpopt.Float(0, 1)}, objectives={"taste": "biggest"})
