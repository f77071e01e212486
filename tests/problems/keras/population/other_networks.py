"""Small networks in folds, with weights and augmentation, and what may go wrong with them."""

import numpy as np

from hpopt.core import Solution, evaluate, evaluate_together
from hpopt.problems.keras import KerasProblem
from hpopt.problems.keras.population import epoch, places
from hpopt.problems.keras.sharing import models
from hpopt.space import Float, Space

rng = np.random.default_rng(2)
IMAGES = rng.normal(size=(30, 4, 4, 1)).astype("float32")
LABELS = (IMAGES.mean(axis=(1, 2, 3)) > 0).astype("int32")
RATES = (0.3, 0.1, 3.0, 0.01)


class Small(KerasProblem):
    """One layer, for images that are turned over, or not."""

    space = Space({"learning_rate": Float(0.001, 3.0)})

    def __init__(self, *, is_turned=False, is_own=False, **settings):
        self.is_turned, self.is_own = is_turned, is_own
        super().__init__(IMAGES, LABELS, **{"epochs": 3, "batch_size": 8, **settings})

    def build(self, config):
        import keras

        layers = keras.layers
        turned = [layers.RandomFlip(), layers.RandomTranslation(0.3, 0.3)] * self.is_turned
        made = [*turned, layers.Flatten(), layers.Dense(2, "softmax")]
        if self.is_own:
            made.append(Same())
        model = keras.Sequential([layers.Input((4, 4, 1)), *made])
        optimizer = keras.optimizers.SGD(config["learning_rate"])
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


def Same():
    import keras

    class Same(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    return Same()


def of_others(folder):
    """Return what is found of them, beside one another and alone."""
    weights = np.linspace(0.5, 2.0, len(LABELS))
    return {
        "of folds": _both(folder / "folds", folds=2, patience=1, class_weight={0: 1.0, 1: 3.0}),
        "of augmented images": _both(
            folder / "augmented", is_turned=True, sample_weight=weights, repeats=2, n=2
        ),
        "of own layers": _both(folder / "own", is_own=True, n=1),
        "of few places": _with_little_memory(folder / "few"),
        "that are refused": _refused(folder / "refused"),
    }


def _both(folder, *, n=4, **settings):
    return {
        "beside": _histories(Small(population=2, **settings), folder / "beside", n),
        "alone": [
            evaluate(Small(**settings), each, directory=folder / str(each.number)).info["history"]
            for each in _solutions(n)
        ],
    }


def _solutions(n):
    return [Solution(i, {"learning_rate": RATES[i]}, None, 3 + i) for i in range(n)]


def _histories(problem, folder, n=4):
    folders = [folder / str(i) for i in range(n)]
    found = evaluate_together(problem, _solutions(n), directories=folders)
    assert not isinstance(found, str), found
    assert all(each.ok for each in found), [each.traceback for each in found]
    return [each.info["history"] for each in found]


def _with_little_memory(folder):
    """Train where memory runs out in the second epoch of more than two networks."""
    whole, n_calls = epoch.Program.__call__, [0]

    def called(program, stacks, *others):
        n_calls[0] += 1
        if len(stacks[0]) > 2 and n_calls[0] > 1:
            raise MemoryError
        return whole(program, stacks, *others)

    epoch.Program.__call__ = called
    try:
        few = _histories(Small(population=4), folder / "few")
    finally:
        epoch.Program.__call__ = whole
    models._OF_PROCESS.populations.clear()
    return {"few": few, "enough": _histories(Small(population=2), folder / "enough")}


def _refused(folder):
    """Train where no epoch can be traced."""
    compiled = places.compiled_epoch
    models._OF_PROCESS.__init__()

    def fail(*arguments):
        raise TypeError("no such operation")

    places.compiled_epoch = fail
    try:
        return {"beside": _histories(Small(population=2), folder)}
    finally:
        places.compiled_epoch = compiled
