"""Train a model epoch by epoch: report, stop, and remember the best epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hpopt.checks import number, whole
from hpopt.core.problem import Fidelity, Objective
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.backend import seed_epoch
from hpopt.problems.keras.data.streams import release_callbacks
from hpopt.problems.keras.metrics import check_reported, numbers_of


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a model is trained.

    Parameters
    ----------
    epochs : int, at least 1
        At most.
    batch_size : int, at least 1
    patience : int, at least 1, or None
        Stop after so many epochs without a better one.
    min_improvement : float, at least 0
        By how much an epoch must be better to count as such for the patience.
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
    min_improvement: float = 0.0
    class_weight: Mapping[int, float] | None = None
    verbose: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None or name != "patience":
                whole(name, value, 1)
        number("min_improvement", self.min_improvement, 0.0)
        if self.class_weight is not None and not isinstance(self.class_weight, Mapping):
            raise SettingError(
                "class_weight must be a mapping of classes to numbers, but got "
                f"{self.class_weight!r}"
            )

    def of(self, config: Mapping[str, Any], fidelity: float | None) -> FitSettings:
        """Return the schedule of a trial: what its config and its fidelity say wins."""
        chosen = {name: config[name] for name in ("epochs", "batch_size") if name in config}
        if fidelity is not None:
            chosen["epochs"] = round(fidelity)
        return replace(self, **chosen)


class Follower(Protocol):
    """Who is told of the progress of a training, and may end it: a trial."""

    def report(self, step: float, value: float) -> None:
        """Take in the value that was reached after so many epochs."""

    def should_stop(self) -> bool:
        """Return whether to end it."""


class Monitor:
    """Follow a training, from the end of one epoch to the next.

    Parameters
    ----------
    objectives : sequence of Objective
    trial : Follower
    patience, min_improvement
        See `FitSettings`.
    keep_weights : bool
        Whether to keep the weights after the best epoch.
    is_lenient : bool
        Whether objectives that the model does not report may be added later, by a problem that
        calls this one.

    Attributes
    ----------
    best : dict of str to float
        What the model reported in the best epoch.
    best_epoch, n_epochs : int
        The number of that epoch, and of all epochs, from 1.
    diverged : bool
        Whether the loss became nan or infinite, which ended the training.
    ended : bool
        Whether patience ended it: more epochs would change nothing.
    curve : list of float
        What was watched, by epoch.
    history : dict of str to list of float
        All that the model reported, by epoch.
    weights : list of ndarray, or None
        Those after the best epoch, where they were to be kept.
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
    ) -> None:
        self._objectives, self._trial = objectives, trial
        self._patience, self._keep_weights = patience, keep_weights
        self._min_improvement, self._is_lenient = min_improvement, is_lenient
        self._best_loss = self._bar = math.inf
        self._waited = 0
        self.best: dict[str, float] = {}
        self.best_epoch = self.n_epochs = 0
        self.diverged = self.ended = False
        self.curve: list[float] = []
        self.history: dict[str, list[float]] = {}
        self.weights: list[Any] | None = None

    def epoch_ended(self, model: Any, logs: Mapping[str, Any]) -> None:
        """Take in what the model reports after an epoch; tell it to stop where it should."""
        reported = numbers_of(logs)
        watched = self._watched(reported, logs)
        self.n_epochs += 1
        if not all(map(math.isfinite, (reported.get("loss", 0.0), reported[watched.name]))):
            self.diverged = model.stop_training = True
            return
        self.curve.append(reported[watched.name])
        for name, value in reported.items():
            self.history.setdefault(name, []).append(value)
        self._trial.report(self.n_epochs, reported[watched.name])
        loss = watched.sign * reported[watched.name]
        if loss < self._best_loss:
            self._best_loss, self.best, self.best_epoch = loss, reported, self.n_epochs
            if self._keep_weights:
                self.weights = None  # there is never a second copy
                self.weights = model.get_weights()
        self._waited += 1
        if loss < self._bar - self._min_improvement:
            self._bar, self._waited = loss, 0
        if self._patience is not None and self._waited >= self._patience:
            self.ended = model.stop_training = True
        if self._trial.should_stop():
            model.stop_training = True

    def to_json(self) -> dict[str, Any]:
        """Return what was seen as JSON data."""
        return {name: getattr(self, name) for name in SAVED_ATTRIBUTES}

    def resume(self, seen: Mapping[str, Any], weights: list[Any] | None) -> bool:
        """Go on from what was seen earlier, told anew; say whether there is anything to go on with.

        Parameters
        ----------
        seen : mapping
            What `to_json` gave.
        weights : list of ndarray, or None
            Those after the best epoch.
        """
        for name in SAVED_ATTRIBUTES:
            if name in seen:  # what hpopt 0.1.0 left has no history
                setattr(self, name, seen[name])
        self.weights = weights if self._keep_weights else None
        for epoch, value in enumerate(self.curve, start=1):
            self._trial.report(epoch, value)
        return not (self.ended or self._trial.should_stop())

    def _watched(self, reported: Mapping[str, float], logs: Mapping[str, Any]) -> Objective:
        """Return the objective that decides which epoch is best: the first that changes in them."""
        if not self._is_lenient:
            for objective in self._objectives:
                check_reported(objective.name, logs, reported)
        return watched_objective(self._objectives, reported)


def watched_objective(objectives: Iterable[Objective], values: Mapping[str, float]) -> Objective:
    """Return the first objective among values; the loss where there is none."""
    for objective in objectives:
        if objective.name in values:
            return objective
    return Objective("val_loss" if "val_loss" in values else "loss", "minimize")


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
    steps: tuple[int | None, int | None] = (None, None),
) -> None:
    """Train a compiled model, from the epoch that the monitor has reached.

    Parameters
    ----------
    keras : module
    model : keras.Model
    settings : FitSettings
    data : (dataset, dataset or None)
        For training, and for validation after each epoch.
    monitor : Monitor
        Told of each epoch, after the callbacks: it sees what they add to the logs.
    seed : int
        Of what the backend draws by itself.
    callbacks : iterable of keras.callbacks.Callback
    steps : (int or None, int or None)
        How many batches an epoch has, for training and for validation; None for all there are.
    """
    training, validation = data

    def epoch_begins(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        seed_epoch(keras, seed, epoch)

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
        shuffle=False,
        verbose=settings.verbose,
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            *release_callbacks(keras, training, validation),
            *callbacks,
            keras.callbacks.LambdaCallback(on_epoch_begin=epoch_begins, on_epoch_end=epoch_ended),
        ],
    )


def build_optimizer(model: Any) -> None:
    """Make the variables of a built model's optimizer.

    Training would make them inside the step that it traces, where they cost seconds.
    """
    if model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)


def epochs_range(fidelity: Fidelity | tuple[int, int] | None) -> Fidelity | None:
    """Return a range of epochs, checked."""
    if isinstance(fidelity, tuple | list) and len(fidelity) == 2:
        for bound in fidelity:
            whole("a bound of fidelity", bound, 1)
        fidelity = Fidelity(*fidelity, "epochs")
    if fidelity is not None and (not isinstance(fidelity, Fidelity) or fidelity.name != "epochs"):
        raise ProblemError(
            "fidelity must be a range of epochs, as (1, 27) or Fidelity(1, 27, 'epochs'), but got "
            f"{fidelity!r}"
        )
    return fidelity
