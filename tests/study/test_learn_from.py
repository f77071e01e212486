import json
import math

import numpy as np
import pytest

import hpopt
from hpopt.errors import (
    SettingError,
    StudyError,
    StudyFileError,
    StudyMismatchError,
    StudyWarning,
)
from hpopt.stopping import Trials
from hpopt.study import knowledge

from .problems import KNOWN_GOOD, STRATEGIES, Greedy, Mixed, essence

SPACE = {
    "kernel": hpopt.Categorical([(3, 3), (5, 5)]),
    "optimizer": hpopt.Categorical(["adam", "sgd"]),
    "momentum": hpopt.Float(0, 0.9, when={"optimizer": "sgd"}),
    "rate": hpopt.Float(1e-4, 1, log=True),
}


def cost(config):
    if config["rate"] > 0.2:
        raise ValueError("it diverged")
    value = abs(math.log10(config["rate"]) + 2) + config.get("momentum", 0.5)
    return value + (config["kernel"] == (3, 3))


def problem(forbid=(), objective=None, **changes):
    space = {name: p for name, p in {**SPACE, **changes}.items() if p is not None}
    return hpopt.FunctionProblem(
        cost, hpopt.Space(space, forbid=forbid), objectives=objective or hpopt.Objective()
    )


def earlier(path=None, n=30, of=None, optimizer="random", **options):
    options = {"seed": 1, "progress": False, **options}
    return hpopt.optimize(of or problem(), optimizer, trials=n, study=path, **options)


