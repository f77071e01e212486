"""Train the network of a trial: one run, or several for folds and repeats."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hpopt.core.evaluation import stopped_by
from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Fidelity, Objective
from hpopt.core.trial import Config
from hpopt.problems.keras.backend import derived_seed
from hpopt.problems.keras.data.batches import GeneratedBatches
from hpopt.problems.keras.data.feeding import (
    Examples,
    as_fit_input,
    first_input,
    in_order_of_outputs,
    n_batches,
)
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.sources import Source, Split
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

Callbacks = Callable[[Config, TrialHandle], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the trials of a problem are trained; see `KerasProblem`.

    With `is_lenient` a subclass adds objectives that the training does not report.
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
    """The result of a run: values, history by epoch, model, and weights of the best epoch."""

    values: dict[str, float]
    history: dict[str, list[float]]
    model: Any
    weights: list[Any] | None


def train_trial(
    keras: Any, settings: TrainingConfig, config: Config, trial: TrialHandle
) -> dict[str, Any]:
    """Train the network of a config in all its runs, and keep the best weights.

    Returns
    -------
    dict of str to float
        The values of the best epoch, or their means over several runs. And ``history``: the values
        by name and epoch, or a list of such for several runs.
    """
    began = time.perf_counter()
    runs = _Runs(keras, settings, config, trial)
    values, best, histories = runs.run_all()
    _keep(settings, best, values, trial)
    seconds = time.perf_counter() - began
    # One write, so that the lines of parallel trials do not mix.
    sys.stdout.write(_line(settings, trial, values, runs.fit.epochs, seconds))
    sys.stdout.flush()
    return {**values, "history": histories if len(histories) > 1 else histories[0]}


def _keep(
    settings: TrainingConfig, best: Trained, values: Mapping[str, float], trial: TrialHandle
) -> None:
    # A trial that diverged has no losses to be ranked by.
    if best.weights is None or not math.isfinite(_loss(settings, values)):
        return
    keeping = KeptWeights(settings.objectives, settings.keep_weights, trial.fidelity)
    folder = trial.directory
    keeping.save(best.model, best.weights, values, folder)
    if not keeping.can_rank(values):
        trial.at_end(partial(keeping.settle, folder))  # a subclass adds the other values first


class _Runs:
    """The runs of one trial."""

    def __init__(
        self, keras: Any, settings: TrainingConfig, config: Config, trial: TrialHandle
    ) -> None:
        self.keras, self.settings, self.config, self.trial = keras, settings, config, trial
        self.fit = settings.fit.of(config, _epochs_of(settings, trial))

    def run_all(self) -> tuple[dict[str, float], Trained, list[dict[str, list[float]]]]:
        """Return the values of the trial, its best run, and the history of each run."""
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
            # A run is the same whether others were trained before it or not.
            reset_session(self.keras, run.seed, settings.precision)
            found = self.run(run, SilentFollower())
            histories.append(found.history)
            if _loss(settings, found.values) < _loss(settings, best.values):
                best = found
            wanted = average.add(found.values)
        return average.values(), best, histories

    def run(self, run: Run, follower: Follower) -> Trained:
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
            try:
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
            except BaseException as error:
                stopped = stopped_by(error)
                if stopped is None or stopped.values is not None or not monitor.best:
                    raise
                self.trial.stopped = True  # a callback's Stopped is as if the rule had said so
        continued.save(model, monitor)
        values = _values(settings, model, monitor)
        return Trained(values, monitor.history, model, monitor.weights)


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a trial: its number, from 0, its split of the data, and its seed."""

    number: int
    split: int
    seed: int


def list_runs(seed: int, n_splits: int, repeats: int) -> Iterator[Run]:
    """Yield the runs of a trial: all splits, repeated."""
    for number in range(n_splits * repeats):
        # The first has the seed of the trial, as if it were alone.
        yield Run(number, number % n_splits, derived_seed(seed, number) if number else seed)


class SilentFollower:
    """Follow a run without reports: with several runs only their mean is reported."""

    def report(self, step: float, value: float) -> None:
        """Do nothing."""

    def should_stop(self) -> bool:
        """Return False."""
        return False


