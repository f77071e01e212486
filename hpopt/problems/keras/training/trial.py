"""Train the network of a trial: its runs, each from the start or from where an earlier one was."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Fidelity, Objective
from hpopt.core.solution import Config
from hpopt.problems.keras.data.feeding import (
    Examples,
    as_fit_input,
    first_input,
    in_order_of_outputs,
    n_batches,
)
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.sources import Source, Split
from hpopt.problems.keras.data.streams import GeneratedBatches
from hpopt.problems.keras.schedules import apply_schedule
from hpopt.problems.keras.session import reset_session
from hpopt.problems.keras.training.continuation import (
    StateFiles,
    find_state,
    remove_state,
    restore,
    save_state,
)
from hpopt.problems.keras.training.fit import (
    FitSettings,
    Follower,
    Monitor,
    build_optimizer,
    train,
    watched_objective,
)
from hpopt.problems.keras.training.kept_weights import KeptWeights
from hpopt.problems.keras.training.runs import Run, RunAverage, SilentFollower, list_runs

Callbacks = Callable[[Config, TrialHandle], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the trials of a problem are trained; see `KerasProblem`.

    With `is_lenient`, values that training does not report may be objectives: a subclass adds them.
    """

    compiled: Callable[[Config], Any]
    source: Source
    fit: FitSettings
    objectives: tuple[Objective, ...]
    repeats: int
    fidelity: Fidelity | None
    precision: str | None
    callbacks: Callbacks | None
    keep_weights: int
    is_lenient: bool = False


@dataclass(slots=True)
class Trained:
    """What a run gave: its values, epoch by epoch too, its model, the weights of its best epoch."""

    values: dict[str, float]
    history: dict[str, list[float]]
    model: Any
    weights: list[Any] | None


def train_trial(
    keras: Any, settings: TrainingConfig, config: Config, trial: TrialHandle
) -> dict[str, Any]:
    """Train the network of a config, as often as the problem has runs, and keep what is to stay.

    Returns
    -------
    dict of str to float
        The values of the best epoch; their means, where there are several runs. And ``history``:
        the values of each epoch by name, or a list of such for several runs.
    """
    began = time.perf_counter()
    runs = _Runs(keras, settings, config, trial)
    values, best, histories = runs.run_all()
    if best.weights is not None and math.isfinite(_loss(settings, values)):
        _keep(settings, best, values, trial)
    seconds = time.perf_counter() - began
    sys.stdout.write(_line(settings, trial, values, runs.fit.epochs, seconds))
    sys.stdout.flush()
    return {**values, "history": histories if len(histories) > 1 else histories[0]}


def _keep(
    settings: TrainingConfig, best: Trained, values: Mapping[str, float], trial: TrialHandle
) -> None:
    """Keep the weights of a trial that is among the best, which its values tell."""
    keeping, folder = KeptWeights(settings.objectives, settings.keep_weights), trial.directory
    keeping.save(best.model, best.weights or (), values, folder)
    if not all(objective.name in values for objective in settings.objectives):
        trial.at_end(partial(keeping.settle, folder))  # a subclass adds the others


class _Runs:
    """The runs of one trial."""

    def __init__(
        self, keras: Any, settings: TrainingConfig, config: Config, trial: TrialHandle
    ) -> None:
        self.keras, self.settings, self.config, self.trial = keras, settings, config, trial
        self.fit = settings.fit.of(config, _epochs_of(settings, trial))

    def run_all(self) -> tuple[dict[str, float], Trained, list[dict[str, list[float]]]]:
        """Return the values of the trial, the best of its runs, and the history of each."""
        settings = self.settings
        first, *others = list_runs(self.trial.seed, settings.source.n_splits, settings.repeats)
        if not others:
            only = self.run(first, self.trial)
            return only.values, only, [only.history]
        average = RunAverage(settings.objectives, self.trial)
        best = self.run(first, SilentFollower())
        histories = [best.history]
        wanted = average.add(best.values)
        for run in others:
            if not wanted:
                break
            reset_session(self.keras, run.seed, settings.precision)
            found = self.run(run, SilentFollower())
            histories.append(found.history)
            if _loss(settings, found.values) < _loss(settings, best.values):
                best = found
            wanted = average.add(found.values)
        return average.values(), best, histories

    def run(self, run: Run, follower: Follower) -> Trained:
        """Train once."""
        settings, config, fit = self.settings, self.config, self.fit
        data = settings.source.split(config, run.split)
        model = settings.compiled(config)
        data = data._replace(training=in_order_of_outputs(data.training, model))
        data = data._replace(validation=in_order_of_outputs(data.validation, model))
        schedule_rate(model, config, fit, settings.fidelity, data)
        monitor = Monitor(
            settings.objectives,
            follower,
            patience=fit.patience,
            min_improvement=fit.min_improvement,
            keep_weights=settings.keep_weights > 0,
            is_lenient=settings.is_lenient,
        )
        continued = _Continuation(settings, config, self.trial, run, fit.epochs)
        if continued.resume(model, monitor, data.training):
            callbacks = () if settings.callbacks is None else settings.callbacks(config, self.trial)
            train(
                self.keras,
                model,
                fit,
                data=_fit_inputs(data, fit, run.seed, monitor.n_epochs),
                monitor=monitor,
                seed=run.seed,
                callbacks=callbacks,
                steps=_steps(data),
            )
        continued.leave(model, monitor)
        values = _values(settings, model, monitor)
        return Trained(values, monitor.history, model, monitor.weights)


