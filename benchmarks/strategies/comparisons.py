"""The rows of the report: what is measured of the strategies, and what is to be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from figures import (
    DIFFERENT,
    EVALUATIONS,
    Interval,
    bests,
    evaluations_to,
    interval,
    ranks,
    regret,
    share_needed,
)
from printing import markdown
from recorded import five_dimensional, load
from rows import Line
from runs import PEERS, Run, measure, named, present, side_of

NAMES = {
    "deap": "DEAP eaSimple",
    "optuna": "Optuna NSGAIISampler",
    "nevergrad": "nevergrad TwoPointsDE",
}
CURVE = (10, 20, 50, 100, 200, 300, 500, 1000)


@dataclass(frozen=True)
class Effort:
    """How much of everything is done; `simulated` is the seeds of the simulated workers."""

    tables: tuple[str, ...]
    seeds: int = 20
    budget: int = 1000
    budgets: tuple[int, ...] = (100, 300, 1000)
    middle: int = 300
    simulated: int = 5
    evaluations: int = 500
    workers: int = 16
    generation: int = 500
    repeats: int = 20
    processes: int = 2


class Measured:
    """All runs, by strategy; those that are missing are made when a strategy is first asked for.

    Parameters
    ----------
    effort : Effort
    peers : sequence of str
        Those to stand beside.
    make : bool
        Whether missing runs are made; without, what there is is compared.
    """

    def __init__(self, effort: Effort, peers: Sequence[str], *, make: bool = True) -> None:
        self.effort, self.peers, self._make = effort, tuple(peers), make
        about = side_of("").call("about")
        self.version: str = about["version"]
        self.known: list[str] = about["strategies"]
        self._runs: dict[str, dict[tuple[str, int], Run]] = {}

    def need_all(self) -> list[str]:
        """Make the missing runs of all strategies: at once, so that all processes are busy."""
        return self.need(
            [*(n for n in self.known if not n.startswith("grid") and ", " not in n), *self.peers]
        )

    def need(self, names: Sequence[str]) -> list[str]:
        """Make the missing runs of strategies, and give those that there are."""
        e = self.effort
        new = [name for name in names if name not in self._runs]
        wanted = named([name for name in new if name in self.known or name in PEERS])
        if self._make:
            tables, seeds = list(e.tables), range(e.seeds)
            measure(wanted, tables, seeds, e.budget, processes=e.processes)
        for strategy in wanted:
            self._runs[strategy.name] = present(strategy, e.budget)
        return [name for name in names if self._runs.get(name)]

    def less(self, **effort: Any) -> Measured:
        """Give the same with other effort: of fewer tables, or of shorter runs."""
        return Measured(replace(self.effort, **effort), self.peers, make=self._make)

    def runs(self, name: str) -> Mapping[tuple[str, int], Run]:
        return self._runs[name]

    def shared(self, names: Sequence[str]) -> list[int]:
        """Give the seeds that all of these have on all tables."""
        return [
            seed
            for seed in range(self.effort.seeds)
            if all((table, seed) in self._runs[name] for name in names for table in self.tables)
        ]

    @property
    def tables(self) -> list[str]:
        return list(self.effort.tables)


def rank_of_genetic(measured: Measured) -> tuple[list[Line], str]:
    """Compare the default genetic algorithm with the peers, every evaluation counted.

    Where a peer has not got as far as the others, those are compared on their seeds too.
    """
    names = measured.need(["genetic", *measured.peers])
    n_seeds = len(measured.shared(names))
    lines, notes = ranked(measured, names), [f"{n_seeds} seeds are in the ranks among all."]
    ahead = [name for name in names if len(measured.shared([name])) > n_seeds]
    if "genetic" in ahead and len(ahead) > 1:
        lines += ranked(measured, ahead)
        notes.append(f"{len(measured.shared(ahead))} are in those among {len(ahead)}.")
    return lines, " ".join(notes)


def ranked(measured: Measured, names: Sequence[str]) -> list[Line]:
    lines = []
    for n in measured.effort.budgets:
        found = average_ranks(measured, names, n)
        alike = average_ranks(measured, names, n, DIFFERENT)
        others = [name for name in names if name != "genetic"]
        best = min((found[name].value for name in others), default=np.inf)
        lines.append(
            Line(
                f"average rank of genetic among {len(names)} after {n} evaluations",
                str(found["genetic"]),
                listed(found, others),
                target="best",
                met=found["genetic"].value < best if others else None,
            )
        )
        if others and n < measured.effort.budget:
            lines.append(
                Line(
                    f"… after {n} different configs, as if repeats were free",
                    str(alike["genetic"]),
                    listed(alike, others),
                )
            )
    return lines


def average_ranks(
    measured: Measured, names: Sequence[str], n: int, column: int = EVALUATIONS
) -> dict[str, Interval]:
    seeds = measured.shared(names)
    losses = [bests(measured.runs(name), measured.tables, seeds, n, column) for name in names]
    return {name: interval(values) for name, values in zip(names, ranks(losses), strict=True)}


def listed(found: Mapping[str, Interval], names: Sequence[str]) -> str:
    return "; ".join(f"{NAMES.get(name, name)} {found[name]}" for name in names) or "–"


def evaluations_of_random(measured: Measured) -> tuple[list[Line], str]:
    """How soon strategies reach what random search has in the end of a middle budget."""
    names = measured.need(["random", "genetic", *measured.peers])
    middle, budget = measured.effort.middle, measured.effort.budget
    targets = finals(measured, "random", measured.tables, middle)
    cells = [["evaluations of 'random' needed", "share", *measured.tables]]
    shares = {}
    for name in names:
        needed = needed_by(measured, name, targets, budget)
        shares[name] = interval(needed / middle, share_needed)
        medians = np.median(needed, axis=1)
        cells.append([NAMES.get(name, name), str(shares[name]), *(f"{m:.0f}" for m in medians)])
    others = {name: shares[name] for name in names if name in measured.peers}
    line = Line(
        f"evaluations that genetic needs for random's median at {middle}, as a share",
        str(shares["genetic"]),
        listed(others, list(others)),
        target="≤ 1/3",
        met=shares["genetic"].value <= 1 / 3,
    )
    note = (
        "Shares are geometric means over tables of the median over seeds; a run that never gets "
        f"there counts with {budget}."
    )
    return [line], f"{markdown(cells)}\n\n{note}"


def finals(measured: Measured, name: str, tables: Sequence[str], n: int) -> dict[str, float]:
    """Give the median result of a strategy after n evaluations, by table."""
    seeds = measured.shared([name])
    losses = bests(measured.runs(name), tables, seeds, n)
    return dict(zip(tables, np.median(losses, axis=1).tolist(), strict=True))


def needed_by(
    measured: Measured, name: str, targets: Mapping[str, float], most: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give the evaluations to reach each table's target, shape (tables, seeds)."""
    runs, seeds = measured.runs(name), measured.shared([name])
    return np.array(
        [
            [min(evaluations_to(runs[table, seed], loss), most) for seed in seeds]
            for table, loss in targets.items()
        ]
    )


