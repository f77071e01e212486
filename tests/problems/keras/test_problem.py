"""Training a network as an evaluation."""

import gc
import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from hpopt.core import Fidelity, Objective, objectives_of
from hpopt.errors import ProblemError, SettingError, UnknownNameError
from hpopt.problems.keras import Classifier, KerasProblem
from hpopt.space import Float, Int, Space

from .small import CONFIG, EAGER, Line, Quick, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The outcome of a trial of one epoch."""
    return tried(Line(X, Y, epochs=1), tmp_path_factory.mktemp("usual"))


class TestMaking:
    """What is wrong is said when the problem is made; none of this imports Keras."""

    @pytest.mark.parametrize(
        ("settings", "error", "message"),
        [
            ({"x": X[:9]}, SettingError, "must be of the same length, but got 9 and 40"),
            ({"x": X * np.nan}, SettingError, "x must be finite"),
            ({"x": [], "y": []}, SettingError, "x must not be empty"),
            ({"epochs": 0}, SettingError, "epochs must be an int of at least 1"),
            ({"latency_batch": 0}, SettingError, "latency_batch must be an int of at least 1"),
            ({"batch_size": 2.5}, SettingError, "batch_size must be an int"),
            ({"patience": 0}, SettingError, "patience must be an int"),
            ({"keep_weights": -1}, SettingError, "keep_weights must be an int"),
            ({"class_weight": 3}, SettingError, "class_weight must be a mapping"),
            ({"callbacks": [1]}, SettingError, "callbacks must be a function"),
            ({"callbacks": lambda config: []}, SettingError, r"got <lambda>\(config\) \(too many"),
            ({"validation_split": 2}, SettingError, "validation_split"),
            ({"objectives": "score"}, ProblemError, r"write Objective\('score', 'maximize'\)"),
            ({"objectives": []}, ProblemError, "objectives"),
            (
                {"validation_split": 0},
                ProblemError,
                "'val_loss' needs .* for arrays a validation_split",
            ),
            ({"fidelity": (0, 3)}, SettingError, "a bound of fidelity must be an int"),
            ({"fidelity": (3, 1)}, ProblemError, "low <= high"),
            ({"fidelity": 3}, ProblemError, r"range of epochs, as \(1, 27\)"),
            ({"fidelity": Fidelity(1, 9, "trees")}, ProblemError, "range of epochs"),
            ({"fidelity": Fidelity(1.5, 9)}, ProblemError, "whole numbers of epochs"),
            ({"fidelity": "fold"}, UnknownNameError, "folds"),
            ({"fidelity": "folds"}, ProblemError, "give folds=5 or repeats=3"),
            ({"fidelity": Fidelity(1, 4, "folds"), "folds": 3}, ProblemError, "there are 3"),
            ({"fidelity": Fidelity(8, 64, "samples")}, ProblemError, "there are 32"),
            ({"fidelity": Fidelity(0.1, 32, "samples")}, ProblemError, "both be shares"),
            ({"schedule_restarts": 3}, SettingError, r"as \(1, 3, 9\), but got 3"),
            ({"schedule_restarts": (3, 1)}, SettingError, "must ascend"),
            ({"checkpoint_every": "often"}, SettingError, "such as '5 min'"),
            ({"checkpoint_every": 0}, SettingError, "epochs of at least 1"),
            ({"fidelity": (1, 9), "space": {"epochs": Int(1, 9)}}, ProblemError, "got both"),
        ],
    )
    def test_bad_input(self, settings, error, message):
        with pytest.raises(error, match=message):
            Line(**{"x": X, "y": Y, **settings})

    def test_a_problem_without_a_space(self):
        class Spaceless(Line):
            space = None

        with pytest.raises(ProblemError, match=r"Spaceless\.space must be an hpopt\.Space"):
            Spaceless(X, Y)
        assert list(Spaceless(X, Y, space={"units": Int(1, 2)}).space) == ["units"]

    def test_a_problem_without_a_network(self):
        with pytest.raises(TypeError, match="build"):
            KerasProblem(X, Y)

    def test_objectives_are_of_the_class_or_of_the_call(self):
        assert objectives_of(Line(X, Y)) == (Objective("val_loss", "minimize"),)
        assert objectives_of(Line(X, Y, objectives=["val_mae", "parameters"])) == (
            Objective("val_mae", "minimize"),
            Objective("parameters", "minimize"),
        )

        class Named(Line):
            objectives = "loss"

        assert objectives_of(Named(X, Y, validation_split=0)) == (Objective("loss"),)

    def test_a_fidelity_counts_epochs(self):
        assert Line(X, Y, fidelity=(1, 9)).fidelity == Fidelity(1, 9, "epochs")
        assert Line(X, Y).fidelity is None


class Uncompiled(Line):
    def build(self, config):
        import keras

        return keras.Sequential([keras.layers.Dense(1)])  # not built either


class TestNetwork:
    """A network that is none, or that the data do not fit, is said before the first trial."""

    def test_a_build_that_returns_no_model(self):
        class Nothing(Line):
            def build(self, config):
                return None

        with pytest.raises(
            ProblemError, match=r"Nothing\.build must return a keras\.Model, but re"
        ):
            Nothing(X, Y)
        with pytest.raises(ProblemError, match=r"build must return .*, but returned list"):
            KerasProblem(X, Y, build=lambda config: [], space=Line.space)

        class Trained(Line):
            def build(self, config):
                return super().build(config).fit(X, Y, verbose=0)

        with pytest.raises(ProblemError, match="returned History: return the model itself"):
            Trained(X, Y)

    def test_a_model_that_is_not_compiled(self):
        with pytest.raises(ProblemError, match=r"Uncompiled\.build must return a compiled model"):
            Uncompiled(X, Y)

    def test_nothing_that_builds(self):
        with pytest.raises(ProblemError, match="KerasProblem needs something to build networks"):
            KerasProblem(X, Y, space=Line.space)
        with pytest.raises(ProblemError, match="build must be a builder, or a function"):
            KerasProblem(X, Y, build="dense", space=Line.space)

    def test_data_of_another_shape(self):
        with pytest.raises(
            SettingError, match=r"shape \(3,\), as the network takes them.*\(40, 2\)"
        ):
            Line(X[:, :2], Y)

    def test_labels_outside_the_classes(self):
        labels = np.arange(40) % 3
        with pytest.raises(SettingError, match="whole numbers from 0 to 1, as there are 2 classes"):
            Images(np.zeros((40, 8, 8, 1)), labels)

    def test_an_error_in_the_build_is_one_at_once(self):
        class Broken(Line):
            def build(self, config):
                import keras

                return keras.layers.Dens(config["units"])

        with pytest.raises(ProblemError) as caught:
            Broken(X, Y)
        assert re.fullmatch(
            r"build must make a network, but with the config \{'units': 5, 'batch_size': 16\} it "
            r"raised AttributeError: .*'Dens'.* \(test_problem\.py, line \d+: "
            r"return keras\.layers\.Dens\(config\[\"units\"\]\)\)",
            str(caught.value),
        )
        assert isinstance(caught.value.__cause__, AttributeError)

    def test_a_config_that_cannot_be_built_is_left_to_its_trial(self, tmp_path):
        class Narrow(Line):
            def build(self, config):
                if config["units"] == 5:  # the middle of the space
                    raise ValueError("five units are too many")
                return super().build(config)

        outcome = tried(Narrow(X, Y), tmp_path, {"units": 5, "batch_size": 16})
        assert (outcome.status, outcome.error) == ("failed", "ValueError: five units are too many")

    def test_targets_that_the_loss_cannot_take(self):
        with pytest.raises(ProblemError, match="the network must take the data, but with the conf"):
            Measured(X, np.zeros((40, 5)))

    def test_what_a_user_draws_does_not_change(self):
        drawn = []
        for _ in range(2):
            np.random.seed(3)
            random.seed(3)
            if drawn:
                Line(X, Y)
            drawn.append((np.random.rand(), random.random()))
        assert drawn[0] == drawn[1]

    def test_an_unknown_precision(self):
        with pytest.raises(UnknownNameError, match="did you mean 'mixed_float16'"):
            Line(X, Y, precision="mixed_float")


class Measured(Line):
    """Two classes, and what is measured of them."""

    metrics = ("auc", "f1")

    def build(self, config):
        import keras

        several = keras.metrics.F1Score(name="f1")
        one = keras.metrics.F1Score(average="macro", name="f1")
        names = {"auc": keras.metrics.AUC(), "f1": several, "macro": one, "acc": "accuracy"}
        model = keras.Sequential(
            [keras.layers.Input((3,)), keras.layers.Dense(2, activation="softmax")]
        )
        metrics = [names[name] for name in self.metrics]
        model.compile("sgd", loss="categorical_crossentropy", metrics=metrics)
        return model


ONE_HOT = np.eye(2)[(Y > 0).astype(int)]


class TestObjectives:
    """An objective that the model does not report is an error before the first trial."""

    pytestmark = EAGER

    @pytest.mark.parametrize(
        ("names", "error", "message"),
        [
            ("val_accuracy", UnknownNameError, "'val_accuracy': did you mean .* known are .*'auc'"),
            ("val_auc_1", UnknownNameError, "did you mean 'val_auc'"),
            (["val_loss", "val_f1"], ProblemError, r"F1Score\(average='macro', name='f1'\)\]"),
            ("f1", ProblemError, "objective 'f1' must be one number, but the model reports 2, one"),
        ],
    )
    def test_of_a_model(self, names, error, message):
        with pytest.raises(error, match=message):
            Measured(X, ONE_HOT, objectives=names)

    @pytest.mark.parametrize("names", ["val_auc", ["loss", "parameters"]])
    def test_that_are_reported(self, names):
        assert Measured(X, ONE_HOT, objectives=names)

    def test_of_a_builder_without_a_network(self):
        with pytest.raises(UnknownNameError, match="'val_acc': did you mean 'val_accuracy'"):
            Classifier(X, Y > 0, objectives="val_acc")

    def test_of_callbacks_are_known_in_a_trial_only(self, tmp_path):
        problem = Line(X, Y, epochs=1, callbacks=lambda *_: [], objectives="val_acc")
        assert "unknown objective 'val_acc'" in tried(problem, tmp_path).error

    def test_that_are_arrays_of_one_element(self, tmp_path):
        class Macro(Measured):
            metrics = ("macro",)

        outcome = tried(Macro(X, ONE_HOT, objectives="val_f1", epochs=1), tmp_path)
        assert outcome.ok, outcome.error
        assert 0 <= outcome.values["val_f1"] <= 1

    def test_that_a_subclass_adds(self, tmp_path):
        class Timed(Line):
            objectives = (Objective("latency"), Objective("val_loss"))

            def evaluate(self, config, trial):
                return super().evaluate(config, trial) | {"latency": float(trial.number)}

        problem = Timed(X, Y, epochs=1)
        for number in range(2):
            outcome = tried(problem, tmp_path, number=number)
            assert outcome.ok, outcome.traceback
            assert outcome.curve[0][1]["val_loss"] == outcome.values["val_loss"]
            assert outcome.values["latency"] == number
        # Both trials have the same val_loss, and the first is faster.
        assert [path.parent.name for path in tmp_path.glob("*/model.weights.h5")] == ["0"]


class TestEvaluating:
    pytestmark = EAGER

    def test_it_gives_the_metrics_of_the_best_epoch(self, tmp_path, capsys):
        outcome = tried(Quick(X, Y, epochs=3), tmp_path)
        assert outcome.status == "complete", outcome.traceback
        assert set(outcome.values) == {
            *("loss", "mae", "val_loss", "val_mae"),
            *("parameters", "epochs", "best_epoch"),
        }
        assert outcome.values["parameters"] == (3 + 1) * 4 + (4 + 1)
        assert outcome.values["epochs"] == 3
        assert [step for step, _ in outcome.curve] == [1, 2, 3]
        best = min(outcome.curve, key=lambda pair: pair[1])
        assert (outcome.values["best_epoch"], outcome.values["val_loss"]) == best

        printed = capsys.readouterr()
        assert printed.out.count("\n") == 1
        assert printed.out.startswith("trial 0: val_loss ")
        assert "21 parameters" in printed.out

    def test_it_learns(self, tmp_path):
        problem = Line(X, Y, epochs=6)
        problem.learning_rate = 0.05
        outcome = tried(problem, tmp_path, {"units": 8, "batch_size": 8})
        assert outcome.values["val_loss"] < 0.5 * outcome.curve[0][1]

    def test_config_and_fidelity_say_how_long(self, tmp_path):
        space = Space({"units": Int(1, 8), "epochs": Int(1, 9)})
        config = {"units": 2, "epochs": 2}
        assert len(tried(Quick(X, Y, epochs=5, space=space), tmp_path, config).curve) == 2
        problem = Quick(X, Y, epochs=5, fidelity=(1, 3))
        assert len(tried(problem, tmp_path, fidelity=2.0).curve) == 2
        assert len(tried(problem, tmp_path).curve) == 3

    def test_patience_ends_what_gets_no_better(self, tmp_path):
        problem = Quick(X, Y, epochs=9, patience=2)
        problem.learning_rate = 0.0
        outcome = tried(problem, tmp_path)
        assert outcome.status == "complete"
        assert (outcome.values["epochs"], outcome.values["best_epoch"]) == (3, 1)

    def test_a_rule_stops_it(self, tmp_path):
        outcome = tried(Quick(X, Y, epochs=9), tmp_path, rule=lambda curve: len(curve) == 2)
        assert outcome.status == "stopped"
        assert outcome.values["epochs"] == 2

    def test_divergence_is_invalid(self, tmp_path):
        problem = Quick(X, Y, epochs=9)
        problem.learning_rate = 1e30
        outcome = tried(problem, tmp_path)
        assert (outcome.status, outcome.error) == ("invalid", "objective 'val_loss' is nan")
        assert not list(tmp_path.glob("*/*"))

    def test_the_size_of_the_network_may_be_an_objective(self, tmp_path):
        outcome = tried(Quick(X, Y, epochs=1, objectives=["parameters", "val_loss"]), tmp_path)
        assert outcome.values["parameters"] == 21
        named = {name: outcome.values[name] for name in ("parameters", "val_loss")}
        assert outcome.curve == ((1.0, named),)

    def test_without_validation(self, tmp_path):
        outcome = tried(Quick(X, Y, epochs=1, validation_split=0, objectives="loss"), tmp_path)
        assert set(outcome.values) >= {"loss", "mae"}
        assert "val_loss" not in outcome.values

    def test_validation_data_are_used(self, tmp_path):
        far = (X[:5], Y[:5] + 100)
        outcome = tried(Quick(X, Y, epochs=1, validation_data=far), tmp_path)
        assert outcome.values["val_loss"] > 1000 > outcome.values["loss"]

    def test_class_weights_count(self, tmp_path):
        zeros = Quick(X, Y > 0, epochs=1, class_weight={0: 0.0, 1: 0.0})
        assert tried(zeros, tmp_path).values["loss"] == 0

    def test_each_trial_has_fresh_callbacks(self, tmp_path):
        made = []

        def callbacks(config, trial):
            import keras

            ended = []
            made.append((config["units"], trial.number, ended))
            return [keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ended.append(1))]

        problem = Quick(X, Y, epochs=2, callbacks=callbacks)
        for number in (0, 1):
            tried(problem, tmp_path, number=number)
        assert made == [(4, 0, [1, 1]), (4, 1, [1, 1])]

    def test_a_model_may_be_compiled_by_settings(self, tmp_path):
        class CompiledModel(Uncompiled):
            def compile_settings(self, config):
                return {"optimizer": "sgd", "loss": "mse"}

        outcome = tried(CompiledModel(X, Y, epochs=1), tmp_path)
        assert outcome.values["parameters"] == 4
        problem = CompiledModel(X, Y)
        assert problem.load_model(CONFIG, tmp_path / "0").count_params() == 4

    def test_a_function_may_build_it(self, tmp_path):
        def build(config):
            return Line.build(Line, config)

        problem = KerasProblem(X, Y, build=build, space=Line.space, epochs=1)
        assert tried(problem, tmp_path).values["parameters"] == 21

    def test_the_best_weights_come_back(self, tmp_path):
        problem = Line(X, Y, epochs=2)
        outcome = tried(problem, tmp_path)
        model = problem.load_model(CONFIG, tmp_path / "0")
        x, y = problem.validation.take(slice(None))
        assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(outcome.values["val_loss"])
        tried(Line(X, Y, epochs=1, keep_weights=0), tmp_path, number=1)
        with pytest.raises(SettingError, match="must have kept its weights"):
            problem.load_model(CONFIG, tmp_path / "1")


class TestProcess:
    """What a trial leaves in its process: nothing."""

    def test_no_model_and_no_graph_stays(self, tmp_path, usual):
        import keras

        problem = Line(X, Y, epochs=1)
        assert usual.ok

        def left():
            gc.collect()
            kinds = [type(thing) for thing in gc.get_objects()]
            return sum(
                issubclass(kind, keras.Model) or kind.__name__ in ("FuncGraph", "AtomicFunction")
                for kind in kinds
            )

        # The networks share a compiled step, which the process holds, as it does the data.
        tried(problem, tmp_path)
        before = left()
        for number in range(1, 3):
            tried(problem, tmp_path, number=number)
        assert left() == before

    def test_an_error_leaves_the_session_clean(self, tmp_path, usual):
        def callbacks(config, trial):
            raise RuntimeError("no callbacks today")

        assert "no callbacks today" in tried(Line(X, Y, callbacks=callbacks), tmp_path).error
        assert tried(Line(X, Y, epochs=1), tmp_path).values == usual.values

    def test_deterministic_operations_are_taken_back(self, usual):
        import keras

        assert usual.ok

        if keras.backend.backend() != "tensorflow":
            pytest.skip("only TensorFlow has such a switch")
        import tensorflow as tf

        assert tf.random.normal([2]).shape == (2,)  # it needs a seed while they are on

    def test_a_new_process_gives_the_same_values(self, tmp_path):
        config = {"rate": 0.01}
        tried(Images.make(), tmp_path, {"rate": 0.1}, number=1, seed=1)
        warm = tried(Images.make(), tmp_path, config)
        code = (
            "import json, sys, pathlib;"
            "from problems.keras.test_problem import Images;"
            "from problems.keras.small import tried;"
            f"outcome = tried(Images.make(), pathlib.Path({str(tmp_path)!r}), {config!r});"
            "print(json.dumps([dict(outcome.values), outcome.curve]))"
        )
        printed = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        values, curve = json.loads(printed.splitlines()[-1])
        assert values == warm.values
        assert [tuple(pair) for pair in curve] == list(warm.curve)

    def test_another_seed_gives_other_values(self, tmp_path, usual):
        other = tried(Line(X, Y, epochs=1), tmp_path, seed=8)
        assert other.values["val_loss"] != usual.values["val_loss"]


class Images(KerasProblem):
    """A convolution, normalisation and dropout: what has state, and sums in many orders."""

    space = Space({"rate": Float(1e-3, 1e-1, log=True)})

    @classmethod
    def make(cls):
        rng = np.random.default_rng(0)
        return cls(rng.normal(size=(96, 8, 8, 1)), rng.integers(0, 2, 96), epochs=2, batch_size=32)

    def build(self, config):
        import keras

        layers = keras.layers
        model = keras.Sequential(
            [
                layers.Input((8, 8, 1)),
                layers.Conv2D(8, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.Flatten(),
                layers.Dropout(0.3),
                layers.Dense(2, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.Adam(config["rate"]), loss="sparse_categorical_crossentropy")
        return model