class TestWhatIsLearned:
    def test_all_of_the_same_space(self, path):
        result = earlier(path)
        study = hpopt.Study(problem(), "genetic", seed=0)
        learned = study.learn_from(path)
        assert (learned.n_learned, learned.n_left_out, learned.reasons) == (30, 0, {})
        assert str(learned) == f"learned 30 of 30 trials of {path}"
        known = study.optimizer.knowledge
        assert study.space.decode(known.points) == [trial.config for trial in result.trials]
        assert {type(config["kernel"]) for config in study.space.decode(known.points)} == {tuple}
        losses = [trial.values.get("value", math.inf) for trial in result.trials]
        assert known.losses[:, 0].tolist() == losses
        assert math.inf in losses

    @pytest.mark.parametrize("kind", ["path", "text", "record", "result", "study", "in memory"])
    def test_of_a_study_in_any_form(self, path, kind):
        result = earlier(None if kind == "in memory" else path)
        source = {
            "path": lambda: path,
            "text": lambda: str(path),
            "record": lambda: hpopt.Study.load(path),
            "result": lambda: result,
            "in memory": lambda: result,
            "study": lambda: hpopt.Study(problem(), path=path),
        }[kind]()
        assert hpopt.Study(problem()).learn_from(source).n_learned == 30
        assert hpopt.optimize(problem(), trials=1, learn_from=source, progress=False).trials

    @pytest.mark.parametrize("direction", ["minimize", "maximize"])
    def test_of_a_stopped_trial_what_the_earlier_strategy_learned(self, path, direction):
        def trained(config, trial):
            for step in range(1, 11):
                trial.report(step, config["rate"] * 10 / step)
                if trial.should_stop():
                    break
            return trial.curve[-1][1]

        def curves():
            return hpopt.FunctionProblem(
                trained, SPACE, objectives=hpopt.Objective("loss", direction)
            )

        with hpopt.Study(curves(), "random", path=path, seed=1) as before:
            result = before.run(trials=30, early_stopping="median", progress=False)
            losses = before.optimizer.history.losses[:, 0]
        sign = result.objectives[0].sign
        measured = [sign * trial.values["loss"] for trial in result.trials]
        study = hpopt.Study(curves(), "tpe")
        study.learn_from(path)
        known = study.optimizer.knowledge.losses[:, 0]
        assert known.tolist() == losses.tolist()
        is_stopped = np.array([trial.status == "stopped" for trial in result.trials])
        assert (known != measured)[is_stopped].any()
        assert (known == measured)[~is_stopped].all()

    def test_its_directions_are_applied(self, path):
        objective = hpopt.Objective("accuracy", "maximize")
        earlier(path, of=problem(objective=objective))
        study = hpopt.Study(problem(objective=objective))
        study.learn_from(path)
        assert (study.optimizer.knowledge.losses < 0).any()

    def test_other_values_may_be_objectives_now(self, path):
        class Rich(Mixed):
            def evaluate(self, config, trial):
                return {"value": 1.0, "seconds": config["rate"]}

        class Fast(Mixed):
            objectives = (hpopt.Objective("seconds"), hpopt.Objective("value"))

        earlier(path, of=Rich(), n=12)
        study = hpopt.Study(Fast())
        assert study.learn_from(path).n_learned == 12
        assert (study.optimizer.knowledge.losses[:, 1] == 1.0).all()

    def test_from_several_studies_each_config_once(self, tmp_path):
        first, second = tmp_path / "1.db", tmp_path / "2.db"
        earlier(first, 10), earlier(second, 25)  # with the same seed: the same first ten
        study = hpopt.Study(problem())
        assert study.learn_from(first).n_learned == 10
        learned = study.learn_from(second)
        assert (learned.n_learned, dict(learned.reasons)) == (
            15,
            {"its config is known already": 10},
        )
        assert len(study.optimizer.knowledge) == 25


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"rate": None}, "'rate' is not in this space"),
            ({"width": hpopt.Int(1, 8)}, "'width' is missing"),
            ({"rate": hpopt.Float(1e-3, 0.1, log=True)}, "'rate' is out of this space's range"),
            (
                {"kernel": hpopt.Categorical([(3, 3), (7, 7)])},
                "'kernel' is out of this space's range",
            ),
            (
                {"momentum": hpopt.Float(0, 0.9, when={"optimizer": "adam"})},
                "'momentum' is missing",
            ),
            ({"forbid": [{"optimizer": "adam"}]}, "its config is forbidden here"),
            ({"objective": hpopt.Objective("loss")}, "no value of 'loss'"),
        ],
    )
    def test_is_counted_by_its_reason(self, path, changes, reason):
        earlier(path)
        learned = hpopt.Study(problem(**changes)).learn_from(path)
        assert learned.reasons[reason] >= 5
        assert learned.n_learned + learned.n_left_out == 30
        assert sum(learned.reasons.values()) == learned.n_left_out
        assert f"{learned.reasons[reason]} × {reason}" in str(learned)

    def test_a_parameter_that_would_not_exist_here(self, path):
        earlier(path)
        other = problem(momentum=hpopt.Float(0, 0.9, when={"optimizer": "adam"}))
        reasons = hpopt.Study(other).learn_from(path).reasons
        assert set(reasons) == {"'momentum' is missing", "'momentum' would not exist here"}

    def test_the_other_direction_is_an_error(self, path):
        earlier(path)
        study = hpopt.Study(problem(objective=hpopt.Objective("value", "maximize")))
        with pytest.raises(StudyMismatchError, match="'value' is to maximize and was to minimize"):
            study.learn_from(path)
        assert len(study.optimizer.knowledge) == 0

    def test_itself(self, path):
        study = hpopt.Study(problem(), path=path)
        for source in (study, path):
            with pytest.raises(SettingError, match="must learn from another one, but got itself"):
                study.learn_from(source)

    @pytest.mark.parametrize("source", [None, 3, {"path": "study.db"}, b"study.db"])
    def test_no_study(self, source):
        with pytest.raises(SettingError, match="takes the path of a study, or a study"):
            hpopt.Study(problem()).learn_from(source)

    def test_no_file(self, path):
        with pytest.raises(StudyFileError, match="there is no"):
            hpopt.Study(problem()).learn_from(path)


