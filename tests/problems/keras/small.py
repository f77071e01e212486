"""Small data and a small network, and how tests evaluate them."""

import importlib.util

import numpy as np
import pytest

from hpopt.core import Previous, Solution, evaluate
from hpopt.problems.keras import KerasProblem
from hpopt.space import Int, Ordinal, Space

needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="Keras is not installed: hpopt[keras]"
)

# Keras' own, with numpy 2.
quiet = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Where a graph makes no difference to what is tested. TensorFlow warns that its data keep theirs.
EAGER = [
    pytest.mark.usefixtures("eagerly"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning"),
]

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype("float32")
Y = X @ np.array([1.0, -2.0, 0.5]) + 1


class Line(KerasProblem):
    """One hidden layer, for numbers."""

    space = Space({"units": Int(1, 8), "batch_size": Ordinal([8, 16])})
    learning_rate = 0.01

    def build(self, config):
        import keras

        model = keras.Sequential(
            [
                keras.layers.Input((3,)),
                keras.layers.Dense(config["units"], activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        model.compile(keras.optimizers.SGD(self.learning_rate), loss="mse", metrics=["mae"])
        return model


class Quick(Line):
    """Without the time that TensorFlow takes to trace a graph."""

    def build(self, config):
        model = super().build(config)
        model.run_eagerly = True
        return model


CONFIG = {"units": 4, "batch_size": 16}


def numbers(tensor):
    """Return what a model computed as an array, on any backend."""
    import keras

    return keras.ops.convert_to_numpy(tensor)


def tried(
    problem, folder, config=CONFIG, *, number=0, seed=7, fidelity=None, rule=None, after=None
):
    """Evaluate a config in a folder of its own; after a trial of this number, of a lower one."""
    previous = None if after is None else Previous(folder / str(after), 1)
    return evaluate(
        problem,
        Solution(number, config, None, seed, fidelity),
        directory=folder / str(number),
        previous=previous,
        early_stopping=rule,
    )
