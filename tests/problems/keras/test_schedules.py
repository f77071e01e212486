"""Learning-rate schedules, precision and augmentation: what a config asks for is what happens."""

import math

import numpy as np
import pytest

from hpopt.problems.keras import ConvolutionalBuilder, DenseBuilder, KerasProblem
from hpopt.problems.keras.schedules import apply_schedule
from hpopt.space import Categorical, Float

from .small import EAGER, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet, *EAGER]


def rates(*lengths, **config):
    """Return the learning rates of all steps, and of one more."""
    model = DenseBuilder((3,), outputs=1).build({"optimizer": "sgd", "learning_rate": 0.5})
    apply_schedule(model, config, lambda: lengths)
    found = []
    for step in range(sum(lengths) + 1):
        model.optimizer.iterations.assign(step)
        found.append(float(np.asarray(model.optimizer.learning_rate)))
    return np.array(found)


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("constant", lambda p: 1.0),
        ("linear", lambda p: 1 - 0.9 * p),
        ("cosine", lambda p: 0.1 + 0.45 * (1 + math.cos(math.pi * p))),
        ("exponential", lambda p: 0.1**p),
        ("steps", lambda p: 0.1 ** (min(int(4 * p), 3) / 3)),
    ],
)
def test_the_rate_falls_as_it_should(kind, share):
    wanted = [0.5 * share(step / 8) for step in range(9)]
    assert rates(8, schedule=kind, final_rate=0.1) == pytest.approx(wanted, rel=1e-5)


def test_it_rises_before_it_falls():
    found = rates(10, schedule="linear", final_rate=0.2, warmup=0.4)
    assert found[:4] == pytest.approx([0.125, 0.25, 0.375, 0.5])
    assert found[4:] == pytest.approx([0.5 * (1 - 0.8 * step / 6) for step in range(7)])
    assert rates(4, warmup=0.5) == pytest.approx([0.25, 0.5, 0.5, 0.5, 0.5])


def test_it_begins_anew_where_the_user_says():
    settings = {"schedule": "cosine", "final_rate": 0.1, "warmup": 0.25}
    parts = [rates(n, **settings) for n in (4, 8)]
    assert rates(4, 8, **settings) == pytest.approx([*parts[0][:4], *parts[1]], rel=1e-6)


def test_without_a_schedule_nothing_changes():
    assert (rates(3) == 0.5).all()


class Watching:
    """Remembers the models that were trained."""

    def __init__(self):
        self.models = []

    def __call__(self, config, trial):
        import keras

        watching = self

        class Watch(keras.callbacks.Callback):
            def on_train_begin(self, logs=None):
                layer = self.model.layers[0]
                rate = float(np.asarray(self.model.optimizer.learning_rate))
                watching.models.append((layer.compute_dtype, self.model.layers[-1].dtype, rate))

        return [Watch()]


def test_precision_and_schedule_reach_the_training(tmp_path):
    import keras

    watching = Watching()
    space = {
        "precision": Categorical(["mixed_float16", "mixed_bfloat16"]),
        "schedule": Categorical(["cosine"]),
        "warmup": Float(0, 0.5),
    }
    builder = DenseBuilder((3,), outputs=1, space=space)
    problem = KerasProblem(X, Y, build=builder, epochs=1, callbacks=watching)
    config = {"dense": [{"units": 4}], "learning_rate": 0.1, "batch_size": 16, "warmup": 0.5}
    config |= {"schedule": "cosine", "precision": "mixed_float16"}
    outcome = tried(problem, tmp_path, config)
    assert outcome.ok, outcome.traceback
    assert watching.models == [("float16", "float32", pytest.approx(0.1))]
    assert keras.config.dtype_policy().name == "float32"
    loaded = problem.load_model(config, tmp_path / "0")
    assert loaded.layers[0].compute_dtype == "float16"
    assert keras.config.dtype_policy().name == "float32"


def test_augmented_images_are_trained_on_and_repeat_themselves(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, size=(24, 6, 6), dtype="uint8")
    names = ["flip", "shift", "rotation", "zoom", "contrast", "noise"]
    builder = ConvolutionalBuilder((6, 6), classes=2, augmentation=names)
    problem = KerasProblem(images, np.arange(24) % 2, build=builder, epochs=1)
    config = {"convolutions": [{"filters": 2}], "batch_size": 16, "learning_rate": 0.01}
    config |= {"shift": 0.1, "rotation": 0.1, "zoom": 0.1, "contrast": 0.2, "noise": 0.1}
    config |= {"flip": "horizontal"}
    first = tried(problem, tmp_path, config)
    assert first.ok, first.traceback
    assert tried(problem, tmp_path, config).values == first.values
