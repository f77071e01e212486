"""A callback that shows a search in TensorBoard, MLflow, Weights & Biases or Trackio."""

from __future__ import annotations

import atexit
import functools
import inspect
import warnings
import weakref
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from hpopt.checks import number
from hpopt.core import Trial
from hpopt.errors import SettingError, StudyWarning, UnknownNameError
from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.sender import Sender
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial
from hpopt.names import known_name
from hpopt.study import Record, Study
from hpopt.study.callers import users_level

BACKENDS = {
    "tensorboard": ("tensorboard", "TensorBoard"),
    "mlflow": ("mlflow", "MLflow"),
    "wandb": ("wandb", "WandB"),
    "trackio": ("trackio", "Trackio"),
}
"""Name → module of this package, and class in it."""

SPELLINGS = {"weights & biases": "wandb", "weights and biases": "wandb"}
PATIENCE = 60.0  # seconds at the end of a run: a server that is slow, not one that is away


class Tracker:
    """Show each trial of a search in an experiment tracker: give it as one of ``callbacks=``.

    The driver alone talks to the tracker, in a thread of its own: no evaluation waits for it,
    and a tracker that is away ends no search. It is told what it lacks when it is back, when the
    run ends, or when the study goes on, so it has each trial once. One tracker is for one study at
    a time.

    Parameters
    ----------
    backend : {"tensorboard", "mlflow", "wandb", "trackio"} or Backend
    artifacts : sequence of str
        Files of a trial's folder that are stored with it, as patterns of `Path.glob`. By default
        the kept weights of Keras problems.
    patience : float
        How many seconds the end of a run waits until all has been told.
    **settings
        Of the backend, see `TensorBoard`, `MLflow`, `WandB` and `Trackio`.

    Raises
    ------
    MissingExtraError
        The tracker's library is not installed.

    Warns
    -----
    StudyWarning
        Once, when the tracker cannot be reached; and at the end of a run, if it still cannot.

    Examples
    --------
    >>> tracker = Tracker("mlflow", experiment="digits")
    >>> hpopt.optimize(problem, trials=50, study="digits.db", callbacks=[tracker])

    >>> Tracker("tensorboard", folder="runs").log(hpopt.Study.load("digits.db"))
    """

    def __init__(
        self,
        backend: str | Backend,
        *,
        artifacts: Iterable[str] = ("*.weights.h5",),
        patience: float = PATIENCE,
        **settings: Any,
    ) -> None:
        self.artifacts = _checked_patterns(artifacts)
        self.patience = number("patience", patience, 0.0)
        self.backend = backend if isinstance(backend, Backend) else _made(backend, settings)
        if isinstance(backend, Backend) and settings:
            raise SettingError(f"settings must be given to the backend, but got {list(settings)}")
        self._sender: Sender | None = None
        # A loop of the user's own may not say when it ends.
        atexit.register(_end_if_alive, weakref.ref(self))

    def __call__(self, study: Study, trial: Trial) -> None:
        """Show a trial that has finished."""
        sender = self._sender_of(study)
        sender.send(self._tracked(trial, study))
        self._warn()

    def log(self, study: Record) -> None:
        """Show a study that was not tracked while it ran, or what is missing of it; wait for it.

        Parameters
        ----------
        study : Study, Record or Result
        """
        if not isinstance(study, Record):
            raise SettingError(
                f"a study to show must be a Study or what Study.load reads, but got {study!r}: "
                "write tracker.log(hpopt.Study.load(path))"
            )
        self._sender_of(study)
        self.ended(study, "logged afterwards")

    def ended(self, study: Record, reason: str) -> None:
        """Wait until all has been told, for `patience` seconds: a run calls this when it ends."""
        sender = self._sender
        if sender is None:
            return
        is_told = sender.end(reason, self.patience)
        self._warn()
        if not is_told:
            warnings.warn(
                f"{self.backend.label} could not be told all of the study {sender.study.name}: it "
                "will be when the study goes on with this tracker, or by Tracker(...).log(study)",
                StudyWarning,
                stacklevel=users_level(),
            )

    def close(self) -> None:
        """End it as a run does; it may be used again."""
        sender, self._sender = self._sender, None
        if sender is not None:
            if not sender.is_over:
                sender.end("closed", self.patience)
            sender.close()

    def _sender_of(self, study: Record) -> Sender:
        tracked = TrackedStudy.of(study)
        if self._sender is not None and self._sender.study.identity != tracked.identity:
            self.close()
        if self._sender is None:
            # Read by itself: the thread may go on when the study is closed.
            read = study if study.path is None else Study.load(study.path)
            self._sender = Sender(self.backend, tracked, functools.partial(self._past, read))
        return self._sender

    def _past(self, study: Record) -> Iterator[TrackedTrial]:
        for trial in study.iterate():
            yield self._tracked(trial, study)

    def _tracked(self, trial: Trial, study: Record) -> TrackedTrial:
        files: list[Path] = []
        if study.path is not None:
            folder = Path(f"{study.path.absolute()}.files") / str(trial.number)
            files = [path for pattern in self.artifacts for path in sorted(folder.glob(pattern))]
        return TrackedTrial.of(trial, study.space, study.objectives, tuple(files))

    def _warn(self) -> None:
        for failure in self._sender.failures() if self._sender is not None else ():
            warnings.warn(
                f"{self.backend.label} cannot be told ({failure}): the search goes on, and tries "
                "again later",
                StudyWarning,
                stacklevel=users_level(),
            )


def _made(name: str, settings: dict[str, Any]) -> Backend:
    if not isinstance(name, str):
        raise SettingError(
            f"backend must be one of {sorted(BACKENDS)} or a Backend, but got {name!r}"
        )
    found = known_name("tracker", name, BACKENDS, aliases=SPELLINGS)
    module, class_name = BACKENDS[found]
    kind = getattr(import_module(f"hpopt.integrations.trackers.{module}"), class_name)
    parameters = inspect.signature(kind).parameters.values()
    known = [each.name for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]
    for setting in settings:
        if setting not in known and len(known) == len(parameters):
            raise UnknownNameError(f"setting of tracker {found!r}", setting, known)
    backend: Backend = kind(**settings)
    return backend


def _checked_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    found = () if isinstance(patterns, str) else tuple(patterns)
    if isinstance(patterns, str) or not all(isinstance(each, str) and each for each in found):
        raise SettingError(
            f'artifacts must be a list of patterns, such as ["*.weights.h5"], but got {patterns!r}'
        )
    return found


def _end_if_alive(tracker: weakref.ref[Tracker]) -> None:
    found = tracker()
    if found is not None:
        found.close()
