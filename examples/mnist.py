"""Tune a dense network that reads handwritten digits, in less than an hour.

python examples/mnist.py            # 50 minutes of search, then the result on the test images
python examples/mnist.py --quick    # a minute, to see that it works
KERAS_BACKEND=jax python examples/mnist.py    # networks of equal layers train side by side

The experiment of Zhan: a genetic algorithm (25 individuals, 25 generations) evolves the batch size,
the number of layers, and the nodes and activation of each. The best network is compared with one
that has no hidden layer.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from images import mnist

import hpopt
from hpopt.problems.keras import DenseBuilder, KerasProblem

SEED = 1
LAYER = {
    "units": hpopt.Int(16, 512, log=True),
    "activation": hpopt.Categorical(["relu", "tanh", "sigmoid", "linear"]),
}
SPACE = hpopt.Space(
    {
        "dense": hpopt.Sequence(LAYER, min_length=0, max_length=4),
        "batch_size": hpopt.Ordinal([50, 100, 200, 300, 400, 500]),
    }
)
NO_HIDDEN_LAYER = {"dense": [], "batch_size": 100}


def digits(training, n, epochs):
    """Learn from five images in six, and validate on the others; Adam and cross-entropy."""
    x, y = (array[:n] for array in training)
    builder = DenseBuilder((28, 28), classes=10, space=SPACE)
    population = "auto" if os.environ.get("KERAS_BACKEND") == "jax" else None
    return KerasProblem(
        x, y, build=builder, validation_split=1 / 6, epochs=epochs, population=population
    )


def tell(name, problem, trial, study, test):
    """Say how a trial's network does on the validation and the test images."""
    model = problem.load_model(trial.config, f"{study}.files/{trial.number}")
    x, y = test
    _, accuracy = model.evaluate(x, y, batch_size=500, verbose=0)
    layers = ", ".join(f"{layer['units']} {layer['activation']}" for layer in trial.config["dense"])
    print(
        f"{name:<18}{100 * trial.values['val_accuracy']:>8.2f} %{100 * accuracy:>8.2f} %   "
        f"[{layers}], batches of {trial.config['batch_size']}"
    )


def plot(trials, baseline, path):
    """Draw the trials by generation, and those of each batch size."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'hpopt[reports]')")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    accuracies = [100 * trial.values["val_accuracy"] for trial in trials]
    left.plot([trial.number for trial in trials], accuracies, ".", color="C0")
    left.set(xlabel="trial", ylabel="validation accuracy, %")
    right.plot([trial.config["batch_size"] for trial in trials], accuracies, ".", color="C0")
    right.set(xlabel="batch size")
    for axes in (left, right):
        axes.axhline(baseline, color="C3", lw=1, label="no hidden layer")
    left.set_ylim(max(0, baseline - 4), None)
    left.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=110)
    print(f"the picture is {path}")


def main():
    parser = argparse.ArgumentParser(description="Tune a dense network for MNIST.")
    parser.add_argument("--quick", action="store_true", help="few images, one epoch, 8 trials")
    parser.add_argument("--minutes", type=float, default=50, help="of search, at most")
    parser.add_argument("--images", type=int, default=60_000, help="to learn from and validate on")
    parser.add_argument("--epochs", type=int, default=5, help="of each training")
    parser.add_argument("--workers", type=int, default=2, help="training at the same time")
    parser.add_argument("--folder", type=Path, default=Path(), help="for study and picture")
    arguments = parser.parse_args()
    training, test = mnist()
    quick = arguments.quick
    n, epochs = (3000, 1) if quick else (arguments.images, arguments.epochs)
    problem = digits(training, n, epochs)
    if quick:
        strategy, trials = hpopt.Zhan(population=4, generations=2), 8
    else:
        strategy, trials = hpopt.Zhan(population=25, generations=25), 25 * 25
    study, other = (arguments.folder / f"{name}.db" for name in ("mnist", "mnist-baseline"))
    for path in (study, other):
        if quick:
            path.unlink(missing_ok=True)
    # The same command goes on where an earlier one was interrupted.
    result = hpopt.optimize(
        problem,
        strategy,
        trials=trials,
        timeout=60 * arguments.minutes,
        workers=1 if quick else arguments.workers,
        study=study,
        seed=SEED,
        progress=not quick,
    )
    start = [NO_HIDDEN_LAYER]
    baseline = hpopt.optimize(
        problem, "random", trials=1, start=start, study=other, seed=SEED, progress=False
    ).best
    print(f"\n{len(result.trials)} trials in {result.seconds / 60:.1f} minutes")
    print(f"{'':<18}{'validation':>10}{'test':>10}")
    tell("no hidden layer", problem, baseline, other, test)
    tell("the best", problem, result.best, study, test)
    done = [trial for trial in result.trials if trial.outcome.ok]
    plot(done, 100 * baseline.values["val_accuracy"], arguments.folder / "mnist.png")


if __name__ == "__main__":
    main()
