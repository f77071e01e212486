"""Save the state of a training, and resume it in a later trial of the same config and seed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.trial import Config
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.training.folders import (
    folders_beside,
    read_json,
    remove_files,
    write_json,
)

STATE = "training-[0-9]*"  # the files of a state, without suffix; the number is that of its run


@dataclass(frozen=True, slots=True)
class StateFiles:
    """The files with the state of one run of a trial.

    They lie in the trial's folder. The key holds config and seed: a state is resumed by trials with
    the same key only.
    """

    folder: Path
    run: int
    key: str

    @classmethod
    def of(cls, folder: Path, run: int, config: Config, seed: int) -> StateFiles:
        """Return the files of a run."""
        return cls(folder, run, json.dumps([config, seed], sort_keys=True))

    @property
    def name(self) -> str:
        """The name of the files, without suffix."""
        return f"training-{self.run}"


@dataclass(frozen=True, slots=True)
class State:
    """The saved state of a training."""

    epochs: int  # trained
    arrays: list[Any]  # all variables of the model and of its optimizer
    best: list[Any] | None  # the weights of the best epoch
    monitor: Mapping[str, Any]  # the state of its `Monitor`, as JSON data
    folder: Path  # of the trial that saved it


def save_state(
    files: StateFiles, model: Any, best: list[Any] | None, epochs: int, monitor: Mapping[str, Any]
) -> None:
    """Save the state of a training."""
    named = {f"v{i}": as_numpy(variable) for i, variable in enumerate(variables_of(model))}
    named |= {f"b{i}": np.asarray(weight) for i, weight in enumerate(best or ())}
    new_arrays = files.folder / f"{files.name}.new.npz"
    np.savez(new_arrays, **named)
    # Arrays first: a state counts from when its JSON file is there.
    new_arrays.replace(files.folder / f"{files.name}.npz")
    document = {
        "key": files.key,
        "epochs": epochs,
        "has_best": best is not None,
        "monitor": monitor,
    }
    write_json(files.folder / f"{files.name}.json", document)


def find_state(files: StateFiles, epochs: int) -> State | None:
    """Return the furthest state of the same config and seed with at most so many epochs."""
    found: tuple[int, Path, Mapping[str, Any]] | None = None
    for folder in folders_beside(files.folder, f"{files.name}.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            document = read_json(folder / f"{files.name}.json")
            fits = document["key"] == files.key and document["epochs"] <= epochs
            if fits and (found is None or document["epochs"] > found[0]):
                found = document["epochs"], folder, document
    if found is None:
        return None
    _, folder, document = found
    try:
        with np.load(folder / f"{files.name}.npz") as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError):
        return None
    return State(
        document["epochs"],
        _in_order(arrays, "v"),
        _in_order(arrays, "b") if document["has_best"] else None,
        document["monitor"],
        folder,
    )


def restore(model: Any, state: State) -> bool:
    """Put a state into a built model and its optimizer; return whether it fits them."""
    variables = variables_of(model)
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [array.shape for array in state.arrays]:
        return False
    for variable, array in zip(variables, state.arrays, strict=True):
        variable.assign(array)
    return True


def state_files(folder: Path) -> list[Path]:
    """Return the files of all states in a trial's folder."""
    return [*folder.glob(f"{STATE}.npz"), *folder.glob(f"{STATE}.json")]


def remove_state(folder: Path, name: str) -> None:
    """Remove a state, and its folder if nothing else is in it."""
    remove_files(folder, f"{name}.json", f"{name}.npz")


def variables_of(model: Any) -> list[Any]:
    """Return all that changes in training: weights, statistics, generators of random numbers."""
    return [*model.variables, *model.optimizer.variables]


def as_numpy(variable: Any) -> Any:
    """Return a variable as an array that numpy can save: it has no bfloat16."""
    value = import_keras().ops.convert_to_numpy(variable)
    return value.astype(np.float32) if value.dtype.name == "bfloat16" else value


def _in_order(arrays: Mapping[str, Any], letter: str) -> list[Any]:
    names = [name for name in arrays if name[0] == letter]
    return [arrays[name] for name in sorted(names, key=lambda name: int(name[1:]))]
