"""How the trials of a problem are trained: the settings, checked, and their fingerprint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hpopt.checks import whole
from hpopt.core.constraint import Constraint, names_ranked_by
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective
from hpopt.core.problem import Fidelity
from hpopt.core.trial import Config
from hpopt.problems.keras.data.fingerprint import digest_of
from hpopt.problems.keras.memory_estimate import MemoryEstimate
from hpopt.problems.keras.session import check_precision
from hpopt.problems.keras.training.checkpoints import Interval
from hpopt.problems.keras.training.fit import FitSettings
from hpopt.problems.keras.user_errors import check_callbacks

Callbacks = Callable[[Config, TrialHandle], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the trials of a problem are trained; see `KerasProblem`.

    With `is_lenient` a subclass adds objectives that the training does not report.
    """

    fit: FitSettings
    repeats: int = 1
    callbacks: Callbacks | None = None
    precision: str | None = None
    keep_weights: int | None = None
    checkpoint_every: Interval | None = None
    memory_limit: int | None = None
    latency_batch: int = 1
    objectives: tuple[Objective, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    fidelity: Fidelity | None = None
    is_lenient: bool = False

    def __post_init__(self) -> None:
        if self.keep_weights is not None:
            whole("keep_weights", self.keep_weights, 0)
        whole("repeats", self.repeats, 1)
        whole("latency_batch", self.latency_batch, 1)
        check_precision(self.precision)
        if self.callbacks is not None:
            check_callbacks(self.callbacks)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the objectives, and of what constraints are on."""
        return tuple(dict.fromkeys(names_ranked_by(self.objectives, self.constraints)))

    def memory_costs(self, estimate: Callable[[], MemoryEstimate]) -> dict[str, float]:
        """Return the memory of a training, by name, where a limit or an objective needs it.

        Raises
        ------
        MemoryLimitExceeded
            It is above the limit.
        """
        if self.memory_limit is None and "memory" not in self.names:
            return {}
        found = estimate()
        found.check(self.memory_limit)
        return {"memory": float(found.total)}

    @property
    def reported(self) -> tuple[str, ...]:
        """The names of those that the model itself must report, as far as is known before."""
        # Callbacks or a subclass may add others.
        return () if self.is_lenient or self.callbacks is not None else self.names

    def fingerprint(self) -> Mapping[str, str]:
        """Return texts and digests of the settings that decide the values of a config."""
        fit, fidelity = self.fit, self.fidelity
        has_range = fidelity is not None and fidelity.name == "epochs"
        found = {
            "epochs": str(fidelity if has_range else fit.epochs),
            "batch_size": str(fit.batch_size),
            "patience": f"{fit.patience}, {fit.min_improvement:g}",
            "class_weight": digest_of(fit.class_weight),
            "repeats": str(self.repeats),
            "precision": str(self.precision),
            "callbacks": digest_of(self.callbacks),
        }
        if fit.schedule_restarts:
            found["schedule_restarts"] = str([*fit.schedule_restarts])
        if "latency" in self.names:
            found["latency_batch"] = str(self.latency_batch)
        return found
