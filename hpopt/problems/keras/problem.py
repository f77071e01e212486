"""A problem that trains a Keras model: data and settings here, the network in a subclass."""

from __future__ import annotations

import math
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core.handle import TrialHandle
from hpopt.core.problem import (
    Fidelity,
    Objective,
    Problem,
    check_problem,
    losses,
    objectives_of,
)
from hpopt.core.solution import Config
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.data import training_and_validation
from hpopt.problems.keras.metrics import Objectives, objectives_by_name
from hpopt.problems.keras.session import fresh_session, import_keras, require_keras
from hpopt.problems.keras.training import Monitor, Schedule, build_optimizer, check_count, train
from hpopt.problems.keras.weights import keep_best, load_weights
from hpopt.space import Parameter, Space

Callbacks = Callable[[Config, TrialHandle], Iterable[Any]]


class KerasProblem(Problem):
    """Search for the network that learns best from some data: set `space`, write `build`.

    For images or tables of a few classes there is `Classifier`, which has both.

    A trial is a function of its config and seed: on a CPU, with as many threads, the same two
    give the same values to the bit, in a new process or after a thousand other trials. Its
    values are those of its best epoch by the first objective that changes from epoch to epoch,
    and the weights that are kept are of that epoch too. Entries ``epochs`` and ``batch_size`` of
    a config win over the arguments here.

    Parameters
    ----------
    x, y : array-like (n, ...)
        Examples and their targets, finite numbers. Arrays are not copied but read batch by
        batch, so they may be memory maps, and worker processes share them.
    validation_data : (array-like, array-like), optional
        What the ``val_`` metrics are measured on.
    validation_split : float, in [0, 1)
        Without `validation_data`, the part of the examples put aside for it: always the same
        ones, stratified by class (or by size, for a numeric target). 0 for no validation.
    space : Space or mapping of str to Parameter, optional
        Stands in for the class's.
    objectives : str, Objective, several, or mapping of str to direction, optional
        Stand in for the class's. Metrics of the compiled model, by Keras' names
        (``"val_loss"``, ``"val_accuracy"``, ``"loss"`` …), whose direction is known for the
        usual ones; or ``"parameters"``, the number of weights. By default ``val_loss``.
    epochs : int, at least 1
        How long to train, at most.
    batch_size : int, at least 1
        Examples a step.
    patience : int, at least 1, optional
        Stop after so many epochs without a better one.
    class_weight : mapping of int to float, optional
        What an example of each class counts in the loss.
    callbacks : callable, optional
        Called as ``callbacks(config, trial)`` for each trial; gives fresh keras.callbacks.
    fidelity : Fidelity or (int, int), optional
        The fewest and most epochs, where a strategy may spend fewer on some trials; stands in
        for `epochs`.
    keep_weights : int, at least 0
        How many of a study's best trials keep their weights, for `load_model`.
    verbose : int, 0 to 2
        Keras' own output. In any case each trial prints one line.

    Raises
    ------
    SettingError
        The data or a setting is not what it must be.
    ProblemError
        The space, the objectives or the fidelity are not well formed.
    MissingExtraError
        Keras is not installed.

    Examples
    --------
    >>> class Mine(KerasProblem):
    ...     space = Space({"units": Int(4, 64, log=True)})
    ...
    ...     def build(self, config):
    ...         import keras
    ...
    ...         model = keras.Sequential([
    ...             keras.layers.Dense(config["units"], activation="relu"),
    ...             keras.layers.Dense(1),
    ...         ])
    ...         model.compile(optimizer="adam", loss="mse")
    ...         return model
    """

    objectives: Objective | Sequence[Objective] = (Objective("val_loss", "minimize"),)

    def __init__(
        self,
        x: Any,
        y: Any,
        *,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.2,
        space: Space | Mapping[str, Parameter] | None = None,
        objectives: Objectives | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        patience: int | None = None,
        class_weight: Mapping[int, float] | None = None,
        callbacks: Callbacks | None = None,
        fidelity: Fidelity | tuple[int, int] | None = None,
        keep_weights: int = 1,
        verbose: int = 0,
    ) -> None:
        require_keras()
        self.training, self.validation = training_and_validation(
            x, y, validation_data, validation_split
        )
        if space is not None:
            self.space = space if isinstance(space, Space) else Space(space)
        self.objectives = objectives_by_name(self.objectives if objectives is None else objectives)
        self.fidelity = _epochs_range(self.fidelity if fidelity is None else fidelity)
        self.schedule = Schedule(epochs, batch_size, patience, class_weight, verbose)
        check_count(keep_weights, "keep_weights", 0)
        if callbacks is not None and not callable(callbacks):
            raise SettingError(
                "callbacks must be a function that gives fresh ones to each trial, but got "
                f"{callbacks!r}: write callbacks=lambda config, trial: [...]"
            )
        self.keep_weights, self.callbacks = keep_weights, callbacks
        check_problem(self)
        self._check_together()

    @abstractmethod
    def build(self, config: Config) -> Any:
        """Make the network of a config.

        Returns
        -------
        keras.Model
            Compiled; or not, where `compile_settings` says how.
        """

    def compile_settings(self, config: Config) -> Mapping[str, Any]:
        """Give what ``model.compile`` gets where `build` returns a model that is not compiled."""
        return {}

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, float]:
        """Train the network of a config.

        Returns
        -------
        mapping of str to float
            All that the model reported in its best epoch, and ``parameters`` (the number of
            weights), ``epochs`` (trained), ``best_epoch``.
        """
        with fresh_session(trial.seed) as keras:
            return self._train(keras, config, trial)

    def load_model(self, config: Config, directory: Path | str) -> Any:
        """Give a trained model back.

        Parameters
        ----------
        config : dict
            The trial's.
        directory : path
            The trial's folder.

        Returns
        -------
        keras.Model
            Compiled, with the weights of the trial's best epoch.

        Raises
        ------
        SettingError
            The trial kept no weights: only the best `keep_weights` of a study do.
        """
        model = self._compiled(import_keras(), config)
        if not model.built:
            model(self.training.take(np.arange(1))[0])
        build_optimizer(model)
        load_weights(model, directory)
        return model

    def _train(self, keras: Any, config: Config, trial: TrialHandle) -> dict[str, float]:
        started = time.perf_counter()
        model = self._compiled(keras, config)
        schedule = self.schedule.of(config, self._epochs_of(trial))
        monitor = Monitor(
            objectives_of(self),
            trial,
            patience=schedule.patience,
            keep_weights=self.keep_weights > 0,
        )
        train(
            keras,
            model,
            schedule,
            data=(self.training, self.validation),
            monitor=monitor,
            seed=trial.seed,
            callbacks=() if self.callbacks is None else self.callbacks(config, trial),
        )
        values = self._values(model, monitor)
        if monitor.weights is not None and not monitor.diverged:
            loss = float(losses(objectives_of(self), values)[0])
            keep_best(model, monitor.weights, loss, trial, self.keep_weights)
        seconds = time.perf_counter() - started
        sys.stdout.write(self._line(trial, values, schedule.epochs, seconds))
        sys.stdout.flush()
        return values

    def _values(self, model: Any, monitor: Monitor) -> dict[str, float]:
        values = {
            **monitor.best,
            "parameters": float(model.count_params()),
            "epochs": float(monitor.n_epochs),
            "best_epoch": float(monitor.best_epoch),
        }
        if monitor.diverged:
            values |= {objective.name: math.nan for objective in objectives_of(self)}
        return values

    def _compiled(self, keras: Any, config: Config) -> Any:
        """Give the compiled network of a config."""
        model = self.build(config)
        name = type(self).__name__
        if not isinstance(model, keras.Model):
            raise ProblemError(
                f"{name}.build must return a keras.Model, but returned {type(model).__name__}"
            )
        if not model.compiled:
            settings = self.compile_settings(config)
            if not settings:
                raise ProblemError(
                    f"{name}.build must return a compiled model, but this one is not: call "
                    f"model.compile(...), or write {name}.compile_settings(config)"
                )
            model.compile(**settings)
        return model

    def _epochs_of(self, trial: TrialHandle) -> float | None:
        """Give the epochs that a trial may spend; None where the problem has no fidelity."""
        if self.fidelity is None:
            return None
        return self.fidelity.high if trial.fidelity is None else trial.fidelity

    def _check_together(self) -> None:
        """Raise where settings exclude one another."""
        if self.fidelity is not None and "epochs" in self.space:
            raise ProblemError(
                "epochs must be a fidelity or a parameter of the space, but got both: leave one out"
            )
        unmeasured = [o.name for o in objectives_of(self) if o.name.startswith("val_")]
        if self.validation is None and unmeasured:
            raise ProblemError(
                f"objective {unmeasured[0]!r} needs examples to validate on, but there are none: "
                "give validation_data or a validation_split"
            )

    def _line(
        self, trial: TrialHandle, values: Mapping[str, float], epochs: int, seconds: float
    ) -> str:
        shown = ", ".join(f"{o.name} {values[o.name]:.5g}" for o in objectives_of(self))
        return (
            f"trial {trial.number}: {shown} in epoch {values['best_epoch']:.0f} of "
            f"{values['epochs']:.0f} (at most {epochs}), {values['parameters']:,.0f} parameters, "
            f"{seconds:.1f} s\n"
        )


def _epochs_range(fidelity: Fidelity | tuple[int, int] | None) -> Fidelity | None:
    """Give a range of epochs, checked."""
    if isinstance(fidelity, tuple | list) and len(fidelity) == 2:
        for bound in fidelity:
            check_count(bound, "a bound of fidelity", 1)
        fidelity = Fidelity(*fidelity, "epochs")
    if fidelity is not None and (not isinstance(fidelity, Fidelity) or fidelity.name != "epochs"):
        raise ProblemError(
            "fidelity must be a range of epochs, as (1, 27) or Fidelity(1, 27, 'epochs'), but got "
            f"{fidelity!r}"
        )
    return fidelity
