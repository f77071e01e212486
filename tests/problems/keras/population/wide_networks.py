"""Networks of several widths that train side by side, on JAX, and what is found of them."""

import numpy as np

from hpopt.core import Previous, Solution, evaluate, evaluate_together
from hpopt.problems.keras import KerasProblem, schedule_parameters
from hpopt.problems.keras.sharing import models
from hpopt.space import Float, Int, Space

rng = np.random.default_rng(1)
X = rng.normal(size=(40, 6)).astype("float32")
Y = (X[:, 0] > X[:, 1]).astype("int32")
UNITS = (3, 16, 5)


class Widths(KerasProblem):
    """Two layers, whose widths are of the config, with a dropout between."""

    space = Space(
        {
            **{"units": Int(2, 16), "others": Int(2, 16), "dropout": Float(0.1, 0.5)},
            **schedule_parameters(["cosine"]),
        }
    )

    def build(self, config):
        import keras

        layers = keras.layers
        made = [layers.Dense(config["units"], "relu"), layers.Dropout(config["dropout"])]
        made += [layers.Dense(config["others"], "tanh"), layers.Dense(2, "softmax")]
        model = keras.Sequential([layers.Input((6,)), *made])
        model.compile(keras.optimizers.SGD(0.1, 0.9), "sparse_categorical_crossentropy")
        return model


def of_widths(folder):
    """Return the histories of networks beside others and alone, continued either way, and more."""
    settings = {"fidelity": (1, 3), "batch_size": 12, "keep_weights": 3}
    problems = {"beside": Widths(X, Y, population=3, **settings), "alone": Widths(X, Y, **settings)}
    configs = [
        {"units": n, "others": 19 - n, "dropout": n / 40, "schedule": "cosine", "warmup": 0.1}
        for n in UNITS
    ]
    before = len(models._OF_PROCESS.populations)
    solutions = [Solution(i, config, None, 5 + i, 3) for i, config in enumerate(configs)]
    folders = [folder / "widths" / str(i) for i in range(len(configs))]
    together = evaluate_together(problems["beside"], solutions, directories=folders)
    found = {
        "n_forms": len(models._OF_PROCESS.populations) - before,
        "beside": [_history(outcome) for outcome in together],
        "shapes": [
            [weight.shape for weight in problems["beside"].load_model(config, kept).get_weights()]
            for config, kept in zip(configs, folders, strict=True)
        ],
        "by itself": _history(
            evaluate(problems["beside"], solutions[0], directory=folder / "widths" / "itself")
        ),
    }
    for name, first, then in (
        ("alone", None, "alone"),
        ("beside, then alone", "beside", "alone"),
        ("alone, then beside", "alone", "beside"),
    ):
        place, previous = folder / "widths" / name, None
        if first is not None:
            previous = Previous(place / "first", 1.0)
            short = Solution(0, configs[0], None, 5, 1)
            evaluate(problems[first], short, directory=previous.directory)
        outcome = evaluate(
            problems[then], solutions[0], directory=place / "then", previous=previous
        )
        found[name] = _history(outcome)
    return found


def _history(outcome):
    assert outcome.ok, outcome.traceback
    return outcome.info["history"]
