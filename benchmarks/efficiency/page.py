"""Write the picture and the table of docs/efficiency.md, and RESULTS.md, from the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from contests import CHOOSING, FIRST, FURTHER
from printing import drawn, markdown
from report import Comparison
from rows import Line
from strategies import NAMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "efficiency.md"
RESULTS = Path(__file__).with_name("RESULTS.md")
SHOWN = ("auto", "bayesian", "tpe", "random", *NAMES)
HEADINGS = Line("what", "hpopt", "beside", "ratio", "target", None)
TITLES = {
    "judging": "On all judging problems",
    "first": "On the first of them, with all peers",
    "further": "On those that were drawn by lot",
}
"""The title of each set of problems in RESULTS.md, in its order."""
HEAD = """\
# What the comparison measured

All figures behind [docs/efficiency.md](../../docs/efficiency.md), which explains them.
`python benchmarks/efficiency --no-runs --page` writes this file.
"""

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
    """The results on one set of problems.

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

    @property
    def both(self) -> list[Comparison]:
        """The comparisons that there are, the shorter runs first."""
        return [each for each in (self.comparison, self.longer) if each is not None]

    def drawn(self) -> str:
        """Return all tables under the title."""
        spans = [f"{each.span} after {each.budgets[-1]} evaluations" for each in self.both]
        texts = [
            f"## {TITLES[self.on]}",
            f"{len(self.comparison.problems)} problems; those that are ranked have "
            f"{' and '.join(spans)}.",
            curves_table(self.comparison),
            drawn([line for each in self.both for line in each.lines()], HEADINGS),
        ]
        for each in self.both:
            texts += [each.tables(), each.of_others()]
        return "\n\n".join(text for text in texts if text)

    def summary(self) -> str:
        """Return the table of the page: how often "auto" finds the better result."""
        budgets = [n for each in self.both for n in each.budgets]
        cells = [['`"auto"` is better than', *(f"after {n}" for n in budgets), "problems"]]
        ranked = [name for name in self.comparison.names if name.partition(",")[0] != "auto"]
        chances = {
            name: [str(each.chance("auto", name, n)) for each in self.both for n in each.budgets]
            for name in ranked
            if all(name in each.names for each in self.both)
        }
        n_problems = str(len(self.comparison.problems))
        cells += [
            [NAMES.get(name, f'`"{name}"`'), *row, n_problems] for name, row in chances.items()
        ]
        others = [{row[0]: row for row in each.others()} for each in self.both]
        for name, row in others[0].items():
            found = [value for each in others if name in each for value in each[name][1:-2]]
            if len(found) == len(budgets):
                shown = name if name in NAMES.values() else f'`"{name}"`'
                cells.append([shown, *found, row[-2]])
        return markdown(cells)


def write(parts: Sequence[Part], about: str) -> None:
    """Write the picture and the table of docs/efficiency.md, and all of RESULTS.md."""
    problems = {"First": FIRST, "Drawn by lot": FURTHER, "Choosing": CHOOSING}
    texts = [
        HEAD.strip(),
        f"Measured with {about}.",
        *(part.drawn() for part in parts),
        "## The problems",
        *(
            f"{what}: {', '.join(f'`{name}`' for name in names)}."
            for what, names in problems.items()
        ),
    ]
    RESULTS.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    page = put(page, "picture", plot(parts[0].comparison))
    page = put(page, "table", f"{parts[0].summary()}\n\nMeasured with {about}.")
    PAGE.write_text(page, encoding="utf-8")


def put(page: str, mark: str, text: str) -> str:
    """Return the page with another text between the comments of this mark."""
    first, last = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    head, _, rest = page.partition(first)
    return f"{head}{first}\n\n{text}\n\n{last}{rest.partition(last)[2]}"


def curves_of(comparison: Comparison) -> tuple[list[int], dict[str, list[float]]]:
    """Return numbers of evaluations, and the regret of each strategy after each of them."""
    points = np.unique(np.geomspace(5, comparison.budgets[-1], 16).astype(int)).tolist()
    curves = comparison.curves(points)
    numbers = {
        name: [float(f"{regret:.3g}") for regret in curves[name]]
        for name in SHOWN
        if name in curves
    }
    return points, numbers


def curves_table(comparison: Comparison) -> str:
    points, numbers = curves_of(comparison)
    cells = [["regret (geometric mean, random's last = 1), after", *map(str, points)]]
    cells += [
        [NAMES.get(name, name), *(f"{regret:.3g}" for regret in curve)]
        for name, curve in numbers.items()
    ]
    return markdown(cells)


def plot(comparison: Comparison) -> str:
    """Return the directive that draws the curves when the site is built."""
    points, numbers = curves_of(comparison)
    lines = ",\n".join(
        f"    {NAMES.get(name, chr(34) + name + chr(34))!r}: {curve}"
        for name, curve in numbers.items()
    )
    code = DRAWING.format(points=points, curves="{\n" + lines + ",\n}")
    return "\n".join(
        [
            "```{eval-rst}",
            ".. plot::",
            "   :alt: Regret by evaluations, of auto and its peers",
            "",
            *(f"   {line}".rstrip() for line in code.splitlines()),
            "```",
        ]
    )
