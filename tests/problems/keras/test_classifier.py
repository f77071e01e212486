"""The ready classifier: its space, its networks, and that it learns."""

import numpy as np
import pytest

from hpopt.core import Objective, objectives_of
from hpopt.errors import ProblemError, SettingError, UnknownNameError
from hpopt.problems.keras import Classifier
from hpopt.problems.keras.classifier import mean_and_variance
from hpopt.problems.keras.data import Rows
from hpopt.problems.keras.layers import dense
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.testing import ProblemContract

from .small import needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]

rng = np.random.default_rng(0)
LABELS = np.repeat(["cat", "dog", "owl"], 12)
TABLE = rng.normal(size=(36, 4)) + np.repeat([[0], [3], [6]], 12, axis=0)
IMAGES = rng.integers(0, 256, size=(36, 6, 5), dtype="uint8")


class TestTable(ProblemContract):
    n_configs = 1

    def make(self):
        space = {"optimizer": Categorical(["sgd"]), "dense": Sequence(dense(), 1, 1)}
        return Classifier(TABLE, LABELS, fidelity=(1, 2), space=space)


class TestSpace:
    def test_a_table_has_no_convolutions(self):
        assert "convolutions" not in Classifier(TABLE, LABELS).space
        assert list(Classifier(IMAGES, LABELS).space)[:2] == ["convolutions", "dense"]

    def test_what_does_not_fit_the_image_is_not_drawn(self):
        space = Classifier(IMAGES[:, :3, :3], LABELS).space
        for config in space.sample(100, seed=0):
            pools = [layer["pool"] != "none" for layer in config["convolutions"]]
            kernels = [layer["kernel"] for layer in config["convolutions"]]
            assert sum(pools) <= 1
            assert max(kernels) <= 3
            assert not pools[0] or set(kernels[1:]) <= {1}

    def test_single_parameters_are_replaced(self):
        problem = Classifier(
            IMAGES,
            LABELS,
            space={
                "learning_rate": Float(1e-3, 1e-2, log=True),
                "optimizer": Categorical(["adam"]),
                "epochs": Int(1, 3),
            },
        )
        assert problem.space["learning_rate"].high == 1e-2
        assert "momentum" not in problem.space
        assert list(problem.space)[-1] == "epochs"
        assert problem.space.forbidden
        with pytest.raises(UnknownNameError, match="did you mean 'dropout'"):
            Classifier(IMAGES, LABELS, space={"drop": Float(0, 1)})

    def test_a_whole_space_stands_in(self, tmp_path):
        space = Space({"dense": Sequence({"units": Ordinal([4])}, 1, 1)})
        problem = Classifier(TABLE, LABELS, space=space, epochs=1)
        assert problem.space is space
        outcome = tried(problem, tmp_path, {"dense": [{"units": 4}]})
        assert outcome.values["parameters"] == (4 + 1) * 4 + (4 + 1) * 3

    def test_the_objective_is_accuracy(self):
        assert objectives_of(Classifier(TABLE, LABELS)) == (Objective("val_accuracy", "maximize"),)


class TestData:
    def test_labels_become_numbers(self):
        problem = Classifier(TABLE, LABELS, classes=["owl", "cat", "dog"])
        assert problem.classes == ["owl", "cat", "dog"]
        assert problem.training.y[:1].tolist() == [1]

    @pytest.mark.parametrize(
        ("settings", "error", "message"),
        [
            ({"y": LABELS[::2]}, SettingError, "of the same length, but got 36 and 18"),
            ({"y": np.arange(36) / 7}, SettingError, "must hold the labels of classes"),
            ({"y": ["cat"] * 36}, SettingError, "at least two classes"),
            ({"classes": ["cat", "dog"]}, SettingError, r"but got \['owl'\]"),
            ({"x": TABLE * np.nan}, SettingError, "x must be finite"),
            ({"x": [], "y": []}, SettingError, "must not be empty"),
            ({"x": IMAGES[:, None, None]}, SettingError, r"images \(n, height, width\)"),
            ({"x": LABELS}, SettingError, r"rows \(n, features\), but its shape is \(36,\)"),
            (
                {"validation_data": (TABLE[:2], ["cat", "cow"])},
                SettingError,
                r"labels in validation y must be among the classes .* but got \['cow'\]",
            ),
            ({"validation_data": TABLE}, SettingError, "validation_data must be a pair"),
            ({"class_weight": {"cow": 1}}, SettingError, "labels in class_weight"),
            ({"objectives": "quality"}, ProblemError, "write Objective"),
            ({"epochs": 0}, SettingError, "epochs"),
        ],
    )
    def test_bad_input(self, settings, error, message):
        with pytest.raises(error, match=message):
            Classifier(**{"x": TABLE, "y": LABELS, **settings})

    @pytest.mark.parametrize("shape", [(4,), (6, 5), (6, 5, 3)])
    def test_mean_and_variance_are_of_each_feature_or_channel(self, shape):
        x = rng.integers(0, 256, size=(2500, *shape), dtype="uint8")
        chosen = np.arange(0, 2500, 2)
        mean, variance = mean_and_variance(Rows(x, x[:, 0], chosen))
        columns = x[chosen].reshape(-1, 1 if len(shape) == 2 else shape[-1])
        assert mean == pytest.approx(columns.mean(axis=0))
        assert variance == pytest.approx(columns.var(axis=0))


