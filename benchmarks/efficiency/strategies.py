"""Who is compared: hpopt's strategies and the peers', each in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import runs
from environments import ensure
from runs import Run, Wanted, kept_in, measure, present
from sides import Side

HERE = Path(__file__).resolve().parent
PEERS = {
    "nevergrad": "nevergrad",
    "deap": "deap",
    "optuna": "optuna",
    "optuna, TPE": "optuna",
    "optuna, CMA-ES": "optuna",
    "hyperopt": "hyperopt",
    "optuna, GP": "optuna",
    "smac": "smac",
}
"""The peers' strategies, cheap ones first, and the environment of each."""
NAMES = {
    "nevergrad": "nevergrad NGOpt",
    "deap": "DEAP eaSimple",
    "optuna": "Optuna default",
    "optuna, TPE": "Optuna TPE, multivariate",
    "optuna, CMA-ES": "Optuna CMA-ES",
    "hyperopt": "hyperopt TPE",
    "optuna, GP": "Optuna GPSampler",
    "smac": "SMAC3",
}
PARALLEL = {f"{name}, 8 workers": name for name in ("optuna", "optuna, GP", "nevergrad")}
"""Peers that stand beside hpopt's with workers only, and what they are with one."""
PEERS |= {name: PEERS[alone] for name, alone in PARALLEL.items()}
NAMES |= {name: f"{NAMES[alone]}, 8 workers" for name, alone in PARALLEL.items()}
FOLDER = "efficiency"


def side_of(name: str) -> Side:
    """Give who runs a strategy."""
    peer = PEERS.get(name, "hpopt")
    return Side(peer, ensure(peer), HERE / f"with_{peer}.py")


def named(names: Sequence[str]) -> list[Wanted]:
    """Give strategies by their names, with their settings of today."""
    return runs.named(names, side_of)


class Measured:
    """The runs of all strategies, by strategy, problem and seed.

    Parameters
    ----------
    problems : sequence of str
    budget : int
        Evaluations of each run.
    peers : sequence of str
        Those to stand beside.
    folder : str
        Where runs are kept, under benchmarks/results/.
    """

    def __init__(
        self, problems: Sequence[str], budget: int, peers: Sequence[str], folder: str = FOLDER
    ) -> None:
        self.problems, self.budget, self.folder = tuple(problems), budget, folder
        ours = side_of("").call("about")
        self.version: str = ours["version"]
        self.names = [*ours["strategies"], *peers]
        self.runs: dict[str, Mapping[tuple[str, int], Run]] = {}

    def make(self, names: Sequence[str], seeds: Iterable[int], *, processes: int) -> None:
        """Make the missing runs, seed by seed; cheap strategies first."""
        seeds = list(seeds)
        with kept_in(self.folder):
            suiting = {name: self._suiting(name) for name in names}
            for problems in dict.fromkeys(suiting.values()):
                wanted = named([name for name in names if suiting[name] == problems])
                measure(wanted, problems, seeds, self.budget, processes=processes)

    def read(self, names: Sequence[str]) -> None:
        """Read the runs that there are."""
        with kept_in(self.folder):
            for strategy in named(names):
                self.runs[strategy.name] = present(strategy, self.budget)

    def _suiting(self, name: str) -> tuple[str, ...]:
        """Give the problems that a strategy takes: CMA-ES takes numbers only."""
        if name != "cmaes":
            return self.problems
        names: Any = side_of(name).call("suits", names=self.problems, strategy=name)
        return tuple(names)
