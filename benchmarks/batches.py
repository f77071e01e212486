"""Measure what it costs a strategy to be asked for K configs at once, at equal evaluations.

python benchmarks/batches.py                           # 1, 8 and 32 at once, on recorded tables
python benchmarks/batches.py --seeds 3 --only tpe
python benchmarks/batches.py --quick                   # does it still run? no figures

All K are told together, as those of a population of networks that end at the same time. The tables
are those of `benchmarks/strategies` (``HPOPT_DATA``). Regret is the loss of the best config so far
less the least of the table, in shares of what random search has after as many evaluations: the
mean over tables and seeds, with a 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent / "strategies"))
from by_hpopt import Lookup, optimizer_of, told
from figures import interval
from printing import machine, markdown
from recorded import Trace, load

TABLES = (
    *("fcnet-protein_structure", "fcnet-naval_propulsion", "nasbench201-cifar10"),
    *("hpobench_mlp-car", "hpobench_mlp-credit_g", "xgb_offline-heart"),
)
STRATEGIES = ("auto", "tpe", "bayesian", "steady_state", "regularized", "genetic")
AT_ONCE = (1, 8, 32)
BUDGETS = (64, 128)

Runs = Mapping[tuple[str, int], Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="+", default=STRATEGIES)
    parser.add_argument("--quick", action="store_true", help="a table and a seed: see that it runs")
    arguments = parser.parse_args()
    tables = TABLES[:1] if arguments.quick else TABLES
    seeds = range(1 if arguments.quick else arguments.seeds)
    print(machine(), flush=True)
    base = regrets("random", 1, tables, range(3 * len(seeds))).mean(axis=1, keepdims=True)
    rows = [["strategy", "at once", *(f"after {n}" for n in BUDGETS)]]
    for name in arguments.only:
        for k in AT_ONCE:
            shares = regrets(name, k, tables, seeds) / base
            found = [str(interval(shares[..., place])) for place in range(len(BUDGETS))]
            rows.append([name, str(k), *found])
            print(*rows[-1], flush=True)
    print(markdown(rows))
    return 0


def regrets(name: str, k: int, tables: Sequence[str], seeds: Sequence[int]) -> Any:
    """Return the regrets of a strategy that is asked for k at once, (tables, seeds, budgets)."""
    return np.array([[regret(name, k, table, seed) for seed in seeds] for table in tables])


def regret(name: str, k: int, table: str, seed: int) -> list[float]:
    recorded = load(table)
    trace = Trace(recorded, BUDGETS[-1])
    optimizer = optimizer_of({"name": name}).bind(Lookup(recorded), seed=seed)
    while not trace.full and (solutions := optimizer.ask(k)):
        optimizer.tell([told(each, trace.evaluate(each.config)) for each in solutions])
    bests = [min(loss for n, _, loss in trace.rows if n <= budget) for budget in BUDGETS]
    return [best - recorded.best for best in bests]


if __name__ == "__main__":
    sys.exit(main())