class TestNetworks:
    @pytest.mark.parametrize("shape", [(4,), (6, 5), (6, 5, 1), (6, 5, 3)])
    def test_sampled_configs_make_networks(self, shape):
        x = rng.integers(0, 256, size=(36, *shape), dtype="uint8")
        problem = Classifier(x, LABELS)
        for config in problem.space.sample(4, seed=0):
            model = problem.build(config)
            probabilities = np.asarray(model(x[:2]))
            assert probabilities.shape == (2, 3)
            assert probabilities.sum(axis=1) == pytest.approx(1)

    def test_the_config_says_what_is_in_it(self):
        problem = Classifier(IMAGES, LABELS)
        config = {
            "convolutions": [
                {"filters": 8, "kernel": 5, "normalise": True, "pool": "max"},
                {"filters": 4, "kernel": 1, "normalise": False, "pool": "average"},
            ],
            "dense": [{"units": 7}],
            "activation": "elu",
            "dropout": 0.25,
        }
        model = problem.build(config)
        kinds = [type(layer).__name__ for layer in model.layers]
        assert kinds == [
            *("Reshape", "Normalization"),
            *("Conv2D", "BatchNormalization", "Activation", "MaxPooling2D"),
            *("Conv2D", "Activation", "AveragePooling2D"),
            *("Flatten", "Dense", "Dropout", "Dense"),
        ]
        first, dropout = model.layers[2], model.layers[11]
        assert (first.filters, first.kernel_size, dropout.rate) == (8, (5, 5), 0.25)
        assert model.layers[4].activation.__name__ == "elu"

    @pytest.mark.parametrize(
        ("config", "kind", "settings"),
        [
            (
                {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.5, "nesterov": True},
                "SGD",
                {"momentum": 0.5, "nesterov": True},
            ),
            ({"optimizer": "adam", "learning_rate": 0.1}, "Adam", {}),
            ({"optimizer": "lion", "learning_rate": 0.1}, "Lion", {}),
            ({"learning_rate": 0.1}, "Adam", {}),
        ],
    )
    def test_the_config_says_the_optimizer(self, config, kind, settings):
        optimizer = Classifier(TABLE, LABELS).compile_settings(config)["optimizer"]
        assert type(optimizer).__name__ == kind
        described = optimizer.get_config()
        assert described["learning_rate"] == pytest.approx(0.1)
        assert {name: described[name] for name in settings} == settings


class TestLearning:
    def test_it_learns_images(self, tmp_path):
        bright = np.clip(IMAGES // 4 + np.repeat([0, 90, 180], 12)[:, None, None], 0, 255)
        problem = Classifier(bright.astype("uint8"), LABELS, epochs=15, class_weight="balanced")
        config = {
            "convolutions": [{"filters": 8, "kernel": 3, "normalise": False, "pool": "max"}],
            "dense": [{"units": 16}],
            **{"activation": "relu", "dropout": 0.0, "optimizer": "adam"},
            **{"learning_rate": 0.02, "batch_size": 16},
        }
        outcome = tried(problem, tmp_path, problem.space.validate(config))
        assert outcome.ok, outcome.traceback
        assert outcome.values["val_accuracy"] > 0.8
        model = problem.load_model(config, tmp_path / "0")  # with the optimizer's own weights
        predicted = np.asarray(model(bright)).argmax(axis=1)
        assert np.mean(np.array(problem.classes)[predicted] == LABELS) > 0.8
