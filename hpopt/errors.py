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
    │   ├── WaitingError                     … until pending ones have been told
    │   └── ExhaustedError                   … ever: every configuration has been tried
    ├── StudyError (RuntimeError)            a study that cannot be used
    │   ├── StudyFileError                   not a study file, or a damaged one
    │   ├── StudyLockedError                 another process is writing it
    │   └── StudyMismatchError               it belongs to another space, seed or strategy
    └── EvaluationLost (RuntimeError)        an evaluation gave no outcome
        ├── TimeLimitExceeded (TimeoutError)
        ├── MemoryLimitExceeded (MemoryError)
        └── WorkerLost                       its process or machine went away
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HpoptError(Exception):
    """Be the root of every error that hpopt raises on purpose."""


class SettingError(HpoptError, ValueError):
    """Say that an argument or a setting is out of its range."""


class UnknownNameError(SettingError):
    """Say that a name does not exist, and which one was probably meant.

    Parameters
    ----------
    kind : str
        What is named: ``"optimizer"``, ``"key in [limits]"``.
    name : str
        The name that was got.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        nearest = difflib.get_close_matches(name, self.known, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]!r}? " if nearest else ""
        super().__init__(
            f"unknown {kind} {name!r}: {hint}known are {', '.join(map(repr, self.known)) or 'none'}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.name, self.known)


class SpaceError(HpoptError, ValueError):
    """Say why a search space cannot be built."""


class ConfigError(HpoptError, ValueError):
    """Say why a config does not fit its space."""


class ProblemError(HpoptError, TypeError):
    """Say why a problem is not well formed."""


class MissingExtraError(HpoptError, ImportError):
    """Say which optional dependency is missing and how to install it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package, self.extra, self.purpose = package, extra, purpose
        super().__init__(
            f"{purpose} needs {package}, which is not installed: pip install 'hpopt[{extra}]'"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.package, self.extra, self.purpose)


class NothingToAskError(HpoptError, RuntimeError):
    """Say that there is no solution to hand out."""


class WaitingError(NothingToAskError):
    """Say that pending solutions must be told before the next can be asked."""


class ExhaustedError(NothingToAskError):
    """Say that every configuration that the strategy would try has been tried."""


class StudyError(HpoptError, RuntimeError):
    """Say why a study cannot be used."""


class StudyFileError(StudyError):
    """Say that a file is not a study, or is damaged."""


class StudyLockedError(StudyError):
    """Say that another process is writing this study."""


class StudyMismatchError(StudyError):
    """Say in what a stored study differs from the one that was asked for."""


class EvaluationLost(HpoptError, RuntimeError):  # noqa: N818
    """Say that an evaluation gave no outcome.

    Parameters
    ----------
    message : str
    seconds : float, optional
        How long it had run.
    memory : int, optional
        Peak resident memory of its process, in bytes.
    output : str, optional
        The end of what it printed.
    """

    def __init__(
        self,
        message: str,
        *,
        seconds: float = 0.0,
        memory: int | None = None,
        output: str = "",
    ) -> None:
        super().__init__(message)
        self.seconds, self.memory, self.output = seconds, memory, output

    def __reduce__(self) -> tuple[object, ...]:
        state = {"seconds": self.seconds, "memory": self.memory, "output": self.output}
        return type(self), (str(self),), state


class TimeLimitExceeded(EvaluationLost, TimeoutError):  # noqa: N818
    """Say that an evaluation ran longer than its limit and was killed."""


class MemoryLimitExceeded(EvaluationLost, MemoryError):  # noqa: N818
    """Say that an evaluation took more memory than its limit and was killed."""


class WorkerLost(EvaluationLost):
    """Say that the process or machine of an evaluation went away."""