class RunAverage:
    """The mean of the values of a trial's runs.

    The trial gets the mean of the first objective after each run, at the sum of their epochs.
    """

    def __init__(self, objectives: Sequence[Objective], trial: TrialHandle) -> None:
        self._objectives, self._trial = objectives, trial
        self._found: list[Mapping[str, float]] = []
        self._n_epochs = 0.0

    def add(self, values: Mapping[str, float]) -> bool:
        """Add the values of a run, and return whether to begin the next."""
        self._found.append(values)
        self._n_epochs += values["epochs"]
        means = self.values()
        mean = means[watched_objective(self._objectives, means).name]
        # The mean stays nan or infinite, whatever the other runs give.
        if not math.isfinite(mean):
            return False
        self._trial.report(self._n_epochs, mean)
        return not self._trial.should_stop()

    def values(self) -> dict[str, float]:
        """Return the mean of each value, and the standard deviation of each objective."""
        # A metric that only some runs report has no mean.
        names = [name for name in self._found[0] if all(name in values for values in self._found)]
        of_all = {name: [values[name] for values in self._found] for name in names}
        means = {name: float(np.mean(numbers)) for name, numbers in of_all.items()}
        deviations = {
            f"{objective.name}_std": float(np.std(of_all[objective.name]))
            for objective in self._objectives
            if objective.name in of_all
        }
        return {**means, **deviations}


def schedule_rate(
    model: Any, config: Config, fit: FitSettings, fidelity: Fidelity | None, data: Split
) -> None:
    """Apply the learning-rate schedule of a config, over the most epochs that it may get."""
    # Not over those of this trial: a later one at a higher fidelity goes on with the same rates.
    epochs = fit.epochs if fidelity is None else round(fidelity.high)
    apply_schedule(
        model,
        config,
        lambda: epochs * n_batches(data.training, fit.batch_size, data.steps.training),
    )


def _fit_inputs(data: Split, fit: FitSettings, seed: int, epoch: int) -> tuple[Any, Any]:
    size = fit.batch_size
    return (
        as_fit_input(data.training, size, seed=seed, epoch=epoch),
        # Validation keeps no activations for gradients, so twice the batch fits in memory.
        None if data.validation is None else as_fit_input(data.validation, 2 * size),
    )


def _steps(data: Split) -> tuple[int | None, int | None]:
    """Return ``steps_per_epoch`` and ``validation_steps``; None for rows and streams."""
    known = (Rows, GeneratedBatches)
    return (
        None if isinstance(data.training, known) else data.steps.training,
        None if isinstance(data.validation, known) else data.steps.validation,
    )


class _Continuation:
    """Resume the training of an earlier trial of this config and seed, and save it for a later.

    Only where trials have a fidelity: without one no later trial goes further.
    """

    def __init__(
        self, settings: TrainingConfig, config: Config, trial: TrialHandle, run: Run, epochs: int
    ) -> None:
        self._epochs = epochs
        self._found = None
        self._files: StateFiles | None = None
        if settings.fidelity is not None:
            self._files = StateFiles.of(trial.directory, run.number, config, run.seed)
            self._found = find_state(self._files, epochs)
        self._is_last = settings.fidelity is None or epochs >= settings.fidelity.high

    def resume(self, model: Any, monitor: Monitor, examples: Examples) -> bool:
        """Restore the earlier training, and return whether there is more to train."""
        if self._found is None:
            return True
        if not model.built:
            model(first_input(examples))
        build_optimizer(model)
        # A state of other shapes is from another version of the user's code: train from the start.
        if not restore(model, self._found):
            return True
        more = monitor.resume(self._found.monitor, self._found.best)
        return more and monitor.n_epochs < self._epochs

    def save(self, model: Any, monitor: Monitor) -> None:
        """Save the state for a later trial that may go further, in place of the earlier one."""
        if self._files is None:
            return
        # No later trial goes further than the highest fidelity, or than a divergence.
        if not (self._is_last or monitor.diverged):
            save_state(self._files, model, monitor.weights, monitor.n_epochs, monitor.to_json())
        # Its successor has all that it had.
        if self._found is not None and self._found.folder != self._files.folder:
            remove_state(self._found.folder, self._files.name)


def _epochs_of(settings: TrainingConfig, trial: TrialHandle) -> float | None:
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
