"""Studies from Optuna and to it."""

import pytest

optuna = pytest.importorskip("optuna", reason="the extra 'optuna' is not installed")

import hpopt  # noqa: E402
from hpopt.errors import ConfigError, SettingError, StudyError, StudyWarning  # noqa: E402
from hpopt.integrations.optuna import from_optuna, to_optuna  # noqa: E402

State = optuna.trial.TrialState


def objective(trial):
    kind = trial.suggest_categorical("optimizer", ["adam", "sgd"])
    value = abs(trial.suggest_float("lr", 1e-5, 1, log=True) - 0.01)
    if kind == "sgd":
        value += trial.suggest_float("momentum", 0, 1, step=0.1)
    if trial.number % 3 == 0:
        value += trial.suggest_int("rare", 1, 3) + trial.suggest_int("with it", 5, 5)
    for step in range(3):
        trial.report(value + 1 / (step + 1), step)
    if trial.number == 5:
        raise optuna.TrialPruned
    if trial.number == 6:
        raise ValueError
    trial.set_user_attr("note", "fine")
    return value


@pytest.fixture(scope="module")
def optunas():
    sampler = optuna.samplers.RandomSampler(seed=1)
    study = optuna.create_study(study_name="theirs", sampler=sampler)
    study.optimize(objective, n_trials=16, catch=(ValueError,))
    return study


@pytest.fixture(scope="module")
def imported(optunas, tmp_path_factory):
    return from_optuna(optunas, tmp_path_factory.mktemp("studies") / "ours.db", seed=4)


def assert_same_params(found, wanted):
    """hpopt keeps 13 digits."""
    for name, value in wanted.items():
        same = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        assert found[name] == same


def test_the_space_is_read_off_the_trials(imported):
    assert imported.space == hpopt.Space(
        {
            "optimizer": hpopt.Categorical(["adam", "sgd"]),
            "lr": hpopt.Float(1e-5, 1, log=True),
            "momentum": hpopt.Float(0, 1, step=0.1, when={"optimizer": "sgd"}),
            "has rare": hpopt.Categorical([False, True]),
            "rare": hpopt.Int(1, 3, when={"has rare": True}),
            "with it": hpopt.Categorical([5], when={"has rare": True}),
        }
    )


def test_trials_keep_what_they_gave(optunas, imported):
    for theirs, ours in zip(optunas.trials, imported.trials, strict=True):
        assert_same_params(ours.config, theirs.params)
        assert ours.curve == tuple(theirs.intermediate_values.items())
        assert ours.status == {5: "stopped", 6: "failed"}.get(theirs.number, "complete")
        assert ours.values == ({"value": theirs.value} if theirs.number != 6 else {})
        assert ours.info == theirs.user_attrs
        assert ours.started == pytest.approx(theirs.datetime_start.timestamp())
    assert imported.best.number == optunas.best_trial.number
    assert imported.header["imported"] == "Optuna's study theirs"


def test_it_goes_on_as_a_study(imported):
    problem = hpopt.FunctionProblem(lambda config: abs(config["lr"] - 0.01), imported.space)
    with hpopt.Study(problem, path=imported.path) as study:
        assert len(study.run(trials=2, progress=False).trials) == 18


def test_it_comes_back_as_it_was(optunas):
    back = to_optuna(from_optuna(optunas))
    for theirs, again in zip(optunas.trials, back.trials, strict=True):
        assert_same_params(again.params, theirs.params)
        assert again.state == theirs.state
        assert again.values == theirs.values
        assert again.intermediate_values == theirs.intermediate_values
        assert again.user_attrs.items() >= theirs.user_attrs.items()
        assert again.distributions["lr"] == theirs.distributions["lr"]
    assert back.best_trial.number == optunas.best_trial.number


def test_what_cannot_be_imported_is_said(optunas, imported):
    with pytest.raises(StudyError, match=r"a file of its own, but .*ours.db exists"):
        from_optuna(optunas, imported.path)
    with pytest.raises(StudyError, match=r"must have trials with values, but .* has none"):
        from_optuna(optuna.create_study())
    with pytest.raises(SettingError, match=r"must be Optuna's, but got 'theirs.db': open it with"):
        from_optuna("theirs.db")


def test_what_is_left_out_is_said():
    study = optuna.create_study()
    study.add_trial(
        optuna.create_trial(
            params={"x": 0.5, "n": 1},
            distributions={
                "x": optuna.distributions.FloatDistribution(0, 1),
                "n": optuna.distributions.IntDistribution(1, 3),
            },
            value=1.0,
        )
    )
    study.ask()
    broken = study.ask()
    broken.suggest_float("x", 0, 2)
    study.tell(broken, state=State.FAIL)
    with pytest.warns(StudyWarning, match="left out: 1 running, 1 fail"):
        assert len(from_optuna(study).trials) == 1


