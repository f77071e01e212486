"""Promise 5: a failure is never silent, and a search that cannot succeed says so at once."""

import logging

import pytest

import hpopt
from hpopt.errors import AllTrialsFailedError, EvaluationLost, RemoteTraceback, SettingError
from hpopt.progress import ProgressDisplay
from hpopt.study.failures import MOST_KINDS

from .problems import Line, numbers


class Listener(ProgressDisplay):
    """Keep what is said."""

    def __init__(self):
        self.said, self.ends = [], []

    def show(self, snapshot):
        pass

    def say(self, message):
        self.said.append(message)

    def end(self, snapshot, reason):
        self.ends.append((snapshot.n_done, reason))


class Given(Line):
    """Each trial does what its place in a list says: returns it, or raises it."""

    def __init__(self, *given, objectives=hpopt.Objective()):  # noqa: B008
        self.given, self.objectives = given, objectives

    def evaluate(self, config, trial):
        what = self.given[trial.number % len(self.given)]
        if isinstance(what, ZeroDivisionError):
            return 1 / 0
        if isinstance(what, Exception):
            raise what
        return what


NAN = float("nan")
TYPO, OTHER = ValueError("no rate"), ZeroDivisionError()


def run(problem, trials=20, **options):
    options = {"progress": False, **options}
    return hpopt.optimize(problem, "random", trials=trials, seed=0, **options)


class TestShown:
    def test_the_first_of_each_kind_once(self, path):
        display = Listener()
        problem = Given(
            ValueError("no rate"), ValueError("another"), 1.0, OTHER, NAN, None, (3, 4), None
        )
        run(problem, 24, study=path, progress=display)
        expected = {
            0: "failed: ValueError: no rate (test_failures.py, line ",
            3: "failed: ZeroDivisionError: division by zero (test_failures.py, line ",
            4: "is invalid: objective 'value' is nan; ",
            5: "failed: evaluate must return a number, but 'value' is NoneType None",
            6: "failed: evaluate must return a number, but 'value' is tuple (3, 4)",
        }
        for said, (number, why) in zip(display.said, expected.items(), strict=True):
            assert said.startswith(f"trial {number} {why}")
            assert said.endswith(f"; see: hpopt show {path} --trial {number}")

    def test_the_line_is_the_users_own(self):
        def train(config, trial):
            trial.report(0, "good")  # raises in hpopt

        display = Listener()
        problem = hpopt.FunctionProblem(train, Line.space)
        run(problem, 1, progress=display)
        line = train.__code__.co_firstlineno + 1
        assert f"'good' (test_failures.py, line {line}); see" in display.said[0]

    def test_of_chained_exceptions_it_is_the_last_ones(self):
        def train(config):
            try:
                return config["y"]
            except KeyError as error:
                raise ValueError("no y") from error

        display = Listener()
        run(hpopt.FunctionProblem(train, Line.space), 1, progress=display)
        line = train.__code__.co_firstlineno + 4
        assert f"ValueError: no y (test_failures.py, line {line})" in display.said[0]

    def test_where_the_traceback_is_without_a_file(self):
        display = Listener()
        run(Given(1.0, TYPO, None), 3, progress=display)
        assert display.said[0].endswith("; see study.trial(1).traceback")
        assert "study.trial" not in display.said[1]

    def test_where_nothing_is_shown_it_is_logged(self, caplog, capsys):
        with caplog.at_level(logging.WARNING, "hpopt"):
            run(Given(TYPO, 1.0), 6)
        (record,) = caplog.records
        assert (record.levelname, record.name) == ("WARNING", "hpopt")
        assert record.message.startswith("trial 0 failed: ValueError: no rate")
        assert capsys.readouterr() == ("", "")

    def test_on_plain_lines(self, capsys):
        run(Given(TYPO, 1.0), 2, progress=True)
        assert "hpopt: trial 0 failed: ValueError: no rate" in capsys.readouterr().err

    def test_losses_and_limits_too(self):
        class Executor(hpopt.executors.SerialExecutor):
            def submit(self, fn, /, *args, **kwargs):
                future = super().submit(lambda: None)
                future.result = lambda timeout=None: raise_(EvaluationLost("killed by 7"))
                return future

        display = Listener()
        run(Line(), 4, executor=Executor(), workers=1, retries=0, progress=display)
        assert display.said == ["trial 0 was lost: killed by 7"]

    def test_values_in_a_message_make_no_other_kind(self):
        display = Listener()
        given = [1.0, *({f"loss {k}": k} for k in range(3)), *((k, k) for k in range(3))]
        given += [{"value": [k]} for k in range(3)]
        run(Given(*given), 10, progress=display)
        assert len(display.said) == 3

    def test_very_many_kinds_end_with_a_sentence(self):
        names = [f"E{chr(65 + k)}" for k in range(MOST_KINDS + 5)]
        errors = [type(name, (Exception,), {})() for name in names]
        display = Listener()
        run(Given(1.0, *errors), 2 * len(errors), progress=display)
        assert len(display.said) == MOST_KINDS + 1
        assert display.said[-1] == "further kinds of failures are not shown here, but in the study"

    def test_it_is_one_line_without_control_characters(self):
        display = Listener()
        run(Given(ValueError("\x1b[31m red\u202e\n" + "x" * 5000), 1.0), 2, progress=display)
        (said,) = display.said
        assert said.isprintable()
        assert len(said) < 400


