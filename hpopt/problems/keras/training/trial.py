"""Train the network of a trial: one run, or several for folds and repeats."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hpopt.core.handle import TrialHandle
from hpopt.core.trial import Config
from hpopt.errors import Stopped
from hpopt.problems.keras.costs import COSTS, CostMeter
from hpopt.problems.keras.data.feeding import (
    first_input,
    in_order_of_outputs,
)
from hpopt.problems.keras.data.sources import Source, Split
from hpopt.problems.keras.session import reset_session
from hpopt.problems.keras.sharing.models import TracedModels, traced_models
from hpopt.problems.keras.training.averages import RunAverage, SilentFollower
from hpopt.problems.keras.training.checkpoints import Checkpoints
from hpopt.problems.keras.training.config import TrainingConfig
from hpopt.problems.keras.training.fidelity import n_samples
from hpopt.problems.keras.training.fit import (
    Follower,
    Monitor,
    build_optimizer,
    watched_objective,
)
from hpopt.problems.keras.training.kept_weights import KeptWeights, load_weights
from hpopt.problems.keras.training.run import Run, Training, Wanted, list_runs, schedule_rate


@dataclass(frozen=True, slots=True)
class TrialInputs:
    """What a trial trains: its config, how networks are made and compiled, and the examples.

    Of the network's costs those are in `costs` that are known before it is made.
    """

    config: Config
    compiled: Callable[[Config], Any]
    source: Source
    costs: Mapping[str, float]


@dataclass(slots=True)
class Trained:
    """The result of a run: values, history by epoch, model, and weights of the best epoch."""

    values: dict[str, float]
    history: dict[str, list[float]]
    model: Any
    weights: list[Any] | None


def train_trial(
    keras: Any, settings: TrainingConfig, inputs: TrialInputs, trial: TrialHandle
) -> dict[str, Any]:
    """Train the network of a config in all its runs, and keep the best weights.

    Returns
    -------
    dict of str to float
        What the first network costs, and the values of the best epoch, or their means over several
        runs. And for `Trial.info` ``history``, the values by name and epoch, or a list of such for
        several runs.
    """
    with traced_models(settings.memory_limit) as models:
        return trained_alone(trainings_of(keras, settings, inputs, trial, models))


T = TypeVar("T")
InSteps = Generator[Wanted, tuple[Any, Monitor], T]
"""In steps: it yields each training that it wants, and is sent what came of it."""
Steps = InSteps[dict[str, Any]]
"""A trial in steps, with its values at the end."""


def trained_alone(steps: Steps) -> dict[str, Any]:
    """Train what a trial wants one after another, and return its values."""
    try:
        wanted = next(steps)
        while True:
            try:
                found = wanted.alone()
            except BaseException as error:
                wanted = steps.throw(error)
            else:
                del wanted  # its model is not held beside the next one
                wanted = steps.send(found)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]


def trainings_of(
    keras: Any,
    settings: TrainingConfig,
    inputs: TrialInputs,
    trial: TrialHandle,
    models: TracedModels,
) -> Steps:
    """Yield the trainings that a trial wants, one after another, and return its values.

    It is sent the model of each, or what stands for it, with what was seen of the training.
    """
    began = time.perf_counter()
    check_bounds(settings, inputs.costs, trial)
    runs = _Runs(keras, settings, inputs, trial, models)
    trained, best, histories = yield from runs.run_all()
    trial.is_final = runs.have_ended
    values = {**runs.costs, **trained}
    # A trial that diverged has no losses to be ranked by.
    if best.weights is not None and math.isfinite(_loss(settings, trained)):
        _keep(settings, best.model, best.weights, values, trial)
    seconds = time.perf_counter() - began
    # One write, so that the lines of parallel trials do not mix.
    sys.stdout.write(_line(settings, trial, values, runs.fit.epochs, seconds))
    sys.stdout.flush()
    return {**values, **runs.info, "history": histories if len(histories) > 1 else histories[0]}


def check_bounds(settings: TrainingConfig, costs: Mapping[str, float], trial: TrialHandle) -> None:
    """Raise Stopped, with what is known, if a cost breaks a bound: the network is not trained."""
    broken = [each for each in settings.constraints if each.violation(costs) > 0]
    if broken:
        why = ", ".join(each.why_broken(costs) for each in broken)
        sys.stdout.write(f"trial {trial.number}: not trained, as {why}\n")
        trial.stopped = True
        raise Stopped(dict(costs))


def _keep(
    settings: TrainingConfig,
    model: Any,
    weights: Sequence[Any],
    values: Mapping[str, float],
    trial: TrialHandle,
) -> None:
    reached = settings.fidelity.high if settings.fidelity and trial.is_final else trial.fidelity
    keeping = KeptWeights(settings.objectives, settings.keep_weights, reached, settings.constraints)
    folder = trial.directory
    # A subclass first adds the other values, or puts its own in place of these.
    keeping.save(model, weights, {} if settings.is_lenient else values, folder)
    if settings.is_lenient:
        trial.at_end(partial(keeping.settle, folder))


class _Runs:
    """The runs of one trial."""

    def __init__(
        self,
        keras: Any,
        settings: TrainingConfig,
        inputs: TrialInputs,
        trial: TrialHandle,
        models: TracedModels,
    ) -> None:
        self.keras, self.settings, self.inputs, self.trial = keras, settings, inputs, trial
        config = self.config = inputs.config
        fidelity, n_runs = settings.fidelity, inputs.source.n_splits * settings.repeats
        self._counted = None if fidelity is None else fidelity.name
        self._amount = 0
        if fidelity is not None:
            self._amount = round(fidelity.high if trial.fidelity is None else trial.fidelity)
        self.fit = settings.fit.of(config, self._amount if self._counted == "epochs" else None)
        # Of one training the epochs are reported, unless the fidelity counts something else.
        self._is_single = n_runs == 1 and self._counted != "samples"
        self._n_runs = self._amount if self._counted == "folds" else n_runs
        self._n_ended = 0
        self._checkpoints = Checkpoints(
            trial,
            config,
            fidelity=fidelity,
            interval=settings.checkpoint_every,
            n_runs=self._n_runs,
        )
        self.costs, self.info = dict(inputs.costs), dict[str, Any]()
        self._training = Training(
            keras,
            settings,
            self.fit,
            config,
            inputs.compiled,
            trial,
            self._checkpoints,
            models,
            self.costs,
        )
        self._meter = CostMeter(
            set(settings.names), settings.latency_batch, self._checkpoints.is_paused
        )

    @property
    def have_ended(self) -> bool:
        """Whether more epochs would change nothing: all runs have ended by themselves."""
        return self._counted == "epochs" and self._n_ended == self._n_runs

    def run_all(self) -> InSteps[tuple[dict[str, float], Trained, list[dict[str, list[float]]]]]:
        """Return the values of the trial, its best run, and the history of each run."""
        settings = self.settings
        runs = list_runs(self.trial.seed, self.inputs.source.n_splits, self._n_runs)
        first, *others = runs
        if self._is_single:
            only = yield from self.run(first, self.trial)
            return only.values, only, [only.history]
        average = RunAverage(
            settings.objectives, self.trial, counted=self._counted, amount=self._amount
        )
        best = yield from self.run(first, SilentFollower())
        histories = [best.history]
        wanted = average.add(best.values, self.costs)
        for run in others:
            if not wanted:
                break
            # A run is the same whether others were trained before it or not.
            reset_session(self.keras, run.seed, settings.precision)
            found = yield from self.run(run, SilentFollower())
            histories.append(found.history)
            if _loss(settings, found.values) < _loss(settings, best.values):
                best = found
            wanted = average.add(found.values)
        return average.values(), best, histories

    def run(self, run: Run, follower: Follower) -> InSteps[Trained]:
        data = self._examples(run)
        fresh = self.inputs.compiled(self.config)
        if run.number == 0:
            self._measure(fresh, data)
        data = data._replace(training=in_order_of_outputs(data.training, fresh))
        data = data._replace(validation=in_order_of_outputs(data.validation, fresh))
        model, monitor = yield Wanted(self._training, fresh, run, data, follower)
        self._n_ended += monitor.ended
        self.costs.setdefault("parameters", float(model.count_params()))
        return Trained(self._values(monitor), monitor.history, model, monitor.weights)

    def _measure(self, model: Any, data: Split) -> None:
        # Before the training, as bounds and a rule of early stopping need what is known then. Of
        # several networks the first alone: the others differ from it by their weights.
        measured = self._meter.measure(self.keras, model, data.training, self.trial)
        for name, value, info in measured:
            self.costs[name] = value
            self.info |= info
            check_bounds(self.settings, self.costs, self.trial)

    def _values(self, monitor: Monitor) -> dict[str, float]:
        values = {
            **monitor.best,
            "epochs": float(monitor.n_epochs),
            "best_epoch": float(monitor.best_epoch),
        }
        if monitor.diverged:
            names = [each.name for each in self.settings.objectives if each.name not in self.costs]
            values |= dict.fromkeys(names, math.nan)
        return values

    def _examples(self, run: Run) -> Split:
        data = self.inputs.source.split(self.config, run.split)
        if self._counted != "samples":
            return data
        share = self._amount / n_samples(self.inputs.source)
        rows = data.training
        return data._replace(training=rows.subset(max(1, round(share * len(rows)))))


def trained_model(
    model: Any, settings: TrainingConfig, config: Config, data: Split, folder: Path | str
) -> Any:
    """Return a compiled model with the weights that a trial of its config has kept."""
    if not model.built:
        model(first_input(data.training))
    # Its optimizer is built too, with the schedule that counts the batches.
    schedule_rate(model, config, settings.fit.of(config), settings.fidelity, data)
    build_optimizer(model)
    load_weights(model, folder)
    return model


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
    named = [o.name for o in settings.objectives if o.name in values and o.name != "parameters"]
    costs = [f"{name} {values[name]:.5g}" for name in named if name in COSTS]
    names = [name for name in named if name not in COSTS] or [watched_objective((), values).name]
    shown = ", ".join(f"{name} {values.get(name, math.nan):.5g}" for name in names)
    most = "" if values["epochs"] == epochs else f" (at most {epochs})"
    return (
        f"trial {trial.number}: {shown} in epoch {values['best_epoch']:.0f} of "
        f"{values['epochs']:.0f}{most}, "
        + ", ".join([f"{values['parameters']:,.0f} parameters", *costs, f"{seconds:.1f} s\n"])
    )
