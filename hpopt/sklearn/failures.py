"""Fits that fail: what is raised, and what is a warning, as scikit-learn does it."""

from __future__ import annotations

import builtins
import warnings
from collections.abc import Sequence
from typing import Any

from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures

from hpopt.core import Trial
from hpopt.errors import RemoteError, RemoteTraceback
from hpopt.problems.sklearn import SklearnProblem
from hpopt.sklearn.results import Candidate
from hpopt.study import Study


def warn_of_failures(candidates: Sequence[Candidate], error_score: Any) -> None:
    """Warn of fits that failed, as scikit-learn does.

    Raises
    ------
    ValueError
        All of them failed.
    """
    fits = [
        {"fit_error": each.scores.errors.get(place)}
        for each in candidates
        for place in range(len(each.scores))
    ]
    _warn_or_raise_about_fit_failures(fits, error_score)


def stop_at_failure(study: Study, trial: Trial) -> None:
    """End a run at the first fit that fails."""
    if trial.outcome.is_failure and trial.status != "invalid":
        study.stop_soon("a fit has failed, and error_score='raise'")


def raise_failure(problem: SklearnProblem, trials: Sequence[Trial]) -> None:
    """Raise the first error of a fit, where there is one.

    It is the exception itself, if it was raised in this process; else one of its kind if that is
    built into Python, with its traceback as the cause.
    """
    if problem.raised:
        raise problem.raised[0]
    for trial in trials:
        if trial.outcome.is_failure and trial.status != "invalid":
            name, _, message = (trial.error or trial.status).partition(": ")
            kind: Any = getattr(builtins, name, None)
            is_error = isinstance(kind, type) and issubclass(kind, Exception)
            error = kind(message) if is_error else RemoteError(trial.error or trial.status)
            raise error from RemoteTraceback(trial.traceback or "")


def say_unfinished(reason: str, n: int, trials: int | None) -> None:
    """Warn that the search was interrupted."""
    of = f" of {trials}" if trials is not None else ""
    warnings.warn(
        f"the search has ended after {n}{of} candidates, as {reason}: the best of these is taken. "
        "With study=, fitting again goes on",
        UserWarning,
        stacklevel=4,
    )
