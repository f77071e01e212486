"""Who is compared: hpopt's strategies and the peers', each in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import runs
from environments import ensure
from runs import Run, forget, kept_in, measure, present
from sides import RESULTS, Side
from trainings import PARTS, split

HERE = Path(__file__).resolve().parent
FOLDER = "fidelity"
OURS = (
    "random",
    "asha",
    "hyperband",
    "hyperband, asynchronous",
    "hyperband, tpe",
    "auto",
    "freeze_thaw",
    "auto, full trainings",
    "tpe, full trainings",
)
"""hpopt's, cheap ones first."""
PEERS = {
    "Syne Tune ASHA": "syne_tune",
    "DEHB": "dehb",
    "Optuna TPE + Hyperband": "optuna",
    "Optuna TPE + median": "optuna",
    "Optuna TPE, full trainings": "optuna",
    "SMAC3": "smac",
}
"""The peers' strategies, cheap ones first, and the environment of each."""
BASE = "random"
BASE_SEEDS = 30
"""Random search is cheap, and everything is divided by its regret."""


def side_of(name: str) -> Side:
    """Return who runs a strategy."""
    peer = PEERS.get(split(name)[0], "hpopt")
    return Side(peer, ensure(peer), HERE / f"trains_{peer}.py")


def with_workers(names: Iterable[str], workers: int) -> list[str]:
    """Return the names of the same strategies with so many workers."""
    return [name if workers == 1 else f"{name}, {workers} workers" for name in names]


def make(
    names: Sequence[str],
    tasks: Sequence[str],
    seeds: int,
    fulls: int,
    *,
    processes: int,
    folder: str = FOLDER,
) -> None:
    """Make the runs that are missing."""
    wanted = runs.named(names, side_of)
    with kept_in(folder):
        measure(wanted, tasks, range(seeds), fulls, processes=processes)
        base = [each for each in wanted if each.name == BASE]
        measure(base, tasks, range(BASE_SEEDS), fulls, processes=processes)


def forget_runs(names: Sequence[str], folder: str = FOLDER) -> None:
    """Throw the runs of strategies away, because their code has changed."""
    with kept_in(folder):
        for each in runs.named(names, side_of):
            forget(each)


def read(
    names: Iterable[str], fulls: int, folder: str = FOLDER
) -> dict[str, dict[str, Mapping[tuple[str, int], Run]]]:
    """Return the runs that there are, by part (see `trainings.Measured`) and strategy."""
    found: dict[str, dict[str, Any]] = {part: {} for part in ("incumbent", *PARTS)}
    with kept_in(folder):
        # An environment is asked for its settings only if it has runs.
        names = [name for name in names if runs.path_of(name).exists()]
        for each in runs.named(names, side_of):
            for kept in found.values():
                kept[each.name] = {}
            for (name, seed), run in present(each, fulls).items():
                task, _, part = name.partition("|")
                found[part or "incumbent"][each.name][task, seed] = run
    return found


def known(tasks: Sequence[str]) -> dict[str, float]:
    """Return the least loss that is known of each task; looking for it takes a minute once."""
    path = RESULTS / FOLDER / "known.json"
    values: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    plain = {task: ":".join(task.split(":")[:2]) for task in tasks}  # variants end alike
    for task in dict.fromkeys(plain.values()):
        if task not in values:
            values |= side_of(BASE).call("known", tasks=[task])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values, indent=1))
    return {task: values[name] for task, name in plain.items()}
