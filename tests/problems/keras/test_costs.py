"""What a network costs, as objectives: known before it is trained."""

from types import SimpleNamespace

import pytest

from hpopt.core import TrialHandle, with_constraints
from hpopt.errors import ProblemError, UnknownNameError
from hpopt.problems.keras import costs
from hpopt.problems.keras.latency import Latency
from hpopt.problems.keras.metrics import check_reported, objectives_by_name
from hpopt.problems.keras.training.continuation import LATENCY
from hpopt.problems.keras.training.fit import Monitor

from .small import CONFIG, Quick, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]
COSTS = ["parameters", "memory", "model_bytes", "latency"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A problem with all costs as objectives, and the outcome of a trial."""
    problem = Quick(X, Y, epochs=1, objectives=["val_loss", *COSTS])
    return problem, tried(problem, tmp_path_factory.mktemp("costs"))


@pytest.fixture
def measured(monkeypatch):
    """The latencies that were measured: 1 s, 2 s …"""
    made = []

    def measure(keras, model, examples, batch):
        made.append(Latency(len(made) + 1.0, 0.1, 0.5, 20, batch))
        return made[-1]

    monkeypatch.setattr(costs, "measure_latency", measure)
    return made


def test_they_are_to_be_minimised():
    found = objectives_by_name(["val_accuracy", *COSTS, "my_latency"])
    assert [each.name for each in found if each.direction == "maximize"] == ["val_accuracy"]


def test_a_near_name_is_suggested():
    with pytest.raises(UnknownNameError, match="did you mean 'latency'"):
        check_reported("latenci", {}, ["val_loss"])


def test_each_is_what_its_name_says(everything):
    problem, outcome = everything
    assert outcome.ok, outcome.traceback
    values, calls = outcome.values, outcome.info["latency_calls"]
    assert values["parameters"] == 21
    assert values["memory"] == problem.estimate_memory(CONFIG).total
    # 21 numbers of 4 bytes, and what HDF5 adds for each layer.
    assert 84 < values["model_bytes"] < 40_000
    assert set(calls) == {"deviation", "fastest", "calls", "batch"}
    assert 0 < calls["fastest"] <= values["latency"]
    assert (calls["batch"], calls["deviation"] > 0) == (1, True)


def test_they_are_reported_once(everything):
    values = everything[1].values
    ((_, named),) = everything[1].curve
    assert named == {name: values[name] for name in ("val_loss", *COSTS)}
    follower = TrialHandle(0, 0, objectives=tuple(named))
    monitor = Monitor(everything[0].objectives, follower, known=values)
    for _ in range(2):
        monitor.epoch_ended(SimpleNamespace(stop_training=False), {"loss": 2.0, "val_loss": 1.0})
    assert follower.curve == [(1, {**named, "val_loss": 1.0}), (2, {"val_loss": 1.0})]


def test_measuring_changes_nothing_of_the_training(everything, tmp_path):
    plain = tried(Quick(X, Y, epochs=1), tmp_path)
    ((step, value),), ((own, named),) = plain.curve, everything[1].curve
    assert (step, value) == (own, named["val_loss"])
    assert plain.values.items() <= everything[1].values.items()
    assert not {"memory", "model_bytes", "latency"} & set(plain.values)  # nobody asked for them


def test_what_the_optimizer_keeps_is_not_in_the_size(everything):
    import keras

    model = everything[0].build(CONFIG)
    size = costs.bytes_as_saved(model)
    assert size == everything[1].values["model_bytes"]
    model.compile(keras.optimizers.Adam(), loss="mse")
    assert costs.bytes_as_saved(model) < size + 1000  # its rate, and the number of its steps


def test_a_trial_that_goes_on_has_the_latency_of_the_first(tmp_path, measured):
    known = []

    def callbacks(config, trial):
        import keras

        def begins(logs=None):
            known.append((trial.directory / LATENCY).exists())

        return [keras.callbacks.LambdaCallback(on_train_begin=begins)]

    names = ["val_loss", "latency"]
    problem = Quick(X, Y, fidelity=(1, 3), objectives=names, callbacks=callbacks)
    outcomes = [
        tried(problem, tmp_path, number=0, fidelity=1),
        tried(problem, tmp_path, number=1, fidelity=2, after=0),
        tried(problem, tmp_path, number=2, fidelity=3, after=1),
    ]
    assert [each.values["latency"] for each in outcomes] == [1, 1, 1]
    assert known == [True, True, False]  # before they were trained; the last is not gone on from
    assert {path.name for path in problem.state_files(tmp_path / "1")} == {
        *("training-0.npz", LATENCY)
    }
    (tmp_path / "1" / LATENCY).unlink()
    assert tried(problem, tmp_path, number=3, fidelity=3, after=1).values["latency"] == 2


def test_of_several_networks_the_first_is_measured(tmp_path, measured):
    problem = Quick(X, Y, epochs=1, repeats=2, objectives=["latency", "val_loss"])
    outcome = tried(problem, tmp_path)
    assert (len(measured), outcome.values["latency"], outcome.values["parameters"]) == (1, 1, 21)
    assert "val_loss_std" in outcome.values
    assert "latency_std" not in outcome.values
    assert outcome.curve[0][1].keys() == {"latency", "val_loss"}
    assert outcome.curve[-1][1] == {"val_loss": outcome.values["val_loss"]}


class TestBounds:
    """A config that breaks a bound by a cost is not trained."""

    @pytest.mark.parametrize(
        ("bounds", "known"),
        [
            ({"memory": ("<=", 10)}, {"memory"}),
            ({"parameters": ("<=", 20)}, {"parameters"}),
            ({"latency": ("<=", 0.5)}, {"latency"}),
            ({"parameters": ("<=", 21), "latency": (">=", 9)}, {"parameters", "latency"}),
        ],
    )
    def test_what_is_known_is_kept(self, tmp_path, measured, capsys, bounds, known):
        problem = with_constraints(Quick(X, Y, callbacks=lambda *_: 1 / 0), bounds)
        outcome = tried(problem, tmp_path)
        assert (outcome.status, outcome.values.keys()) == ("infeasible", known)
        assert outcome.curve == ()
        assert "trial 0: not trained, as " + outcome.error in capsys.readouterr().out

    def test_they_may_be_given_to_the_problem(self, tmp_path):
        problem = Quick(X, Y, constraints={"parameters": "<= 20"})
        assert tried(problem, tmp_path).status == "infeasible"
        with pytest.raises(ProblemError, match="write '<='"):
            Quick(X, Y, constraints={"parameters": ("<", 20)})

    def test_what_meets_them_is_trained_and_returns_them(self, tmp_path, measured):
        bounds = {"parameters": ("<=", 21), "latency": ("<=", 1), "memory": ("<=", 1e6)}
        outcome = tried(with_constraints(Quick(X, Y, epochs=1), bounds), tmp_path)
        assert outcome.status == "complete", outcome.error
        assert {*bounds} <= outcome.values.keys()
        assert outcome.curve == ((1, outcome.values["val_loss"]),)


def test_a_run_file_names_them(tmp_path):
    from hpopt.cli.prepare import prepare
    from hpopt.cli.run_file import RunFile

    arguments = {"x": X.tolist(), "y": Y.tolist(), "latency_batch": 4}
    source = f"{__name__.rpartition('.')[0]}.small:Quick"
    problem = {"class": source, "arguments": {**arguments, "objectives": ["val_mae", "latency"]}}
    made = prepare(RunFile({"problem": problem, "trials": 1}, tmp_path, "run.toml")).problem
    assert [each.name for each in made.objectives] == ["val_mae", "latency"]
    assert made.fingerprint()["latency_batch"] == "4"
