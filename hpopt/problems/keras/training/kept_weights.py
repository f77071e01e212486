"""The weights of the best trials, kept in the trials' folders."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.problem import Objective, losses
from hpopt.core.ranking import best_first
from hpopt.errors import SettingError
from hpopt.numerics import pareto

WEIGHTS = "model.weights.h5"
LOSS = "model.loss.json"


@dataclass(frozen=True, slots=True)
class KeptWeights:
    """Which of a study's trials keep their weights.

    The trials have folders side by side, named by their numbers. Each file of weights has one
    beside it that says how good they are, so that no process needs to ask another.

    Parameters
    ----------
    objectives : sequence of Objective
    n_kept : int
        How many trials keep their weights, where there is one objective. Of several objectives
        all trials of the front keep theirs.
    """

    objectives: Sequence[Objective]
    n_kept: int

    def save(
        self, model: Any, weights: Sequence[Any], values: Mapping[str, float], folder: Path
    ) -> None:
        """Save the weights of a trial if it is among the best so far.

        Parameters
        ----------
        model : keras.Model
            It gets the weights.
        weights : sequence of ndarray
        values : mapping of str to float
            Of the trial. Where objectives are missing, the weights are saved in any case:
            `settle` must follow.
        folder : path
            Of the trial.
        """
        is_known = all(objective.name in values for objective in self.objectives)
        if is_known:
            mine = (self._losses(values), folder)
            if folder in self._displaced([*self._kept_beside(folder), mine]):
                _remove(folder)
                return
        (folder / LOSS).unlink(missing_ok=True)
        model.set_weights(weights)
        model.save_weights(folder / WEIGHTS)
        if is_known:
            self.settle(folder, values)

    def settle(self, folder: Path, values: Mapping[str, float]) -> None:
        """Keep the weights that were saved in a folder if they are among the best.

        Those that they displace are removed.

        Parameters
        ----------
        folder : path
        values : mapping of str to float
            Of the trial; empty if it failed.
        """
        found = self._losses(values)
        if not all(map(math.isfinite, found)):
            _remove(folder)
            return
        unfinished = folder / f"{LOSS}.new"
        unfinished.write_text(json.dumps(found if len(found) > 1 else found[0]), encoding="utf-8")
        unfinished.replace(folder / LOSS)
        # Looked up when it is there: of all that end at once, the last to look sees the others.
        for displaced in self._displaced([*self._kept_beside(folder), (found, folder)]):
            _remove(displaced)

    def _losses(self, values: Mapping[str, float]) -> list[float]:
        found: list[float] = losses(self.objectives, values).tolist()
        return found

    def _displaced(self, kept: list[tuple[list[float], Path]]) -> list[Path]:
        """Return the folders whose weights do not stay."""
        losses_of_kept = np.array([found for found, _ in kept])
        if len(self.objectives) == 1:
            names = [folder.name for _, folder in kept]
            numbers = np.array([int(name) if name.isdecimal() else 0 for name in names])
            return [kept[row][1] for row in best_first(losses_of_kept, numbers)[self.n_kept :]]
        stays = pareto.front(losses_of_kept)
        return [kept[row][1] for row in np.flatnonzero(~stays)]

    def _kept_beside(self, folder: Path) -> list[tuple[list[float], Path]]:
        """Return the other folders of this study that hold weights, each after its losses."""
        if not folder.name.isdecimal():
            return []
        kept = []
        for path in folder.parent.glob(f"[0-9]*/{LOSS}"):
            with contextlib.suppress(OSError, ValueError, TypeError):
                stored = json.loads(path.read_text(encoding="utf-8"))
                found = [float(loss) for loss in (stored if isinstance(stored, list) else [stored])]
                if len(found) == len(self.objectives) and path.parent != folder:
                    kept.append((found, path.parent))
        return kept


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


def _remove(folder: Path) -> None:
    """Remove the weights in a folder, and the folder where nothing else is in it.

    Another process may be doing the same: what is gone is gone.
    """
    for name in (LOSS, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
