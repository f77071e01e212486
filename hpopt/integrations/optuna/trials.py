"""Optuna's trials as points and outcomes of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from hpopt.core import Config, Outcome
from hpopt.errors import ConfigError
from hpopt.integrations.optuna.distributions import code_of
from hpopt.numerics.sampling import keyed_generator
from hpopt.space import Space

ATTRIBUTE = "hpopt"
"""The system attribute of a trial that says what was proposed for it."""
CONSTRAINTS = "constraints"
"""The system attribute that samplers keep the values of ``constraints_func`` in."""

# Keeps the draws for trials of which nothing is known yet apart from those of strategies, whose
# keys have one or two numbers.
UNKNOWN = 11


def order_of(trial: FrozenTrial) -> tuple[datetime, int]:
    """Return what sorts finished trials by when they finished."""
    return trial.datetime_complete or datetime.min, trial.number


@dataclass(frozen=True, slots=True)
class Known:
    """A trial of Optuna's that has a place in a search."""

    number: int
    config: Config
    point: NDArray[np.float64]
    outcome: Outcome | None  # None while it runs
    order: tuple[datetime, int]


class Reader:
    """Read the trials of a study as those of a search.

    Parameters
    ----------
    space : Space
        Of codes; see `coded_parameter`.
    digest : str
        Of the space: what was proposed in another is not taken for a point of this one.
    distributions : mapping of str to BaseDistribution
        The parameters of the space.
    names : sequence of str
        Of the objectives.
    seed : int
    """

    def __init__(
        self,
        space: Space,
        digest: str,
        distributions: Mapping[str, BaseDistribution],
        names: Sequence[str],
        seed: int,
    ) -> None:
        self._space, self._digest, self._distributions = space, digest, distributions
        self._names, self._seed = names, seed
        self._finished: dict[tuple[datetime, int], Known | None] = {}

    def known(self, trials: Sequence[FrozenTrial], own: int) -> list[Known]:
        """Return the trials that fit, by number; but for the one that is being asked for."""
        found = []
        for trial in trials:
            if trial.number == own:
                continue
            if trial.state == TrialState.RUNNING:
                known = self._running(trial, trial.number < own)
                found += [] if known is None else [known]
            elif trial.state.is_finished():
                order = order_of(trial)
                if order not in self._finished:
                    self._finished[order] = self._of_finished(trial)
                known = self._finished[order]
                found += [] if known is None else [known]
        return found

    def _of_finished(self, trial: FrozenTrial) -> Known | None:
        config = self._config(trial)
        if config is None:
            return None
        proposed = self._proposed(trial)
        if proposed is None or self._space.decode(proposed[None])[0] != config:
            proposed = self._space.encode([config])[0]
        outcome = outcome_of(trial, self._names)
        return Known(trial.number, config, proposed, outcome, order_of(trial))

    def _running(self, trial: FrozenTrial, is_before: bool) -> Known | None:
        point, config = self._proposed(trial), self._config(trial)
        if point is None and config is not None:
            point = self._space.encode([config])[0]
        if point is None:
            if not is_before:
                return None
            # A place is kept for what an earlier one will be, so that later ones have theirs.
            rng = keyed_generator(self._seed, trial.number, UNKNOWN, 0)
            point = drawn(self._space, rng)
        return Known(trial.number, self._space.decode(point[None])[0], point, None, order_of(trial))

    def _proposed(self, trial: FrozenTrial) -> NDArray[np.float64] | None:
        noted = trial.system_attrs.get(ATTRIBUTE)
        if not isinstance(noted, Mapping) or noted.get("space") != self._digest:
            return None
        point = np.array(noted["point"], dtype=np.float64)
        return point if point.shape == (self._space.d,) else None

    def _config(self, trial: FrozenTrial) -> Config | None:
        config: dict[str, Any] = {}
        try:
            for name in self._space:
                if name in trial.params:
                    config[name] = code_of(self._distributions[name], trial.params[name])
            return self._space.validate(config)
        except (ConfigError, ValueError):
            return None


def drawn(space: Space, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a random point."""
    found: NDArray[np.float64] = space.snap(space.repaired(rng.random((1, space.d)), rng))[0]
    return found


def constraints_of(trial: FrozenTrial) -> dict[str, float]:
    """Return the values of a trial's constraints by name; at most 0 is feasible."""
    found = getattr(trial, "constraints", None)  # Optuna 5
    if found is None:
        values = trial.system_attrs.get(CONSTRAINTS) or ()
        found = {str(place): value for place, value in enumerate(values)}
    return {constraint_name(name): float(value) for name, value in found.items()}


def constraint_name(name: str) -> str:
    """Return the name of a constraint beside those of objectives."""
    return f"constraint {name}"


def outcome_of(trial: FrozenTrial, names: Sequence[str]) -> Outcome:
    """Return what a finished trial gave."""
    curve = tuple(
        (float(step), float(value))
        for step, value in sorted(trial.intermediate_values.items())
        if math.isfinite(value)
    )
    seconds = _seconds(trial)
    if trial.state == TrialState.FAIL:
        why = str(trial.system_attrs.get("fail_reason", "it failed"))
        return Outcome("failed", error=why, curve=curve, seconds=seconds)
    values = list(trial.values or ())
    if len(values) != len(names):
        return Outcome("failed", error="it was pruned before its first report", seconds=seconds)
    if not all(map(math.isfinite, values)):
        return Outcome("invalid", error=f"its value is {values}", curve=curve, seconds=seconds)
    return Outcome(
        "stopped" if trial.state == TrialState.PRUNED else "complete",
        {**dict(zip(names, values, strict=True)), **constraints_of(trial)},
        curve if len(names) == 1 else (),
        seconds=seconds,
    )


def _seconds(trial: FrozenTrial) -> float:
    """Return how long the evaluation took, without the time of proposing it."""
    if trial.duration is None:
        return 0.0
    noted = trial.system_attrs.get(ATTRIBUTE)
    spent = noted.get("seconds", 0.0) if isinstance(noted, Mapping) else 0.0
    return max(float(trial.duration.total_seconds()) - float(spent), 0.0)
