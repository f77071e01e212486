"""The page of the documentation that says how it stands, with its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from contests import CHOOSING, FIRST, FURTHER
from printing import drawn
from report import Comparison
from rows import Line
from strategies import NAMES

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = ("auto", "bayesian", "tpe", "random", *NAMES)
HEADINGS = Line("what", "hpopt", "beside", "ratio", "target", None)
TITLES = {
    "judging": "On all judging problems",
    "first": "On the first of them, with all peers",
    "further": "On those that were drawn by lot",
}
"""Of the sets of problems that the page speaks of, in its order."""

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


class Part(NamedTuple):
    """What one set of problems says.

    Attributes
    ----------
    on : str
        The set; one of `TITLES`.
    comparison : Comparison
    longer : Comparison or None
        The same with more evaluations, where there are such runs.
    """

    on: str
    comparison: Comparison
    longer: Comparison | None

    def drawn(self) -> str:
        """Draw it under its title."""
        both = [each for each in (self.comparison, self.longer) if each is not None]
        spans = [f"{each.span} after {each.budgets[-1]} evaluations" for each in both]
        texts = [
            f"## {TITLES[self.on]}",
            f"{len(self.comparison.problems)} problems; those that are ranked have "
            f"{' and '.join(spans)}.",
            plot(self.comparison),
            drawn([line for each in both for line in each.lines()], HEADINGS),
        ]
        for each in both:
            texts += [each.tables(), each.of_others()]
        return "\n\n".join(text for text in texts if text)


def write(parts: Sequence[Part], about: str) -> None:
    """Write docs/efficiency.md, between its head and its foot."""
    page = DOCS / "efficiency.md"
    head, _, rest = page.read_text(encoding="utf-8").partition("<!-- figures -->")
    foot = rest.partition("<!-- end of figures -->")[2]
    problems = {"First": FIRST, "Drawn by lot": FURTHER, "Choosing": CHOOSING}
    middle = "\n\n".join(
        [
            f"Measured with {about}.",
            *(part.drawn() for part in parts),
            "## The problems",
            *(
                f"{what}: {', '.join(f'`{name}`' for name in names)}."
                for what, names in problems.items()
            ),
        ]
    )
    page.write_text(
        f"{head}<!-- figures -->\n\n{middle}\n\n<!-- end of figures -->{foot}", encoding="utf-8"
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
