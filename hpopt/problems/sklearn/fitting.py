"""Fit an estimator on one split of the data, and score it."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Number
from traceback import format_exception
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from hpopt.problems.sklearn.seeds import with_seeds

LINE = 80  # characters, as scikit-learn's own lines have
Scores = float | dict[str, float]


@dataclass(frozen=True)
class FitSettings:
    """What all fits of a problem have in common.

    Attributes
    ----------
    scorer : callable
        ``scorer(estimator, X, y)`` returns a number, or a mapping of several.
    fit_params, score_params : mapping
        What else `fit` and the scorer get; what has a value for each row is split with the rows.
    error_score : float or "raise"
        The score of a fit that fails.
    verbose : int
        From 2 on each fit prints a line; from 3 on with its scores.
    """

    scorer: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    error_score: Any
    return_train_score: bool
    verbose: int


@dataclass(frozen=True)
class Fit:
    """What the fit on one split gave.

    Attributes
    ----------
    test, train : float, mapping of str to float, or None
        The scores; None where the fit failed, and those to train on where nobody asked.
    fit_time, score_time : float
        In seconds.
    error : BaseException or None
        What `fit` raised.
    unscored : BaseException or None
        What the scorer raised on the rows to test on: the scores are `error_score`.
    estimator : estimator or None
        As it was fitted.
    """

    test: Scores | None
    train: Scores | None
    fit_time: float
    score_time: float
    error: BaseException | None = None
    unscored: BaseException | None = None
    estimator: Any = None

    @property
    def traceback(self) -> str | None:
        """Where it failed."""
        return None if self.error is None else "".join(format_exception(self.error))


@dataclass(frozen=True)
class Task:
    """One fit: of which config, on which rows, with which seed.

    Attributes
    ----------
    before : estimator, optional
        What was fitted so far, to go on from; its parameters are set already.
    is_pass : bool
        Whether to call `partial_fit`, once, in place of `fit`.
    """

    parameters: Mapping[str, Any]
    train: Any
    test: Any
    seed: int
    title: str
    context: Any = None
    before: Any = None
    is_pass: bool = False


def fit_split(estimator: Any, X: Any, y: Any, task: Task, settings: FitSettings) -> Fit:
    """Fit an estimator on the rows to train on, and score it on those to test on.

    It is a clone with the task's parameters, or what the task goes on from.

    Returns
    -------
    Fit
        With the error, where `fit` raised one.

    Raises
    ------
    Exception
        What was raised, where ``error_score="raise"``; also by the scorer.
    """
    params = _check_method_params(X, params=settings.fit_params, indices=task.train)
    fitted = task.before
    if fitted is None:
        fitted = clone(estimator).set_params(**clone(dict(task.parameters), safe=False))
        fitted = with_seeds(fitted, task.seed)
    began = time.perf_counter()
    X_train, y_train = _safe_split(fitted, X, y, task.train)
    X_test, y_test = _safe_split(fitted, X, y, task.test, task.train)
    try:
        with followed(task.context, fitted, X_train, y_train, params):
            if task.is_pass and is_classifier(fitted):
                params["classes"] = np.unique(y)
            fit = fitted.partial_fit if task.is_pass else fitted.fit
            fit(X_train, **params) if y_train is None else fit(X_train, y_train, **params)
    except Exception as error:
        if settings.error_score == "raise":
            raise
        return _said(Fit(None, None, time.perf_counter() - began, 0.0, error), task, settings)
    fit_time = time.perf_counter() - began
    test, unscored = _scores(fitted, X_test, y_test, _of_rows(X, settings, task.test), settings)
    score_time = time.perf_counter() - began - fit_time
    train = None
    if settings.return_train_score:
        train, _ = _scores(fitted, X_train, y_train, _of_rows(X, settings, task.train), settings)
    return _said(Fit(test, train, fit_time, score_time, None, unscored, fitted), task, settings)


def _of_rows(X: Any, settings: FitSettings, rows: Any) -> dict[str, Any]:
    found: dict[str, Any] = _check_method_params(X, params=settings.score_params, indices=rows)
    return found


def _scores(
    fitted: Any,
    X: Any,
    y: Any,
    params: Mapping[str, Any],
    settings: FitSettings,
) -> tuple[Scores, BaseException | None]:
    """Return the scores as plain numbers, and what was raised in place of them."""
    scorer, error_score = settings.scorer, settings.error_score
    try:
        found = scorer(fitted, X, **params) if y is None else scorer(fitted, X, y, **params)
    except Exception as error:
        if error_score == "raise":
            raise
        names = getattr(scorer, "_scorers", None)
        failed = error_score if names is None else dict.fromkeys(names, error_score)
        return failed, error
    if not isinstance(found, Mapping):
        return _number(found, scorer), None
    scores: dict[str, float] = {}
    for name, score in found.items():
        # A scorer of several gives the text of a traceback for one that fails.
        if isinstance(score, str) and error_score != "raise":
            warn_of_score(score, error_score)
            scores[name] = error_score
        else:
            scores[name] = _number(score, name)
    return scores, None


def warn_of_score(details: str, error_score: float) -> None:
    """Warn that a scorer has failed, as scikit-learn does."""
    warnings.warn(
        "Scoring failed. The score on this train-test partition for these parameters will be set "
        f"to {error_score}. Details: \n{details}",
        UserWarning,
        stacklevel=2,
    )


def _number(score: Any, scorer: Any) -> float:
    if hasattr(score, "item"):
        with contextlib.suppress(ValueError):
            score = score.item()
    if not isinstance(score, Number):
        raise ValueError(
            f"scoring must return a number, got {score!s} ({type(score)}) instead. "
            f"(scorer={scorer})"
        )
    return score  # type: ignore[return-value]


@contextlib.contextmanager
def followed(
    context: Any,
    fitted: Any,
    X: Any,
    y: Any,
    params: Mapping[str, Any],
) -> Iterator[None]:
    """Tell scikit-learn's callbacks when a fit begins and ends.

    `context` is that of the fit, with the estimator that asks for it; None without callbacks.
    """
    if context is None:
        yield
        return
    inner, caller = context
    weight = params.get("sample_weight")
    metadata = None if weight is None else {"sample_weight": weight}
    told = {"estimator": caller, "X": X, "y": y, "metadata": metadata}
    try:
        with inner.propagate_callback_context(fitted):
            inner.call_on_fit_task_begin(**told)
            yield
    finally:
        inner.call_on_fit_task_end(**told)


def _said(fit: Fit, task: Task, settings: FitSettings) -> Fit:
    """Print the line of a fit, as scikit-learn does; return the fit."""
    if settings.verbose < 2:
        return fit
    said = ", ".join(f"{name}={task.parameters[name]}" for name in sorted(task.parameters))
    said += ";" if said else ""
    if settings.verbose > 2:
        said += _scores_in_words(fit)
    said += f" total time={fit.fit_time + fit.score_time:6.1f}s"
    begin = f"[CV{task.title if settings.verbose > 2 else ''}] END "
    print(f"{begin}{'.' * (LINE - len(begin) - len(said))}{said}", flush=True)  # noqa: T201  (asked for by verbose=)
    return fit


def _scores_in_words(fit: Fit) -> str:
    if fit.test is None:
        return f" failed: {type(fit.error).__name__}"
    if isinstance(fit.test, dict):
        train = fit.train if isinstance(fit.train, dict) else {}
        return "".join(
            f" {name}: ({f'train={train[name]:.3f}, ' if train else ''}test={fit.test[name]:.3f})"
            for name in sorted(fit.test)
        )
    if fit.train is not None:
        return f", score=(train={fit.train:.3f}, test={fit.test:.3f})"
    return f", score={fit.test:.3f}"
