"""What can be read of a study and of the result of a run."""

import copy
import pickle
import sys

import pytest

import hpopt
from hpopt.errors import MissingExtraError, NoValuesError, SettingError, StudyError

from .problems import KNOWN_GOOD, Line, Mixed, Small, essence, numbers


class Given(Line):
    """Gives the values of a list, one after the other; an exception is raised."""

    def __init__(self, *values, objectives=hpopt.Objective()):  # noqa: B008
        self.given, self.objectives = values, objectives

    def evaluate(self, config, trial):
        value = self.given[trial.number]
        if isinstance(value, Exception):
            raise value
        return value


def run(problem, **options):
    return hpopt.optimize(problem, "random", trials=len(problem.given), progress=False, **options)


class TestBest:
    @pytest.mark.parametrize("kept", [True, False])
    @pytest.mark.parametrize(
        ("direction", "values", "number"),
        [
            ("minimize", [3, 1, 2], 1),
            ("maximize", [3, 1, 2], 0),
            ("minimize", [2, 1, 1, 1], 1),
            ("maximize", [1, 2, 2], 1),
            ("minimize", [ValueError(), float("nan"), 5, float("-inf")], 2),
            ("maximize", [ValueError(), 0.0, -0.0], 1),
            ("maximize", [-5, -7], 0),
        ],
    )
    def test_the_earliest_of_the_best(self, path, kept, direction, values, number):
        problem = Given(*values, objectives=hpopt.Objective("value", direction))
        result = run(problem, study=path if kept else None)
        assert result.best.number == number
        assert result.best.config == result.trials[number].config
        if kept:
            assert hpopt.Study.load(path).best.number == number
            with hpopt.Study(problem, path=path) as study:
                assert study.best.number == number

    def test_ties_go_to_the_lowest_number_whatever_was_told_first(self):
        study = hpopt.Study(Line(), "random")
        asked = [study.ask() for _ in range(3)]
        for k in (2, 0, 1):
            study.tell(asked[k], 1.0)
        assert study.best.number == 0

    @pytest.mark.parametrize("kept", [True, False])
    def test_without_a_value_it_says_why(self, path, kept):
        problem = Given(float("nan"), ValueError("the rate"), float("nan"), ZeroDivisionError())
        result = run(problem, study=path if kept else None)
        why = r"\(2 failed, 2 invalid\); the last error, of trial 3, was Zero"
        with pytest.raises(NoValuesError, match=why):
            _ = result.best
        if kept:
            for record in (hpopt.Study.load(path), hpopt.Study(problem, path=path)):
                with pytest.raises(NoValuesError, match=why):
                    _ = record.best
                assert record.top(1) == []

    def test_it_says_how_to_go_on_where_there_is_a_way(self):
        nan = run(Given(float("nan")))
        with pytest.raises(NoValuesError, match=r"'value' is nan$"):
            _ = nan.best
        failed = run(Given(ValueError("x" * 5000)), fail_fast=0)
        with pytest.raises(NoValuesError, match="retry_failed=True") as caught:
            _ = failed.best
        assert len(str(caught.value)) < 600

    def test_without_a_trial_it_says_so(self):
        study = hpopt.Study(Line())
        study.ask()
        with pytest.raises(NoValuesError, match="no trial has finished"):
            _ = study.best

    def test_the_first_of_several_objectives_counts(self):
        objectives = (hpopt.Objective("a", "maximize"), hpopt.Objective("b"))
        result = run(Given({"a": 1, "b": 0}, {"a": 2, "b": 9}, objectives=objectives))
        assert result.best.number == 1

    def test_top(self):
        result = run(Given(3, 1, ValueError(), 2, 1))
        assert numbers(result.top(3)) == [1, 4, 3]
        assert numbers(result.top(99)) == [1, 4, 3, 0]
        assert result.top(0) == []

    def test_it_is_that_of_the_end_of_the_run(self):
        study = hpopt.Study(Given(3, 2, 1), "random")
        first, second = (study.run(trials=n, progress=False) for n in (1, 2))
        assert (first.best.number, second.best.number, study.best.number) == (0, 2, 2)


