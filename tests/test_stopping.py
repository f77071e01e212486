"""When a run ends."""

import math
import time

import pytest

import hpopt
from hpopt import stopping
from hpopt.errors import SettingError
from hpopt.stopping import Both, Either, Never, Plateau, Progress, Target, Time, Trials

LOSS, SCORE = hpopt.Objective("loss"), hpopt.Objective("score", "maximize")


class Given(hpopt.Problem):
    """Gives the values of a list, one after the other."""

    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def __init__(self, *values, direction="minimize"):
        self.given = values
        self.objectives = hpopt.Objective("value", direction)

    def evaluate(self, config, trial):
        return self.given[trial.number] if trial.number < len(self.given) else 0.0


def progress(n_asked=0, n_told=0, seconds=0.0, best=None, n_since_best=0, objective=LOSS):
    return Progress(
        n_asked=n_asked,
        n_told=n_told,
        seconds=seconds,
        objectives=(objective, hpopt.Objective("other")),
        best=best or {},
        n_since_best=n_since_best,
    )


def run(problem, **options):
    return hpopt.optimize(problem, "random", progress=False, **options)


class TestTrials:
    def test_all_told(self):
        rule = Trials(3)
        assert rule.reason(progress(n_asked=3, n_told=2)) is None
        assert rule.reason(progress(n_asked=3, n_told=3)) == "3 trials are done"
        assert rule.reason(progress(n_asked=9, n_told=9)) == "3 trials are done"

    def test_room_is_what_may_still_be_asked(self):
        rule = Trials(3)
        assert [rule.room(progress(n_asked=n)) for n in (0, 2, 3, 9)] == [3, 1, 0, 0]
        assert (rule.total(), rule.seconds()) == (3, math.inf)

    @pytest.mark.parametrize("n", [-1, 1.5, "3", None, True])
    def test_what_is_no_number_of_trials(self, n):
        with pytest.raises(SettingError, match="trials must be an int of at least 0"):
            Trials(n)


class TestTime:
    @pytest.mark.parametrize(
        ("limit", "seconds"),
        [
            (90, 90), (0.5, 0.5), (0, 0), (math.inf, math.inf),
            ("90s", 90), ("15m", 900), ("2h", 7200), ("1.5d", 129600), (" 3 h ", 10800),
            ("3m15s", 195), ("1d 2h 3m 4s", 93784), ("1h30m", 5400),
        ],
    )  # fmt: skip
    def test_units(self, limit, seconds):
        assert Time(limit).seconds() == seconds

    @pytest.mark.parametrize(
        "limit",
        [
            -1,
            math.nan,
            "",
            "90",
            "soon",
            "3 weeks",
            "1..5h",
            "15s3m",
            "1m1m",
            " ",
            "3m15",
            "-3s",
            None,
            True,
            [3],
        ],
    )
    def test_what_is_no_time(self, limit):
        with pytest.raises(SettingError, match="timeout must be a number of seconds") as raised:
            Time(limit)
        assert repr(limit) in str(raised.value)

    def test_reason(self):
        assert Time("2m").reason(progress(seconds=119)) is None
        assert Time("2m").reason(progress(seconds=120)) == "the time of 2m is over"
        assert Time(0.5).reason(progress(seconds=0.5)) == "the time of 0.5 s is over"

    def test_nothing_starts_after_it_and_what_runs_is_finished(self):
        class Slow(Given):
            def evaluate(self, config, trial):
                time.sleep(0.05)
                return 0.0

        result = run(Slow(), timeout=0.12)
        assert result.reason == "the time of 0.12 s is over"
        assert 1 <= len(result.trials) <= 3
        assert {trial.status for trial in result.trials} == {"complete"}
        assert result.seconds >= 0.12

    def test_each_run_has_its_own(self):
        study = hpopt.Study(Given(), "random")
        study.run(timeout=0.01, progress=False)
        n = len(study.trials)
        study.run(timeout=0.05, progress=False)
        assert len(study.trials) > n


