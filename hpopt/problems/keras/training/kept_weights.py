"""The weights of the best trials, kept in the trials' folders."""

from __future__ import annotations

import contextlib
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
from hpopt.problems.keras.training.folders import (
    folders_beside,
    number_of,
    read_json,
    remove_files,
    write_json,
)

WEIGHTS = "model.weights.h5"
LOSS = "model.loss.json"


@dataclass(frozen=True, slots=True)
class KeptWeights:
    """Keep the weights of a study's best `n_kept` trials; of several objectives, of the front.

    Beside each file of weights is one with its losses, so that processes need not ask one another.
    """

    objectives: Sequence[Objective]
    n_kept: int

    def save(
        self, model: Any, weights: Sequence[Any], values: Mapping[str, float], folder: Path
    ) -> None:
        """Save the weights of a trial if it is among the best so far.

        The model's own weights are overwritten. If an objective is missing in `values`, weights
        are saved in any case, and `settle` must follow.
        """
        can_rank = self.can_rank(values)
        if can_rank:
            mine = (self._losses(values), folder)
            if folder in self._displaced([*self._kept_beside(folder), mine]):
                _remove(folder)
                return
        # Without its losses no other process counts this file before it is whole.
        (folder / LOSS).unlink(missing_ok=True)
        model.set_weights(weights)
        model.save_weights(folder / WEIGHTS)
        if can_rank:
            self.settle(folder, values)

    def can_rank(self, values: Mapping[str, float]) -> bool:
        """Return whether all objectives are among the values, so that a trial can be ranked."""
        return all(objective.name in values for objective in self.objectives)

    def settle(self, folder: Path, values: Mapping[str, float]) -> None:
        """Keep the saved weights of a trial if they are among the best; remove those displaced.

        `values` are the trial's; empty if it failed.
        """
        found = self._losses(values)
        if not all(map(math.isfinite, found)):
            _remove(folder)
            return
        write_json(folder / LOSS, found if len(found) > 1 else found[0])
        # After the file is there: of several trials that end at once, the last sees the others.
        for displaced in self._displaced([*self._kept_beside(folder), (found, folder)]):
            _remove(displaced)

    def _losses(self, values: Mapping[str, float]) -> list[float]:
        found: list[float] = losses(self.objectives, values).tolist()
        return found

    def _displaced(self, kept: list[tuple[list[float], Path]]) -> list[Path]:
        """Return the folders whose weights are to be removed."""
        losses_of_kept = np.array([found for found, _ in kept])
        if len(self.objectives) == 1:
            numbers = np.array([number_of(folder) for _, folder in kept])
            return [kept[row][1] for row in best_first(losses_of_kept, numbers)[self.n_kept :]]
        # The front needs no number of its own: each of its trials is the best in some sense.
        stays = pareto.front(losses_of_kept)
        return [kept[row][1] for row in np.flatnonzero(~stays)]

    def _kept_beside(self, folder: Path) -> list[tuple[list[float], Path]]:
        """Return the losses and the folder of each other trial with weights."""
        kept = []
        for other in folders_beside(folder, LOSS):
            with contextlib.suppress(OSError, ValueError, TypeError):
                stored = read_json(other / LOSS)
                found = [float(loss) for loss in (stored if isinstance(stored, list) else [stored])]
                if len(found) == len(self.objectives) and other != folder:
                    kept.append((found, other))
        return kept


def load_weights(model: Any, folder: Path | str) -> None:
    """Load the weights of a trial into its model; raise SettingError if it kept none."""
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise SettingError(
            f"the trial must have kept its weights, but there is no {path}: only the best "
            "keep_weights trials of a study do"
        )
    model.load_weights(path)


def _remove(folder: Path) -> None:
    """Remove the weights in a folder, and the folder if nothing else is in it."""
    remove_files(folder, LOSS, WEIGHTS)