class TestWhatIsFilled:
    """What a trial lacks it is given where the parameter has a default."""

    def test_a_new_parameter(self, path):
        result = earlier(path)
        study = hpopt.Study(problem(dropout=hpopt.Float(0, 0.5, default=0.0)), "genetic")
        learned = study.learn_from(path)
        assert (learned.n_learned, learned.filled) == (30, {"dropout": 30})
        assert str(learned).endswith(f"trials of {path}; filled by the default: 30 × dropout")
        configs = study.space.decode(study.optimizer.knowledge.points)
        assert configs == [{**trial.config, "dropout": 0.0} for trial in result.trials]

    def test_without_a_default_it_says_what_to_do(self, path):
        earlier(path)
        learned = hpopt.Study(problem(dropout=hpopt.Float(0, 0.5))).learn_from(path)
        assert (learned.n_learned, learned.filled, learned.missing) == (0, {}, ("dropout",))
        assert str(learned) == (
            f"learned 0 of 30 trials of {path}; left out: 30 × 'dropout' is missing; "
            "give dropout a default=… to keep these"
        )

    def test_a_search_in_one_call_warns_that_it_learns_nothing(self, path):
        earlier(path)
        wider = problem(dropout=hpopt.Float(0, 0.5))
        with pytest.warns(
            StudyWarning, match="learned 0 of 30 .* give dropout a default"
        ) as caught:
            earlier(of=wider, n=2, learn_from=path)
        assert len(caught) == 1
        earlier(of=problem(rate=hpopt.Float(1e-3, 1, log=True)), n=2, learn_from=path)

    def test_only_where_it_exists(self, path):
        n = [trial.config["optimizer"] for trial in earlier(path).trials].count("sgd")
        nesterov = hpopt.Categorical([True, False], when={"optimizer": "sgd"}, default=False)
        learned = hpopt.Study(problem(nesterov=nesterov)).learn_from(path)
        assert (learned.n_learned, learned.filled) == (30, {"nesterov": n})

    def test_a_field_of_a_layer(self, path):
        def network(**fields):
            layer = {"units": hpopt.Int(8, 64), **fields}
            return hpopt.FunctionProblem(
                lambda config: len(config["layers"]), {"layers": hpopt.Sequence(layer, 0, 3)}
            )

        trials = earlier(path, of=network()).trials
        n = sum(1 for trial in trials if trial.config["layers"])
        assert 0 < n < 30
        study = hpopt.Study(network(kernel=hpopt.Int(1, 5, default=3)))
        learned = study.learn_from(path)
        assert (learned.n_learned, learned.filled) == (30, {"layers.kernel": n})
        for config in study.space.decode(study.optimizer.knowledge.points):
            assert {layer["kernel"] for layer in config["layers"]} <= {3}
        learned = hpopt.Study(network(kernel=hpopt.Int(1, 5))).learn_from(path)
        assert dict(learned.reasons) == {"'layers.kernel' is missing": n}
        assert "give layers.kernel a default=… to keep these" in str(learned)
        learned = hpopt.Study(network(units=hpopt.Int(8, 9))).learn_from(path)
        assert set(learned.reasons) == {"'layers.units' is out of this space's range"}

    def test_it_is_kept_in_the_file(self, path, tmp_path):
        earlier(path, 5)
        default = problem(dropout=hpopt.Float(0, 0.5, default=0.25), width=hpopt.Int(1, 8))
        first = hpopt.Study(default, path=tmp_path / "new.db")
        learned = first.learn_from(path)
        first.close()
        with hpopt.Study(default, path=tmp_path / "new.db") as study:
            assert study.learn_from(path) == learned
        assert learned.missing == ("width",)

    def test_a_part_of_an_older_file_has_none(self):
        part = {"source": "old.db", "trials": [], "left_out": {"'x' is missing": 2}}
        assert str(knowledge.report(part)) == (
            "learned 0 of 2 trials of old.db; left out: 2 × 'x' is missing"
        )