def schedule_rate(
    model: Any, config: Config, fit: FitSettings, fidelity: Fidelity | None, data: Split
) -> None:
    """Let the learning rate follow the schedule of a config, over all epochs there may be."""
    epochs = fit.epochs if fidelity is None else round(fidelity.high)
    apply_schedule(
        model,
        config,
        lambda: epochs * n_batches(data.training, fit.batch_size, data.steps.training),
    )


def _fit_inputs(data: Split, fit: FitSettings, seed: int, epoch: int) -> tuple[Any, Any]:
    """Return the examples as ``fit`` takes them."""
    size = fit.batch_size
    return (
        as_fit_input(data.training, size, seed=seed, epoch=epoch),
        # Validation keeps no activations for gradients, so twice the batch fits in memory.
        None if data.validation is None else as_fit_input(data.validation, 2 * size),
    )


def _steps(data: Split) -> tuple[int | None, int | None]:
    """Return how many batches an epoch has, where it is not all there are."""
    known = (Rows, GeneratedBatches)
    return (
        None if isinstance(data.training, known) else data.steps.training,
        None if isinstance(data.validation, known) else data.steps.validation,
    )


class _Continuation:
    """Take up what an earlier trial of this config and seed left, and leave the same to a later.

    Only where trials have a fidelity: without one no later trial goes further than an earlier.
    """

    def __init__(
        self, settings: TrainingConfig, config: Config, trial: TrialHandle, run: Run, epochs: int
    ) -> None:
        self._epochs = epochs
        self._found = None
        self._place: StateFiles | None = None
        if settings.fidelity is not None:
            self._place = StateFiles.of(trial.directory, run.number, config, run.seed)
            self._found = find_state(self._place, epochs)
        self._is_last = settings.fidelity is None or epochs >= settings.fidelity.high

    def resume(self, model: Any, monitor: Monitor, examples: Examples) -> bool:
        """Bring a fresh model to where the earlier one was; say whether there is more to do."""
        if self._found is None:
            return True
        if not model.built:
            model(first_input(examples))
        build_optimizer(model)
        if not restore(model, self._found):
            return True
        more = monitor.resume(self._found.monitor, self._found.best)
        return more and monitor.n_epochs < self._epochs

    def leave(self, model: Any, monitor: Monitor) -> None:
        """Keep the state for a later trial that may go further."""
        if self._place is None:
            return
        if not (self._is_last or monitor.diverged):
            save_state(self._place, model, monitor.weights, monitor.n_epochs, monitor.to_json())
        if self._found is not None and self._found.folder != self._place.folder:
            remove_state(self._found.folder, self._place.name)


def _epochs_of(settings: TrainingConfig, trial: TrialHandle) -> float | None:
    """Return the epochs that a trial may spend; None where the problem has no fidelity."""
    if settings.fidelity is None:
        return None
    return settings.fidelity.high if trial.fidelity is None else trial.fidelity


def _values(settings: TrainingConfig, model: Any, monitor: Monitor) -> dict[str, float]:
    values = {
        **monitor.best,
        "parameters": float(model.count_params()),
        "epochs": float(monitor.n_epochs),
        "best_epoch": float(monitor.best_epoch),
    }
    if monitor.diverged:
        values |= {objective.name: math.nan for objective in settings.objectives}
    return values


def _loss(settings: TrainingConfig, values: Mapping[str, float]) -> float:
    watched = watched_objective(settings.objectives, values)
    return watched.loss({watched.name: math.nan, **values})


def _line(
    settings: TrainingConfig,
    trial: TrialHandle,
    values: Mapping[str, float],
    epochs: int,
    seconds: float,
) -> str:
    names = [o.name for o in settings.objectives if o.name in values]
    names = names or [watched_objective((), values).name]
    shown = ", ".join(f"{name} {values.get(name, math.nan):.5g}" for name in names)
    most = "" if values["epochs"] == epochs else f" (at most {epochs})"
    return (
        f"trial {trial.number}: {shown} in epoch {values['best_epoch']:.0f} of "
        f"{values['epochs']:.0f}{most}, {values['parameters']:,.0f} parameters, "
        f"{seconds:.1f} s\n"
    )
