"""Find the network that tells cats from other things, by neighbourhood, random and grid search.

python examples/cat_vs_noncat.py            # with grids of 625 and 3,125 configs: ten minutes
python examples/cat_vs_noncat.py --without-grid     # a minute
python examples/cat_vs_noncat.py --quick    # seconds, to see that it works

The experiment of Mahto & Chauhan: 209 training images, 50 test images, and networks with two or
three small hidden layers, trained by gradient descent on all images at once. The network is twenty
lines of numpy, so the 3,750 trainings of the grids take minutes; any function can be a problem. The
images must be in the folder that HPOPT_DATA names (see examples/images.py).
"""

import argparse
import time
from pathlib import Path

import numpy as np
from images import cat_vs_noncat

import hpopt

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
    """The accuracy on the 50 test images, which the paper maximises too."""

    objectives = hpopt.Objective("accuracy", "maximize")

    def __init__(self, n_parameters, images):
        self.space = hpopt.Space(dict(list(GRID.items())[:n_parameters]))
        pixels = [x.reshape(len(x), -1) / 255 for x, _ in images]
        self.n_pixels = pixels[0].shape[1]
        self.x, self.x_test = in_their_span(*pixels)
        self.y, self.y_test = (y.astype("float32")[:, None] for _, y in images)

    def evaluate(self, config, trial):
        units = [config[name] for name in ("units1", "units2", "units3") if name in config]
        layers = self.new_layers(units, trial.seed)
        for _ in range(config["iterations"]):
            descend(layers, self.x, self.y, config["learning_rate"])
        *_, output = activations(layers, self.x_test)
        return float(((output > 0) == self.y_test).mean())

    def new_layers(self, units, seed):
        """Draw initial weights, normal by 1 / sqrt(inputs) as in the course of these images."""
        rng = np.random.default_rng(seed)
        sizes = [self.x.shape[1], *units, 1]
        deviations = 1 / np.sqrt([self.n_pixels, *units])
        return [
            [(rng.normal(size=(n, m)) * deviation).astype("float32"), np.zeros(m, "float32")]
            for n, m, deviation in zip(sizes, sizes[1:], deviations, strict=False)
        ]


def in_their_span(training, test):
    """Give images by 259 coordinates in the space that they span, in place of 12,288 pixels.

    That is a rotation: gradient descent never leaves the space, and initial weights that are normal
    look the same from everywhere. So networks learn what they would learn from the pixels.
    """
    _, coordinates = np.linalg.qr(np.concatenate([training, test]).T)
    return np.split(coordinates.T.astype("float32"), [len(training)])


def activations(layers, x):
    """Give what each layer passes on: x, the relus of the hidden layers, the output's logit."""
    found = [x]
    for weights, bias in layers[:-1]:
        found.append(np.maximum(found[-1] @ weights + bias, 0))
    weights, bias = layers[-1]
    return [*found, found[-1] @ weights + bias]


def descend(layers, x, y, rate):
    """Take a step of gradient descent on the cross-entropy of all examples."""
    *inputs, output = activations(layers, x)
    change = (1 / (1 + np.exp(-output)) - y) / len(y)
    for layer, seen in zip(reversed(layers), reversed(inputs), strict=True):
        slopes = seen.T @ change, change.sum(axis=0)
        if seen is not x:
            change = (change @ layer[0].T) * (seen > 0)
        layer[0] -= rate * slopes[0]
        layer[1] -= rate * slopes[1]


def search(problem, optimizer, trials, arguments):
    """Run a search, and say when it found what."""
    began = time.perf_counter()
    result = hpopt.optimize(
        problem,
        optimizer,
        trials=trials,
        workers=arguments.workers,
        seed=arguments.seed,
        progress=False,
    )
    minutes = (time.perf_counter() - began) / 60
    accuracies = [trial.values.get("accuracy", 0.0) for trial in result.trials]
    curve = [100 * max(accuracies[: n + 1]) for n in range(len(accuracies))]
    return result, curve, minutes


def compare(n_parameters, images, few, grid, arguments):
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
        result, curves[name], minutes = search(problem, optimizer, trials, arguments)
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
    parser.add_argument("--seed", type=int, default=1, help="of searches and initial weights")
    parser.add_argument("--without-grid", action="store_true", help="leave grid search out")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the picture goes")
    arguments = parser.parse_args()
    images = cat_vs_noncat()
    trials = 3 if arguments.quick else arguments.trials
    grid = not (arguments.quick or arguments.without_grid)
    spaces = (4,) if arguments.quick else (4, 5)
    found = {n: compare(n, images, trials, grid, arguments) for n in spaces}
    plot(found, arguments.folder / "cat_vs_noncat.png")


if __name__ == "__main__":
    main()
