"""Bounds on outcomes in a study: the best feasible, what is stored and refused."""

import json
import warnings

import numpy as np
import pytest

import hpopt
from hpopt.errors import (
    AllTrialsFailedError,
    NoValuesError,
    ProblemError,
    SettingError,
    StudyFileError,
    StudyMismatchError,
    StudyWarning,
)

from .problems import essence, numbers

SPACE = {"x": hpopt.Float(0, 1), "y": hpopt.Float(0, 1)}
BOUNDS = {"size": ("<=", 0.5)}


def evaluate(config):
    return {"loss": config["x"] ** 2 + config["y"], "size": 1 - config["x"]}


def problem(function=evaluate, **settings):
    settings = {"objectives": {"loss": "minimize"}, **settings}
    return hpopt.FunctionProblem(function, SPACE, **settings)


def told(rows, path=None, constraints=BOUNDS, **settings):
    """Return a study of these values."""
    study = hpopt.Study(problem(**settings), "random", seed=0, path=path, constraints=constraints)
    for row in rows:
        study.tell(study.ask(), row if isinstance(row, hpopt.Outcome) else dict(row))
    return study


ROWS = [
    {"loss": 0.1, "size": 0.9},
    {"loss": 0.5, "size": 0.5},
    {"loss": 0.0, "size": 0.7},
    {"loss": 0.7, "size": 0.1},
    hpopt.failed("no"),
]


class TestBest:
    @pytest.mark.parametrize("given", ["study", "problem", "class"])
    def test_it_is_the_best_feasible(self, given, path):
        class Mine(hpopt.Problem):
            space, constraints = hpopt.Space(SPACE), BOUNDS
            objectives = hpopt.Objective("loss")

            def evaluate(self, config, trial):
                return evaluate(config)

        made = {"class": Mine(), "problem": problem(constraints=BOUNDS)}.get(given, problem())
        bounds = BOUNDS if given == "study" else None
        settings = {"trials": 30, "seed": 1, "constraints": bounds, "progress": False}
        result = hpopt.optimize(made, "random", study=path, **settings)
        fine = [trial for trial in result.trials if trial.values["size"] <= 0.5]
        best = min(fine, key=lambda trial: trial.values["loss"])
        assert result.best.number == best.number
        assert 0 < len(fine) < 30
        assert {trial.status for trial in result.trials} == {"complete"}
        record = hpopt.Study.load(path)
        assert record.best.number == hpopt.Study(made, path=path).best.number == best.number
        assert numbers(record.top(99)) == numbers(
            sorted(fine, key=lambda trial: trial.values["loss"])
        )
        assert record.constraints == (hpopt.Constraint("size", "<=", 0.5),)

    def test_with_nothing_feasible_it_is_none_and_the_nearest_is_said(self, path):
        study = told([ROWS[0], ROWS[2], ROWS[4]], path, constraints={"size": "<= -1"})
        said = (
            r"no trial meets all constraints yet; the nearest is trial 3 \(size 0.2\d+ must be <= "
        )
        result = study.run(trials=1, progress=False)
        for each in (study, result, hpopt.Study.load(path)):
            with pytest.warns(StudyWarning, match=said):
                assert each.best is None
            with pytest.warns(StudyWarning, match=said):
                assert each.knee is None
            assert each.top(1) == each.front == []
            assert each.hypervolume() == 0
        assert "the nearest is trial" in repr(result)
        study.tell(study.ask(), {"loss": 1.0, "size": -1.0})
        assert study.best.number == 4

    def test_without_values_it_is_said_as_ever(self):
        with pytest.raises(NoValuesError, match="the last error"):
            _ = told([hpopt.failed("no")]).best

    def test_the_front_is_of_feasible_trials(self):
        pytest.importorskip("pandas")
        rows = [(1, 3, 9), (2, 2, 1), (3, 1, 1), (1.5, 4, 1), (0, 0, 2)]
        rows = [{"loss": a, "time": b, "size": c} for a, b, c in rows]
        objectives = {"loss": "minimize", "time": "minimize"}
        study = told(rows, constraints={"size": "<= 1.5"}, objectives=objectives)
        assert numbers(study.front) == [3, 1, 2]
        assert study.hypervolume() == (3 - 2) * (4 - 2)
        frame = study.to_pandas()
        assert frame["feasible"].tolist() == [False, True, True, True, False]
        assert frame["on_front"].tolist() == [False, True, True, True, False]

    def test_a_bound_may_be_on_the_objective(self):
        study = told(ROWS, constraints={"loss": (">=", 0.4)})
        assert study.best.number == 1

    def test_what_narrows_a_space_counts_what_breaks_a_bound_as_failed(self):
        study = hpopt.Study(problem(), "random", seed=0, constraints={"size": "<= 0.5"})
        study.run(trials=60, progress=False)
        assert study.narrow().space["x"].low > 0.3
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            strict = told(ROWS[:2] * 10, constraints={"size": "<= 0"})
            assert strict.narrow().space == strict.space