def neighbourhood(measured: Measured) -> tuple[list[Line], str]:
    """How soon the neighbourhood search is where random and grid search are, in 5 dimensions."""
    tables = [name for name in five_dimensional() if name in measured.tables]
    if not tables:
        return [], "There is no five-dimensional table."
    measured = measured.less(tables=tuple(tables))
    names = [*measured.need(["neighbourhood", "random"]), "grid", "grid, in order"]
    if not measured.shared(names[:2]):
        return [], "There are no runs of both."
    cells = [["evaluations for random's median at", *names, "/ random", "/ grid", "/ in order"]]
    lines: list[Line] = []
    for n in measured.effort.budgets:
        targets = finals(measured, "random", tables, n)
        needed = {name: needed_by(measured, name, targets, LARGEST) for name in names[:2]}
        needed |= {name: np.array(whole_grid(name, targets, measured)) for name in names[2:]}
        typical = {name: float(share_needed(each)) for name, each in needed.items()}
        to = {name: typical["neighbourhood"] / typical[name] for name in names[1:]}
        cells.append(
            [str(n), *(f"{typical[name]:.0f}" for name in names), *(f"{to[k]:.0%}" for k in to)]
        )
        if n < measured.effort.middle:
            continue
        lines += [
            Line(
                f"evaluations of neighbourhood for random's median at {n}, of random's",
                f"{typical['neighbourhood']:.0f}",
                f"random {typical['random']:.0f}",
                f"{to['random']:.0%}",
                "≤ 40 %",
                to["random"] <= 0.4,
            ),
            Line(
                "… of those of a grid search from its first combination to its last",
                f"{typical['neighbourhood']:.0f}",
                f"in order {typical['grid, in order']:.0f}, shuffled {typical['grid']:.0f}",
                f"{to['grid, in order']:.0%}",
                "≤ 17 %",
                to["grid, in order"] <= 0.17,
            ),
        ]
    return lines, markdown(cells)


LARGEST = 30_000
"""More than the size of any of the five-dimensional tables: a run that never gets there."""


def whole_grid(name: str, targets: Mapping[str, float], measured: Measured) -> list[list[float]]:
    """Run a grid search to its end: how many evaluations it needs for each target."""
    seeds = range(1 if name == "grid, in order" else measured.effort.seeds)
    return side_of("").call(  # type: ignore[return-value]
        "grid_to", strategy=name, targets=dict(targets), seeds=list(seeds)
    )


AROUND = {
    "memetic": "genetic",
    "memetic, menndl": "menndl",
    "narrowing": "genetic",
    "narrowing, random": "random",
}
"""Strategies that wrap another one, and which."""


