"""What the runs say: normalised regret, average ranks and who beats whom, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from figures import Floats, Interval, beats, bests, interval, ranks_among
from printing import markdown
from rows import Line
from runs import Run
from strategies import NAMES, PARALLEL

Runs = Mapping[str, Mapping[tuple[str, int], Run]]
BASE = "random"
FEWEST_SEEDS = 5
"""A strategy with fewer is left out of the ranks."""
TARGETS = {"optuna": 0.75, "optuna, GP": 0.60, "nevergrad": 0.55}


def complete(runs: Runs, problems: Sequence[str], most: int) -> dict[str, list[int]]:
    """Give the seeds by which each strategy has runs of all problems."""
    return {
        name: [s for s in range(most) if all((p, s) in found for p in problems)]
        for name, found in runs.items()
    }


def least(runs: Runs, problems: Sequence[str], known: Mapping[str, float] | None = None) -> Floats:
    """Give the least loss that is known or that anyone has found, by problem, (problems, 1)."""
    return np.array(
        [
            [
                min(
                    *(
                        float(run[-1, 2])
                        for found in runs.values()
                        for (name, _), run in found.items()
                        if name == problem
                    ),
                    (known or {}).get(problem, np.inf),
                )
            ]
            for problem in problems
        ]
    )


def regrets(
    runs: Runs,
    seeds: Mapping[str, Sequence[int]],
    problems: Sequence[str],
    n: int,
    known: Mapping[str, float] | None = None,
) -> dict[str, Floats]:
    """Give regrets in shares of random search's mean one, by strategy, (problems, its seeds)."""
    best = least(runs, problems, known)
    base = bests(runs[BASE], problems, seeds[BASE], n) - best
    scale = base.mean(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    return {
        name: (bests(runs[name], problems, own, n) - best) / scale for name, own in seeds.items()
    }


class Comparison:
    """All figures of one set of problems.

    Parameters
    ----------
    runs : mapping of str to mapping
        By strategy, then by problem and seed.
    problems : sequence of str
    most : int
        How many seeds there may be.
    budgets : sequence of int
    known : mapping of str to float, optional
        The least loss that is known of a problem, where it may be less than anyone's.
    fewest : int, optional
        How many seeds a strategy must have to be ranked; by default `FEWEST_SEEDS`.

    Attributes
    ----------
    seeds : dict of str to list of int
        Those by which each strategy has runs of all problems. They are not paired: a seed means
        something else to each.
    fewest : int
        How many a strategy must have to be ranked.
    names : list of str
        The strategies that are ranked.
    """

    def __init__(
        self,
        runs: Runs,
        problems: Sequence[str],
        most: int,
        budgets: Sequence[int],
        *,
        known: Mapping[str, float] | None = None,
        fewest: int = FEWEST_SEEDS,
    ) -> None:
        self.problems, self.budgets, self._runs = list(problems), list(budgets), runs
        self._known = known
        self.seeds = complete(runs, problems, most)
        self._ranked = [name for name in runs if name not in PARALLEL]
        self.fewest = min(fewest, most)
        self.names = [name for name in self._ranked if len(self.seeds[name]) >= self.fewest]

    @property
    def span(self) -> str:
        """How many seeds those that are ranked have."""
        counts = [len(self.seeds[name]) for name in self.names]
        least, most = min(counts), max(counts)
        return f"{least} to {most} seeds" if least < most else f"{most} seeds"

    def ranks(self, n: int, names: Sequence[str] | None = None) -> dict[str, Interval]:
        """Give the average rank of each, where every run is set against all runs of the others."""
        losses = {name: self._bests(name, n) for name in (names or self.names)}
        return {
            name: interval(ranks_among(mine, [losses[other] for other in losses if other != name]))
            for name, mine in losses.items()
        }

    def regrets(self, n: int, names: Sequence[str] | None = None) -> dict[str, Interval]:
        """Give the mean regret of each by all of its seeds, in shares of random search's."""
        return {name: interval(values) for name, values in self.shares(n, names).items()}

    def shares(self, n: int, names: Sequence[str] | None = None) -> dict[str, Floats]:
        """Give each regret in shares of random search's mean one, (problems, its seeds)."""
        own = {name: self.seeds[name] for name in (names or self.names)}
        return regrets(self._runs, own, self.problems, n, self._known)

    def chance(self, mine: str, other: str, n: int) -> Interval:
        """Give the probability that a run of one beats a run of the other, of any seeds."""
        return interval(beats(self._bests(mine, n), self._bests(other, n)))

    def _bests(self, name: str, n: int) -> Floats:
        return bests(self._runs[name], self.problems, self.seeds[name], n)

    def curves(self, points: Sequence[int]) -> dict[str, Floats]:
        """Give the geometric mean over problems of the mean regret, after so many evaluations.

        In shares of what random search has left in the end.
        """
        best = least(self._runs, self.problems, self._known)
        end = self.budgets[-1]
        base = (self._bests(BASE, end) - best).mean(axis=1)
        base[base == 0] = 1.0
        found = {}
        for name in self.names:
            rows = []
            for n in points:
                mean = (self._bests(name, n) - best).mean(axis=1)
                rows.append(float(np.exp(np.log(np.maximum(mean / base, 1e-3)).mean())))
            found[name] = np.array(rows)
        return found

    # -- as text ---------------------------------------------------------------------------------

    def tables(self) -> str:
        """Draw ranks, regrets and the chances of each against "auto"."""
        last = self.budgets[-1]
        found = {n: self.ranks(n) for n in self.budgets}
        regret = {n: self.regrets(n) for n in self.budgets}
        order = sorted(self.names, key=lambda name: found[last][name].value)
        heads = [str(n) for n in self.budgets]
        one = [[f"average rank among {len(order)}, after", *heads]]
        two = [["mean regret (random search = 1), after", *heads]]
        for name in order:
            shown = NAMES.get(name, name)
            one.append([shown, *(str(found[n][name]) for n in self.budgets)])
            two.append([shown, *(str(regret[n][name]) for n in self.budgets)])
        texts = [markdown(one), markdown(two)]
        for mine in ("auto", "bayesian"):
            if mine in order:
                rows = [[f"{mine} is better than, after", *heads]]
                rows += [
                    [
                        NAMES.get(name, name),
                        *(str(self.chance(mine, name, n)) for n in self.budgets),
                    ]
                    for name in order
                    if name != mine
                ]
                texts.append(markdown(rows))
        return "\n\n".join(texts)

    def of_others(self, mine: str = "auto") -> str:
        """Draw the chances against those that have runs of some problems, or few seeds, only."""
        heads = [f"{mine} is better than, after", *map(str, self.budgets), "problems", "seeds"]
        rows = self.others(mine)
        return markdown([heads, *rows]) if rows else ""

    def others(self, mine: str = "auto") -> list[list[str]]:
        """Return the rows of that table: name, chances by budget, problems, seeds."""
        rows = []
        for name in self._ranked:
            found = self._runs[name]
            problems = [p for p in self.problems if (p, 0) in found]
            if name in self.names or mine not in self.names or not problems:
                continue
            n_seeds = min(sum(p == problem for p, _ in found) for problem in problems)
            seeds = [s for s in range(n_seeds) if all((p, s) in found for p in problems)]
            row = [NAMES.get(name, name)]
            for n in self.budgets:
                one = bests(self._runs[mine], problems, self.seeds[mine], n)
                row.append(str(interval(beats(one, bests(found, problems, seeds, n)))))
            rows.append([*row, str(len(problems)), str(len(seeds))])
        return rows

    def by_problem(self, n: int) -> str:
        """Draw the median loss of each strategy on each problem."""
        cells = [[f"median best loss after {n}", *(NAMES.get(k, k) for k in self.names)]]
        for problem in self.problems:
            row = [problem]
            for name in self.names:
                values = bests(self._runs[name], [problem], self.seeds[name], n)
                row.append(f"{np.median(values):.5g}")
            cells.append(row)
        return markdown(cells)

    def lines(self, mine: str = "auto") -> list[Line]:
        """Give the figures that are to be reached."""
        if mine not in self.names:
            return []
        lines = []
        for n in self.budgets:
            found = self.ranks(n, [k for k in self.names if k == mine or k in NAMES])
            first = min(found, key=lambda name: found[name].value)
            lines.append(
                Line(
                    f"average rank of {mine} among the peers, after {n}",
                    str(found[mine]),
                    f"best of them {self._best(found, mine)}",
                    target="first",
                    met=first == mine,
                )
            )
            for other, target in TARGETS.items():
                if self.seeds.get(other):
                    lines.append(self._chance_line(mine, other, n, target))
            if "optuna" in self.names:
                lines.append(self._regret_line(mine, "optuna", n))
            parallel = f"{mine}, 8 workers"
            if parallel in self.names:
                among = self.ranks(n)
                lost = among[parallel].value - among[mine].value
                lines.append(
                    Line(
                        f"ranks lost with 8 workers, after {n}",
                        f"{lost:.2f}",
                        target="≤ 0.8 of ten",
                        met=lost * 10 / len(among) <= 0.8,
                    )
                )
                for other, alone in PARALLEL.items():
                    if self.seeds.get(other):
                        lines.append(self._chance_line(parallel, other, n, TARGETS[alone]))
                if self.seeds.get("optuna, 8 workers"):
                    lines.append(self._regret_line(parallel, "optuna, 8 workers", n))
        return lines

    def _chance_line(self, mine: str, other: str, n: int, target: float) -> Line:
        chance = self.chance(mine, other, n)
        return Line(
            f"P({mine} beats {NAMES[other]}), after {n}",
            str(chance),
            f"{len(self.seeds[mine])} × {len(self.seeds[other])} seeds",
            target=f"≥ {target:.2f}",
            met=chance.value >= target,
        )

    def _regret_line(self, mine: str, other: str, n: int) -> Line:
        regret = self.regrets(n, [mine, other, BASE])
        ratio = regret[mine].value / regret[other].value
        return Line(
            f"mean regret of {mine}, random = 1, after {n}",
            str(regret[mine]),
            f"{NAMES[other]} {regret[other]}",
            f"{ratio:.2f}",
            "≤ 0.60",
            ratio <= 0.6,
        )

    @staticmethod
    def _best(found: Mapping[str, Interval], mine: str) -> str:
        others = {name: each for name, each in found.items() if name != mine}
        if not others:
            return "–"
        name = min(others, key=lambda name: others[name].value)
        return f"{NAMES.get(name, name)} {others[name]}"
