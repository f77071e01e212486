"""Studies of hpopt's as studies of Optuna's, for its dashboard and whatever else reads those."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from hpopt.checks import expanded, real
from hpopt.core import Constraint, Trial
from hpopt.core.ranking import highest_fidelity, is_comparable
from hpopt.integrations.optuna.trials import CONSTRAINTS
from hpopt.space.choice import PLAIN_TYPES
from hpopt.space.flat import Place, flattened, places_of
from hpopt.study import Record, Study


def to_optuna(
    study: str | os.PathLike[str] | Record,
    storage: str | optuna.storages.BaseStorage | None = None,
    *,
    study_name: str | None = None,
) -> optuna.Study:
    """Write a study into a storage of Optuna's, such as that of its dashboard.

    Trials become complete ones, pruned ones (stopped early, or of a lower fidelity than the best
    are of) and failed ones, with their distributions, reports, constraints and times; those that
    run are left out. Layers of a list and entries of a vector are parameters of their own
    (``layers[0].units``), as in `Record.to_pandas`. Further metrics and what else is known of a
    trial are its user attributes.

    Parameters
    ----------
    study : path, Study, Record or Result
    storage : str or optuna.storages.BaseStorage, optional
        By default in memory.
    study_name : str, optional
        By default the file's name without its ending; of a study in memory Optuna chooses one.

    Returns
    -------
    optuna.Study

    Raises
    ------
    optuna.exceptions.DuplicatedStudyError
        The storage has a study of this name.
    """
    record = study if isinstance(study, Record) else Study.load(expanded(study))
    if study_name is None and record.path is not None:
        study_name = Path(record.path).stem
    made = optuna.create_study(
        storage=storage,
        study_name=study_name,
        directions=[each.direction for each in record.objectives],
    )
    for key in ("problem", "optimizer", "seed"):
        made.set_user_attr(key, record.header.get(key))
    exporter = _Exporter(record)
    made.add_trials([exporter.exported(trial) for trial in record.iterate()])
    return made


class _Exporter:
    """Make Optuna's trials of those of a record."""

    def __init__(self, record: Record) -> None:
        self._space, self._constraints = record.space, record.constraints
        self._names = [each.name for each in record.objectives]
        self._distributions = {each.name: distribution_of(each) for each in places_of(self._space)}
        self._highest = highest_fidelity(record.iterate())

    def exported(self, trial: Trial) -> FrozenTrial:
        state = self._state(trial)
        values = [trial.values[name] for name in self._names] if trial.ok else None
        flat = flattened(trial.solution.config, self._space)
        names = [name for name in flat if name in self._distributions]
        curve = reports_of(trial, self._names[0])
        if trial.ok and state == TrialState.PRUNED and not curve:
            curve = {int(trial.reached or 0): trial.values[self._names[0]]}
        made = optuna.create_trial(
            state=state,
            values=values,
            params={name: exported_value(flat[name]) for name in names},
            distributions={name: self._distributions[name] for name in names},
            user_attrs=self._attributes(trial),
            intermediate_values=curve,
        )
        _note_constraints(made, trial, self._constraints)
        started = trial.started or 0.0
        made.datetime_start = datetime.fromtimestamp(started)
        made.datetime_complete = made.datetime_start + timedelta(seconds=trial.seconds)
        return made

    def _state(self, trial: Trial) -> TrialState:
        if trial.status == "infeasible":
            return TrialState.PRUNED
        if not trial.ok:
            return TrialState.FAIL
        is_whole = trial.status == "complete" and is_comparable(trial, self._highest)
        return TrialState.COMPLETE if is_whole else TrialState.PRUNED

    def _attributes(self, trial: Trial) -> dict[str, Any]:
        metrics = {name: v for name, v in trial.values.items() if name not in self._names}
        solution = trial.solution
        also = {
            "number": trial.number,
            "seed": solution.seed,
            "status": trial.status,
            "fidelity": solution.fidelity,
            "generation": solution.generation,
            "parents": list(solution.parents) or None,
            "worker": trial.worker,
            "memory": trial.memory,
            "error": trial.error,
        }
        known = {name: value for name, value in also.items() if value is not None}
        return {**trial.info, **metrics, **known}


def distribution_of(place: Place) -> BaseDistribution:
    """Return the distribution of a place of a space; see `places_of`.

    Optuna has no steps in the log, and no order of choices: these are left out.
    """
    parameter: Any = place.parameter
    if place.kind == "length":
        return IntDistribution(parameter.min_length, parameter.max_length)
    if parameter.kind in ("float", "vector"):
        log, step = getattr(parameter, "log", False), getattr(parameter, "step", None)
        return FloatDistribution(parameter.low, parameter.high, log, None if log else step)
    if parameter.kind == "int":
        step = 1 if parameter.log else parameter.step
        return IntDistribution(parameter.low, parameter.high, parameter.log, step)
    choices = getattr(parameter, parameter.noun)
    return CategoricalDistribution([exported_value(choice) for choice in choices])


def exported_value(value: Any) -> Any:
    """Return a value as Optuna's storages keep it: of tuples and lists their text."""
    return value if type(value) in PLAIN_TYPES else str(value)


def reports_of(trial: Trial, name: str) -> dict[int, float]:
    """Return the reports of an objective by their steps, or by their places where these are none.

    Optuna's steps are whole numbers from 0 on.
    """
    pairs = []
    for step, found in trial.curve:
        value = real(found.get(name) if isinstance(found, Mapping) else found)
        if value is not None:
            pairs.append((step, value))
    if all(step >= 0 and float(step).is_integer() for step, _ in pairs):
        return {int(step): value for step, value in pairs}
    return {place: value for place, (_, value) in enumerate(pairs)}


def _note_constraints(made: FrozenTrial, trial: Trial, constraints: tuple[Constraint, ...]) -> None:
    known = {str(each): each.violation(trial.values) for each in constraints}
    known = {name: value for name, value in known.items() if not math.isnan(value)}
    if not known:
        return
    if hasattr(made, "set_constraint"):  # Optuna 5
        for name, value in known.items():
            made.set_constraint(name, value)
    else:
        made.system_attrs[CONSTRAINTS] = list(known.values())