class TestFront:
    BOTH = (hpopt.Objective("loss"), hpopt.Objective("speed", "maximize"))

    def test_of_two_objectives(self):
        points = [(1, 1), (2, 5), (3, 4), (2, 5), (0.5, 0), (4, 6)]
        values = [{"loss": loss, "speed": speed} for loss, speed in points]
        result = run(Given(*values, ValueError(), objectives=self.BOTH))
        assert numbers(result.front) == [4, 0, 1, 3, 5]

    def test_of_one_objective_it_is_the_best(self):
        assert numbers(run(Given(3, 1, 2)).front) == [1]

    def test_without_values(self):
        result = run(Given(ValueError(), objectives=self.BOTH))
        assert result.front == []
        assert result.hypervolume() == result.hypervolume((1, 1)) == 0
        with pytest.raises(NoValuesError, match="the last error"):
            _ = result.knee

    def test_its_hypervolume(self):
        points = [(1, 1), (2, 5), (3, 4), (2, 5), (0.5, 0), (4, 6)]
        result = run(Given(*[{"loss": a, "speed": b} for a, b in points], objectives=self.BOTH))
        assert result.hypervolume() == 3 * 1 + 2 * 4  # from loss 4 and speed 0
        assert result.hypervolume({"speed": 3, "loss": 5}) == 2 * 3 + 1
        assert result.hypervolume((5, 3)) == result.hypervolume({"speed": 3, "loss": 5})
        assert run(Given(3, 1, 2)).hypervolume() == 2

    @pytest.mark.parametrize(
        "reference",
        [
            {"loss": 1},
            {"loss": 1, "speed": 1, "size": 1},
            (1,),
            (1, float("nan")),
            (1, "2"),
            3,
            "ab",
        ],
    )
    def test_a_reference_has_a_number_for_each_objective(self, reference):
        result = run(Given({"loss": 1, "speed": 1}, objectives=self.BOTH))
        with pytest.raises(SettingError, match=r"objectives \['loss', 'speed'\], but got"):
            result.hypervolume(reference)

    @pytest.mark.parametrize(
        ("points", "number"),
        [
            ([(0, 10), (4, 11), (100, 12)], 1),
            ([(0, 0), (2, 60), (10, 100), (9, 70)], 1),
            ([(0, 0), (10, 100), (2, 20)], 0),  # all on one line
            ([(5, 5), (5, 5), (6, 4)], 0),
            ([(1e308, 0), (-1e308, -1e308), (9e307, 0)], 1),
        ],
    )
    def test_its_knee_is_farthest_from_the_line_between_its_ends(self, points, number):
        given = Given(*[{"loss": a, "speed": b} for a, b in points], objectives=self.BOTH)
        assert run(given).knee.number == number
        assert run(Given(3, 1, 2)).knee.number == 1

    def test_what_is_on_it_is_marked(self):
        pytest.importorskip("pandas")
        points = [{"loss": 1, "speed": 1}, {"loss": 2, "speed": 1, "on_front": 7}]
        frame = run(Given(*points, ValueError(), objectives=self.BOTH)).to_pandas()
        assert frame["on_front"].tolist() == [True, False, False]
        assert frame["values.on_front"][1] == 7
        assert "on_front" not in run(Given(3, 1)).to_pandas()


