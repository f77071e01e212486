"""The errors of hpopt.

Each is a subclass of the built-in error that a user would expect, and each message says
what must hold, what was got, and what to do::

    HpoptError
    ├── SettingError (ValueError)            an argument or a setting is out of its range
    │   └── UnknownNameError                 a name that does not exist; suggests the nearest
    ├── SpaceError (ValueError)              a search space that cannot be built
    ├── ConfigError (ValueError)             a config that does not fit its space
    ├── ProblemError (TypeError)             a problem that is not well formed
    ├── MissingExtraError (ImportError)      an optional dependency that is not installed
    ├── NothingToAskError (RuntimeError)     there is no solution to hand out
    │   ├── WaitingError                     … until results of pending ones are there
    │   └── ExhaustedError                   … ever: every configuration has been tried
    ├── StudyError (RuntimeError)            a study that cannot be used
    │   ├── StudyFileError                   not a study file, or a damaged one
    │   ├── StudyLockedError                 another process is writing it
    │   ├── DiskFullError                    there is no room to write it
    │   ├── StudyMismatchError               it belongs to another space, seed or strategy
    │   ├── AllTrialsFailedError             the first trials of a run all failed alike
    │   └── NoValuesError                    no trial has values, so there is no best one
    ├── TransferError (PicklingError)        what cannot be sent to or from a worker
    ├── RemoteError (RuntimeError)           stands for an exception that cannot be sent itself
    ├── RemoteTraceback                      where an evaluation raised an exception: a cause
    ├── Stopped                              raised by an evaluation to end as a stopped trial
    └── EvaluationLost (RuntimeError)        an evaluation gave no outcome
        ├── TimeLimitExceeded (TimeoutError)
        ├── MemoryLimitExceeded (MemoryError)
        └── WorkerLost                       its process or machine went away
            └── WorkerNotStarted             … before it was up, so that nothing could run

Some things are worth a warning only: StudyWarning (UserWarning), where a study goes on with other
data or settings, or in another file as its own was lost, or where no trial meets its constraints.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any


class HpoptError(Exception):
    """The root of every error that hpopt raises on purpose."""


class SettingError(HpoptError, ValueError):
    """An argument or a setting is out of its range."""


class UnknownNameError(SettingError):
    """A name does not exist; the message suggests the nearest.

    Parameters
    ----------
    kind : str
        What is named: ``"optimizer"``, ``"key in [limits]"``.
    name : str
        The name that was got.
    known : iterable of str
        The names that exist.
    hint : str, optional
        A sentence about this name; by default the nearest known one is suggested.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str | None = None) -> None:
        self.kind, self.name, self.known, self.hint = kind, name, sorted(known), hint
        if hint is None:
            import difflib

            tries = (name, name.casefold())
            found = [difflib.get_close_matches(each, self.known, n=1, cutoff=0.5) for each in tries]
            nearest = found[0] or found[1]
            hint = f"did you mean {nearest[0]!r}?" if nearest else ""
        listed = f"known are {', '.join(map(repr, self.known)) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}: {hint}{' ' if hint else ''}{listed}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.name, self.known, self.hint)


class SpaceError(HpoptError, ValueError):
    """A search space cannot be built."""


class ConfigError(HpoptError, ValueError):
    """A config does not fit its space."""


class ProblemError(HpoptError, TypeError):
    """A problem is not well formed."""


