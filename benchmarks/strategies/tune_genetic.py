"""Look for good default settings of the genetic algorithm on the recorded tables.

python benchmarks/strategies/tune_genetic.py                  # goes on where it was cut off
python benchmarks/strategies/tune_genetic.py --candidates 100 --seeds 4 --finalists 8
python benchmarks/strategies/tune_genetic.py --one-by-one     # what each default is worth

Candidates are drawn at random, run with few seeds, and the best ones run again with all seeds. A
candidate's score is its expected rank among the peers' runs, the mean over the budgets. All tables
here are for development: judge the winner on others, and prefer a simple candidate to a neighbour
that is better by less than its interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
import recorded
from comparisons import Effort, Measured
from figures import bests, rank_among
from numpy.random import Generator
from printing import markdown
from runs import PEERS, Wanted, candidate, hashed, kept_in, measure, present

SEED = 0
ONE_BY_ONE: list[Mapping[str, Any]] = [
    {},
    {"replacement": "plus"},
    {"elites": 5},
    {"population": 5},
    {"population": 20},
    {"population": 20, "offspring": 10},
    {"selection": {"part": "tournament", "size": 1}},
    {"selection": {"part": "tournament", "size": 3}},
    {"crossover_probability": 0.5},
    {"crossover": "two_point"},
    {"mutation": ["length", {"part": "mixed", "step": 0.0}]},
    {"mutation": ["length", {"part": "mixed", "step": 1.0}]},
    {"restart": "stagnation"},
]
"""Settings that differ from the defaults in one respect."""


def main() -> None:
    arguments = parsed()
    effort = Effort(tuple(recorded.names()), processes=arguments.processes)
    peers = Measured(effort, list(PEERS), make=False)
    names = peers.need(list(PEERS))
    if not names:
        sys.exit("there are no runs of peers to compare with: run benchmarks/strategies first")
    if arguments.one_by_one:
        made = [{"name": "genetic"} | each for each in ONE_BY_ONE]
        with kept_in("tuning"):
            known = [candidate(f"genetic-{hashed(each)}", each) for each in made]
            printed(known, scored(known, arguments.seeds, effort, peers, names), effort)
        return
    rng = np.random.default_rng(SEED)
    tried: list[Mapping[str, Any]] = [settings_drawn(rng) for _ in range(arguments.candidates)]
    tried = [{}, *tried]
    made = [{"name": "genetic"} | each for each in tried]
    with kept_in("tuning"):
        known = [candidate(f"genetic-{hashed(each)}", each) for each in made]
        scores = scored(known, arguments.seeds, effort, peers, names)
        order = np.argsort([np.mean(score) for score in scores])[: arguments.finalists]
        finalists = [known[k] for k in order]
        if known[0] not in finalists:
            finalists.append(known[0])  # the default of today
        printed(finalists, scored(finalists, effort.seeds, effort, peers, names), effort)


def printed(
    candidates: Sequence[Wanted], scores: Sequence[Sequence[float]], effort: Effort
) -> None:
    """Print a table of candidates, the best first."""
    cells = [["rank at", *(str(n) for n in effort.budgets), "mean", "settings"]]
    for k in np.argsort([np.mean(score) for score in scores]):
        score = scores[k]
        cells.append(
            [
                "",
                *(f"{each:.3f}" for each in score),
                f"{np.mean(score):.3f}",
                json.dumps({k: v for k, v in (candidates[k].made or {}).items() if k != "name"})
                if len(candidates[k].made or {}) > 1
                else "the default",
            ]
        )
    print(markdown(cells))


def scored(
    candidates: Sequence[Wanted], seeds: int, effort: Effort, peers: Measured, names: Sequence[str]
) -> list[list[float]]:
    """Give each candidate's expected rank among the peers at each budget."""
    tables = list(effort.tables)
    measure(candidates, tables, range(seeds), effort.budget, processes=effort.processes)
    against = {
        n: [bests(peers.runs(name), tables, peers.shared([name]), n) for name in names]
        for n in effort.budgets
    }
    scores = []
    for each in candidates:
        runs = present(each, effort.budget)
        mine = {n: bests(runs, tables, range(seeds), n) for n in effort.budgets}
        scores.append([rank_among(mine[n], against[n]) for n in effort.budgets])
    return scores


def settings_drawn(rng: Generator) -> Mapping[str, Any]:
    """Draw settings of a genetic algorithm; a smaller brood than the population is common."""

    def one_of(*values: Any) -> Any:
        return values[rng.integers(len(values))]

    population = one_of(5, 6, 8, 10, 12, 16, 20, 30)
    drawn: dict[str, Any] = {
        "population": population,
        "offspring": one_of(None, max(2, population // 2), 10),
        "selection": {"part": "tournament", "size": one_of(1, 2, 2, 3)},
        "crossover": {"part": one_of("uniform", "two_point"), "probability": one_of(0.5, 0.7, 0.9)},
        "mutation": [
            "length",
            {"part": "mixed", "step": one_of(0.3, 0.5, 0.7), "scale": one_of(0.05, 0.1, 0.2)},
        ],
        "replacement": one_of("plus", "elitist"),
        "initialisation": one_of("quasi_random", "latin_hypercube"),
    }
    return drawn


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--one-by-one", action="store_true", help="vary the defaults one by one")
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3, help="of the first round")
    parser.add_argument("--finalists", type=int, default=5, help="that get all seeds")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
