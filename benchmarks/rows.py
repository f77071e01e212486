"""The rows of the table: what is measured on both sides, and what is to be reached."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median as median_of
from typing import Any

from sides import Side, interleaved, median, ratio

HEAVY = ("keras", "tensorflow", "sklearn", "pandas", "matplotlib", "distributed")
IMPORT = """
import json, sys, time
began = time.perf_counter()
import {name}
seconds = time.perf_counter() - began
print(json.dumps({{"s": seconds, "heavy": [m for m in {heavy} if m in sys.modules]}}))
"""
LARGEST_GROWTH = 1.25
"""How much dearer the last trials of a long study may be than its first, to be called flat."""


@dataclass(frozen=True)
class Line:
    """One line of the table; `met` is None where nothing is to be reached."""

    what: str
    ours: str
    theirs: str = "–"
    ratio: str = "–"
    target: str = "–"
    met: bool | None = None


@dataclass(frozen=True)
class Budget:
    """How much of everything is done."""

    rounds: int = 5
    imports: int = 15
    trials: int = 4000
    trials_in_memory: int = 2000
    trials_in_journal: int = 400
    trials_in_rdb: int = 100
    population: int = 500
    generations: int = 12
    told_few: int = 100
    told_many: int = 10_000
    asks: int = 640
    ask_repeats: int = 7
    round_trips: int = 500
    evaluations: int = 200
    mean_seconds: float = 0.05
    resumed: int = 10_000
    long: int = 100_000
    chunk: int = 10_000


QUICK = Budget(
    rounds=1,
    imports=1,
    trials=60,
    trials_in_memory=60,
    trials_in_journal=20,
    trials_in_rdb=5,
    population=20,
    generations=2,
    told_few=10,
    told_many=40,
    asks=20,
    ask_repeats=1,
    round_trips=5,
    evaluations=10,
    mean_seconds=0.005,
    resumed=50,
    long=200,
    chunk=50,
)


def import_time(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    sides = {side.name: side for side in (ours, theirs) if side is not None}

    def importing(side: Side) -> Callable[[], dict[str, Any]]:
        return lambda: side.code(IMPORT.format(name=side.name, heavy=HEAVY))

    runs = {name: importing(side) for name, side in sides.items()}
    interleaved(runs, 1)  # compile what has never been imported
    found = interleaved(runs, budget.imports)
    seconds = median(found["hpopt"], "s")
    heavy = found["hpopt"][0]["heavy"]
    under = not theirs or ratio(found["hpopt"], found["optuna"], "s") < 1
    return [
        Line(
            "import",
            f"{seconds:.3f} s",
            f"{median(found['optuna'], 's'):.3f} s" if theirs else "–",
            times(ratio(found["hpopt"], found["optuna"], "s")) if theirs else "–",
            "< 0.25 s, < Optuna's",
            seconds < 0.25 and under,
        ),
        Line(
            "import loads, of the heavy ones",
            ", ".join(heavy) or "none",
            ", ".join(found["optuna"][0]["heavy"]) or "none" if theirs else "–",
            target="none",
            met=not heavy,
        ),
    ]


def random_search(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    return [
        line
        for space in ("2 parameters", "10 parameters")
        for line in random_search_in(space, ours, theirs, budget)
    ]


def random_search_in(space: str, ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    def searching(side: Side, storage: str, trials: int) -> Callable[[], dict[str, Any]]:
        return lambda: side.call("random_search", space=space, storage=storage, trials=trials)

    runs = {
        "sqlite": searching(ours, "sqlite", budget.trials),
        "memory": searching(ours, "memory", budget.trials),
    }
    if theirs:
        runs |= {
            "Optuna in memory": searching(theirs, "memory", budget.trials_in_memory),
            "Optuna's journal file": searching(theirs, "journal", budget.trials_in_journal),
            "Optuna on SQLite": searching(theirs, "sqlite", budget.trials_in_rdb),
        }
    found = interleaved(runs, budget.rounds)
    speed = {name: median(each, "trials/s") for name, each in found.items()}

    def beside(peer: str, least: float) -> Line:
        faster = ratio(found["sqlite"], found[peer], "trials/s")
        return Line(
            f"… beside {peer}",
            per_second(speed["sqlite"]),
            per_second(speed[peer]),
            times(faster),
            f"≥ {least:g} ×",
            faster >= least,
        )

    what = f"random search, {space}, SQLite"
    lines = [
        Line(what, per_second(speed["sqlite"]), target="≥ 2,000/s", met=speed["sqlite"] >= 2000)
    ]
    if theirs:
        targets = {"Optuna in memory": 1, "Optuna on SQLite": 80, "Optuna's journal file": 12}
        lines += [beside(peer, least) for peer, least in targets.items()]
    lines.append(
        Line(
            f"random search, {space}, in memory",
            per_second(speed["memory"]),
            per_second(speed["Optuna in memory"]) if theirs else "–",
            times(ratio(found["memory"], found["Optuna in memory"], "trials/s")) if theirs else "–",
        )
    )
    return lines


def genetic(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    size = {"population": budget.population, "generations": budget.generations}
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "at once": lambda: ours.call("genetic_at_once", **size),
        "one by one": lambda: ours.call("genetic_one_by_one", **size),
    }
    if theirs:
        few = {**size, "generations": max(2, budget.generations // 4)}
        runs["theirs"] = lambda: theirs.call("genetic_one_by_one", **few)
    found = interleaved(runs, budget.rounds)
    cost = median(found["at once"], "µs")
    beside = f"{median(found['theirs'], 'µs'):,.0f} µs" if theirs else "–"
    return [
        Line(
            f"genetic, population {budget.population}: ask + tell of a generation, a trial",
            f"{cost:.1f} µs",
            target="< 50 µs",
            met=cost < 50,
        ),
        Line(
            "… one by one through a study in memory",
            f"{median(found['one by one'], 'µs'):.1f} µs",
            beside,
            times(ratio(found["one by one"], found["theirs"], "µs")) if theirs else "–",
        ),
    ]


def asks(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    return [
        asks_of(optimizer, ours, theirs, budget)
        for optimizer in ("random", "quasi_random", "grid", "genetic")
    ]


def asks_of(optimizer: str, ours: Side, theirs: Side | None, budget: Budget) -> Line:
    told = [budget.told_few, budget.told_many]

    def compared(side: Side, n: int, repeats: int) -> tuple[str, float]:
        found = side.call("asks", optimizer=optimizer, told=told, n=n, repeats=repeats)
        early, late = found["µs"]
        growth = median_of(after / before for before, after in zip(early, late, strict=True))
        costs = f"{median_of(early):,.0f} → {median_of(late):,.0f} µs"
        return f"{costs}, {growth:.2f} ×", growth

    mine, growth = compared(ours, budget.asks, budget.ask_repeats)
    beside = compared(theirs, min(64, budget.asks), 1)[0] if theirs else "–"
    what = f"an ask at {told[0]:,} → {told[1]:,} told, {optimizer}"
    return Line(what, mine, beside, target="< 1.5 ×", met=growth < 1.5)


def round_trip(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    found = interleaved(
        {"ours": lambda: ours.call("round_trip", n=budget.round_trips)}, budget.rounds
    )
    cost = median(found["ours"], "ms")
    what = "round trip through a warm child process"
    return [Line(what, f"{cost:.2f} ms", target="< 3 ms", met=cost < 3)]


def lognormal(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    work = {"n": budget.evaluations, "mean": budget.mean_seconds, "sigma": 1.0, "workers": 2}
    runs = {
        side.name: (lambda side=side: side.call("lognormal", **work))
        for side in (ours, theirs)
        if side is not None
    }
    found = interleaved(runs, budget.rounds)
    warm = median(found["hpopt"], "share")
    what = f"{budget.evaluations} evaluations of lognormal duration (mean "
    return [
        Line(
            f"{what}{1e3 * budget.mean_seconds:g} ms), 2 workers",
            f"{warm:.1%} of ideal",
            f"{median(found['optuna'], 'share'):.1%}, threads" if theirs else "–",
            times(ratio(found["hpopt"], found["optuna"], "share")) if theirs else "–",
            "≥ 95 %",
            warm >= 0.95,
        ),
        Line(
            "… with the start and the end of the worker processes",
            f"{median(found['hpopt'], 'share, cold'):.1%} of ideal",
        ),
    ]


def resume(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[str, Callable[[], dict[str, Any]]] = {}
        for side, optimizer in ((ours, "random"), (ours, "genetic"), (theirs, "random")):
            if side is None:
                continue
            path = str(Path(folder) / f"{side.name}-{optimizer}")
            side.call("make_study", path=path, optimizer=optimizer, trials=budget.resumed)
            runs[f"{side.name} {optimizer}"] = lambda side=side, path=path: side.call(
                "resume", path=path
            )
        found = interleaved(runs, budget.rounds)
    lines = []
    for optimizer in ("random", "genetic"):
        seconds = median(found[f"hpopt {optimizer}"], "s")
        peer = theirs and optimizer == "random"
        lines.append(
            Line(
                f"resume {budget.resumed:,} trials, {optimizer}, with the first ask",
                f"{seconds:.2f} s",
                f"{median(found['optuna random'], 's'):.2f} s, journal" if peer else "–",
                times(ratio(found["hpopt random"], found["optuna random"], "s")) if peer else "–",
                "< 2 s",
                seconds < 2,
            )
        )
    return lines


def long_study(ours: Side, theirs: Side | None, budget: Budget) -> list[Line]:
    work = {"space": "10 parameters", "trials": budget.long, "chunk": budget.chunk}
    mine = ours.call("long_study", storage="sqlite", **work)
    beside = theirs.call("long_study", storage="memory", **work) if theirs else None

    def growth(found: dict[str, Any]) -> float:
        costs = found["µs of CPU"]
        few = max(1, len(costs) * 3 // 10)
        return sum(costs[-few:]) / sum(costs[:few])

    def course(found: dict[str, Any]) -> str:
        costs = found["µs"]
        return f"{costs[0]:,.0f} → {costs[-1]:,.0f} µs, {growth(found):.2f} × CPU"

    what = f"{budget.long:,} trials in one study, SQLite"
    return [
        Line(
            f"{what}: peak memory",
            f"{mine['MB']:.0f} MB",
            f"{beside['MB']:.0f} MB, in memory" if beside else "–",
            times(mine["MB"] / beside["MB"]) if beside else "–",
            "< 600 MB",
            mine["MB"] < 600,
        ),
        Line(
            f"… cost of a trial in the first and last {budget.chunk:,}",
            course(mine),
            course(beside) if beside else "–",
            target="flat",
            met=growth(mine) < LARGEST_GROWTH,
        ),
    ]


def times(ratio_: float) -> str:
    return f"{ratio_:.2f} ×" if ratio_ < 10 else f"{ratio_:.0f} ×"


def per_second(rate: float) -> str:
    return f"{rate:,.0f}/s"


ROWS: dict[str, Callable[[Side, Side | None, Budget], list[Line]]] = {
    "import": import_time,
    "random": random_search,
    "genetic": genetic,
    "asks": asks,
    "round-trip": round_trip,
    "lognormal": lognormal,
    "resume": resume,
    "long": long_study,
}