class TestStored:
    def test_a_study_goes_on_with_those_that_it_began_with(self, path):
        told(ROWS, path).close()
        with hpopt.Study(problem(), path=path) as study:
            assert study.problem.constraints == (hpopt.Constraint("size", "<=", 0.5),)
            assert study.best.number == 1
        with hpopt.Study.load(path, problem(constraints=BOUNDS)) as study:
            assert study.best.number == 1

    @pytest.mark.parametrize("other", [{}, {"size": "<= 0.6"}, {**BOUNDS, "loss": "<= 9"}])
    def test_others_are_refused(self, path, other):
        told(ROWS, path).close()
        why = "constraints were size <= 0.5 and are .*another study file that learns from it"
        with pytest.raises(StudyMismatchError, match=why):
            hpopt.Study(problem(), path=path, constraints=other)

    def test_a_study_without_any_refuses_some(self, path):
        told([{"loss": 1.0}], path, constraints=None).close()
        with pytest.raises(StudyMismatchError, match=r"were none and are size <= 0\.5"):
            hpopt.Study(problem(), path=path, constraints=BOUNDS)

    @pytest.mark.parametrize(
        "spoilt",
        [[["size", "<=", None]], [["size", "<", 1]], [["size"]], {"size": 1}, [[1, "<=", 2]]],
    )
    def test_a_header_of_anybody_is_an_error_in_words(self, path, spoilt):
        import sqlite3

        told(ROWS, path).close()
        with sqlite3.connect(path) as connection:
            ((text,),) = connection.execute("SELECT header FROM study")
            header = {**json.loads(text), "constraints": spoilt}
            connection.execute("UPDATE study SET header = ?", (json.dumps(header),))
        with pytest.raises(StudyFileError):
            hpopt.Study.load(path)


class TestEvaluations:
    def test_a_name_that_is_not_returned_ends_the_run_with_what_is_known(self):
        study = hpopt.Study(problem(), "random", constraints={"latency": "<= 20"})
        with pytest.raises(AllTrialsFailedError, match="'latency' is not among"):
            study.run(trials=9, progress=False)
        assert study.trials[0].error == (
            "evaluate must return a number for each constraint, but 'latency' is not among "
            "['loss', 'size']: return it too, or begin another study with other "
            "constraints"
        )

    def test_telling_without_it_is_an_error(self):
        with pytest.raises(SettingError, match="tell wants a number for each constraint"):
            told([{"loss": 1.0}])

    def test_nan_is_no_value(self):
        study = told([{"loss": 1.0, "size": float("nan")}])
        assert (study.trials[0].status, study.trials[0].error) == (
            "invalid",
            "constraint 'size' is nan",
        )

    def test_a_stopped_trial_may_lack_it_and_is_not_feasible(self):
        def stops(config, trial):
            trial.report(1, config["x"])
            if trial.number % 2:
                raise hpopt.Stopped
            return {"loss": config["x"], "size": 0.1}

        result = hpopt.optimize(
            problem(stops), "random", constraints=BOUNDS, trials=6, seed=0, progress=False
        )
        assert [trial.status for trial in result.trials] == ["complete", "stopped"] * 3
        assert numbers(result.top(9)) == sorted(
            (0, 2, 4), key=lambda number: result.trials[number].values["loss"]
        )

    def test_bad_constraints_raise_before_anything_runs(self):
        with pytest.raises(ProblemError, match="write '<='"):
            hpopt.optimize(problem(), constraints={"size": ("<", 1)}, trials=1)

    def test_a_problem_that_is_given_other_constraints_stays_as_it_is(self):
        mine = problem()
        study = hpopt.Study(mine, "random", constraints=BOUNDS)
        assert mine.constraints == ()
        assert study.problem is not mine
        assert hpopt.Study(mine, "random").problem is mine


