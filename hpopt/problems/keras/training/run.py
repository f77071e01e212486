"""One training of a trial: by the traced step of its architecture, or alone where it has none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpopt.core.evaluation import status_of, stopped_by
from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Fidelity
from hpopt.core.trial import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.backend import derived_seed
from hpopt.problems.keras.data.batches import GeneratedBatches
from hpopt.problems.keras.data.feeding import Examples, as_fit_input, n_batches
from hpopt.problems.keras.data.resident import ResidentData
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.sources import Split
from hpopt.problems.keras.schedules import apply_schedule
from hpopt.problems.keras.session import reset_session
from hpopt.problems.keras.sharing.models import SharingFailedError, TracedModels
from hpopt.problems.keras.training.averages import SilentFollower
from hpopt.problems.keras.training.checkpoints import Checkpoints, RunStates
from hpopt.problems.keras.training.config import TrainingConfig
from hpopt.problems.keras.training.fit import FitSettings, Follower, Monitor, train


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


@dataclass(frozen=True, slots=True)
class Training:
    """What the trainings of a trial have in common."""

    keras: Any
    settings: TrainingConfig
    fit: FitSettings
    config: Config
    compiled: Callable[[Config], Any]
    trial: TrialHandle
    checkpoints: Checkpoints
    models: TracedModels
    costs: Mapping[str, float]

    def train(self, fresh: Any, run: Run, data: Split, follower: Follower) -> tuple[Any, Monitor]:
        """Train a fresh model, or a traced one in its state; return it, and what was seen."""
        self.schedule_rate(fresh, data)
        monitor, callbacks = self.monitor(follower), self.callbacks()
        model, key = self._ready(fresh, run, data, callbacks)
        del fresh  # its weights are not held beside those of the model that is trained
        states = self.states(run)
        if not states.resume(model, monitor, data.training):
            return model, monitor
        n_done = monitor.n_epochs
        try:
            self._fit(
                model,
                run,
                data,
                monitor,
                callbacks=callbacks,
                states=states,
                is_shared=key is not None,
            )
            return model, monitor
        except BaseException as error:
            self.models.drop(key)  # it may be in any state
            stopped = stopped_by(error)
            if stopped is not None and stopped.values is None and monitor.best:
                self.trial.stopped = True  # a callback's Stopped is as if the rule had said so
                return model, monitor
            if key is None or monitor.n_epochs > n_done or not _may_be_of_tracing(error):
                raise
            first = error
        model = self._train_alone(run, data, monitor)
        self.models.refuse(key, first)
        return model, monitor

    def _ready(
        self, fresh: Any, run: Run, data: Split, callbacks: Sequence[Any]
    ) -> tuple[Any, str | None]:
        try:
            return self.models.ready(fresh, data.training, callbacks, self.n_steps(data))
        except SharingFailedError:
            return self._made_again(run, data), None

    def _train_alone(self, run: Run, data: Split, monitor: Monitor) -> Any:
        """Train a model of which no step could be traced with its numbers as inputs."""
        model = self._made_again(run, data)
        states = self.states(run)
        # The monitor has resumed, and has reported, already.
        states.resume(model, self.monitor(SilentFollower()), data.training)
        callbacks = self.callbacks()
        self._fit(model, run, data, monitor, callbacks=callbacks, states=states, is_shared=False)
        return model

    def make(self, run: Run) -> Any:
        """Return the fresh model of a run once more, in a session as in a new process."""
        reset_session(self.keras, run.seed, self.settings.precision)
        return self.compiled(self.config)

    def _made_again(self, run: Run, data: Split) -> Any:
        model = self.make(run)
        self.schedule_rate(model, data)
        return model

    def _fit(
        self,
        model: Any,
        run: Run,
        data: Split,
        monitor: Monitor,
        *,
        callbacks: Sequence[Any],
        states: RunStates,
        is_shared: bool,
    ) -> None:
        size, resident = self.fit.batch_size, self.models.data if is_shared else None
        training = None if resident is None else resident.of(data.training, size, run.seed)
        inputs = (
            as_fit_input(data.training, size, seed=run.seed, epoch=monitor.n_epochs)
            if training is None
            else training.dataset
        )
        train(
            self.keras,
            model,
            self.fit,
            data=(inputs, self._validation(data.validation, resident)),
            monitor=monitor,
            seed=run.seed,
            callbacks=callbacks,
            after=[states.callback(self.keras, model, monitor, callbacks)],
            steps=_steps(data),
            begin_epoch=training.begin_epoch if training else None,
        )

    def _validation(self, examples: Examples | None, resident: ResidentData | None) -> Any:
        if examples is None:
            return None
        # Validation keeps no activations for gradients, so twice the batch fits in memory.
        size = 2 * self.fit.batch_size
        found = None if resident is None else resident.of(examples, size)
        return as_fit_input(examples, size) if found is None else found.dataset

    def monitor(self, follower: Follower) -> Monitor:
        """Return what follows a training from its first epoch."""
        return Monitor(
            self.settings.objectives,
            follower,
            patience=self.fit.patience,
            min_improvement=self.fit.min_improvement,
            keep_weights=self.settings.keep_weights != 0,
            is_lenient=self.settings.is_lenient,
            known=self.costs,
        )

    def states(self, run: Run) -> RunStates:
        """Return what a run goes on from and is saved to."""
        return self.checkpoints.of_run(run.number, run.seed, self.fit.epochs)

    def callbacks(self) -> list[Any]:
        """Return new callbacks of the user."""
        makes = self.settings.callbacks
        return [] if makes is None else [*makes(self.config, self.trial)]

    def schedule_rate(self, model: Any, data: Split) -> None:
        """Apply the learning-rate schedule of the config to a fresh model."""
        schedule_rate(model, self.config, self.fit, self.settings.fidelity, data)

    def n_steps(self, data: Split) -> int | None:
        """Return how many steps the longest training has; None if the data do not know."""
        try:
            n = n_batches(data.training, self.fit.batch_size, data.steps.training)
        except SettingError:
            return None
        return n * most_epochs(self.fit, self.settings.fidelity)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A training that a trial wants: of a fresh model, on some examples, with who follows it."""

    training: Training
    fresh: Any
    run: Run
    data: Split
    follower: Follower

    def alone(self) -> tuple[Any, Monitor]:
        """Train it by itself."""
        return self.training.train(self.fresh, self.run, self.data, self.follower)


