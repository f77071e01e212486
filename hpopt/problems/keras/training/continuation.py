"""The saved state of a training, from which it goes on: one file for each run of a trial."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.trial import Config
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.numbers import own_variables

STATE = "training-[0-9]*.npz"  # the file of a state; the number is that of its run
LATENCY = "latency.json"  # the file with the latency that was measured of a trial's network
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class StateFile:
    """The file with the state of one run of a trial, in a trial's folder.

    The key holds config and seed: a state is resumed by trials with the same key only.
    """

    folder: Path
    run: int
    key: str

    @classmethod
    def of(cls, folder: Path, run: int, config: Config, seed: int) -> StateFile:
        """Return the file of a run."""
        return cls(folder, run, json.dumps([config, seed], sort_keys=True))

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / f"training-{self.run}.npz"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a training after some epochs."""

    epochs: int  # trained
    arrays: list[Any]  # all that changes in model and optimizer; empty if nothing is left to train
    best: list[Any] | None  # the weights of the best epoch
    monitor: Mapping[str, Any]  # the state of its `Monitor`, as JSON data
    callbacks: Sequence[Mapping[str, float]] = ()  # of each of the user's, what it counts

    def fits(self, epochs: int) -> bool:
        """Return whether a training of so many epochs can go on from it."""
        is_over = self.epochs == epochs or bool(self.monitor["ended"])
        return self.epochs <= epochs and (is_over or bool(self.arrays))


def save_state(file: StateFile, state: State) -> None:
    """Save a state in place of an earlier one."""
    document = {
        "key": file.key,
        "epochs": state.epochs,
        "has_best": state.best is not None,
        "monitor": state.monitor,
        "callbacks": [*state.callbacks],
    }
    named = {"document": np.frombuffer(json.dumps(document).encode(), np.uint8)}
    named |= {f"v{i}": array for i, array in enumerate(state.arrays)}
    named |= {f"b{i}": np.asarray(weight) for i, weight in enumerate(state.best or ())}
    draft = file.path.with_suffix(".new.npz")
    with draft.open("wb") as out:
        np.savez(out, **named)  # type: ignore[arg-type]
        out.flush()
        os.fsync(out.fileno())  # a machine that is switched off leaves no empty file
    # Of a process that is killed here either the earlier state is left, or this one.
    draft.replace(file.path)


def read_state(file: StateFile) -> State | None:
    """Return the state in a file; None if there is none, or not of this config and seed."""
    try:
        with file.path.open("rb") as source, np.load(source) as stored:
            document = json.loads(stored["document"].tobytes())
            if document["key"] != file.key:
                return None
            arrays = {name: stored[name] for name in stored.files}
        return State(
            int(document["epochs"]),
            _in_order(arrays, "v"),
            _in_order(arrays, "b") if document["has_best"] else None,
            document["monitor"],
            document["callbacks"],
        )
    except UNREADABLE:
        return None


def restore(model: Any, state: State) -> bool:
    """Put a state into a built model and its optimizer; return whether it fits them."""
    variables = variables_of(model)
    if state.arrays and _shapes(variables) != _shapes(state.arrays):
        return False
    if state.best is not None and _shapes(model.weights) != _shapes(state.best):
        return False
    for variable, array in zip(variables, state.arrays, strict=False):
        variable.assign(array)
    return True


def state_files(folder: Path) -> list[Path]:
    """Return the files in a trial's folder that a later trial goes on from."""
    return [*folder.glob(STATE), *folder.glob(LATENCY)]


def values_of(model: Any) -> list[Any]:
    """Return all that changes in training, as arrays."""
    return [as_numpy(variable) for variable in variables_of(model)]


def variables_of(model: Any) -> list[Any]:
    """Return all that changes in training: weights, statistics, generators of random numbers."""
    kind = import_keras().optimizers.Optimizer
    # A model with a train_step of its own may have optimizers beside the one that it is compiled
    # with.
    others = [each for each in vars(model).values() if isinstance(each, kind)]
    optimizers = {id(each): each for each in (model.optimizer, *others) if each is not None}
    return [v for each in (model, *optimizers.values()) for v in own_variables(each)]


def as_numpy(variable: Any) -> Any:
    """Return a variable as an array that numpy can save: it has no bfloat16."""
    value = import_keras().ops.convert_to_numpy(variable)
    return value.astype(np.float32) if value.dtype.name == "bfloat16" else value


def _shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _in_order(arrays: Mapping[str, Any], letter: str) -> list[Any]:
    names = [name for name in arrays if name[0] == letter]
    return [arrays[name] for name in sorted(names, key=lambda name: int(name[1:]))]