class TestTarget:
    @pytest.mark.parametrize(
        ("objective", "value", "ends"),
        [(LOSS, 0.5, True), (LOSS, 0.4, True), (LOSS, 0.6, False),
         (SCORE, 0.5, True), (SCORE, 0.6, True), (SCORE, 0.4, False)],
    )  # fmt: skip
    def test_in_both_directions(self, objective, value, ends):
        found = progress(best={objective.name: value, "other": 0}, objective=objective)
        assert bool(Target(0.5).reason(found)) == ends
        assert Target(0.5).reason(progress(objective=objective)) is None

    def test_reason(self):
        found = progress(best={"loss": 0.123456789})
        assert Target(0.5).reason(found) == "loss reached 0.12346 (the target was 0.5)"

    @pytest.mark.parametrize(
        ("direction", "target", "n"), [("minimize", 2, 3), ("maximize", 5, 2), ("minimize", 9, 1)]
    )
    def test_it_ends_a_run(self, direction, target, n):
        problem = Given(4, 5, 1, 9, direction=direction)
        result = run(problem, trials=4, stop=Target(target))
        assert len(result.trials) == n
        assert "value reached" in result.reason

    @pytest.mark.parametrize("value", ["0.5", None, math.nan, True])
    def test_what_is_no_target(self, value):
        with pytest.raises(SettingError, match="a target must be a number"):
            Target(value)


class TestPlateau:
    def test_reason(self):
        assert Plateau(3).reason(progress(n_since_best=2)) is None
        assert Plateau(3).reason(progress(n_since_best=3)) == "no better trial for 3 trials"

    @pytest.mark.parametrize(
        ("direction", "values", "n"),
        [
            ("minimize", [5, 4, 6, 3, 7, 7, 7, 7], 7),
            ("maximize", [5, 4, 6, 3, 6, 7, 1, 1, 1, 1], 9),
            ("minimize", [1, 1, 1, 1, 1], 4),
            ("minimize", [5, float("nan"), float("nan"), 4, float("nan"), 9, 9], 7),
            ("minimize", [float("nan")] * 5, 3),
        ],
    )
    def test_it_ends_a_run(self, direction, values, n):
        result = run(Given(*values, direction=direction), trials=50, stop=Plateau(3))
        assert len(result.trials) == n
        assert result.reason == "no better trial for 3 trials"

    @pytest.mark.parametrize("zero", [1.0, -1.0])
    def test_a_trial_that_is_better_by_rounding_is_no_better_one(self, zero):
        values = [zero - 1e-16 * k for k in range(1, 30)]
        result = run(Given(zero, *values), trials=25, stop=Plateau(3))
        assert len(result.trials) == 4
        assert result.best.values["value"] == min(zero, *values[:3])

    def test_it_counts_across_a_resume(self, tmp_path):
        problem, path = Given(5, 4, 6, 6, 6, 6, 6), tmp_path / "study.db"
        run(problem, trials=4, study=path)
        assert len(run(problem, trials=50, stop=Plateau(3), study=path).trials) == 5
        assert len(run(problem, trials=50, stop=Plateau(3), study=path).trials) == 5

    @pytest.mark.parametrize("n", [0, -1, 1.5, None, True])
    def test_what_is_no_plateau(self, n):
        with pytest.raises(SettingError, match="a plateau must be an int of at least 1"):
            Plateau(n)