class TestWhen:
    @pytest.mark.parametrize("has", ["pending", "told"])
    def test_not_after_the_first_ask(self, path, has):
        study = hpopt.Study(problem(), "random")
        solution = study.ask()
        if has == "told":
            study.tell(solution, 1.0)
        with pytest.raises(StudyError, match="before its first trial, but this one has 1"):
            study.learn_from(earlier())
        assert "learned" not in study.header

    def test_again_changes_nothing(self, tmp_path):
        old, new = tmp_path / "old.db", tmp_path / "new.db"
        earlier(old, 12)
        with hpopt.Study(problem(), path=new, seed=0) as study:
            first = study.learn_from(old)
            study.run(trials=5, progress=False)
            assert study.learn_from(old) == first
        earlier(old, 20)  # it goes on
        with hpopt.Study(problem(), path=new) as study:
            assert study.learn_from(old) == first
            assert len(study.optimizer.knowledge) == 12
        old.unlink()
        with hpopt.Study(problem(), path=new) as study:
            assert study.learn_from(old) == first
            with pytest.raises(StudyFileError, match="there is no"):
                study.learn_from(tmp_path / "other.db")

    @pytest.mark.parametrize(
        "optimizer",
        [
            *STRATEGIES,
            "greedy",
            "chain",
            "narrowing",
        ],
    )
    def test_a_study_goes_on_exactly_without_the_other(self, tmp_path, optimizer):
        def make():
            made = {**STRATEGIES, "greedy": Greedy}.get(optimizer, lambda: optimizer)()
            return hpopt.optimizers.make_optimizer(made)

        old, n = tmp_path / "old.db", 14
        earlier(old, 25, of=Mixed())
        options = {"seed": 3, "start": [KNOWN_GOOD], "progress": False}
        expected = hpopt.optimize(Mixed(), make(), trials=n, learn_from=old, **options)
        assert expected.trials[0].config == KNOWN_GOOD
        new = tmp_path / "new.db"
        with hpopt.Study(Mixed(), make(), path=new, seed=3, start=[KNOWN_GOOD]) as study:
            study.learn_from(old)
            study.run(trials=5, progress=False)
        old.unlink()
        with hpopt.Study(Mixed(), make(), path=new) as study:
            study.run(stop=Trials(n), progress=False)
            assert essence(study.trials) == essence(expected.trials)

    def test_it_is_data_in_the_header(self, path, tmp_path):
        earlier(path, 6)
        new = tmp_path / "new.db"
        with hpopt.Study(problem(), path=new) as study:
            study.learn_from(path)
        header = hpopt.Study.load(new).header
        assert json.loads(json.dumps(header))["learned"][0]["source"] == str(path)
        assert len(header["learned"][0]["trials"]) == 6
        with pytest.raises(SettingError, match="about must not use"):
            hpopt.Study(problem(), about={"learned": []})


def test_a_search_that_knows_is_ahead():
    """The genetic algorithm breeds the best of what was known, at once."""
    known = earlier(n=200)
    ahead = []
    for seed in range(5):
        options = {"trials": 20, "seed": seed, "progress": False}
        found = [
            hpopt.optimize(problem(), "genetic", learn_from=source, **options)
            for source in (known, None)
        ]
        values = [
            np.median([trial.values.get("value", math.inf) for trial in result.trials])
            for result in found
        ]
        ahead.append(values[0] < values[1])
    assert np.mean(ahead) > 0.8


class TestNarrow:
    """A study knows its objectives, so it can be narrowed without naming them."""

    def test_result_study_and_record(self, path):
        result = earlier(path, 100)
        found = result.narrow()
        with hpopt.Study(problem(), path=path) as study:
            assert study.narrow().reasons == found.reasons
        assert hpopt.Study.load(path).narrow().reasons == found.reasons
        direct = problem().space.narrow(result.trials, objective="value")
        assert found.reasons == direct.reasons != ()
        again = hpopt.optimize(
            hpopt.FunctionProblem(cost, found.space), "random", trials=100, seed=2, progress=False
        )
        assert np.median([t.values.get("value", math.inf) for t in again.trials]) < np.median(
            [t.values.get("value", math.inf) for t in result.trials]
        )

    def test_what_is_maximised(self):
        up = problem(objective=hpopt.Objective("value", "maximize"))
        found = earlier(of=up, n=150).narrow()
        assert found.space["momentum"].low > 0
        assert "moved the lower end of momentum" in str(found)

    def test_an_objective_of_several(self):
        class Two(Mixed):
            objectives = (hpopt.Objective("size"), hpopt.Objective("gain", "maximize"))

            def evaluate(self, config, trial):
                return {"size": config["batch"], "gain": math.log(config["rate"])}

        result = earlier(of=Two(), n=80)
        assert result.narrow().space["batch"].values[-1] < 128
        assert result.narrow(objective="gain", confidence=0.9, keep=0.2).space["rate"].low > 1e-4
        with pytest.raises(SettingError, match="unknown objective 'gian': did you mean 'gain'"):
            result.narrow(objective="gian")
