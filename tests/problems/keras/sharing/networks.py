"""Small networks of each kind, with as many numbers as they can have, and how they are trained."""

import numpy as np

from hpopt.core import Solution, evaluate
from hpopt.problems.keras import KerasProblem, schedule_parameters
from hpopt.problems.keras.sharing import models
from hpopt.space import Float, Space

rng = np.random.default_rng(0)
IMAGES = rng.normal(size=(40, 6, 6, 1)).astype("float32")
LABELS = np.eye(3, dtype="float32")[(IMAGES.sum(axis=(1, 2, 3)) > 0).astype(int)]

# The least and the most of each number, of which none is 0.
NUMBERS = {
    "dense": {
        **{"learning_rate": (1e-3, 1e-2), "weight_decay": (1e-2, 1e-1), "dropout": (0.1, 0.5)},
        **{"beta_1": (0.8, 0.95), "beta_2": (0.9, 0.99), "epsilon": (1e-7, 1e-2)},
        **{"clipnorm": (0.02, 0.2), "label_smoothing": (0.05, 0.3), "final_rate": (0.01, 0.9)},
    },
    "convolutional": {"learning_rate": (1e-3, 1e-2), "momentum": (0.5, 0.9), "noise": (0.1, 0.5)},
    "recurrent": {
        **{"learning_rate": (1e-3, 1e-2), "momentum": (0.5, 0.9), "rho": (0.8, 0.95)},
        **{"l1": (1e-3, 1e-1), "l2": (1e-3, 1e-1), "dropout": (0.1, 0.5)},
        **{"recurrent_dropout": (0.1, 0.5)},
    },
    "plain": {"learning_rate": (1e-3, 1e-1), "dropout": (0.1, 0.5)},
}


def build(kind, config):
    import keras

    layers, rate = keras.layers, config["learning_rate"]
    if kind == "dense":
        made = [layers.Flatten(), layers.Dense(5, activation="relu")]
        made += [layers.Dropout(config["dropout"])]
        own = ("weight_decay", "beta_1", "beta_2", "epsilon", "clipnorm")
        optimizer = keras.optimizers.AdamW(rate, **{name: config[name] for name in own})
    elif kind == "convolutional":
        made = [layers.GaussianNoise(config["noise"]), layers.Conv2D(3, 3)]
        made += [layers.BatchNormalization(), layers.Activation("relu"), layers.Flatten()]
        optimizer = keras.optimizers.SGD(rate, config["momentum"], nesterov=True)
    elif kind == "recurrent":
        penalty = keras.regularizers.L1L2(config["l1"], config["l2"])
        drops = {name: config[name] for name in ("dropout", "recurrent_dropout")}
        made = [layers.Reshape((6, 6)), layers.SimpleRNN(4, kernel_regularizer=penalty, **drops)]
        own = ("momentum", "rho")
        optimizer = keras.optimizers.RMSprop(rate, **{name: config[name] for name in own})
    else:
        made = [layers.Flatten(), layers.SpatialDropout1D(config["dropout"])]
        made = [layers.Reshape((6, 6)), *made[1:], made[0]]
        optimizer = keras.optimizers.SGD(rate)
    output = layers.Dense(3, activation="softmax")
    model = keras.Sequential([layers.Input((6, 6, 1)), *made, output])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=config.get("label_smoothing", 0.0))
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


class Networks(KerasProblem):
    """Networks of one kind."""

    def __init__(self, kind, **settings):
        self.kind = kind
        space = {name: Float(*ends) for name, ends in NUMBERS[kind].items()}
        if kind == "dense":
            space |= {**schedule_parameters(["cosine"]), "final_rate": space["final_rate"]}
        self.space = Space(space)
        super().__init__(IMAGES, LABELS, **{"epochs": 2, "batch_size": 12, **settings})

    def build(self, config):
        return build(self.kind, config)

    def config(self, share, **others):
        """Return a config whose numbers all lie at a share of their ranges."""
        ranges = NUMBERS[self.kind].items()
        numbers = {name: low + share * (high - low) for name, (low, high) in ranges}
        schedule = {"schedule": "cosine", "warmup": 0.2} if self.kind == "dense" else {}
        return {**numbers, **schedule, **others}


def history(problem, config, folder, *, seed=7):
    """Train the network of a config, and return the values of its epochs."""
    outcome = evaluate(problem, Solution(0, config, None, seed), directory=folder)
    assert outcome.ok, outcome.traceback
    return outcome.info["history"]


def n_traced():
    """Return how many models this process holds."""
    return len(models._OF_PROCESS._traced)


def forget():
    """Begin as a new process does."""
    models._OF_PROCESS.__init__()
