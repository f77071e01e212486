"""Train a model epoch by epoch: report, stop, and remember the best epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Objective
from hpopt.errors import SettingError, UnknownNameError
from hpopt.problems.keras.batches import batches
from hpopt.problems.keras.data import Rows
from hpopt.problems.keras.metrics import EXTRA


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a model is trained.

    Parameters
    ----------
    epochs : int, at least 1
        At most.
    batch_size : int, at least 1
    patience : int, at least 1, or None
        Stop after so many epochs without a better one.
    class_weight : mapping of int to float, or None
        What an example of each class counts in the loss.
    verbose : int, 0 to 2
        Keras' own output.

    Raises
    ------
    SettingError
        One of them is out of its range.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    class_weight: Mapping[int, float] | None = None
    verbose: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None or name != "patience":
                check_count(value, name, 1)
        if self.class_weight is not None and not isinstance(self.class_weight, Mapping):
            raise SettingError(
                "class_weight must be a mapping of classes to numbers, but got "
                f"{self.class_weight!r}"
            )

    def of(self, config: Mapping[str, Any], fidelity: float | None) -> Schedule:
        """Give the schedule of a trial: what its config and its fidelity say wins."""
        chosen = {name: config[name] for name in ("epochs", "batch_size") if name in config}
        if fidelity is not None:
            chosen["epochs"] = round(fidelity)
        return replace(self, **chosen)


class Monitor:
    """Follow a training, from the end of one epoch to the next.

    Attributes
    ----------
    best : dict of str to float
        What the model reported in the best epoch.
    best_epoch, n_epochs : int
        The number of that epoch, and of all epochs, from 1.
    diverged : bool
        Whether the loss became nan or infinite, which ended the training.
    weights : list of ndarray, or None
        Those after the best epoch, where they were to be kept.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        trial: TrialHandle,
        *,
        patience: int | None = None,
        keep_weights: bool = False,
    ) -> None:
        self._objectives, self._trial = objectives, trial
        self._patience, self._keep_weights = patience, keep_weights
        self._best_loss = math.inf
        self.best: dict[str, float] = {}
        self.best_epoch = self.n_epochs = 0
        self.diverged = False
        self.weights: list[Any] | None = None

    def epoch_ended(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take in what the model reports after an epoch; tell it to stop where it should."""
        reported = _scalars(logs)
        watched = self._watched(reported)
        self.n_epochs += 1
        if not all(map(math.isfinite, (reported.get("loss", 0.0), reported[watched.name]))):
            self.diverged = model.stop_training = True
            return
        self._trial.report(self.n_epochs, reported[watched.name])
        loss = watched.sign * reported[watched.name]
        if loss < self._best_loss:
            self._best_loss, self.best, self.best_epoch = loss, reported, self.n_epochs
            if self._keep_weights:
                self.weights = model.get_weights()
        waited = self.n_epochs - self.best_epoch
        if self._patience is not None and waited >= self._patience:
            model.stop_training = True
        if self._trial.should_stop():
            model.stop_training = True

    def _watched(self, reported: Mapping[str, float]) -> Objective:
        """Give the objective that decides which epoch is best: the first that changes in them."""
        for objective in self._objectives:
            if objective.name not in (*reported, *EXTRA):
                raise UnknownNameError("objective", objective.name, [*reported, *EXTRA])
        for objective in self._objectives:
            if objective.name in reported:
                return objective
        return Objective("val_loss" if "val_loss" in reported else "loss", "minimize")


def train(
    keras: Any,
    model: Any,
    schedule: Schedule,
    *,
    data: tuple[Rows, Rows | None],
    monitor: Monitor,
    seed: int,
    callbacks: Iterable[Any] = (),
) -> None:
    """Train a compiled model.

    Parameters
    ----------
    keras : module
    model : keras.Model
    schedule : Schedule
    data : (Rows, Rows or None)
        For training, and for validation after each epoch.
    monitor : Monitor
        Told of each epoch, after the callbacks: it sees what they add to the logs.
    seed : int
        For the order of the examples.
    callbacks : iterable of keras.callbacks.Callback
    """
    training, validation = data

    def epoch_ended(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        monitor.epoch_ended(model, logs or {})

    if model.built:
        build_optimizer(model)
    model.fit(
        batches(training, schedule.batch_size, seed=seed),
        epochs=schedule.epochs,
        # Validation keeps no activations for gradients, so twice the batch fits in memory.
        validation_data=(
            None if validation is None else batches(validation, 2 * schedule.batch_size)
        ),
        class_weight=None if schedule.class_weight is None else dict(schedule.class_weight),
        shuffle=False,
        verbose=schedule.verbose,
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            *callbacks,
            keras.callbacks.LambdaCallback(on_epoch_end=epoch_ended),
        ],
    )


def build_optimizer(model: Any) -> None:
    """Make the variables of a built model's optimizer.

    Training would make them inside the step that it traces, where they cost seconds.
    """
    if model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)


def _scalars(logs: Mapping[str, Any]) -> dict[str, float]:
    """Give the numbers among the logs as plain floats; a metric by class has several."""
    return {name: float(value) for name, value in logs.items() if getattr(value, "size", 1) == 1}


def check_count(value: Any, name: str, least: int) -> None:
    """Raise SettingError unless a value is a whole number of at least so much."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingError(f"{name} must be a whole number of at least {least}, but got {value!r}")
