"""Find a recurrent network that forecasts a sine wave, without training the candidates.

python examples/sine_wave.py            # a quarter of an hour on two cores
python examples/sine_wave.py --quick    # a minute, to see that it works

The experiment of DLOPT (Camero, Toutouh, Alba 2018, https://arxiv.org/abs/1807.03523): MAE random
sampling of given architectures, then a search over look-backs and layers for the best log p, then
the winner is trained and forecasts.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import hpopt
from hpopt.problems.keras import (
    MAERandomSampling,
    Networks,
    layer_families,
    mae_random_sampling,
    truncated_normal_log_p,
)
from hpopt.problems.time_series import TimeSeries

SEED = 1
STEPS = np.arange(0, 10, 0.1)
SERIES = TimeSeries(np.sin(2 * np.pi * STEPS), scaling=None, validation=0, test=0.2)
PAPER = {
    "mean": 0.81072833698353519,
    "std": 0.1104613706995357,
    "p": 1.0279848149134584e-13,
    "log_p": -29.906005813483684,
}
PAPERS_BEST = {"log_p": -12.215031852558125, "look_back": 17, "layers": [12, 13, 9, 10, 12, 6]}
SPACE = hpopt.Space(
    {
        "look_back": hpopt.Int(2, 30),
        "layers": hpopt.Sequence({"cells": hpopt.Int(1, 16)}, min_length=1, max_length=8),
    }
)


def network(cells, look_back):
    """Build LSTM layers of so many cells, and a dense output in [-1, 1]."""
    import keras

    *hidden, last = cells
    return keras.Sequential(
        [
            keras.layers.Input((look_back, 1)),
            *(keras.layers.LSTM(size, return_sequences=True) for size in hidden),
            keras.layers.LSTM(last),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )


def build(config):
    return network([layer["cells"] for layer in config["layers"]], config["look_back"])


def test_windows(config):
    """Give the windows of the last 20 steps; what they see may lie before these."""
    return SERIES.windows(config["look_back"], "test")


def sample_the_papers_network():
    """(a) MAE random sampling of [1, 2, 2, 1] with a look-back of 2."""
    print("(a) [1, 2, 2, 1], look-back 2            mean      std    log p")
    print(
        f"    the paper, 30 draws              {row(PAPER['mean'], PAPER['std'], PAPER['log_p'])}"
    )
    by_formula = truncated_normal_log_p(PAPER["mean"], PAPER["std"])
    print(f"    log p of the paper's mean and deviation, by our formula: {by_formula:.12f}")
    networks = Networks(network([2, 2], 2))
    x, y = SERIES.windows(2, "test", reach_back=False)  # as the paper has it: within the 20 steps
    for draws in (30, 2000):
        found = mae_random_sampling(networks, x, y, draws, SEED)
        print(
            f"    ours, {draws:>4} draws                  {row(found.mean, found.std, found.log_p)}"
        )
    repeated = [mae_random_sampling(networks, x, y, 30, seed).log_p for seed in range(200)]
    low, middle, high = np.quantile(repeated, [0.05, 0.5, 0.95])
    print(f"    log p of 30 draws, 200 times: {middle:.1f}, nine in ten in [{low:.1f}, {high:.1f}]")


def sample_a_family(quick):
    """(a) MAE random sampling of all networks of a family, one after another."""
    began = time.perf_counter()
    n_layers, sizes, pace = ((1, 1), (2, 16), 7) if quick else ((1, 2), (1, 16), 5)
    found = []
    for cells in layer_families(n_layers, sizes, pace):
        for look_back in (2, 17) if quick else (2, 9, 16, 23, 30):
            x, y = SERIES.windows(look_back, "test")
            sampling = mae_random_sampling(network(cells, look_back), x, y, 100, SEED)
            found.append((sampling.log_p, look_back, [1, *cells, 1], sampling))
    found.sort(key=lambda each: -each[0])
    seconds = time.perf_counter() - began
    print(f"\n    {len(found)} listed architectures, 100 draws each, in {seconds:.0f} s; the best:")
    for log_p, look_back, layers, sampling in found[:5]:
        name = f"{layers}, look-back {look_back}"
        print(f"    {name:<32} {row(sampling.mean, sampling.std, log_p)}")


def search(quick):
    """(b) Search look-back and layers for the best log p, by (mu + lambda)."""
    problem = MAERandomSampling(build, test_windows, SPACE, draws=30 if quick else 100)
    result = hpopt.optimize(
        problem, "mu_plus_lambda", trials=40 if quick else 1000, seed=SEED, progress=not quick
    )
    print(f"\n(b) {len(result.trials)} networks sampled in {result.seconds:.0f} s; the best:")
    return choose(result.top(5), quick)


def choose(trials, quick):
    """Sample the best of a search again: some were only lucky in their few draws."""
    paper = {
        "look_back": PAPERS_BEST["look_back"],
        "layers": [{"cells": cells} for cells in PAPERS_BEST["layers"]],
    }
    candidates = [(trial.config, trial.values["log_p"]) for trial in trials]
    draws = 200 if quick else 2000
    print(f"    {'':<52} {'search':>8} {draws:>8,} draws")
    again = []
    for config, log_p in [*candidates, (paper, PAPERS_BEST["log_p"])]:
        sampling = mae_random_sampling(build(config), *test_windows(config), draws, SEED + 1)
        again.append(sampling.log_p)
        whose = "the paper's: " if config is paper else ""
        print(f"    {whose + name_of(config):<52} {log_p:>8.2f} {sampling.log_p:>8.2f}")
    return candidates[int(np.argmax(again[:-1]))][0]


def train_and_forecast(config, quick, folder):
    """(c) Train the winner on the first 80 steps, and let it go on from there by itself."""
    import keras

    keras.utils.set_random_seed(SEED)
    model = build(config)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mae")
    look_back = config["look_back"]
    x, y = SERIES.windows(look_back, "train")
    history = model.fit(x, y, epochs=30 if quick else 400, batch_size=16, verbose=0)
    x_test, y_test = test_windows(config)
    one_ahead = model.predict(x_test, verbose=0)[:, 0]
    start = SERIES.parts["test"][0]
    known = SERIES.values[:start, 0].tolist()
    for _ in range(len(SERIES) - start):
        window = np.array(known[-look_back:])[None, :, None]
        known.append(float(model.predict_on_batch(window)[0, 0]))
    alone = np.array(known[start:])
    error = {
        "one step ahead": np.abs(one_ahead - y_test[:, 0]).mean(),
        "by itself": np.abs(alone - y_test[:, 0]).mean(),
        "guessing 0": np.abs(y_test).mean(),
    }
    print(
        f"\n(c) trained: mean absolute error {history.history['loss'][-1]:.4f} in training; test:"
    )
    for what, value in error.items():
        print(f"    {what:<16}{value:.4f}")
    plot(config, history.history["loss"], one_ahead, alone, folder / "sine_wave.png")


def plot(config, losses, one_ahead, alone, path):
    """Draw what was forecast, and how the training went."""
    try:
        import matplotlib
    except ImportError:
        print("    no picture: matplotlib is not installed (pip install 'hpopt[reports]')")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    start = SERIES.parts["test"][0]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.6), width_ratios=[3, 1], layout="constrained"
    )
    left.plot(STEPS, SERIES.values[:, 0], color="0.6", label="sin(2πt)")
    left.plot(STEPS[start:], one_ahead, "o", ms=5, mfc="none", color="C0", label="one step ahead")
    left.plot(STEPS[start:], alone, "x", ms=6, color="C3", label="by itself")
    left.axvspan(STEPS[start], STEPS[-1], color="0.93", zorder=0)
    left.set(xlabel="t", xlim=(STEPS[start - 40], STEPS[-1] + 0.1), ylim=(-1.15, 1.6))
    left.set_title(f"Forecast of {name_of(config)}", fontsize=10)
    left.legend(loc="upper left", ncols=3, frameon=False)
    right.semilogy(losses, color="C0")
    right.set(xlabel="epoch")
    right.set_title("mean absolute error in training", fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(f"    the picture is {path}")


def name_of(config):
    layers = [1, *(layer["cells"] for layer in config["layers"]), 1]
    return f"{layers}, look-back {config['look_back']}"


def row(mean, std, log_p):
    return f"{mean:>8.4f} {std:>8.4f} {log_p:>8.2f}"


def main():
    parser = argparse.ArgumentParser(description="Find a network that forecasts a sine wave.")
    parser.add_argument("--quick", action="store_true", help="few networks, little training")
    parser.add_argument("--folder", type=Path, default=Path(), help="where the picture goes")
    arguments = parser.parse_args()
    sample_the_papers_network()
    sample_a_family(arguments.quick)
    best = search(arguments.quick)
    train_and_forecast(best, arguments.quick, arguments.folder)


if __name__ == "__main__":
    main()