class TestCombined:
    def test_either(self):
        rule = Trials(10) | Time(60)
        assert isinstance(rule, Either)
        assert rule.reason(progress()) is None
        assert rule.reason(progress(n_told=10)) == "10 trials are done"
        assert rule.reason(progress(seconds=60)) == "the time of 60 s is over"
        assert (rule.total(), rule.seconds()) == (10, 60)
        assert rule.room(progress(n_asked=4)) == 6
        assert rule.room(progress(n_asked=4, seconds=61)) == 0

    def test_both(self):
        rule = Trials(10) & Plateau(3)
        assert isinstance(rule, Both)
        assert rule.reason(progress(n_told=10)) is None
        assert rule.reason(progress(n_since_best=3)) is None
        both = progress(n_told=10, n_since_best=4)
        assert rule.reason(both) == "10 trials are done, and no better trial for 4 trials"
        assert (rule.total(), rule.seconds()) == (math.inf, math.inf)
        assert rule.room(progress(n_asked=10)) == math.inf
        assert rule.room(progress(n_asked=4, n_since_best=3)) == 6
        assert rule.room(progress(n_asked=10, n_told=10, n_since_best=3)) == 0
        assert (Trials(3) & Time(5)).seconds() == math.inf
        assert (Time(3) & Time(5)).seconds() == 5
        assert (Trials(3) & Trials(5)).total() == 5

    def test_and_binds_closer_than_or(self):
        rule = Target(0.1) | Plateau(3) & Trials(10)
        assert rule.reason(progress(n_told=10)) is None
        assert rule.reason(progress(n_since_best=3)) is None
        assert rule.reason(progress(n_told=10, n_since_best=3))
        assert rule.reason(progress(best={"loss": 0.1}))

    def test_never(self):
        assert Never().reason(progress(n_told=10**9, seconds=1e9)) is None
        assert (Never() | Trials(3)).reason(progress(n_told=3))
        assert (Never() & Trials(3)).reason(progress(n_told=3)) is None

    def test_a_run_of_both(self):
        """At least five trials, and then until three are no better."""
        stop = Trials(5) & Plateau(3)
        assert len(run(Given(1, 2, 3, 4, 5, 6, 7, 8), stop=stop).trials) == 5
        assert len(run(Given(8, 7, 6, 5, 4, 3, 2, 2, 2, 2, 2), stop=stop).trials) == 10

    def test_a_run_of_either(self):
        stop = Trials(5) | Target(3)
        assert len(run(Given(9, 8, 3, 7, 6, 5), stop=stop).trials) == 3
        assert len(run(Given(9, 8, 7, 6, 5, 4), stop=stop).trials) == 5
        assert len(run(Given(9, 8, 7, 6, 5, 4), stop=stop, trials=2).trials) == 2

    @pytest.mark.parametrize("other", [3, None, "60s", Trials])
    def test_with_what_is_no_rule(self, other):
        with pytest.raises(TypeError):
            Trials(3) | other
        with pytest.raises(TypeError):
            Trials(3) & other

    def test_rules_are_values(self):
        assert Trials(3) | Time(5) == Trials(3) | Time(5)
        assert len({Trials(3), Trials(3), Trials(4)}) == 2
        with pytest.raises(AttributeError):
            Trials(3).n = 4


class TestOfYourOwn:
    def test_a_rule_needs_a_reason_only(self):
        class Lucky(stopping.StoppingRule):
            def reason(self, progress):
                return "it is seven" if progress.n_told == 7 else None

        result = run(Given(), stop=Lucky())
        assert (len(result.trials), result.reason) == (7, "it is seven")
        assert len(run(Given(), stop=Lucky() | Trials(3)).trials) == 3

    def test_it_sees_the_study(self):
        seen = []

        class Looking(stopping.StoppingRule):
            def reason(self, progress):
                seen.append(progress)
                return "enough" if progress.n_told == 3 else None

        run(Given(3, 1, 2), stop=Looking())
        found = {p.n_told: (p.n_asked, dict(p.best), p.n_since_best) for p in seen}
        assert found == {
            0: (0, {}, 0),
            1: (1, {"value": 3}, 0),
            2: (2, {"value": 1}, 0),
            3: (3, {"value": 1}, 1),
        }
        assert {p.objectives for p in seen} == {(hpopt.Objective("value"),)}
        assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)