class TestEndedEarly:
    """A constraint may be broken by what is known before the objectives are."""

    @staticmethod
    def ends_early(config, trial):
        size = 1 - config["x"]
        if size > 0.5:
            raise hpopt.Stopped({"size": size})
        return {"loss": config["x"] ** 2 + config["y"], "size": size}

    def test_it_is_infeasible_and_no_failure(self, path, capsys):
        made = problem(self.ends_early, constraints=BOUNDS)
        result = hpopt.optimize(made, "random", trials=20, seed=0, study=path)
        counts = {status: n for status, n in result.counts.items() if n}
        assert counts.keys() == {"complete", "infeasible"}
        early = [trial for trial in result.trials if trial.status == "infeasible"]
        assert all(trial.values.keys() == {"size"} for trial in early)
        size = early[0].values["size"]
        assert (early[0].ok, early[0].error) == (False, f"size {size:.6g} must be <= 0.5")
        assert result.best.values["size"] <= 0.5
        assert "fail" not in capsys.readouterr().err
        assert essence(hpopt.Study.load(path).trials) == essence(result.trials)

    def test_where_nothing_else_is_there_the_nearest_is_said(self):
        with pytest.warns(StudyWarning, match="the nearest is trial 2"):
            assert told([hpopt.Outcome("infeasible", {"size": s}) for s in (4, 3, 2)]).best is None

    def test_strategies_learn_by_how_much_it_is_broken(self):
        study = told([{"loss": 1.0, "size": 0.2}, {"loss": 0.0, "size": 0.9}])
        for size in (0.7, 2.0):
            study.tell(study.ask(), hpopt.Outcome("infeasible", {"size": size}))
        study.tell(study.ask(), hpopt.failed("no"))
        history = study.optimizer.history
        losses = history.losses[:, 0]
        assert [*np.argsort(losses)] == [0, 2, 1, 3, 4]
        assert np.isfinite(losses[:4]).all()
        assert history.is_broken.tolist() == [False, True, True, True, False]
        assert np.isnan(history.violations[4, 0])

    def test_without_a_broken_constraint_objectives_are_needed(self):
        def stops(config, trial):
            raise hpopt.Stopped({"size": 0.1})

        made = problem(stops, constraints=BOUNDS)
        with pytest.raises(AllTrialsFailedError, match=r"the objectives \['loss'\]"):
            hpopt.optimize(made, "random", trials=5, seed=0)


class TestStops:
    def test_a_target_is_reached_by_feasible_trials_only(self):
        rule = hpopt.stopping.Target(0.6)
        study = told(ROWS[:1])
        result = study.run(stop=rule | hpopt.stopping.Trials(60), progress=False)
        assert result.best.values["loss"] <= 0.6
        assert len(result.trials) > 1

    def test_early_stopping_does_not_compare_with_what_breaks_a_bound(self):
        def steps(config, trial):
            is_large = trial.number % 2 == 0
            for step in range(1, 9):
                trial.report(step, 0.0 if is_large else 1.0 + trial.number / 100)
                if trial.should_stop():
                    return None
            return {"loss": 0.0 if is_large else 1.0, "size": float(is_large)}

        rule = hpopt.early_stopping.MedianRule(min_trials=3, protect=0)
        settings = {"early_stopping": rule, "trials": 7, "seed": 0, "progress": False}
        study = hpopt.Study(problem(steps), "random", constraints=BOUNDS, seed=0)
        del settings["seed"]
        assert {trial.status for trial in study.run(**settings).trials} == {"complete"}
        study = hpopt.Study(problem(steps), "random", seed=0)
        assert "stopped" in {trial.status for trial in study.run(**settings).trials}


class TestLearnFrom:
    def test_violations_are_learned_too(self, path):
        told(ROWS, path).close()
        study = hpopt.Study(problem(), "genetic", constraints=BOUNDS)
        assert study.learn_from(path).n_learned == 5
        knowledge = study.optimizer.knowledge
        np.testing.assert_allclose(knowledge.violations[:4, 0], [0.4, 0, 0.2, -0.4])
        assert knowledge.is_broken.tolist() == [True, False, True, False, False]
        assert knowledge.measured[:4, 0].tolist() == [0.1, 0.5, 0, 0.7]

    def test_what_lacks_a_value_is_left_out(self, path):
        told([{"loss": 1.0}, *ROWS], path, constraints=None).close()
        study = hpopt.Study(problem(), "genetic", constraints=BOUNDS)
        assert dict(study.learn_from(path).reasons) == {"no value of 'size'": 1}

    def test_what_ended_early_is_learned_by_how_much_it_breaks_a_bound(self, path):
        early = [hpopt.Outcome("infeasible", {"size": size}) for size in (0.7, 2.0)]
        told([*ROWS[:2], *early, ROWS[4]], path).close()
        with hpopt.Study(problem(), "genetic", constraints=BOUNDS) as study:
            assert study.learn_from(path).n_learned == 5
            knowledge = study.optimizer.knowledge
            np.testing.assert_allclose(knowledge.violations[2:4, 0], [0.2, 1.5])
            assert knowledge.is_broken.tolist() == [True, False, True, True, False]
            assert [*np.argsort(knowledge.losses[:, 0])] == [1, 2, 0, 3, 4]
        for others in (None, {"size": "<= 3"}):  # it breaks none of these
            with hpopt.Study(problem(), "genetic", constraints=others) as study:
                assert dict(study.learn_from(path).reasons) == {"no value of 'loss'": 2}


@pytest.mark.parametrize("strategy", ["steady_state", "bayesian", "tpe", "annealing"])
def test_a_search_goes_on_as_if_it_had_never_stopped(path, strategy):
    settings = {"seed": 5, "constraints": BOUNDS, "progress": False}
    whole = hpopt.optimize(problem(), strategy, trials=24, **settings)
    for n in (9, 15, 24):
        part = hpopt.optimize(problem(), strategy, trials=n, study=path, **settings)
    assert essence(part.trials) == essence(whole.trials)