def test_the_range_is_that_of_all_trials():
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_int("n", 4, 10 + 3 * trial.number, step=3), 3)
    assert from_optuna(study).space["n"] == hpopt.Int(4, 16)


def test_objectives_and_constraints_come_along():
    def two(trial):
        trial.set_constraint("size", trial.suggest_float("x", 0, 1) - 0.5)
        return trial.params["x"], 1 - trial.params["x"]

    study = optuna.create_study(directions=["maximize", "minimize"])
    study.enqueue_trial({"x": 0.25})
    study.enqueue_trial({"x": 0.75})
    study.optimize(two, n_trials=2)
    record = from_optuna(study)
    assert [(o.name, o.direction) for o in record.objectives] == [
        ("values_0", "maximize"),
        ("values_1", "minimize"),
    ]
    assert [trial.number for trial in record.front] == [0]
    assert to_optuna(record).trials[1].constraints == {"constraint size <= 0": 0.25}


def test_lists_vectors_and_tuples_have_distributions():
    layer = {"units": hpopt.Int(8, 64, log=True), "act": hpopt.Categorical(["relu", ("elu", 1)])}
    space = {
        "layers": hpopt.Sequence(layer, 1, 2),
        "weights": hpopt.space.Vector(2, -1, 1),
        "batch": hpopt.Ordinal([16, 32]),
        "rate": hpopt.Float(1, 9, log=True, step=2),
    }

    def evaluate(config, trial):
        for step in (1, 2):
            trial.report(step / 2, len(config["layers"]) / step)
        return {"value": 1.0, "size": 3.0, "note": "x"}

    problem = hpopt.FunctionProblem(evaluate, space)
    with hpopt.Study(problem, "random", seed=0) as study:
        study.add_trial(
            {
                "layers": [{"units": 9, "act": ("elu", 1)}],
                "weights": [0.5, -0.5],
                "batch": 32,
                "rate": 3,
            },
            hpopt.Outcome("stopped", {"value": 2.0}, curve=((0.5, 4.0), (1.0, 2.0))),
        )
        study.add_trial(
            study.space.sample(seed=1)[0], hpopt.failed("no memory", status="out_of_memory")
        )
        stopped, failed = to_optuna(study, study_name="mine").trials
    kinds = optuna.distributions
    assert stopped.params == {
        "len(layers)": 1,
        "layers[0].units": 9,
        "layers[0].act": "('elu', 1)",
        "weights[0]": 0.5,
        "weights[1]": -0.5,
        "batch": 32,
        "rate": 3.0,
    }
    assert stopped.distributions["len(layers)"] == kinds.IntDistribution(1, 2)
    assert stopped.distributions["rate"] == kinds.FloatDistribution(1, 9, log=True)
    assert stopped.distributions["layers[0].units"] == kinds.IntDistribution(8, 64, log=True)
    assert (stopped.state, stopped.value) == (State.PRUNED, 2.0)
    assert stopped.intermediate_values == {0: 4.0, 1: 2.0}  # halves of a step have places
    assert (failed.state, failed.user_attrs["error"]) == (State.FAIL, "no memory")


def test_lower_fidelities_are_pruned_trials(tmp_path):
    class Trained(hpopt.Problem):
        space = hpopt.Space({"x": hpopt.Float(0, 1)})
        fidelity = hpopt.Fidelity(1, 9, "epochs")

        def evaluate(self, config, trial):
            return config["x"] - trial.fidelity

    hpopt.optimize(Trained(), "hyperband", trials=12, study=tmp_path / "own.db", progress=False)
    made = to_optuna(tmp_path / "own.db")
    record = hpopt.Study.load(tmp_path / "own.db")
    assert made.study_name == "own"
    assert made.best_trial.user_attrs["number"] == record.best.number
    reached = {state: set() for state in State}
    for trial in made.trials:
        reached[trial.state].add(trial.user_attrs["fidelity"])
    (highest,) = reached[State.COMPLETE]
    assert max(reached[State.PRUNED]) < highest


def test_a_config_that_does_not_fit_is_no_part_of_it(imported):
    with pytest.raises(ConfigError, match="momentum"):
        imported.space.validate({"optimizer": "sgd", "lr": 0.1, "has rare": False})


def test_a_parameter_may_be_named_as_a_switch_is():
    study = optuna.create_study()
    for _ in range(4):
        study.enqueue_trial({"x": 0.5, "has x": 0.25})
        study.optimize(
            lambda t: (
                t.suggest_float("has x", 0, 1) + (t.number % 2 and t.suggest_float("x", 0, 1))
            ),
            n_trials=1,
        )
    assert [t.values["value"] for t in from_optuna(study).trials] == [0.25, 0.75, 0.25, 0.75]