class TestTrials:
    def test_they_are_sorted_by_number(self):
        study = hpopt.Study(Line(), "random")
        asked = [study.ask() for _ in range(3)]
        for k in (2, 0, 1):
            study.tell(asked[k], float(k))
        assert numbers(study.trials) == numbers(study.iterate()) == [0, 1, 2]

    def test_one(self, path):
        result = run(Given(1, 2), study=path)
        assert essence([result.trial(1)]) == essence(result.trials[1:])
        with pytest.raises(SettingError, match="no such number"):
            result.trial(2)

    def test_counts(self):
        result = run(Given(1, ValueError(), float("nan")))
        counts = result.counts
        assert list(counts) == [*hpopt.core.STATUSES, "pending"]
        assert {name: n for name, n in counts.items() if n} == {
            "complete": 1,
            "failed": 1,
            "invalid": 1,
        }

    def test_a_result_is_readable_when_everything_else_is_gone(self, path):
        kept, in_memory = run(Given(1, 2), study=path), run(Given(1, 2))
        for result in (kept, in_memory):
            assert len(result.trials) == 2
            assert result.seconds > 0
            assert result.space == Line.space

    def test_what_a_trial_tells(self, path):
        class Telling(Line):
            fidelity = hpopt.Fidelity(1, 9)

            def evaluate(self, config, trial):
                assert trial.fidelity == 9
                trial.report(1, 0.5)
                trial.report(2, 0.25)
                return {"value": 0.25, "size": 7}

        result = hpopt.optimize(Telling(), "random", trials=1, study=path, progress=False)
        trial = result.trials[0]
        assert trial.curve == ((1, 0.5), (2, 0.25))
        assert trial.values == {"value": 0.25, "size": 7}
        assert trial.to_dict()["fidelity"] == 9


class TestRepr:
    def test_of_a_result(self):
        result = run(Given(3, 1))
        assert repr(result) == (
            f"<Result of 2 trials: best {{'value': 1.0}} at {result.best.config}; "
            "ended as 2 trials are done>"
        )

    def test_of_a_study(self, path):
        with hpopt.Study(Small(), hpopt.GridSearch(shuffle=True), path=path) as study:
            assert repr(study) == (
                "<Study of study.problems.Small by GridSearch(resolution=None, shuffle=True) "
                f"in {path}>"
            )

    def test_of_a_record(self, path):
        run(Given(3, ValueError()), study=path)
        assert repr(hpopt.Study.load(path)) == (
            "<Record of 2 trials (1 complete, 1 failed) in study.db: minimize value>"
        )

    def test_it_does_not_raise_when_the_file_is_gone(self, path):
        run(Given(3, 1), study=path)
        record = hpopt.Study.load(path)
        path.unlink()
        assert repr(record) == (
            "<Record of trials that cannot be read in study.db: minimize value>"
        )


class TestCopies:
    """What a user changes in a config is that copy, never the study."""

    @pytest.mark.parametrize("kept", [True, False])
    def test_of_configs(self, path, kept):
        study = hpopt.Study(
            Mixed(), "genetic", seed=3, path=path if kept else None, start=[KNOWN_GOOD]
        )
        given = []

        def spoil(config):
            config["layers"][0].clear()
            config["layers"].clear()
            config.clear()

        def keep(study, trial):
            spoil(trial.config)
            given.append(trial)

        result = study.run(trials=12, callbacks=[keep], progress=False)
        expected = hpopt.optimize(
            Mixed(), "genetic", seed=3, start=[KNOWN_GOOD], trials=24, progress=False
        )
        before = essence(expected.trials[:12])
        records = [result, study, *([hpopt.Study.load(path)] if kept else [])]
        for record in records:
            for trial in (record.best, record.trial(3), *record.trials, *record.top(3), *given):
                spoil(trial.config)
                trial.values.clear()
                trial.to_dict()["config"].clear()
            record.trials.clear()
            assert essence(record.trials) == before
            assert record.best.config == expected.trials[record.best.number].config
        assert essence(study.run(trials=12, progress=False).trials) == essence(expected.trials)
        study.close()

    def test_of_what_runs(self):
        study = hpopt.Study(Mixed(), "random", seed=3)
        asked = study.ask()
        study.running[0].solution.config.clear()
        assert study.running[0].solution.config == asked.config


