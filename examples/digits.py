"""Tune a network that reads handwritten digits: 1,797 real images that come with scikit-learn.

python examples/digits.py            # two minutes on two cores
python examples/digits.py --quick    # half a minute, to see that it works
hpopt run examples/digits.toml       # the same search, kept in the study file digits.db
"""

import argparse

from sklearn.datasets import load_digits

import hpopt
from hpopt.problems.keras import Classifier


class Digits(Classifier):
    """A small convolutional network for images of 8 × 8 pixels.

    One image in five is put aside for validation: always the same ones, equally many of each digit.
    """

    def __init__(self, epochs: int = 10, patience: int = 4, **settings):
        digits = load_digits()
        settings.setdefault("space", SPACE)
        super().__init__(
            digits.images.astype("uint8"),
            digits.target,
            epochs=epochs,
            patience=patience,
            **settings,
        )


# What is not named here (the activation, the dropout, the optimizer) is as Classifier has it.
SPACE = {
    "convolutions": hpopt.Sequence(
        {
            "filters": hpopt.Ordinal([8, 16, 32]),
            "kernel": hpopt.Ordinal([3, 5]),
            "normalisation": hpopt.Categorical(["none", "batch"]),
            "pooling": hpopt.Categorical(["none", "max", "average"]),
        },
        min_length=1,
        max_length=2,
    ),
    "dense": hpopt.Sequence({"units": hpopt.Ordinal([32, 64, 128])}, 0, 1),
    "learning_rate": hpopt.Float(3e-4, 3e-2, log=True),
    "batch_size": hpopt.Ordinal([32, 64, 128]),
}


def main():
    parser = argparse.ArgumentParser(description="Tune a network that reads digits.")
    parser.add_argument("--quick", action="store_true", help="few trials of few epochs")
    quick = parser.parse_args().quick
    result = hpopt.optimize(
        Digits(epochs=2 if quick else 10),
        optimizer=hpopt.GeneticAlgorithm(population=2 if quick else 10),
        trials=4 if quick else 40,
        workers=2,
        seed=1,
        limits=hpopt.Limits(seconds=60, memory="4GB"),
    )
    print("\nThe best five:")
    for trial in result.top(5):
        accuracy, parameters = trial.values["val_accuracy"], trial.values["parameters"]
        print(f"  {accuracy:.4f}  {parameters:>8,.0f} parameters  {trial.config}")


if __name__ == "__main__":
    main()
