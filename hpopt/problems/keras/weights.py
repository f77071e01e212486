"""The weights of the best trials, kept in the trials' folders."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpopt.core.handle import TrialHandle
from hpopt.errors import SettingError

WEIGHTS = "model.weights.h5"
LOSS = "model.loss.json"


def keep_best(
    model: Any, weights: Sequence[Any], loss: float, trial: TrialHandle, n_kept: int
) -> None:
    """Save the weights of a trial if it is among the best so far, and remove those it displaces.

    The trials of a study have folders side by side, named by their numbers. Each file of weights
    has one beside it that says how good they are, so that no process needs to ask another.

    Parameters
    ----------
    model : keras.Model
        It gets the weights.
    weights : sequence of ndarray
    loss : float
        The value to minimise.
    trial : TrialHandle
    n_kept : int
        How many trials keep their weights.
    """
    folder = trial.directory
    others = [other for other in _kept_beside(folder) if other[1] != folder]
    if sum(other < (loss, folder) for other in others) >= n_kept:
        _remove(folder)
        return
    model.set_weights(weights)
    (folder / LOSS).unlink(missing_ok=True)
    model.save_weights(folder / WEIGHTS)
    unfinished = folder / f"{LOSS}.new"
    unfinished.write_text(json.dumps(loss), encoding="utf-8")
    unfinished.replace(folder / LOSS)
    # Looked up anew: of all that end at once, the last to look sees the others.
    for _, displaced in sorted(_kept_beside(folder))[n_kept:]:
        _remove(displaced)


def load_weights(model: Any, folder: Path | str) -> None:
    """Load the weights that a trial kept into its model.

    Raises
    ------
    SettingError
        It kept none.
    """
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise SettingError(
            f"the trial must have kept its weights, but there is no {path}: only the best "
            "keep_weights trials of a study do"
        )
    model.load_weights(path)


def _kept_beside(folder: Path) -> list[tuple[float, Path]]:
    """Give the folders of this study that hold weights, each after its loss."""
    if not folder.name.isdecimal():
        return []
    kept = []
    for path in folder.parent.glob(f"[0-9]*/{LOSS}"):
        with contextlib.suppress(OSError, ValueError):
            kept.append((float(json.loads(path.read_text(encoding="utf-8"))), path.parent))
    return kept


def _remove(folder: Path) -> None:
    """Remove the weights in a folder, and the folder where nothing else is in it.

    Another process may be doing the same: what is gone is gone.
    """
    for name in (LOSS, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
