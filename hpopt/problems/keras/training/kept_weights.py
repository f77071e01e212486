"""The weights of the best trials, kept in the trials' folders."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.constraint import (
    Constraint,
    are_met,
    names_ranked_by,
    ranked_losses,
    violations,
)
from hpopt.core.objective import Objective, losses
from hpopt.core.ranking import best_first, comparable
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

    With `n_kept` None they are those of the best trial, or of the whole front; of a front, a number
    keeps its ends and those in the widest gaps.

    Beside each file of weights is one with its fidelity and losses, so that processes need not ask
    one another. A trial that has reached a higher fidelity is better than others, and one that
    meets all constraints than one that does not.
    """

    objectives: Sequence[Objective]
    n_kept: int | None
    fidelity: float | None = None  # of the trial
    constraints: Sequence[Constraint] = ()

    def save(
        self, model: Any, weights: Sequence[Any], values: Mapping[str, float], folder: Path
    ) -> None:
        """Save the weights of a trial if it is among the best so far.

        The model's own weights are overwritten. If an objective is missing in `values`, weights
        are saved in any case, and `settle` must follow.
        """
        can_rank = self.can_rank(values)
        if can_rank:
            mine = self._kept(folder, values)
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
        """Return whether the values have all that a trial is ranked by."""
        return all(name in values for name in names_ranked_by(self.objectives, self.constraints))

    def settle(self, folder: Path, values: Mapping[str, float]) -> None:
        """Keep the saved weights of a trial if they are among the best; remove those displaced.

        `values` are the trial's; empty if it failed.
        """
        mine = self._kept(folder, values)
        if not all(map(math.isfinite, mine.losses)):
            _remove(folder)
            return
        plain = mine.losses if len(mine.losses) > 1 else mine.losses[0]
        known = {"losses": mine.losses, "fidelity": self.fidelity, "broken": mine.is_broken}
        is_plain = self.fidelity is None and not self.constraints
        write_json(folder / LOSS, plain if is_plain else known)
        # After the file is there: of several trials that end at once, the last sees the others.
        for displaced in self._displaced([*self._kept_beside(folder), mine]):
            _remove(displaced)

    def _kept(self, folder: Path, values: Mapping[str, float]) -> Kept:
        violation = violations(self.constraints, values)
        found = ranked_losses(losses(self.objectives, values), self.constraints, violation)
        return Kept(folder, found.tolist(), self.fidelity, not are_met(violation))

    def _displaced(self, kept: Sequence[Kept]) -> list[Path]:
        """Return the folders whose weights are to be removed."""
        losses_of_kept = np.array([each.losses for each in kept])
        fidelities = np.array([each.fidelity or math.nan for each in kept])
        numbers = np.array([number_of(each.folder) for each in kept])
        is_broken = np.array([each.is_broken for each in kept])
        order = best_first(losses_of_kept, numbers, fidelities, is_broken)
        if len(self.objectives) == 1:
            n_kept = 1 if self.n_kept is None else self.n_kept
            return [kept[row].folder for row in order[n_kept:]]
        candidates = order[comparable(losses_of_kept, fidelities, is_broken)[order]]
        stays = candidates[pareto.front(losses_of_kept[candidates])]
        # The best by the first objective is first, and goes last.
        while self.n_kept is not None and len(stays) > self.n_kept:
            on_front = losses_of_kept[stays]
            distances = pareto.crowding_distances(on_front, np.zeros(len(stays), dtype=np.int64))
            stays = np.delete(stays, len(stays) - 1 - int(distances[::-1].argmin()))
        return [each.folder for row, each in enumerate(kept) if row not in stays]

    def _kept_beside(self, folder: Path) -> list[Kept]:
        """Return each other trial with weights."""
        kept = []
        for other in folders_beside(folder, LOSS):
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                found = Kept.read(other)
                if len(found.losses) == len(self.objectives) and other != folder:
                    kept.append(found)
        return kept


@dataclass(frozen=True, slots=True)
class Kept:
    """A trial with weights."""

    folder: Path
    losses: list[float]
    fidelity: float | None
    is_broken: bool = False

    @classmethod
    def read(cls, folder: Path) -> Kept:
        """Read what the trial of a folder wrote; raise an error where that is no such thing."""
        stored = read_json(folder / LOSS)
        if not isinstance(stored, dict):
            stored = {"losses": stored if isinstance(stored, list) else [stored], "fidelity": None}
        fidelity = stored["fidelity"]
        losses = [float(loss) for loss in stored["losses"]]
        is_broken = bool(stored.get("broken", False))
        return cls(folder, losses, None if fidelity is None else float(fidelity), is_broken)


def load_weights(model: Any, folder: Path | str) -> None:
    """Load the weights of a trial into its model; raise SettingError if it kept none."""
    path = Path(folder) / WEIGHTS
    if not path.exists():
        raise SettingError(
            f"the trial must have kept its weights, but there is no {path}: only the best "
            "trials of a study do, by default one or a front: see keep_weights"
        )
    model.load_weights(path)


def _remove(folder: Path) -> None:
    """Remove the weights in a folder, and the folder if nothing else is in it."""
    remove_files(folder, LOSS, WEIGHTS)
