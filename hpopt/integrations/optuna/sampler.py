"""A sampler for Optuna: hpopt's strategies choose, Optuna does the rest."""

from __future__ import annotations

import copy
import math
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from hpopt import checks
from hpopt.core import Objective, Optimizer
from hpopt.errors import SettingError
from hpopt.integrations.optuna.branches import Seen
from hpopt.integrations.optuna.search import FollowedProblem, Following, objectives_in
from hpopt.integrations.optuna.trials import ATTRIBUTE, CONSTRAINTS, order_of
from hpopt.numerics.sampling import keyed_seed
from hpopt.optimizers.registry import make_optimizer
from hpopt.space import Float, Int, Space

ConstraintsFunction = Callable[[FrozenTrial], Sequence[float]]

PRUNED_OR_COMPLETE = (TrialState.COMPLETE, TrialState.PRUNED)


class HpoptSampler(BaseSampler):  # type: ignore[misc]
    """Choose the parameters of Optuna's trials by a strategy of hpopt.

    The first trial is random, as nothing is known of the space before the objective has asked for
    it. From then on the strategy chooses all parameters that trials have had. A parameter that
    only some trials have is conditional: where the values of others decide it, that is learned
    from the trials, and the strategy searches the space with its conditions. Parameters for which
    none is found are searched by a strategy of their own, those together that occur together. One
    whose range differs from trial to trial is drawn at random.

    What is chosen follows from the seed and the study's trials. So studies in a storage go on
    exactly, and any number of processes and threads may share one; trials that run are known to
    each. Failed trials are learned from too, pruned ones by their reports, and constraints are met
    as far as they are known.

    Parameters
    ----------
    optimizer : str or Optimizer
        A strategy's name, such as ``"auto"`` or ``"genetic"``, or an instance. Those that choose
        fidelities are not for Optuna, whose pruners stop trials.
    seed : int, numpy.random.Generator or numpy.random.SeedSequence, optional
        Everything random follows from it; by default it is drawn.
    constraints_func : callable, optional
        As for Optuna's own samplers: takes a finished trial, and returns numbers that must be at
        most 0.
    n_trials : int, optional
        How many trials the study shall have, for strategies that plan ahead.

    Raises
    ------
    SettingError
        The strategy chooses fidelities.
    UnknownNameError
        There is no such strategy.

    Examples
    --------
    >>> study = optuna.create_study(sampler=HpoptSampler("auto", seed=1))
    >>> study.optimize(objective, n_trials=100)
    """

    def __init__(
        self,
        optimizer: str | Optimizer = "auto",
        *,
        seed: checks.Seed | None = None,
        constraints_func: ConstraintsFunction | None = None,
        n_trials: int | None = None,
    ) -> None:
        self._template = _checked(make_optimizer(optimizer))
        self.seed = secrets.randbits(32) if seed is None else checks.seed(seed)
        self._constraints_func = constraints_func
        self._n_trials = None if n_trials is None else checks.whole("n_trials", n_trials, 1)
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._seen = Seen()
        self._following: Following | None = None
        self._groups: dict[frozenset[str], Following] = {}
        # Of the group that was asked last: the trial's number, and the values.
        self._of_group: dict[frozenset[str], tuple[int, dict[str, Any]]] = {}

    @property
    def optimizer(self) -> Optimizer | None:
        """The strategy, told the trials that were known when it was last asked; None before."""
        return None if self._following is None else self._following.optimizer

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that the strategy chooses, conditional ones too."""
        with self._lock:
            self._look(study)
            return self._seen.distributions()

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values of all parameters that exist in what the strategy proposes."""
        if not search_space:
            return {}
        began = time.perf_counter()
        with self._lock:
            trials = self._look(study)
            self._following = self._followed_on(study, search_space, self._following)
            params, noted = self._following.propose(trials, trial.number)
            noted["seconds"] = time.perf_counter() - began
            study._storage.set_trial_system_attr(trial._trial_id, ATTRIBUTE, noted)
        return params

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value of a parameter that is not in the one space: it may be random."""
        with self._lock:
            found = self._in_group(study, trial, param_name, param_distribution)
        if param_name in found:
            return found[param_name]
        name = zlib.crc32(param_name.encode())
        seed = keyed_seed(keyed_seed(self.seed, trial.number), name)
        return RandomSampler(seed).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Note the values of the constraints."""
        if self._constraints_func is None or state not in PRUNED_OR_COMPLETE:
            return
        broken = [float(each) for each in self._constraints_func(trial)]
        if any(map(math.isnan, broken)):
            raise ValueError(f"constraints must be numbers, but constraints_func returned {broken}")
        study._storage.set_trial_system_attr(trial._trial_id, CONSTRAINTS, broken)

    # -- inside --------------------------------------------------------------------------------

    def _look(self, study: Study) -> Sequence[FrozenTrial]:
        """Return the study's trials; note which parameters the finished ones have."""
        # A HyperbandPruner shows the trials of one bracket only; what all have found counts.
        whole = getattr(study, "_study", study)
        trials: Sequence[FrozenTrial] = whole.get_trials(deepcopy=False)
        ended = [trial for trial in trials if trial.state in PRUNED_OR_COMPLETE]
        self._seen.update(sorted(ended, key=order_of))
        return trials

    def _in_group(
        self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution
    ) -> dict[str, Any]:
        """Return the values for a trial of the parameters that occur together with one."""
        trials = self._look(study)
        group = self._seen.together_with(name)
        if group.get(name) != distribution:
            return {}
        key = frozenset(group)
        number, found = self._of_group.get(key, (-1, {}))
        if number != trial.number:
            self._groups[key] = self._followed_on(study, group, self._groups.get(key))
            found, _ = self._groups[key].propose(trials, trial.number)
            self._of_group[key] = trial.number, found
        return found

    def _followed_on(
        self, study: Study, distributions: dict[str, BaseDistribution], kept: Following | None
    ) -> Following:
        """Return the search on a space as it is known now: a new one where it has changed."""
        objectives, constraints = objectives_in(study), tuple(sorted(self._seen.constraints))
        problem = FollowedProblem(self._seen.space(distributions), objectives, constraints)
        if kept is not None and kept.problem.is_like(problem):
            return kept
        return Following(self._template, self.seed, problem, distributions, self._n_trials)

    def __getstate__(self) -> dict[str, Any]:
        inside = ("_lock", "_seen", "_following", "_groups", "_of_group")
        return {name: value for name, value in vars(self).items() if name not in inside}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()


def _checked(optimizer: Optimizer) -> Optimizer:
    problem = FollowedProblem(Space({"x": Int(0, 9), "y": Float(0, 1)}), (Objective(),), ())
    try:
        copy.deepcopy(optimizer).bind(problem)
    except SettingError as error:
        raise SettingError(
            "HpoptSampler's optimizer must not be bound and must choose no fidelities, as Optuna "
            f"has none, but got {optimizer.name!r}: take another one, with a pruner of Optuna's "
            f"({error})"
        ) from None
    return optimizer