def around_another(measured: Measured) -> tuple[list[Line], str]:
    """Strategies that wrap another one, against that one alone, in runs as long as is compared."""
    n, lines = measured.effort.middle, []
    short = measured.less(budget=n)
    cells = [["runs that are better, ties halved", *measured.tables]]
    for name, inner in AROUND.items():
        names = short.need([name, inner])
        seeds = short.shared(names)
        if len(names) < 2 or not seeds:
            continue
        found = average_ranks(short, names, n)
        mine, alone = (bests(short.runs(each), short.tables, seeds, n) for each in names)
        wins = (mine < alone) + 0.5 * (mine == alone)
        better = interval(wins)
        cells.append([name, *(f"{share:.0%}" for share in wins.mean(axis=1))])
        lines.append(
            Line(
                f"{name} against its inner strategy, {inner}, after {n}: average rank",
                str(found[name]),
                f"{inner} {found[inner]}",
                f"better in {better.value:.0%} ({better.low:.0%}–{better.high:.0%}), ties halved; "
                f"{len(seeds)} seeds",
                "better",
                better.value > 0.5,
            )
        )
    return lines, markdown(cells)


def among_workers(measured: Measured) -> tuple[list[Line], str]:
    """The asynchronous strategy against the generational one, among simulated workers."""
    if not {"steady_state", "menndl"} <= set(measured.known):
        return [], "There is no steady_state or no menndl."
    e, lines = measured.effort, []
    pairs = [(table, seed) for table in e.tables for seed in range(e.simulated)]
    for what, arguments in (
        ("", {}),
        (f", population {e.workers} in both", {"population": e.workers}),
    ):
        walls, losses = {}, {}
        for name in ("steady_state", "menndl"):
            found = side_of("").lines(
                "simulated",
                made={"name": name} | arguments,
                wanted=pairs,
                workers=e.workers,
                evaluations=e.evaluations,
            )
            rows = [row[2:] for row in found]
            shape = len(e.tables), e.simulated
            walls[name] = np.array([row[0] for row in rows]).reshape(shape)
            losses[name] = np.array([row[1] for row in rows]).reshape(shape)
        ratio = interval(walls["menndl"] / walls["steady_state"])
        mine, theirs = losses["steady_state"], losses["menndl"]
        better = interval((mine < theirs) + 0.5 * (mine == theirs))
        met = ratio.value >= 1.8 and better.value >= 0.5
        lines.append(
            Line(
                f"{e.evaluations} lognormal evaluations, {e.workers} simulated workers{what}: "
                "steady_state's wall time",
                f"{walls['steady_state'].mean():.1f} mean durations",
                f"menndl {walls['menndl'].mean():.1f}",
                f"{ratio} × less; better in {better.value:.0%} "
                f"({better.low:.0%}–{better.high:.0%})",
                "≥ 1.8 ×, result as good" if not what else "–",
                met if not what else None,
            )
        )
    return lines, ""


def generation(measured: Measured) -> tuple[list[Line], str]:
    """What one large generation costs."""
    e, lines = measured.effort, []
    for name in ("genetic", "menndl"):
        if name not in measured.known:
            continue
        made = {"name": name, "population": e.generation}
        ms = side_of("").call("generation", made=made, n=e.generation, repeats=e.repeats)
        lines.append(
            Line(
                f"a generation of {e.generation} in 40 mixed dimensions with a Sequence, {name}",
                f"{ms['cpu']:.1f} ms of CPU, {ms['wall']:.1f} ms of wall time",
                target="< 25 ms",
                met=ms["cpu"] < 25,
            )
        )
    return lines, ""


def everybody(measured: Measured) -> tuple[list[Line], str]:
    """All strategies: ranks among all, and the regret as a middle budget is spent."""
    middle = measured.effort.middle
    budgets = tuple(n for n in measured.effort.budgets if n <= middle)
    measured = measured.less(budget=middle, budgets=budgets)
    names = measured.need_all()
    seeds = measured.shared(names)
    if not seeds:
        return [], "No seed is there for all strategies."
    rank = {n: average_ranks(measured, names, n) for n in budgets}
    names = sorted(names, key=lambda name: rank[middle][name].value)
    first = [["average rank among all", *(str(n) for n in budgets)]]
    first += [[NAMES.get(name, name), *(str(rank[n][name]) for n in budgets)] for name in names]
    loaded = [load(table) for table in measured.tables]
    points = [n for n in CURVE if n <= middle]
    second = [["median normalised regret, mean of tables", *(str(n) for n in points)]]
    for name in names:
        runs = measured.runs(name)
        curve = [
            np.median(regret(bests(runs, measured.tables, seeds, n), loaded), axis=1).mean()
            for n in points
        ]
        second.append([NAMES.get(name, name), *(f"{each:.4f}" for each in curve)])
    return [], f"{markdown(first)}\n\n{markdown(second)}\n\n{len(seeds)} seeds are in both."


COMPARISONS: dict[str, Callable[[Measured], tuple[list[Line], str]]] = {
    "ranks": rank_of_genetic,
    "random": evaluations_of_random,
    "neighbourhood": neighbourhood,
    "around": around_another,
    "workers": among_workers,
    "generation": generation,
    "everybody": everybody,
}