class TestEnded:
    def test_by_an_exception(self, path):
        display = Listener()
        with pytest.raises(AllTrialsFailedError, match=r"3 trials failed alike.*no rate") as raised:
            run(Given(TYPO), study=path, progress=display)
        assert isinstance(raised.value.__cause__, RemoteTraceback)
        assert "in evaluate\n    raise what\n" in str(raised.value.__cause__)
        record = hpopt.Study.load(path)
        assert record.counts == {**dict.fromkeys(record.counts, 0), "failed": 3}
        assert display.ends == [(3, "3 trials failed alike")]

    @pytest.mark.parametrize("returned", [None, (1, 2), {"loss": 1}, "text"])
    def test_by_a_wrong_return(self, returned):
        with pytest.raises(AllTrialsFailedError, match="evaluate must return") as raised:
            run(Given(returned))
        assert raised.value.__cause__ is None

    def test_by_a_wrong_return_of_other_values(self):
        with pytest.raises(AllTrialsFailedError, match="tuple"):
            run(Given((1, 2), (3, 4.5), (5, None)))

    @pytest.mark.parametrize(
        "given",
        [
            [TYPO, TYPO, 1.0, TYPO, TYPO, TYPO],
            [TYPO, OTHER, TYPO, TYPO, TYPO, TYPO],
            [TYPO, None, TYPO, None, TYPO, None],
            [NAN],
            [MemoryError()],
        ],
    )
    def test_only_where_all_fail_alike(self, given):
        result = run(Given(*given), 6)
        assert result.reason == "6 trials are done"

    def test_nan_and_limits_neither_count_nor_interrupt_the_count(self):
        with pytest.raises(AllTrialsFailedError, match="trial 5 failed"):
            run(Given(NAN, MemoryError(), TYPO, TYPO, NAN, TYPO))

    @pytest.mark.parametrize(("fail_fast", "n"), [(1, 1), (5, 5), (None, 3)])
    def test_as_many_as_the_user_says(self, fail_fast, n):
        study = hpopt.Study(Given(TYPO), "random")
        with pytest.raises(AllTrialsFailedError):
            study.run(trials=20, fail_fast=fail_fast, progress=False)
        assert numbers(study.trials) == list(range(n))

    def test_never(self):
        assert run(Given(TYPO), 9, fail_fast=0).counts["failed"] == 9

    @pytest.mark.parametrize("wrong", [-1, 1.5, "3", True])
    def test_what_is_no_number_of_failures(self, wrong):
        with pytest.raises(SettingError, match="fail_fast must be an int of at least 0"):
            run(Line(), fail_fast=wrong)

    def test_one_a_worker(self, processes):
        study = hpopt.Study(Given(TYPO), "random")
        with pytest.raises(AllTrialsFailedError, match="trials failed alike"):
            study.run(trials=30, executor=processes, workers=5, progress=False)
        # Up to four more may have ended by the time that the fifth is looked at.
        assert 5 <= study.counts["failed"] <= 9

    def test_worker_processes_are_killed_and_what_ran_is_evaluated_later(self, path):
        with pytest.raises(AllTrialsFailedError, match=r"no rate \(test_failures.py") as raised:
            run(Given(TYPO), study=path, workers=2)
        assert "raise what" in str(raised.value.__cause__)
        result = run(Line(), 8, study=path, retry_failed=True)
        assert numbers(result.trials) == list(range(8))
        assert result.counts["complete"] == 8

    def test_callbacks_see_all_of_them(self):
        seen = []
        with pytest.raises(AllTrialsFailedError):
            run(Given(TYPO), callbacks=[lambda study, trial: seen.append(trial.number)])
        assert seen == [0, 1, 2]

    def test_a_callback_that_stops_the_run_comes_first(self):
        result = run(
            Given(TYPO),
            callbacks=[lambda study, trial: trial.number == 2 and study.stop_soon("enough")],
        )
        assert (len(result.trials), result.reason) == (3, "enough")


class TestOfAStudyThatGoesOn:
    def test_each_run_counts_its_own(self):
        study = hpopt.Study(Given(TYPO), "random")
        for n in (2, 2):
            assert study.run(trials=n, progress=False).counts["failed"]
        with pytest.raises(AllTrialsFailedError):
            study.run(trials=4, progress=False)
        assert len(study.trials) == 7

    def test_one_with_values_is_ended_by_what_is_new(self):
        study = hpopt.Study(Given(1.0, OTHER, TYPO, TYPO, TYPO), "random")
        study.run(trials=2, progress=False)
        with pytest.raises(AllTrialsFailedError, match="no rate"):
            study.run(trials=3, progress=False)

    def test_and_not_by_what_it_has_lived_with(self):
        study = hpopt.Study(Given(1.0, *[TYPO] * 9), "random")
        study.run(trials=2, progress=False)
        assert study.run(trials=8, progress=False).reason == "10 trials are done"


def raise_(error):
    raise error
