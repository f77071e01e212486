"""Train a model epoch by epoch: report, stop, and remember the best epoch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hpopt.checks import number, whole
from hpopt.core.objective import Objective
from hpopt.errors import SettingError
from hpopt.problems.keras.backend import seed_epoch
from hpopt.problems.keras.data.batches import release_callbacks
from hpopt.problems.keras.metrics import check_reported, numbers_of


@dataclass(frozen=True, slots=True)
class FitSettings:
    """The settings of ``fit``; see `KerasProblem`."""

    epochs: int
    batch_size: int
    patience: int | None = None
    min_improvement: float = 0.0
    class_weight: Mapping[int, float] | None = None
    verbose: int = 0
    schedule_restarts: Sequence[int] = ()

    def __post_init__(self) -> None:
        whole("epochs", self.epochs, 1)
        whole("batch_size", self.batch_size, 1)
        if self.patience is not None:
            whole("patience", self.patience, 1)
        _check_restarts(self.schedule_restarts)
        number("min_improvement", self.min_improvement, 0.0)
        if self.class_weight is not None and not isinstance(self.class_weight, Mapping):
            raise SettingError(
                "class_weight must be a mapping of classes to numbers, but got "
                f"{self.class_weight!r}"
            )

    def of(self, config: Mapping[str, Any], epochs: int | None = None) -> FitSettings:
        """Return the settings of a trial: its config wins over these, and its epochs over both."""
        chosen = {name: config[name] for name in ("epochs", "batch_size") if name in config}
        if epochs is not None:
            chosen["epochs"] = epochs
        return replace(self, **chosen)


class Follower(Protocol):
    """Follows the progress of a training, and may end it: a `TrialHandle`, for one."""

    def report(self, step: float, value: float | Mapping[str, float]) -> None:
        """Record the objective after a number of epochs, or several by name."""

    def should_stop(self) -> bool:
        """Return whether the training should end."""


class Monitor:
    """Follow a training, epoch by epoch: record, report, remember the best, and stop.

    With `is_lenient` the model may leave objectives out: a subclass of the problem adds them later.
    `known` are the values that are known before.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        trial: Follower,
        *,
        patience: int | None = None,
        min_improvement: float = 0.0,
        keep_weights: bool = False,
        is_lenient: bool = False,
        known: Mapping[str, float] | None = None,
    ) -> None:
        self._objectives, self._trial = objectives, trial
        self._known = known or {}
        self._patience, self._keep_weights = patience, keep_weights
        self._min_improvement, self._is_lenient = min_improvement, is_lenient
        self._best_loss = self._bar = math.inf
        self._waited = 0
        self.best: dict[str, float] = {}  # the values of the best epoch
        self.best_epoch = self.n_epochs = 0  # counted from 1
        self.diverged = False  # the loss became nan or infinite, which ended the training
        self.ended = False  # by patience, or by a callback: at a higher fidelity too
        self.curve: list[float] = []  # the watched objective, by epoch
        self.history: dict[str, list[float]] = {}  # all reported values, by epoch
        self.weights: list[Any] | None = None  # after the best epoch, if they are kept

    def epoch_ended(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Record the values of an epoch, and set ``model.stop_training`` where it should stop."""
        reported = numbers_of(logs)
        watched = self._watched(reported, logs)
        self.n_epochs += 1
        # Only loss and objective: other metrics, such as precision, may be nan in a good epoch.
        if not all(map(math.isfinite, (reported.get("loss", 0.0), reported[watched.name]))):
            self.diverged = model.stop_training = True
            return
        self.curve.append(reported[watched.name])
        for name, value in reported.items():
            self.history.setdefault(name, []).append(value)
        self._report(self.n_epochs, reported)
        loss = watched.sign * reported[watched.name]
        if loss < self._best_loss:
            self._best_loss, self.best, self.best_epoch = loss, reported, self.n_epochs
            if self._keep_weights:
                self.weights = None  # freed first, so that there are never two copies
                self.weights = model.get_weights()
        # Patience has a bar of its own: an epoch can be the best yet too small an improvement.
        self._waited += 1
        if loss < self._bar - self._min_improvement:
            self._bar, self._waited = loss, 0
        if self._patience is not None and self._waited >= self._patience:
            model.stop_training = True
        self.ended = bool(model.stop_training)
        if self._trial.should_stop():
            model.stop_training = True

    def to_json(self) -> dict[str, Any]:
        """Return the state of the monitor as JSON data."""
        return {name: getattr(self, name) for name in SAVED_ATTRIBUTES}

    def resume(self, seen: Mapping[str, Any], weights: list[Any] | None) -> bool:
        """Restore a state of `to_json`, report its epochs again, and return whether to train on."""
        for name in SAVED_ATTRIBUTES:
            setattr(self, name, seen[name])
        self.weights = weights if self._keep_weights else None
        whole = {
            name: values for name, values in self.history.items() if len(values) == self.n_epochs
        }
        for epoch in range(self.n_epochs):
            # The early stopping of this trial must see the curve of the earlier one.
            self._report(epoch + 1, {name: values[epoch] for name, values in whole.items()})
        return not (self.ended or self._trial.should_stop())

    def _report(self, epoch: int, values: Mapping[str, float]) -> None:
        known = self._known if epoch == 1 else {}
        report_objectives(self._trial, self._objectives, epoch, values, known)

    def _watched(self, reported: Mapping[str, float], logs: Mapping[str, Any]) -> Objective:
        if not self._is_lenient:
            for objective in self._objectives:
                check_reported(objective.name, logs, reported)
        return watched_objective(self._objectives, reported)


def watched_objective(objectives: Iterable[Objective], values: Mapping[str, float]) -> Objective:
    """Return the first objective among values, which decides the best epoch; else the loss."""
    for objective in objectives:
        if objective.name in values:
            return objective
    return Objective("val_loss" if "val_loss" in values else "loss", "minimize")


def report_objectives(
    trial: Follower,
    objectives: Sequence[Objective],
    step: float,
    values: Mapping[str, float],
    known: Mapping[str, float],
) -> None:
    """Report what is known of the objectives at a step: of one its value, of several by name.

    `known` are values that do not change: they need to be reported once.
    """
    if len(objectives) < 2:
        trial.report(step, values[watched_objective(objectives, values).name])
        return
    both = {**known, **values}
    named = {each.name: both[each.name] for each in objectives if each.name in both}
    if named:
        trial.report(step, named)


SAVED_ATTRIBUTES = (
    *("best", "best_epoch", "curve", "ended", "history", "n_epochs"),
    *("_bar", "_best_loss", "_waited"),
)


def train(
    keras: Any,
    model: Any,
    settings: FitSettings,
    *,
    data: tuple[Any, Any],
    monitor: Monitor,
    seed: int,
    callbacks: Iterable[Any] = (),
    after: Iterable[Any] = (),
    steps: tuple[int | None, int | None] = (None, None),
    begin_epoch: Callable[[int], None] | None = None,
) -> None:
    """Train a compiled model from the epoch that the monitor has reached.

    Parameters
    ----------
    data : (dataset, dataset or None)
        For training, and for validation after each epoch.
    monitor : Monitor
        Called after each epoch and after the callbacks, so it sees what they add to the logs.
    seed : int
        Of the backend's own random numbers.
    callbacks, after : iterable of keras.callbacks.Callback
        Those before the monitor, and those after it.
    steps : (int or None, int or None)
        The number of batches in an epoch, for training and for validation; None for all.
    begin_epoch : callable, optional
        Called with the number of each epoch, from 0, before its first batch.
    """
    training, validation = data

    def epoch_begins(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        seed_epoch(keras, seed, epoch)
        if begin_epoch is not None:
            begin_epoch(epoch)

    def epoch_ended(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        monitor.epoch_ended(model, logs or {})

    if model.built:
        build_optimizer(model)
    model.fit(
        training,
        initial_epoch=monitor.n_epochs,
        epochs=settings.epochs,
        validation_data=validation,
        steps_per_epoch=steps[0],
        validation_steps=steps[1],
        class_weight=None if settings.class_weight is None else dict(settings.class_weight),
        shuffle=False,  # rows come shuffled already, by seed and epoch
        verbose=settings.verbose,
        callbacks=[
            # Stops within an epoch, where the monitor would wait for its end.
            keras.callbacks.TerminateOnNaN(),
            *release_callbacks(keras, training, validation),
            *callbacks,
            keras.callbacks.LambdaCallback(on_epoch_begin=epoch_begins, on_epoch_end=epoch_ended),
            *after,
        ],
    )


def build_optimizer(model: Any) -> None:
    """Make the variables of a built model's optimizer."""
    # Training would make them inside the step that it traces, which takes seconds.
    # A LossScaleOptimizer would make them again.
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _check_restarts(restarts: Sequence[int]) -> None:
    if not isinstance(restarts, tuple | list):
        raise SettingError(
            "schedule_restarts must be the epochs after which the schedule begins anew, as "
            f"(1, 3, 9), but got {restarts!r}"
        )
    for each in restarts:
        whole("an epoch of schedule_restarts", each, 1)
    if any(later <= earlier for earlier, later in itertools.pairwise(restarts)):
        raise SettingError(f"schedule_restarts must ascend, but got {[*restarts]}")
