"""Take a training up where an earlier trial of the same config and seed left it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.solution import Config
from hpopt.problems.keras.session import import_keras

N_KEPT = 100
"""How many trials of a study keep the state of their training: the newest ones."""


@dataclass(frozen=True, slots=True)
class StateFiles:
    """Where the state of one run of a trial is kept.

    Attributes
    ----------
    folder : Path
        The trial's. Those of a study lie side by side, named by their numbers.
    run : int
        Which of the trial's runs: a trial has several where it has folds or repeats.
    key : str
        What must be the same: config and seed.
    """

    folder: Path
    run: int
    key: str

    @classmethod
    def of(cls, folder: Path, run: int, config: Config, seed: int) -> StateFiles:
        """Give the place of a run."""
        return cls(folder, run, json.dumps([config, seed], sort_keys=True))

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"training-{self.run}"


@dataclass(frozen=True, slots=True)
class State:
    """A training as it was left.

    Attributes
    ----------
    epochs : int
        How many it had.
    arrays : list of ndarray
        All variables of the model and of its optimizer.
    best : list of ndarray, or None
        The weights of the best epoch.
    monitor : mapping
        What was seen of it, as JSON data.
    folder : Path
        Of the trial that left it.
    """

    epochs: int
    arrays: list[Any]
    best: list[Any] | None
    monitor: Mapping[str, Any]
    folder: Path


def save_state(
    place: StateFiles, model: Any, best: list[Any] | None, epochs: int, monitor: Mapping[str, Any]
) -> None:
    """Keep the state of a training; the oldest of a study are removed."""
    arrays = {f"v{i}": as_numpy(variable) for i, variable in enumerate(variables_of(model))}
    arrays |= {f"b{i}": np.asarray(weight) for i, weight in enumerate(best or ())}
    unfinished = place.folder / f"{place.name}.new.npz"
    np.savez(unfinished, **arrays)
    unfinished.replace(place.folder / f"{place.name}.npz")
    document = {
        "key": place.key,
        "epochs": epochs,
        "has_best": best is not None,
        "monitor": monitor,
    }
    text = place.folder / f"{place.name}.json"
    new = place.folder / f"{place.name}.new.json"
    new.write_text(json.dumps(document), encoding="utf-8")
    new.replace(text)
    for folder in sorted(_beside(place), key=_number)[:-N_KEPT]:
        remove_state(folder, place.name)


def find_state(place: StateFiles, epochs: int) -> State | None:
    """Find the furthest state of the same config and seed, of at most so many epochs."""
    found: tuple[int, Path, Mapping[str, Any]] | None = None
    for folder in _beside(place):
        with contextlib.suppress(OSError, ValueError, KeyError):
            document = json.loads((folder / f"{place.name}.json").read_text(encoding="utf-8"))
            fits = document["key"] == place.key and document["epochs"] <= epochs
            if fits and (found is None or document["epochs"] > found[0]):
                found = document["epochs"], folder, document
    if found is None:
        return None
    _, folder, document = found
    try:
        with np.load(folder / f"{place.name}.npz") as stored:
            listed = {name: stored[name] for name in stored.files}
    except (OSError, ValueError):
        return None
    return State(
        document["epochs"],
        _in_order(listed, "v"),
        _in_order(listed, "b") if document["has_best"] else None,
        document["monitor"],
        folder,
    )


def restore(model: Any, state: State) -> bool:
    """Put a state into a built model and its optimizer; say whether it fits them."""
    variables = variables_of(model)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [array.shape for array in state.arrays]:
        return False
    for variable, array in zip(variables, state.arrays, strict=True):
        variable.assign(array)
    return True


def remove_state(folder: Path, name: str) -> None:
    """Remove a state, and the folder where nothing else is in it."""
    for suffix in (".json", ".npz"):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def variables_of(model: Any) -> list[Any]:
    """Give all that changes in training: weights, statistics, generators of random numbers."""
    return [*model.variables, *model.optimizer.variables]


def as_numpy(variable: Any) -> Any:
    """Give a variable as an array that numpy can keep."""
    value = import_keras().ops.convert_to_numpy(variable)
    return value.astype(np.float32) if value.dtype.name == "bfloat16" else value


def _beside(place: StateFiles) -> list[Path]:
    """Give the folders of this study that hold a state of such a run."""
    if not place.folder.name.isdecimal():
        return []
    return [path.parent for path in place.folder.parent.glob(f"[0-9]*/{place.name}.json")]


def _number(folder: Path) -> int:
    return int(folder.name) if folder.name.isdecimal() else -1


def _in_order(listed: Mapping[str, Any], letter: str) -> list[Any]:
    names = [name for name in listed if name[0] == letter]
    return [listed[name] for name in sorted(names, key=lambda name: int(name[1:]))]
