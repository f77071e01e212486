"""Find the network that tells cats from other things, by neighbourhood, random and grid search.

python examples/cat_vs_noncat.py            # with grids of 625 and 3,125 configs: hours
python examples/cat_vs_noncat.py --without-grid --trials 30       # a quarter of an hour
python examples/cat_vs_noncat.py --quick    # a minute, to see that it works

The experiment of Mahto & Chauhan: 209 photographs to learn from, 50 to be told right, networks
with two or three small hidden layers, trained by gradient descent on all images at once. The
images must be in the folder that HPOPT_DATA names (see examples/images.py).
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from images import cat_vs_noncat

import hpopt

SEED = 1
# Five values of each parameter, those of the paper's tables.
GRID = {
    "iterations": hpopt.Ordinal([100, 300, 400, 500, 700]),
    "learning_rate": hpopt.Ordinal([0.0034, 0.0045, 0.0075, 0.0077, 0.0078]),
    "units1": hpopt.Ordinal([10, 15, 20, 25, 30]),
    "units2": hpopt.Ordinal([3, 5, 7, 9, 10]),
    "units3": hpopt.Ordinal([2, 3, 4, 5, 6]),
}
# Method, parameters, hours and accuracy of the paper's Table 1 (2.6 GHz Core i7).
PAPER = [
    ("grid", 4, 10, 84),
    ("random", 4, 5, 82),
    ("neighbourhood", 4, 2, 82),
    ("grid", 5, 12, 82),
    ("random", 5, 5, 80),
    ("neighbourhood", 5, 2, 80),
]


class CatOrNot(hpopt.Problem):
    """The share of the 50 test images that are told right; what the paper searches for, too."""

    objectives = hpopt.Objective("accuracy", "maximize")

    def __init__(self, n_parameters, images):
        self.space = hpopt.Space(dict(list(GRID.items())[:n_parameters]))
        self.training, self.test = (
            (x.reshape(len(x), -1).astype("float32") / 255, y.astype("float32")) for x, y in images
        )

    def evaluate(self, config, trial):
        import keras

        whole = tuple(map(keras.ops.convert_to_tensor, self.training))

        class Steps(keras.utils.PyDataset):
            """All images, again and again: a batch is a step of gradient descent."""

            def __len__(self):
                return config["iterations"]

            def __getitem__(self, place):
                return whole

        keras.utils.clear_session()
        keras.utils.set_random_seed(trial.seed)
        units = [config[name] for name in ("units1", "units2", "units3") if name in config]
        model = keras.Sequential(
            [
                keras.layers.Input(self.training[0].shape[1:]),
                *(keras.layers.Dense(n, activation="relu") for n in units),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(
            keras.optimizers.SGD(config["learning_rate"]),
            loss="binary_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=50,
        )
        model.fit(Steps(), shuffle=False, verbose=0)
        return model.evaluate(*self.test, verbose=0)[1]


def search(problem, optimizer, trials, workers):
    """Run a search, and say when it found what."""
    began = time.perf_counter()
    result = hpopt.optimize(
        problem, optimizer, trials=trials, workers=workers, seed=SEED, progress=False
    )
    minutes = (time.perf_counter() - began) / 60
    accuracies = [trial.values.get("accuracy", 0.0) for trial in result.trials]
    curve = [100 * max(accuracies[: n + 1]) for n in range(len(accuracies))]
    return result, curve, minutes


def compare(n_parameters, images, few, grid, workers):
    """Search one of the paper's two spaces by its three methods."""
    problem = CatOrNot(n_parameters, images)
    n_configs = 5**n_parameters
    # The paper's: a random point, all its neighbours, on to the best of them.
    strategies = {
        "neighbourhood": (
            hpopt.NeighbourhoodSearch(initial=1, step=0, move="neighbour", poll=None),
            few,
        ),
        "random": ("random", few),
    }
    if grid:
        strategies["grid"] = ("grid", n_configs)
    print(f"\n{n_parameters} parameters, {n_configs:,} configs")
    print(f"    {'':<15}{'trials':>8}{'minutes':>9}{'accuracy':>10}   best config")
    curves = {}
    for name, (optimizer, trials) in strategies.items():
        result, curves[name], minutes = search(problem, optimizer, trials, workers)
        best = result.best
        print(
            f"    {name:<15}{len(result.trials):>8}{minutes:>9.1f}"
            f"{100 * best.values['accuracy']:>9.0f} %   {best.config}",
            flush=True,
        )
    for name, n, hours, accuracy in PAPER:
        if n == n_parameters:
            print(f"    {'the paper: ' + name:<27}{hours:>3} h{accuracy:>10} %")
    return curves


def plot(found, path):
    """Draw the best accuracy after so many trials."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'hpopt[reports]')")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(found), figsize=(4.5 * len(found), 3.4), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis, (n_parameters, curves) in zip(axes[0], found.items(), strict=True):
        for name, curve in curves.items():
            axis.step(range(1, len(curve) + 1), curve, where="post", label=name)
        axis.set(title=f"{n_parameters} parameters", xlabel="trials", xscale="log")
        axis.legend(frameon=False, loc="lower right")
    axes[0, 0].set_ylabel("best accuracy so far, %")
    figure.savefig(path, dpi=110)
    print(f"\nthe picture is {path}")


def main():
    parser = argparse.ArgumentParser(description="Find a network that tells cats apart.")
    parser.add_argument("--quick", action="store_true", help="few configs of one space")
    parser.add_argument("--trials", type=int, default=100, help="of the searches but the grid's")
    parser.add_argument("--without-grid", action="store_true", help="leave grid search out")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the picture goes")
    arguments = parser.parse_args()
    images = cat_vs_noncat()
    trials = 3 if arguments.quick else arguments.trials
    grid = not (arguments.quick or arguments.without_grid)
    workers = 1 if arguments.quick else arguments.workers
    spaces = (4,) if arguments.quick else (4, 5)
    found = {n: compare(n, images, trials, grid, workers) for n in spaces}
    plot(found, arguments.folder / "cat_vs_noncat.png")


if __name__ == "__main__":
    main()
