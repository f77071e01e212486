"""The page of the documentation that says how it stands, with its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from contests import CHOOSING, JUDGING
from printing import drawn
from report import Comparison
from rows import Line
from strategies import NAMES

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = ("auto", "bayesian", "tpe", "random", *NAMES)


def write(comparison: Comparison, about: str, lines: Sequence[Line]) -> None:
    """Write docs/efficiency.md, between its head and its foot, and docs/_static/*.svg."""
    page = DOCS / "efficiency.md"
    head, _, rest = page.read_text(encoding="utf-8").partition("<!-- figures -->")
    foot = rest.partition("<!-- end of figures -->")[2]
    headings = Line("what", "hpopt", "beside", "ratio", "target", None)
    plot(comparison, DOCS / "_static" / "efficiency.svg")
    middle = "\n\n".join(
        [
            f"Measured with {about}.",
            "![regret by evaluations](_static/efficiency.svg)",
            drawn(lines, headings),
            comparison.tables(),
            comparison.of_others(),
            f"Judging problems: {', '.join(f'`{name}`' for name in JUDGING)}. Choosing problems: "
            f"{', '.join(f'`{name}`' for name in CHOOSING)}.",
        ]
    )
    page.write_text(
        f"{head}<!-- figures -->\n\n{middle}\n\n<!-- end of figures -->{foot}", encoding="utf-8"
    )


def plot(comparison: Comparison, path: Path) -> None:
    """Draw the regret of each strategy as evaluations go by."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "hpopt"
    from matplotlib import pyplot as plt

    points = np.unique(np.geomspace(5, comparison.budgets[-1], 16).astype(int)).tolist()
    figure, axes = plt.subplots(figsize=(7, 4.5))
    curves = comparison.curves(points)
    for name in (name for name in SHOWN if name in curves):
        ours = name not in NAMES
        axes.plot(
            points,
            curves[name],
            label=NAMES.get(name, f'"{name}"'),
            linewidth=2.5 if name == "auto" else 1.2,
            linestyle="-" if ours else "--",
        )
    axes.set(xscale="log", yscale="log", xlabel="evaluations", ylabel="regret, random's last = 1")
    axes.legend(fontsize=7, ncols=2)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