def _may_be_of_tracing(error: BaseException) -> bool:
    return isinstance(error, Exception) and status_of(error) != "out_of_memory"


def most_epochs(fit: FitSettings, fidelity: Fidelity | None) -> int:
    """Return the most epochs that a config may get."""
    is_range = fidelity is not None and fidelity.name == "epochs"
    return round(fidelity.high) if fidelity is not None and is_range else fit.epochs


def schedule_rate(
    model: Any, config: Config, fit: FitSettings, fidelity: Fidelity | None, data: Split
) -> None:
    """Apply the learning-rate schedule of a config, over the most epochs that it may get."""
    # Not over those of this trial: a later one at a higher fidelity goes on with the same rates.
    epochs = most_epochs(fit, fidelity)
    ends = [0, *(each for each in fit.schedule_restarts if each < epochs), epochs]

    def lengths() -> list[int]:
        n = n_batches(data.training, fit.batch_size, data.steps.training)
        return [n * (end - start) for start, end in itertools.pairwise(ends)]

    apply_schedule(model, config, lengths)


def _steps(data: Split) -> tuple[int | None, int | None]:
    """Return ``steps_per_epoch`` and ``validation_steps``; None for rows and streams."""
    known = (Rows, GeneratedBatches)
    return (
        None if isinstance(data.training, known) else data.steps.training,
        None if isinstance(data.validation, known) else data.steps.validation,
    )
