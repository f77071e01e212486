"""Train 512 networks in minutes: those of equal architecture side by side, as one computation.

python examples/population.py                     # three minutes on two cores; needs JAX
python examples/population.py --quick             # a minute, to see that it works
python examples/population.py --population 1      # one after another, to compare

The data are 1,797 handwritten digits that come with scikit-learn. A genetic algorithm chooses the
rate, its decay, the dropout, the label smoothing and the widths of a network of two hidden layers.
Install JAX by ``pip install 'hpopt[keras,jax]'``.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import hpopt
from hpopt.problems.keras import KerasProblem

SPACE = hpopt.Space(
    {
        "units1": hpopt.Int(16, 64, log=True),
        "units2": hpopt.Int(16, 64, log=True),
        "learning_rate": hpopt.Float(1e-4, 1e-1, log=True),
        "weight_decay": hpopt.Float(1e-6, 1e-1, log=True),
        "dropout": hpopt.Float(0.01, 0.6),
        "label_smoothing": hpopt.Float(0.001, 0.3, log=True),
    }
)


def build(config):
    import keras

    layers = [keras.layers.Input((64,))]
    for units in (config["units1"], config["units2"]):
        layers.append(keras.layers.Dense(units, activation="relu"))
        layers.append(keras.layers.Dropout(config["dropout"]))
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    model.compile(
        keras.optimizers.AdamW(config["learning_rate"], weight_decay=config["weight_decay"]),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=config["label_smoothing"]),
        metrics=["accuracy"],
    )
    return model


def main():
    parser = argparse.ArgumentParser(description="Train 512 networks side by side.")
    parser.add_argument("--quick", action="store_true", help="few networks of few epochs")
    parser.add_argument("--trials", type=int, help="512 by default")
    parser.add_argument("--population", type=int, default=32, help="networks side by side")
    arguments = parser.parse_args()
    trials = arguments.trials or (16 if arguments.quick else 512)
    k = min(arguments.population, trials)

    digits = load_digits()
    images, classes = digits.data.astype("float32") / 16, np.eye(10, dtype="float32")[digits.target]
    x, x_test, y, y_test = train_test_split(images, classes, test_size=297, random_state=0)
    problem = KerasProblem(
        x,
        y,
        build=build,
        space=SPACE,
        objectives="val_accuracy",
        epochs=2 if arguments.quick else 20,
        patience=5,
        population=k if k > 1 else None,
    )
    study = Path(tempfile.mkdtemp() if arguments.quick else "") / "population.db"
    began = time.monotonic()
    # All of a generation are trained in one group.
    strategy = hpopt.GeneticAlgorithm(population=max(2, min(64, trials // 4)))
    result = hpopt.optimize(problem, strategy, trials=trials, seed=1, study=study)
    seconds = time.monotonic() - began
    model = problem.load_model(result.best.config, f"{study}.files/{result.best.number}")
    accuracy = model.evaluate(x_test, y_test, batch_size=256, verbose=0)[1]
    print(
        f"\n{trials} networks, {k} side by side, in {seconds:.0f} s ({seconds / trials:.2f} s each)"
        f"\nbest: {result.best.values['val_accuracy']:.4f} of the images put aside, {accuracy:.4f} "
        f"of 297 test images, with\n{result.best.config}"
    )


if __name__ == "__main__":
    main()