class TestPickle:
    @pytest.fixture(params=["file", "memory"])
    def result(self, request, path):
        class Forbidding(Line):
            space = hpopt.Space(Mixed.space, forbid=[lambda config: config["rate"] > 0.5])
            objectives = {"loss": "minimize", "speed": "maximize"}  # noqa: RUF012

            def evaluate(self, config, trial):
                if trial.number == 2:
                    raise ValueError("on purpose")
                return {"loss": config["rate"], "speed": config["batch"]}

        with hpopt.Study(
            Forbidding(), "random", seed=3, path=path if request.param == "file" else None
        ) as study:
            result = study.run(trials=12, progress=False)
            study.ask()
        return result

    @pytest.mark.parametrize(
        "travel", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))], ids=["copy", "pickle"]
    )
    def test_it_is_whole_without_its_file(self, result, path, travel):
        pytest.importorskip("pandas")
        again = travel(result)
        assert len(result.trials) == 12
        path.unlink(missing_ok=True)
        assert essence(again.trials) == essence(again.iterate()) == essence(result.trials)
        assert essence([again.best]) == essence([result.best])
        assert [trial.info for trial in again.trials] == [trial.info for trial in result.trials]
        assert again.counts["complete"] == 11
        assert numbers(again.top(99))[0] == again.best.number
        assert again.front
        assert len(again.to_pandas()) == 12
        assert (again.reason, again.seconds) == (result.reason, result.seconds)
        assert again.space.forbidden[0]({"rate": 0.7})
        assert again.header["seed"] == 3
        assert len(again.running) == 1
        assert again.output(2) == ""

    def test_a_study_says_what_to_pickle(self):
        with pytest.raises(StudyError, match="take a result of its run"):
            pickle.dumps(hpopt.Study(Line(), "random"))


class TestPandas:
    def test_a_row_a_trial(self):
        pytest.importorskip("pandas")
        frame = hpopt.optimize(Mixed(), "random", trials=20, seed=1, progress=False).to_pandas()
        assert list(frame["number"]) == list(range(20))
        assert set(frame["status"]) == {"complete"}
        assert {"value", "seconds", "memory", "error", "config.rate"} <= set(frame.columns)
        assert frame["config.momentum"].isna().any()
        assert frame["value"].dtype == float

    def test_no_column_hides_another(self):
        pytest.importorskip("pandas")
        names = ("error", "seconds", "number", "status", "memory")
        objectives = [hpopt.Objective(name) for name in names]
        values = {name: float(k) for k, name in enumerate(names)}
        frame = run(Given(values, objectives=objectives)).to_pandas()
        assert [frame.loc[0, f"values.{name}"] for name in names] == list(range(5))
        assert frame.loc[0, "number"] == 0
        assert frame.loc[0, "status"] == "complete"

    def test_what_is_no_number_has_columns_of_its_own(self):
        pytest.importorskip("pandas")
        study = hpopt.Study(Line(), "random")
        study.tell(study.ask(), {"value": 1.0, "note": "hello", "rows": [1, 2], "info.x": 3.0})
        study.tell(study.ask(), 2.0)
        frame = study.to_pandas()
        assert frame["info.note"].isna().tolist() == [False, True]
        assert frame.loc[0, "info.note"] == "hello"
        assert frame.loc[0, "info.rows"] == [1, 2]
        assert frame.loc[0, "values.info.x"] == 3.0

    def test_without_pandas_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'hpopt\[reports\]'"):
            run(Given(1)).to_pandas()


def test_its_summary_says_why_it_ended_and_a_damaged_file_is_said_in_a_notebook(tmp_path):
    problem = hpopt.FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})
    path = tmp_path / "study.db"
    result = hpopt.optimize(problem, "random", trials=3, study=path, progress=False)
    assert "ended      as 3 trials are done" in str(result.summary(top=1))
    assert "the best 1 of 3 trials" in str(result.summary(top=1))
    assert "<table" in result._repr_html_()
    path.write_bytes(b"no study")
    assert "trials that cannot be read" in result._repr_html_()
    with pytest.raises(SettingError, match="top must be an int of at least 1"):
        result.summary(top=0)
