"""The ready classifier: its space, its labels, and that it learns."""

import numpy as np
import pytest

from hpopt.core import Objective, objectives_of
from hpopt.errors import ProblemError, SettingError, UnknownNameError
from hpopt.problems.keras import Classifier, DenseBuilder
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.testing import ProblemContract

from .small import EAGER, needs_keras, numbers, quiet, tried

pytestmark = [needs_keras, quiet, *EAGER]

rng = np.random.default_rng(0)
LABELS = np.repeat(["cat", "dog", "owl"], 12)
TABLE = rng.normal(size=(36, 4)) + np.repeat([[0], [3], [6]], 12, axis=0)
IMAGES = rng.integers(0, 256, size=(36, 6, 5), dtype="uint8")


class TestTable(ProblemContract):
    n_configs = 1

    def make(self):
        space = {
            "optimizer": Categorical(["sgd"]),
            "dense": Sequence({"units": Ordinal([16, 32])}, 1, 1),
        }
        return Classifier(TABLE, LABELS, fidelity=(1, 2), space=space)


class TestSpace:
    def test_a_table_has_no_convolutions(self):
        assert "convolutions" not in Classifier(TABLE, LABELS).space
        assert list(Classifier(IMAGES, LABELS).space)[:2] == ["convolutions", "dense"]

    def test_what_does_not_fit_the_image_is_not_drawn(self):
        space = Classifier(IMAGES[:, :3, :3], LABELS).space
        for config in space.sample(100, seed=0):
            pools = [layer["pooling"] != "none" for layer in config["convolutions"]]
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


class TestNetworks:
    @pytest.mark.parametrize("shape", [(4,), (6, 5), (6, 5, 1), (6, 5, 3)])
    def test_sampled_configs_make_networks(self, shape):
        x = rng.integers(0, 256, size=(36, *shape), dtype="uint8")
        problem = Classifier(x, LABELS)
        for config in problem.space.sample(4, seed=0):
            model = problem.build(config)
            probabilities = numbers(model(x[:2]))
            assert probabilities.shape == (2, 3)
            assert probabilities.sum(axis=1) == pytest.approx(1)

    def test_any_builder_will_do(self):
        builder = DenseBuilder((6, 5), classes=3, space={"epochs": Int(1, 3)})
        problem = Classifier(IMAGES, LABELS, build=builder)
        assert problem.space is builder.space
        assert problem.build({"dense": []}).count_params() == 30 * 3 + 3


class TestLearning:
    def test_it_learns_images(self, tmp_path):
        bright = np.clip(IMAGES // 4 + np.repeat([0, 90, 180], 12)[:, None, None], 0, 255)
        problem = Classifier(bright.astype("uint8"), LABELS, epochs=15, class_weight="balanced")
        config = {
            "convolutions": [
                {"filters": 8, "kernel": 3, "normalisation": "none", "pooling": "max"}
            ],
            "dense": [{"units": 16}],
            **{"activation": "relu", "dropout": 0.0, "optimizer": "adam"},
            **{"learning_rate": 0.02, "batch_size": 16},
        }
        outcome = tried(problem, tmp_path, problem.space.validate(config))
        assert outcome.ok, outcome.traceback
        assert outcome.values["val_accuracy"] > 0.8
        model = problem.load_model(config, tmp_path / "0")  # with the optimizer's own weights
        predicted = numbers(model(bright)).argmax(axis=1)
        assert np.mean(np.array(problem.classes)[predicted] == LABELS) > 0.8
