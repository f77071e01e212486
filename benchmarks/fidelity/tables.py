"""What the runs say: regret, who beats whom, the work that was saved, what an ask costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from contestants import BASE
from figures import Floats, Interval, bests, interval
from numpy.typing import NDArray
from printing import markdown
from report import Comparison, Runs

FULL = "auto, full trainings"
TARGET = 10
"""How soon is full-fidelity `auto`'s mean loss after so many full trainings reached?"""
STEPS_IN_A_FULL = 20
LEAST = 1e-3
"""A smaller mean regret counts as this in a geometric mean."""


def geometric(values: Floats) -> NDArray[np.floating]:
    """Return the geometric mean over tasks of the mean over seeds, of (…, tasks, seeds)."""
    means = np.maximum(values.mean(axis=-1), LEAST)
    return np.asarray(np.exp(np.log(means).mean(axis=-1)))


class Tables:
    """All tables of one set of tasks.

    Parameters
    ----------
    parts : mapping of str to runs
        As `contestants.read` returns them.
    tasks : sequence of str
    seeds : int
        The most seeds that any strategy has.
    fewest : int
        Strategies with fewer seeds are left out.
    at : sequence of int
        The work at which they are compared, in full trainings.
    known : mapping of str to float
    """

    def __init__(
        self,
        parts: Mapping[str, Runs],
        tasks: Sequence[str],
        seeds: int,
        fewest: int,
        at: Sequence[int],
        known: Mapping[str, float],
    ) -> None:
        self.parts, self.tasks, self.at = parts, list(tasks), list(at)
        made = {name: found for name, found in parts["incumbent"].items() if found}
        self._arguments: dict[str, Any] = {"known": known, "fewest": fewest}
        self._most = seeds
        self.comparison = Comparison(made, tasks, seeds, at, **self._arguments)
        last = self.comparison.regrets(self.at[-1])
        self.names = sorted(self.comparison.names, key=lambda name: last[name].value)

    def text(self, mine: Sequence[str]) -> str:
        """Return all tables; those of wins are of these strategies."""
        texts = [self.regrets(), self.geometric(), *(self.wins(name) for name in mine)]
        texts += [self.by_task(self.at[-1]), self.other_answers(), self.costs()]
        if FULL in self.names:
            texts.insert(-3, self.saved())
        return "\n\n".join(text for text in texts if text)

    def regrets(self) -> str:
        found = {n: self.comparison.regrets(n) for n in self.at}
        return self._by_work("mean regret (random search = 1), after", found, self.names)

    def geometric(self) -> str:
        found: dict[int, dict[str, Interval]] = {}
        for n in self.at:
            shares = self.comparison.shares(n)
            found[n] = {name: interval(shares[name], geometric) for name in self.names}
        return self._by_work("geometric mean over tasks, after", found, self.names)

    def wins(self, mine: str) -> str:
        """Return how often a run of one strategy beats a run of each other."""
        if mine not in self.names:
            return ""
        others = [name for name in self.names if name != mine]
        found = {
            n: {name: self.comparison.chance(mine, name, n) for name in others} for n in self.at
        }
        return self._by_work(f"P({mine} is better than), after", found, others)

    def _by_work(
        self, head: str, found: Mapping[int, Mapping[str, Interval]], names: Sequence[str]
    ) -> str:
        cells = [[head, *map(str, self.at), "seeds"]]
        for name in names:
            n_seeds = str(len(self.comparison.seeds[name]))
            cells.append([name, *(str(found[n][name]) for n in self.at), n_seeds])
        return markdown(cells)

    def means(self, name: str, works: Sequence[float]) -> Floats:
        """Return the mean loss after so much work, (tasks, works)."""
        runs, seeds = self.parts["incumbent"][name], self.comparison.seeds[name]
        return np.array([bests(runs, self.tasks, seeds, n).mean(axis=1) for n in works]).T

    def saved(self) -> str:
        """Return the work until full-fidelity auto's mean loss after ten trainings is reached."""
        last = self.at[-1]
        target = self.means(FULL, [min(TARGET, last)])
        works = np.arange(1, last * STEPS_IN_A_FULL + 1) / STEPS_IN_A_FULL
        cells = [
            [
                f"work until the mean of {FULL} after {min(TARGET, last)}",
                "median of tasks",
                "a quarter of the work or less",
                f"not within {last}",
            ]
        ]
        for name in self.names:
            reached = self.means(name, works) <= target
            first = np.where(reached.any(axis=1), works[reached.argmax(axis=1)], np.inf)
            n = len(self.tasks)
            cells.append(
                [
                    name,
                    f"{np.median(first):.1f}",
                    f"{(first <= min(TARGET, last) / 4).sum()} of {n} tasks",
                    f"{np.isinf(first).sum()} of {n}",
                ]
            )
        return markdown(cells)

    def by_task(self, n: int) -> str:
        """Return the mean loss on each task after so much work."""
        short = [task.partition(":")[2] or task for task in self.tasks]
        cells = [[f"mean loss after {n}", *short, "mean"]]
        for name in self.names:
            means = self.means(name, [n])[:, 0]
            cells.append([name, *(f"{loss:.4g}" for loss in means), f"{means.mean():.4g}"])
        return markdown(cells)

    def other_answers(self) -> str:
        """Return the regrets of other answers than the config with the least last value."""
        base = self.parts["incumbent"][BASE]
        cells = [["regret of another answer, after", *map(str, self.at)]]
        for part, what in (("highest", "highest fidelity"), ("answer", "its own")):
            made = {name: self.parts[part].get(name, {}) for name in self.names if name != BASE}
            runs = {BASE: base} | {name: found for name, found in made.items() if found}
            compared = Comparison(runs, self.tasks, self._most, self.at, **self._arguments)
            found = [compared.regrets(n) for n in self.at]
            cells += [
                [f"{name}: {what}", *(str(each[name]) for each in found)]
                for name in compared.names
                if name != BASE
            ]
        return markdown(cells) if len(cells) > 1 else ""

    def costs(self) -> str:
        """Return what the strategies take: means over runs, the longest call by its median."""
        cells = [["", "ms an ask", "longest call, ms", "utilisation", "configs"]]
        for name in self.names:
            kept = self.parts["costs"][name]
            rows = np.array([kept[key][0] for key in kept if key[0] in self.tasks])
            incumbent = self.parts["incumbent"][name]
            configs = np.mean(
                [run[-1, 1] for key, run in incumbent.items() if key[0] in self.tasks]
            )
            cells.append(
                [
                    name,
                    f"{rows[:, 0].mean():.1f}",
                    f"{np.median(rows[:, 1]):.0f}",
                    f"{rows[:, 2].mean():.3f}",
                    f"{configs:.0f}",
                ]
            )
        return markdown(cells)
