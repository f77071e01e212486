"""Forecast how full car parks are, half an hour ahead, by a recurrent network.

python examples/parking.py                   # half an hour on two cores
python examples/parking.py --quick           # a minute, to see that it works
python examples/parking.py mine.csv --day 24 # a series of your own: a row a step, a column a place

The series is UCI's "Parking Birmingham": 29 car parks, from 8:00 to 16:30 of 77 days, as Camero et
al. prepared it (https://archive.ics.uci.edu/dataset/482/parking+birmingham). One network forecasts
all of them; its cells, layers, look-back and training are searched. The file is given, or read from
the folder in HPOPT_DATA.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import hpopt
from hpopt.problems.keras import KerasProblem, RecurrentBuilder
from hpopt.problems.time_series import TimeSeries

SEED = 1
LAYER = {
    "cell": hpopt.Categorical(["lstm", "gru", "simple"]),
    "units": hpopt.Int(8, 64, log=True),
    "dropout": hpopt.Float(0.0, 0.4, step=0.1),
}
CALENDAR = ("weekday", "time")
"""Columns that are seen, but not to be forecast."""


def read(paths):
    """Read the series, oldest file first; the last 15 % of the steps are for the test."""
    if not paths:
        folder = Path(os.environ.get("HPOPT_DATA", "."))
        names = [f"parking-birmingham-{part}.csv" for part in ("train", "test")]
        paths = [next(iter(sorted(folder.glob(f"**/{name}"))), None) for name in names]
        if None in paths:
            sys.exit(
                f"no series: {' and '.join(names)} must be in the folder that HPOPT_DATA names, "
                f"but HPOPT_DATA is {os.environ.get('HPOPT_DATA')!r}. Or give a CSV file: "
                "python examples/parking.py mine.csv"
            )
    parts = [TimeSeries.from_csv(path, validation=0, test=0) for path in paths]
    names = parts[0].names
    print(f"series: {', '.join(map(str, paths))}")
    return TimeSeries(
        without_repeats(np.concatenate([part.values for part in parts]), names),
        names=names,
        targets=[name for name in names if name not in CALENDAR],
        validation=0.15,
        test=0.15,
    )


def without_repeats(values, names):
    """Leave out steps at the weekday and time of the step before: the file has 72 of them."""
    if not set(CALENDAR) <= set(names):
        return values
    calendar = values[:, [names.index(name) for name in CALENDAR]]
    again = (calendar[1:] == calendar[:-1]).all(axis=1)
    if again.any():
        print(f"{again.sum()} of {len(values)} steps left out, which repeat the one before")
    return values[np.r_[True, ~again]]


class ChangeBuilder(RecurrentBuilder):
    """Recurrent networks that forecast by how much the targets will change from their last step.

    Half an hour later a car park is nearly as full as before: that need not be learnt.
    """

    def __init__(self, series, **settings):
        super().__init__((None, len(series.features)), outputs=len(series.targets), **settings)
        self.targets = [series.features.index(place) for place in series.targets]

    def network(self, config):
        import keras

        model = super().network(config)
        last = keras.ops.take(model.inputs[0][:, -1], self.targets, axis=-1)
        return keras.Model(model.inputs, keras.layers.Add()([last, model.outputs[0]]))


def network(series, quick, epochs):
    """Give the problem: which recurrent network has the least error on the validation part?"""
    space = {
        "look_back": hpopt.Int(2, 8 if quick else 36),
        "recurrent": hpopt.Sequence(LAYER, 1, 1 if quick else 3),
        "dense": hpopt.Sequence({"units": hpopt.Ordinal([32, 64])}, 0, 1),
        "optimizer": hpopt.Categorical(["adam", "rmsprop"]),
        "learning_rate": hpopt.Float(5e-4, 2e-2, log=True),
        "batch_size": hpopt.Ordinal([16, 32, 64]),
    }
    builder = ChangeBuilder(series, space=space, loss="mae", standardise=False)  # the series is
    return KerasProblem(series, build=builder, epochs=3 if quick else epochs, patience=8)


def errors(series, model, look_back, day):
    """Give the forecasts of the test steps, and the mean absolute error of these and of guesses."""
    x, y = series.windows(look_back, "test")
    truth = series.unscaled(y)
    forecast = series.unscaled(model.predict(x, verbose=0))
    steps = np.arange(*series.parts["test"])
    columns = series.values[:, series.targets]
    guesses = {
        "the network": forecast,
        "as it was a step before": columns[steps - 1],
        "as it was a day before": columns[steps - day],
    }
    print("\nmean absolute error on the test steps")
    for name, guess in guesses.items():
        print(f"    {name:<26}{np.abs(guess - truth).mean():.4f}")
    return truth, guesses


def plot(series, truth, guesses, day, path):
    """Draw three columns and their forecasts on the last four days."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'hpopt[reports]')")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = [series.names[place] for place in series.targets]
    chosen = range(0, len(names), max(1, len(names) // 3))[:3]
    figure, axes = plt.subplots(
        len(chosen), 1, figsize=(8, 1.9 * len(chosen)), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    steps = np.arange(len(truth))[-4 * day :]
    for axis, place in zip(axes[:, 0], chosen, strict=True):
        axis.plot(steps, truth[steps, place], color="0.6", label="measured")
        axis.plot(steps, guesses["the network"][steps, place], ".", color="C0", label="forecast")
        axis.set_title(names[place], fontsize=9, loc="left")
    axes[0, 0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    axes[-1, 0].set_xlabel("step of the test part")
    figure.savefig(path, dpi=110)
    print(f"\nthe picture is {path}")


def main():
    parser = argparse.ArgumentParser(description="Forecast a series by a recurrent network.")
    parser.add_argument("csv", nargs="*", type=Path, help="files of one series, the oldest first")
    parser.add_argument("--day", type=int, default=18, help="steps of a day")
    parser.add_argument("--quick", action="store_true", help="few trials of few epochs")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=60, help="of each training, at most")
    parser.add_argument("--workers", type=int, default=2, help="training at the same time")
    parser.add_argument("--folder", type=Path, default=Path(), help="for study file and picture")
    arguments = parser.parse_args()
    quick = arguments.quick
    series = read(arguments.csv)
    problem = network(series, quick, arguments.epochs)
    study = arguments.folder / "parking.db"
    if quick:
        study.unlink(missing_ok=True)
    result = hpopt.optimize(
        problem,
        hpopt.GeneticAlgorithm(population=2 if quick else 12),
        trials=4 if quick else arguments.trials,
        workers=1 if quick else arguments.workers,
        study=study,
        seed=SEED,
        progress=not quick,
    )
    best = result.best
    print(f"\n{len(result.trials)} trials in {result.seconds / 60:.1f} minutes; the best:")
    print(f"    {best.config}")
    model = problem.load_model(best.config, f"{study}.files/{best.number}")
    found = errors(series, model, best.config["look_back"], arguments.day)
    plot(series, *found, arguments.day, arguments.folder / "parking.png")


if __name__ == "__main__":
    main()