class MissingExtraError(HpoptError, ImportError):
    """An optional dependency is missing; the message says how to install it.

    Parameters
    ----------
    package : str
        What is missing.
    extra : str
        The extra of hpopt that brings it.
    purpose : str
        What needs it.
    install : str, optional
        What to install where no extra brings it.
    """

    def __init__(self, package: str, extra: str, purpose: str, install: str | None = None) -> None:
        self.package, self.extra, self.purpose, self.install = package, extra, purpose, install
        command = f"pip install {install}" if install else f"pip install 'hpopt[{extra}]'"
        super().__init__(f"{purpose} needs {package}, which is not installed: {command}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.package, self.extra, self.purpose, self.install)


class NothingToAskError(HpoptError, RuntimeError):
    """There is no solution to hand out."""


class WaitingError(NothingToAskError):
    """The next solution can be asked for when results of pending ones are there."""


class ExhaustedError(NothingToAskError):
    """Every configuration that the strategy would try has been tried."""


class StudyError(HpoptError, RuntimeError):
    """A study cannot be used."""


class StudyFileError(StudyError):
    """A file is not a study, or is damaged."""


class StudyLockedError(StudyError):
    """Another process is writing this study."""


class DiskFullError(StudyError):
    """There is no room on the disk to write a study; no trial that has finished is lost."""


class StudyMismatchError(StudyError):
    """A stored study differs from the one that was asked for; the message says in what."""


class AllTrialsFailedError(StudyError):
    """The first trials of a run all failed alike, which ended it.

    Its ``__cause__`` is a `RemoteTraceback` with the traceback of the last of them, where they
    raised an exception.
    """


class NoValuesError(StudyError):
    """There is no best trial: the message says how many have which status, and the last error."""


class StudyWarning(UserWarning):
    """A study goes on with other data or settings or in another file, or learns nothing.

    Or its problem gives the same at every fidelity.
    """


class TransferError(HpoptError, pickle.PicklingError):
    """A call or a result could not be sent between the driver and a worker process.

    Parameters
    ----------
    message : str
    what : {"call", "result"}
        Whether the call did not get there, so that nothing ran, or its result did not get back.
    """

    def __init__(self, message: str, what: str = "call") -> None:
        super().__init__(message)
        self.what = what

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.what)


class RemoteError(HpoptError, RuntimeError):
    """Stands for an exception of a worker process that could not be sent itself."""


class RemoteTraceback(HpoptError):  # noqa: N818  (the name that multiprocessing uses)
    """Where an evaluation raised an exception: the ``__cause__`` of another error."""

    def __str__(self) -> str:
        return "\n" + super().__str__()


class Stopped(HpoptError):  # noqa: N818
    """End an evaluation as a ``stopped`` trial: raise it, also in a callback of a framework.

    It need not have been asked for by `TrialHandle.should_stop`. A framework may wrap it in an
    exception of its own.

    Parameters
    ----------
    values : float or mapping of str to float, optional
        What the evaluation would have returned. By default the last finite report. Objectives may
        be missing where another of the values breaks a constraint: the trial is ``infeasible``.

    Examples
    --------
    >>> if trial.should_stop():
    ...     raise hpopt.Stopped
    """

    def __init__(self, values: Any = None) -> None:
        super().__init__(*(() if values is None else (values,)))
        self.values = values


class EvaluationLost(HpoptError, RuntimeError):  # noqa: N818
    """An evaluation gave no outcome.

    Parameters
    ----------
    message : str
    seconds : float, optional
        How long it had run.
    memory : int, optional
        Peak resident memory of its process, in bytes.
    output : str, optional
        The end of what it printed.
    worker : str, optional
        Where it ran, as in `Outcome`.
    """

    def __init__(
        self,
        message: str,
        *,
        seconds: float = 0.0,
        memory: int | None = None,
        output: str = "",
        worker: str | None = None,
    ) -> None:
        super().__init__(message)
        self.seconds, self.memory, self.output = seconds, memory, output
        self.worker = worker

    def __reduce__(self) -> tuple[object, ...]:
        kept = ("seconds", "memory", "output", "worker")
        return type(self), (str(self),), {name: getattr(self, name) for name in kept}


class TimeLimitExceeded(EvaluationLost, TimeoutError):  # noqa: N818
    """An evaluation ran longer than its limit and was killed."""


class MemoryLimitExceeded(EvaluationLost, MemoryError):  # noqa: N818
    """An evaluation took more memory than its limit and was killed."""


class WorkerLost(EvaluationLost):
    """The process or machine of an evaluation went away."""


class WorkerNotStarted(WorkerLost):
    """A worker process ended before it was up: no evaluation of any problem could run."""
