"""Train the network of a trial: one run, or several for folds and repeats."""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hpopt.core.evaluation import stopped_by
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective
from hpopt.core.problem import Fidelity
from hpopt.core.trial import Config
from hpopt.problems.keras.backend import derived_seed
from hpopt.problems.keras.data.batches import GeneratedBatches
from hpopt.problems.keras.data.feeding import (
    as_fit_input,
    in_order_of_outputs,
    n_batches,
)
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.sources import Source, Split
from hpopt.problems.keras.schedules import apply_schedule
from hpopt.problems.keras.session import reset_session
from hpopt.problems.keras.training.averages import RunAverage, SilentFollower
from hpopt.problems.keras.training.checkpoints import Checkpoints, Interval
from hpopt.problems.keras.training.fidelity import n_samples
from hpopt.problems.keras.training.fit import (
    FitSettings,
    Follower,
    Monitor,
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
    keep_weights: int | None
    checkpoint_every: Interval | None = None
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
        fidelity, n_runs = settings.fidelity, settings.source.n_splits * settings.repeats
        self._counted = None if fidelity is None else fidelity.name
        self._amount = 0
        if fidelity is not None:
            self._amount = round(fidelity.high if trial.fidelity is None else trial.fidelity)
        self.fit = settings.fit.of(config, self._amount if self._counted == "epochs" else None)
        # Of one training the epochs are reported, unless the fidelity counts something else.
        self._is_single = n_runs == 1 and self._counted != "samples"
        self._n_runs = self._amount if self._counted == "folds" else n_runs
        self._checkpoints = Checkpoints(
            trial,
            config,
            fidelity=fidelity,
            interval=settings.checkpoint_every,
            n_runs=self._n_runs,
        )

    def run_all(self) -> tuple[dict[str, float], Trained, list[dict[str, list[float]]]]:
        """Return the values of the trial, its best run, and the history of each run."""
        settings = self.settings
        runs = list_runs(self.trial.seed, settings.source.n_splits, self._n_runs)
        first, *others = runs
        if self._is_single:
            only = self.run(first, self.trial)
            return only.values, only, [only.history]
        average = RunAverage(
            settings.objectives, self.trial, counted=self._counted, amount=self._amount
        )
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
        data = self._examples(run)
        model = settings.compiled(config)
        data = data._replace(training=in_order_of_outputs(data.training, model))
        data = data._replace(validation=in_order_of_outputs(data.validation, model))
        schedule_rate(model, config, fit, settings.fidelity, data)
        monitor = Monitor(
            settings.objectives,
            follower,
            patience=fit.patience,
            min_improvement=fit.min_improvement,
            keep_weights=settings.keep_weights != 0,
            is_lenient=settings.is_lenient,
        )
        states = self._checkpoints.of_run(run.number, run.seed, fit.epochs)
        if states.resume(model, monitor, data.training):
            makes = settings.callbacks
            callbacks = [] if makes is None else [*makes(config, self.trial)]
            try:
                train(
                    self.keras,
                    model,
                    fit,
                    data=_fit_inputs(data, fit, run.seed, monitor.n_epochs),
                    monitor=monitor,
                    seed=run.seed,
                    callbacks=callbacks,
                    after=[states.callback(self.keras, model, monitor, callbacks)],
                    steps=_steps(data),
                )
            except BaseException as error:
                stopped = stopped_by(error)
                if stopped is None or stopped.values is not None or not monitor.best:
                    raise
                self.trial.stopped = True  # a callback's Stopped is as if the rule had said so
        values = _values(settings, model, monitor)
        return Trained(values, monitor.history, model, monitor.weights)

    def _examples(self, run: Run) -> Split:
        data = self.settings.source.split(self.config, run.split)
        if self._counted != "samples":
            return data
        share = self._amount / n_samples(self.settings.source)
        rows = data.training
        return data._replace(training=rows.subset(max(1, round(share * len(rows)))))


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a trial: its number, from 0, its split of the data, and its seed."""

    number: int
    split: int
    seed: int


def list_runs(seed: int, n_splits: int, n_runs: int) -> Iterator[Run]:
    """Yield the runs of a trial: each split in turn, and then again."""
    for number in range(n_runs):
        # The first has the seed of the trial, as if it were alone.
        yield Run(number, number % n_splits, derived_seed(seed, number) if number else seed)


def schedule_rate(
    model: Any, config: Config, fit: FitSettings, fidelity: Fidelity | None, data: Split
) -> None:
    """Apply the learning-rate schedule of a config, over the most epochs that it may get."""
    # Not over those of this trial: a later one at a higher fidelity goes on with the same rates.
    is_range = fidelity is not None and fidelity.name == "epochs"
    epochs = round(fidelity.high) if fidelity is not None and is_range else fit.epochs
    ends = [0, *(each for each in fit.schedule_restarts if each < epochs), epochs]

    def lengths() -> list[int]:
        n = n_batches(data.training, fit.batch_size, data.steps.training)
        return [n * (end - start) for start, end in itertools.pairwise(ends)]

    apply_schedule(model, config, lengths)


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
