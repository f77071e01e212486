"""How each strategy walks over a landscape of two numbers, drawn while the site is built."""

import numpy as np

import hpopt
from hpopt.reports.plots.canvas import Canvas
from hpopt.reports.reader import read_data

TRIALS = 60
SEVERAL = {"asha", "hyperband", "freeze_thaw"}  # which choose how long a trial is trained


def height(x, y):
    """Return a valley that is bent, with the lowest place at one end of it, at (0.78, 0.62)."""
    valley = (y - 0.25 - 0.6 * (x - 0.15) ** 2 / 0.64) ** 2
    return 4 * valley + 0.5 * (x - 0.78) ** 2 + 0.03 * np.cos(14 * x) * np.cos(14 * y) + 0.03


def walk(name):
    """Draw the landscape, and the trials of a search on it in the colours of their numbers."""
    space = {"x": hpopt.Float(0, 1), "y": hpopt.Float(0, 1)}

    def plain(config):
        return height(config["x"], config["y"])

    def trained(config, trial):
        return height(config["x"], config["y"]) + 0.1 / trial.fidelity

    if name in SEVERAL:
        problem = hpopt.FunctionProblem(trained, space, fidelity=hpopt.Fidelity(1, 27))
    else:
        problem = hpopt.FunctionProblem(plain, space)
    result = hpopt.optimize(problem, name, trials=TRIALS, seed=0, progress=False)
    data = read_data(result)
    x, y = (column.values for column in data.columns)
    canvas = Canvas(None, False, (5.2, 4.0))
    ax = canvas.ax
    side = np.linspace(0, 1, 120)
    surface = height(*np.meshgrid(side, side))
    ax.contourf(side, side, surface**0.5, 14, cmap="Greys", alpha=0.6)
    size = 26.0
    if name in SEVERAL:
        size = 8 + 60 * (data.reached / 27) ** 0.7
    dots = ax.scatter(
        x, y, c=data.numbers, s=size, cmap="viridis", edgecolors="white", linewidths=0.5
    )
    best = data.best
    ax.plot(x[best], y[best], "*", color=canvas.colours.best, ms=14, mec="white", zorder=4)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="x", ylabel="y")
    canvas.bar(dots, "trial")
    note = "the larger a dot, the longer it was trained" if name in SEVERAL else ""
    canvas.title(f"{name}: {len(data)} trials", "the darker, the worse", "★ the best", note)
    return ax
