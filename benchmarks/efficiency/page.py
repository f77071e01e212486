"""The page of the documentation that says how it stands, with its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from contests import CHOOSING, FURTHER, JUDGING
from printing import drawn
from report import Comparison
from rows import Line
from strategies import NAMES

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = ("auto", "bayesian", "tpe", "random", *NAMES)
HEADINGS = Line("what", "hpopt", "beside", "ratio", "target", None)
TITLES = {"further": "On the {n} drawn by lot", "all": "On all {n}"}
"""Of the sets of problems that the page has beside the first."""

DRAWING = """\
import matplotlib.pyplot as plt

evaluations = {points}
regret = {curves}
figure, axes = plt.subplots(figsize=(7, 4.5))
for name, curve in regret.items():
    width = 2.5 if "auto" in name else 1.2
    style = "-" if name[0] == '"' else "--"
    axes.plot(evaluations, curve, label=name, linewidth=width, linestyle=style)
axes.set(xscale="log", yscale="log", xlabel="evaluations")
axes.set(ylabel="regret (geometric mean), random's last = 1")
axes.legend(fontsize=7, ncols=2)
figure.tight_layout()
"""


def write(
    comparison: Comparison,
    about: str,
    lines: Sequence[Line],
    longer: Comparison | None,
    others: Mapping[str, Comparison | None],
) -> None:
    """Write docs/efficiency.md, between its head and its foot."""
    page = DOCS / "efficiency.md"
    head, _, rest = page.read_text(encoding="utf-8").partition("<!-- figures -->")
    foot = rest.partition("<!-- end of figures -->")[2]
    middle = "\n\n".join(
        [
            f"Measured with {about}.",
            plot(comparison),
            drawn([*lines, *(longer.lines() if longer else [])], HEADINGS),
            comparison.tables(),
            comparison.of_others(),
            *([longer.tables(), longer.of_others()] if longer else []),
            *(beside(on, other) for on, other in others.items() if other is not None),
            "## The problems",
            *(
                f"{what}: {', '.join(f'`{name}`' for name in names)}."
                for what, names in (
                    ("Judging", JUDGING),
                    ("Drawn by lot", FURTHER),
                    ("Choosing", CHOOSING),
                )
            ),
        ]
    )
    page.write_text(
        f"{head}<!-- figures -->\n\n{middle}\n\n<!-- end of figures -->{foot}", encoding="utf-8"
    )


def beside(on: str, other: Comparison) -> str:
    """Say how it stands on other problems."""
    n = len(other.problems)
    return "\n\n".join(
        [
            f"## {TITLES[on].format(n=n)}",
            f"{n} problems, {len(other.seeds)} seeds of all that are ranked.",
            drawn(other.lines(), HEADINGS),
            other.tables(),
            other.of_others(),
        ]
    )


def plot(comparison: Comparison) -> str:
    """Give what draws the regret of each strategy, as evaluations go by, when the site is built."""
    points = np.unique(np.geomspace(5, comparison.budgets[-1], 16).astype(int)).tolist()
    curves = comparison.curves(points)
    numbers = {
        NAMES.get(name, f'"{name}"'): [float(f"{regret:.3g}") for regret in curves[name]]
        for name in SHOWN
        if name in curves
    }
    lines = ",\n".join(f"    {name!r}: {numbers[name]}" for name in numbers)
    code = DRAWING.format(points=points, curves="{\n" + lines + ",\n}")
    return "\n".join(
        [
            "```{eval-rst}",
            ".. plot::",
            "   :alt: Regret by evaluations",
            "",
            *(f"   {line}".rstrip() for line in code.splitlines()),
            "```",
        ]
    )
