"""Studies of Optuna's as studies of hpopt's: to look at, to learn from, to go on with."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
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

from hpopt import checks
from hpopt.core import Config, Optimizer, Outcome, as_json_data
from hpopt.errors import ConfigError, SettingError, StudyError, StudyWarning
from hpopt.integrations.optuna.branches import Seen
from hpopt.integrations.optuna.exporting import exported_value
from hpopt.integrations.optuna.search import FollowedProblem, objectives_in
from hpopt.integrations.optuna.trials import constraints_of, order_of, outcome_of
from hpopt.space import Categorical, Float, Int, Parameter, Space
from hpopt.study import Record, Study


def from_optuna(
    study: optuna.Study,
    path: str | os.PathLike[str] | None = None,
    *,
    optimizer: str | Optimizer = "auto",
    seed: checks.Seed = 0,
) -> Record:
    """Return a study of Optuna's as one of hpopt's.

    The space is read off the trials. A parameter that some of them lack gets the condition that
    the values of others explain; where none does, a parameter ``has NAME`` says whether it is
    there. Of ranges that differ from trial to trial, it is the smallest that holds them all.
    Choices other than texts, numbers, bools and None become their text, and user attributes
    `Trial.info`.

    Parameters
    ----------
    study : optuna.Study
    path : path, optional
        A new study file; by default the study stays in memory.
    optimizer : str or Optimizer
        With which the study may go on: open it with a problem on the same space.
    seed : int, numpy.random.Generator or numpy.random.SeedSequence

    Returns
    -------
    Record
        Of the finished trials, numbered as they come. In memory it is a `Study`.

    Warns
    -----
    StudyWarning
        Trials are left out: they run, or they failed before all their parameters were known.

    Raises
    ------
    StudyError
        No trial has values, or the file exists.
    """
    if not isinstance(study, optuna.Study):
        raise SettingError(
            f"a study to import must be Optuna's, but got {study!r}: open it with "
            "optuna.load_study(study_name=..., storage=...)"
        )
    if path is not None and Path(checks.expanded(path)).exists():
        raise StudyError(
            f"an imported study must have a file of its own, but {path} exists: "
            "give another path, or read it by hpopt.Study.load"
        )
    trials = study.get_trials(deepcopy=False)
    if not any(trial.params and trial.values for trial in trials):
        raise StudyError(
            f"a study to import must have trials with values, but {study.study_name} has none"
        )
    values = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    space, switches = space_of(values)
    objectives = objectives_in(study, study.metric_names)
    names = [each.name for each in objectives]
    constraints = tuple(sorted({name for each in values for name in constraints_of(each)}))
    problem = FollowedProblem(space, objectives, constraints)
    about = {"imported": f"Optuna's study {study.study_name}"}
    left_out = Counter[str]()
    made = Study(problem, optimizer, path=path, seed=seed, about=about)
    for trial in trials:
        config = _config(trial, space, switches) if trial.state.is_finished() else None
        if config is None:
            left_out[trial.state.name.lower()] += 1
        else:
            made.add_trial(config, _outcome(trial, names))
    if left_out:
        said = ", ".join(f"{n} {state}" for state, n in left_out.items())
        warnings.warn(
            f"trials without a result or without all parameters are left out: {said}",
            StudyWarning,
            stacklevel=2,
        )
    if path is None:
        return made
    made.close()
    return Study.load(path)


def space_of(trials: Sequence[FrozenTrial]) -> tuple[Space, dict[str, str]]:
    """Return a space that all trials fit.

    Returns
    -------
    space : Space
    switches : dict of str to str
        Its parameters ``has NAME``, and the name of one that each is about.
    """
    seen = Seen()
    seen.update(sorted(trials, key=order_of))
    distributions = _hulls(trials)
    decided, undecided = seen.conditions(distributions)
    parameters: dict[str, Parameter] = {}
    switches: dict[str, str] = {}
    for name, when in decided.items():
        own = {p: [_choice(distributions[p], code) for code in when[p]] for p in when}
        parameters[name] = _parameter(distributions[name], own)
    for names in undecided:
        switch = f"has {names[0]}"
        while switch in distributions:
            switch += "?"
        switches[switch] = names[0]
        parameters[switch] = Categorical([False, True])
        for name in names:
            parameters[name] = _parameter(distributions[name], {switch: [True]})
    return Space(parameters), switches


def _hulls(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return for each name the distribution that has all values of those that trials had."""
    found: dict[str, BaseDistribution] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            known = found.setdefault(name, distribution)
            if known is not distribution and known != distribution:
                found[name] = _hull(known, distribution)
    return found


def _hull(one: Any, other: Any) -> BaseDistribution:
    # Optuna lets no name change its kind, nor the choices of a categorical one.
    if isinstance(one, CategoricalDistribution):
        return one
    low, high = min(one.low, other.low), max(one.high, other.high)
    log = one.log and other.log
    if isinstance(one, IntDistribution):
        return IntDistribution(low, high, log)
    return FloatDistribution(low, high, log)


def _parameter(distribution: Any, when: Mapping[str, Any]) -> Parameter:
    if isinstance(distribution, CategoricalDistribution):
        choices = [exported_value(choice) for choice in distribution.choices]
        return Categorical(list(dict.fromkeys(choices)), when=when or None)
    low, high, log = distribution.low, distribution.high, distribution.log
    if distribution.single():
        return Categorical([low], when=when or None)
    kind: type[Int] | type[Float] = Int if isinstance(distribution, IntDistribution) else Float
    made: Parameter = kind(low, high, log, distribution.step, when=when or None)
    return made


def _choice(distribution: BaseDistribution, code: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return exported_value(distribution.choices[code])
    return code


def _config(trial: FrozenTrial, space: Space, switches: Mapping[str, str]) -> Config | None:
    config = {switch: name in trial.params for switch, name in switches.items()}
    config |= {name: exported_value(value) for name, value in trial.params.items()}
    try:
        return space.validate(config)
    except ConfigError:
        return None


def _outcome(trial: FrozenTrial, names: Sequence[str]) -> Outcome:
    outcome = outcome_of(trial, names)
    started = 0.0 if trial.datetime_start is None else trial.datetime_start.timestamp()
    return replace(outcome, started=started, info=as_json_data(dict(trial.user_attrs)))
