"""What four trainings share: nothing, their compilation, or the computation too."""

from hpopt.reports.plots.canvas import Canvas

COMPILING, TRAINING, TOGETHER = 5.0, 1.4, 1.7
"""Widths of the blocks: the order of magnitude is that of a small dense network on JAX."""
N = 4


def ways():
    """Return for each way its name, and the blocks in time: begin, width, row, and kind."""
    alone = []
    for k in range(N):
        begin = k * (COMPILING + TRAINING)
        alone += [(begin, COMPILING, 0, "compiling"), (begin + COMPILING, TRAINING, 0, "training")]
    once = [(0.0, COMPILING, 0, "compiling")]
    once += [(COMPILING + k * TRAINING, TRAINING, 0, "training") for k in range(N)]
    side = [(0.0, COMPILING, 0, "compiling")]
    side += [(COMPILING, TOGETHER, k, "training") for k in range(N)]
    return [
        ("each alone (Keras' fit)", alone),
        ("compiled once\n(always, nothing to switch on)", once),
        (f"side by side\n(population={N})", side),
    ]


def draw():
    """Draw the three ways below one another, over the same time."""
    canvas = Canvas(None, False, (7.4, 3.0))
    ax, colours = canvas.ax, {"compiling": "0.78", "training": "#3b6fb6"}
    for place, (_, blocks) in enumerate(ways()):
        number = 0
        for begin, width, row, kind in blocks:
            n_rows = 1 if kind == "compiling" else max(each[2] for each in blocks) + 1
            height = 0.66 / n_rows
            low = -place + 0.33 - (row + 1) * height
            ax.broken_barh(
                [(begin, width)], (low, height), color=colours[kind], edgecolor="white", lw=0.8
            )
            number += kind == "training"
            text = "compiling" if kind == "compiling" else str(number)
            ax.text(
                begin + width / 2,
                low + height / 2,
                text,
                ha="center",
                va="center",
                size=7 if n_rows > 1 else 8,
                color="black" if kind == "compiling" else "white",
            )
    ax.set_yticks([0, -1, -2], [name for name, _ in ways()])
    ax.set_xticks([])
    ax.set_xlabel("time")
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(left=False)
    return ax
