"""What trackers are told of a study and its trials: plain names, numbers and texts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpopt.core import Objective, Trial
from hpopt.core.curves import by_objective
from hpopt.space import Space
from hpopt.space.flat import flattened
from hpopt.study import Record
from hpopt.study.knowledge import identity_of

Steps = list[tuple[float, float]]

PLACE = re.compile(r"\[(\d+)\]")  # layers[0].units
LENGTH = re.compile(r"len\((.*)\)")  # len(layers)


@dataclass(frozen=True, slots=True)
class TrackedStudy:
    """A study as its tracker shows it.

    Attributes
    ----------
    identity : str
        The same for the same study, whatever becomes of its file.
    name : str
        For people: that of its file.
    objectives : tuple of Objective
    settings : mapping of str to str
        The problem, the strategy with its settings, the seed.
    """

    identity: str
    name: str
    objectives: tuple[Objective, ...]
    settings: Mapping[str, str]

    @classmethod
    def of(cls, record: Record) -> TrackedStudy:
        """Return what there is to show of a study."""
        header = record.header
        optimizer = header["optimizer"]
        settings = {"optimizer": optimizer["name"], "seed": header["seed"]}
        settings |= {"problem": header.get("problem"), "hpopt": header.get("hpopt")}
        settings |= {f"optimizer.{key}": value for key, value in optimizer["settings"].items()}
        return cls(
            identity_of(header),
            record.path.stem if record.path is not None else "study",
            record.objectives,
            {key: _as_text(value) for key, value in settings.items()},
        )


@dataclass(frozen=True, slots=True)
class TrackedTrial:
    """A trial as its tracker shows it.

    Attributes
    ----------
    number : int
    status : str
    ok : bool
        Whether it has values.
    parameters : mapping of str to number, bool, str or None
        The active ones; those of a layer are ``layers.0.units``. Lists are JSON text.
    values : mapping of str to float
        Objectives and other numbers.
    curves : mapping of str to list of (step, value)
        Of each objective that was reported, and of each metric in the history of a network. Of
        several reports of one step, as those of folds, the mean.
    started, ended : float
        In seconds since the epoch.
    error : str or None
    fidelity : float or None
    files : tuple of Path
        The artifacts.
    mark : str
        Another one where the trial has ended anew, as by `retry_failed`.
    """

    number: int
    status: str
    ok: bool
    parameters: Mapping[str, Any]
    values: Mapping[str, float]
    curves: Mapping[str, Steps]
    started: float
    ended: float
    error: str | None
    fidelity: float | None
    files: tuple[Path, ...]
    mark: str

    @classmethod
    def of(
        cls, trial: Trial, space: Space, objectives: Sequence[Objective], files: tuple[Path, ...]
    ) -> TrackedTrial:
        """Return what there is to show of a trial."""
        flat = flattened(trial.config, space, whole=True)
        names = [objective.name for objective in objectives]
        curves = {name: _means(steps) for name, steps in by_objective(trial.curve, names).items()}
        return cls(
            trial.number,
            trial.status,
            trial.ok,
            {plain_name(name): _plain(value) for name, value in flat.items()},
            dict(trial.values),
            {**_history(trial.outcome.info.get("history")), **curves},
            trial.started,
            trial.started + trial.seconds,
            trial.error,
            trial.solution.fidelity,
            files,
            f"{trial.status} {trial.started:.6f}",
        )

    @property
    def name(self) -> str:
        """For people; in the order of numbers when sorted."""
        return f"trial-{self.number:05}"

    def moment(self, share: float) -> float:
        """Return when so much of it had passed, in seconds since the epoch."""
        return self.started + share * (self.ended - self.started)


def plain_name(name: str) -> str:
    """Return the name of a parameter without brackets, which trackers do not take."""
    return PLACE.sub(r".\1", LENGTH.sub(r"\1.length", name))


def whole_steps(steps: Steps) -> list[tuple[int, float]]:
    """Return a curve with whole steps, as trackers have them: else they are counted from 1."""
    if all(float(step).is_integer() for step, _ in steps):
        return [(int(step), value) for step, value in steps]
    return [(n, value) for n, (_, value) in enumerate(steps, 1)]


def rows_of(trial: TrackedTrial) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield what was reached at each step, of all curves together, as W&B's kind has it."""
    rows: dict[int, dict[str, float]] = {}
    for name, steps in trial.curves.items():
        for step, value in whole_steps(steps):
            rows.setdefault(step, {})[f"curve/{name}"] = value
    yield from sorted(rows.items())


def about(study: TrackedStudy, trial: TrackedTrial) -> dict[str, Any]:
    """Return what a trial is, beside its parameters."""
    return {
        "study": study.identity,
        "trial": trial.number,
        "status": trial.status,
        "error": trial.error,
        "fidelity": trial.fidelity,
        **study.settings,
    }


def _means(steps: Steps) -> Steps:
    several: dict[float, list[float]] = {}
    for step, value in steps:
        several.setdefault(step, []).append(value)
    return [(step, math.fsum(values) / len(values)) for step, values in several.items()]


def _history(history: Any) -> dict[str, Steps]:
    """Return the metrics of each epoch, as Keras problems keep them; of one training only."""
    if not isinstance(history, Mapping):
        return {}
    return {
        name: [(n, float(value)) for n, value in enumerate(values, 1)]
        for name, values in history.items()
        if isinstance(values, list)
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float | None) else json.dumps(value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
