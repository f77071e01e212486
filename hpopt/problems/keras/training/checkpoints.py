"""When the trainings of a trial are saved, what they go on from, and when that is removed."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from hpopt import checks
from hpopt.checks import integer, real
from hpopt.core.amounts import seconds_in
from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Fidelity
from hpopt.core.trial import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.data.feeding import Examples, first_input
from hpopt.problems.keras.training.continuation import (
    State,
    StateFile,
    read_state,
    restore,
    save_state,
    state_files,
    values_of,
)
from hpopt.problems.keras.training.fit import Monitor, build_optimizer
from hpopt.problems.keras.training.folders import remove_files

# What Keras's own callbacks count from epoch to epoch.
COUNTED: Mapping[str, Sequence[str]] = {
    "EarlyStopping": ("best", "best_epoch", "wait"),
    "ReduceLROnPlateau": ("best", "cooldown_counter", "wait"),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """The distance between two checkpoints: a number of epochs, or of seconds."""

    epochs: int | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, given: Any) -> Interval:
        """Return an interval as a user writes it: ``5`` epochs, or ``"5 min"``.

        Raises
        ------
        SettingError
            It is anything else.
        """
        epochs = integer(given)
        if epochs is not None and epochs >= 1:
            return cls(epochs=epochs)
        seconds = None
        if isinstance(given, str):
            seconds = seconds_in(given)
        elif isinstance(given, timedelta):
            seconds = real(checks.seconds(given))
        if seconds is None or seconds <= 0:
            raise SettingError(
                "checkpoint_every must be a number of epochs of at least 1, or a time such as "
                f"'5 min', '90s' or '1h', but got {given!r}"
            )
        return cls(seconds=seconds)

    def is_over(self, epochs: int, seconds: float) -> bool:
        """Return whether so many epochs and seconds after a checkpoint the next is due."""
        if self.epochs is not None:
            return epochs >= self.epochs
        return self.seconds is not None and seconds >= self.seconds


class Checkpoints:
    """The states of a trial's runs, in its folder.

    They are of two kinds. A trial below the highest fidelity leaves that of each run for a later
    trial. And with an interval each run is saved as it trains, for the same trial, if it is lost.

    Parameters
    ----------
    trial : TrialHandle
    config : dict
    fidelity : Fidelity, optional
    interval : Interval, optional
    n_runs : int
        How many runs the trial has.
    """

    def __init__(
        self,
        trial: TrialHandle,
        config: Config,
        *,
        fidelity: Fidelity | None,
        interval: Interval | None,
        n_runs: int,
    ) -> None:
        self.trial, self.interval = trial, interval
        self._config = config
        # Other examples make another training: what was trained on fewer is of no use.
        counted = None if fidelity is None or fidelity.name == "samples" else fidelity
        own = trial.fidelity
        self.is_paused = counted is not None and own is not None and own < counted.high
        # Whether a later trial trains its runs further, and not only others beside them.
        self.goes_on = self.is_paused and counted is not None and counted.name == "epochs"
        self.saves_ends = self.is_paused or (interval is not None and n_runs > 1)
        self._folders: list[Path] = []
        if counted is not None or interval is not None:
            self._folders.append(trial.directory)
            previous = trial.previous
            if counted is not None and previous is not None:
                self._folders.append(previous.directory)
            trial.at_end(partial(_remove_needless, trial, self.is_paused))
        self.saved_at = time.monotonic()

    def of_run(self, run: int, seed: int, epochs: int) -> RunStates:
        """Return what a run of so many epochs goes on from and is saved to."""
        files = [StateFile.of(folder, run, self._config, seed) for folder in self._folders]
        for file in files:  # its own is never behind that of an earlier trial
            state = read_state(file)
            if state is not None and state.fits(epochs):
                return RunStates(self, files[0], state, epochs)
        return RunStates(self, files[0] if files else None, None, epochs)


class RunStates:
    """What one run goes on from and is saved to."""

    def __init__(
        self, checkpoints: Checkpoints, file: StateFile | None, found: State | None, epochs: int
    ) -> None:
        self._checkpoints, self._file, self._found = checkpoints, file, found
        self._epochs = epochs
        self._n_saved = 0  # the epochs of the last checkpoint
        self._counts: Sequence[Mapping[str, float]] = ()  # of the callbacks, until then

    def resume(self, model: Any, monitor: Monitor, examples: Examples) -> bool:
        """Restore the earlier training, and return whether there is more to train."""
        found = self._found
        if found is None:
            return True
        if not model.built:
            model(first_input(examples))
        build_optimizer(model)
        # A state of other shapes is from another version of the user's code: train from the start.
        if not restore(model, found):
            return True
        more = monitor.resume(found.monitor, found.best)
        if more and monitor.n_epochs < self._epochs:
            # Its arrays are not held in memory while the model trains.
            self._found, self._counts, self._n_saved = None, found.callbacks, found.epochs
            return True
        if self._file is not None and self._checkpoints.saves_ends:
            self._write(self._file, found)
        return False

    def callback(
        self,
        keras: Any,
        model: Any,
        monitor: Monitor,
        others: Sequence[Any],
        values: Callable[[Any], list[Any]] = values_of,
    ) -> Any:
        """Return a callback that saves the training; it comes after the monitor and all others.

        `values` gives all that changes in training.
        """

        def begins(logs: Any = None) -> None:
            for callback, counted in zip(others, self._counts, strict=False):
                for name, value in counted.items():
                    setattr(callback, name, value)

        def epoch_ended(epoch: int, logs: Any = None) -> None:
            if self._file is None or monitor.diverged or self._checkpoints.trial.stopped:
                return
            # Not after `fit`, which may end with other weights: averages, or those of an epoch that
            # a callback brings back.
            is_end = monitor.n_epochs >= self._epochs or model.stop_training
            if not (self._checkpoints.saves_ends if is_end else self._is_due(monitor.n_epochs)):
                return
            goes_on = not (is_end and (monitor.ended or not self._checkpoints.goes_on))
            arrays = values(model) if goes_on else []
            best, seen = monitor.weights, monitor.to_json()
            self._write(self._file, State(monitor.n_epochs, arrays, best, seen, _counts(others)))

        return keras.callbacks.LambdaCallback(on_train_begin=begins, on_epoch_end=epoch_ended)

    def _is_due(self, epochs: int) -> bool:
        interval = self._checkpoints.interval
        if interval is None:
            return False
        seconds = time.monotonic() - self._checkpoints.saved_at
        return interval.is_over(epochs - self._n_saved, seconds)

    def _write(self, file: StateFile, state: State) -> None:
        self._n_saved, self._checkpoints.saved_at = state.epochs, time.monotonic()
        try:
            save_state(file, state)
        except OSError as error:  # a full disk: the trial itself is as good as without
            number = self._checkpoints.trial.number
            sys.stdout.write(f"trial {number}: its training could not be saved: {error}\n")


def _remove_needless(trial: TrialHandle, is_paused: bool, values: Mapping[str, float]) -> None:
    """Remove a trial's states at its end, unless a later trial goes on from them."""
    # A trial that failed or was stopped is not gone on from.
    if is_paused and values and not trial.stopped:
        return
    with contextlib.suppress(OSError):
        names = [path.name for path in state_files(trial.directory)]
        remove_files(trial.directory, *names)


def _counts(callbacks: Sequence[Any]) -> list[dict[str, float]]:
    """Return what Keras's own callbacks have counted; nothing of others."""
    found = []
    for callback in callbacks:
        names = [n for kind in type(callback).__mro__ for n in COUNTED.get(kind.__name__, ())]
        numbers = {name: real(getattr(callback, name, None)) for name in names}
        found.append({name: value for name, value in numbers.items() if value is not None})
    return found
