"""`HyperparameterSearchCV`: hpopt's search as an estimator of scikit-learn."""

from __future__ import annotations

import contextlib
import copy
import math
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import indexable
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import _check_method_params

from hpopt.checks import whole
from hpopt.errors import (
    AllTrialsFailedError,
    StudyMismatchError,
    StudyWarning,
)
from hpopt.problems.sklearn import SklearnProblem
from hpopt.problems.sklearn.fidelity import EPOCHS
from hpopt.problems.sklearn.fitting import followed
from hpopt.problems.sklearn.scoring import score_names
from hpopt.sklearn.failures import (
    raise_failure,
    say_unfinished,
    stop_at_failure,
    warn_of_failures,
)
from hpopt.sklearn.results import candidates_of, cv_results
from hpopt.stopping import Trials
from hpopt.study import Result, Study
from hpopt.study.interrupts import INTERRUPTED

# Candidates that must fail alike, before any has a score, to end the search: some combinations of
# parameters never work (a solver that lacks a penalty), and may come first.
FAIL_FAST = 10


class HyperparameterSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Search the parameters of an estimator by cross-validation, with hpopt's engine.

    It is used as `RandomizedSearchCV` is, and has the same attributes after `fit`. What is new:
    strategies that learn from each candidate; a study file, from which a search that was killed
    goes on exactly as if it had not been; the same result at any number of workers (see `window`);
    limits of time and memory; candidates that are behind after some folds are given up.

    Parameters
    ----------
    estimator : estimator
        It is cloned for each fit. What is None of its `random_state` gets a seed in the search.
    space : mapping, list of mappings, or Space
        For each parameter of the estimator: a list of values, a distribution of scipy.stats, a
        parameter of hpopt, or a mapping of names to objects (the steps of a pipeline to choose
        among). A mapping or list that `RandomizedSearchCV` or `GridSearchCV` takes is taken too.
    names : mapping of str to mapping, optional
        What the choices of a Space stand for: ``{"clf": {"svm": SVC()}}``.
    optimizer : str or Optimizer, optional
        By default ``"auto"``.
    trials : int or None
        How many candidates the study shall have in all; fewer where the space has no more. None
        for all that a finite space has, or with `timeout`.
    timeout : float, str or datetime.timedelta, optional
        Start no candidate after this time: seconds, or ``"90s"``, ``"15m"``, ``"2h"``.
    scoring, refit, cv, error_score, return_train_score
        As in `RandomizedSearchCV`. Of several scores the one that `refit` names is maximised; where
        it names none, all of them are, and `study_.front` has the best compromises.
    workers : int or "auto", optional
        How many candidates at the same time; above one each in a process of its own, which gets
        the data once. "auto" is one a core.
    executor : str or Executor, optional
        See `hpopt.Study.run`.
    limits : hpopt.Limits, optional
        Of time and memory for each candidate, with all its fits. One that exceeds them is killed,
        and has the `error_score`.
    window : int, optional
        Choose candidate k knowing the results of 0 … k - window: then the search is the same at any
        number of workers up to `window`.
    study : path, optional
        The study file. A search that finds one goes on where it ended, and is not made again when
        it is complete. It is of one data set: for cross-validation of the search itself leave it
        out.
    seed : int, optional
        The same seed gives the same search.
    start : sequence of mapping
        Values to try first, by parameter. What one leaves out is sampled.
    early_stopping : str or EarlyStoppingRule, optional
        ``"racing"`` gives up candidates that are behind the best one after some of the folds. In
        `cv_results_` the folds that they lack are masked, and they rank last.
    fidelity : "folds", "samples" or Fidelity, optional
        What strategies such as ``"hyperband"`` and ``"asha"`` spend, see `SklearnProblem`.
    verbose : int
        1 shows the progress; from 2 on each fit prints a line.

    Attributes
    ----------
    study_ : hpopt.Result
        The record of the search: its trials, its front, figures, reports.
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
    refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in `RandomizedSearchCV`.

    Examples
    --------
    >>> search = HyperparameterSearchCV(SVC(), {"C": loguniform(1e-3, 1e3)}, trials=30, seed=0)
    >>> search.fit(X, y).best_params_
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit"])],
        "scoring": BaseSearchCV._parameter_constraints["scoring"],
        "refit": ["boolean", str, callable],
        "cv": ["cv_object"],
        "verbose": ["verbose"],
        "error_score": [StrOptions({"raise"}), Real],
        "return_train_score": ["boolean"],
    }

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        names: Mapping[str, Mapping[str, Any]] | None = None,
        optimizer: Any = None,
        trials: int | None = 30,
        timeout: Any = None,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        workers: int | str | None = None,
        executor: Any = None,
        limits: Any = None,
        window: int | None = None,
        study: Any = None,
        seed: Any = None,
        start: Iterable[Mapping[str, Any]] = (),
        early_stopping: Any = None,
        fidelity: Any = None,
        error_score: Any = math.nan,
        return_train_score: bool = False,
        verbose: int = 0,
    ) -> None:
        # As scikit-learn wants it: what is given is kept as it is, and checked by `fit`.
        self.estimator = estimator
        self.space = space
        self.names = names
        self.optimizer = optimizer
        self.trials = trials
        self.timeout = timeout
        self.scoring = scoring
        self.refit = refit
        self.cv = cv
        self.workers = workers
        self.executor = executor
        self.limits = limits
        self.window = window
        self.study = study
        self.seed = seed
        self.start = start
        self.early_stopping = early_stopping
        self.fidelity = fidelity
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> HyperparameterSearchCV:
        """Search, and fit the best candidate on all data.

        Parameters
        ----------
        X : array-like (n, ...)
        y : array-like (n,) or (n, n_outputs), optional
        **params
            ``groups``, ``sample_weight``, and whatever else `fit` of the estimator takes; with
            scikit-learn's metadata routing what it routes.

        Returns
        -------
        HyperparameterSearchCV
            Itself.

        Raises
        ------
        ValueError
            All fits have failed.
        StudyMismatchError
            The study file is of other data, another space or another search.
        """
        if self.trials is not None:
            whole("trials", self.trials, 1)
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        problem = SklearnProblem(
            self.estimator,
            self.space,
            X,
            y,
            names=self.names,
            scoring=self.scoring,
            objective=self._objective(scorers),
            cv=self.cv,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            split_params=routed.splitter.split,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            fidelity=self.fidelity,
            verbose=self.verbose,
        )
        self.n_splits_ = len(problem.splits.pairs)
        weight = params.get("sample_weight")
        told = {"X": X, "y": y, "metadata": None if weight is None else {"sample_weight": weight}}
        with self._task(None, "fit", 1 + (self.refit is not False), told) as root:
            with self._task(root, "search", None, {}) as context:
                problem.context = None if context is None else (context, self)
                self.study_ = self._searched(problem)
            self._read(problem, scorers, refit_metric)
            if self.refit:
                self._fit_best(problem, X, y, routed.estimator.fit, root)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        from sklearn.utils import get_tags  # since 1.6, as this method

        tags.target_tags.multi_output = get_tags(self.estimator).target_tags.multi_output
        return tags

    # -- the search ------------------------------------------------------------------------------

    def _objective(self, scorers: Any) -> str | None:
        """Return the score to maximise; None for all of several."""
        if isinstance(self.refit, str) and (callable(self.scoring) or score_names(scorers)):
            return self.refit
        return None

    def _searched(self, problem: SklearnProblem) -> Result:
        """Run the study; the errors of fits are raised, where that was asked for."""
        result: Result | None = None
        with self._opened(problem) as study:
            with contextlib.suppress(AllTrialsFailedError):
                result = study.run(
                    stop=None if self.trials is None else Trials(self.trials),
                    timeout=self.timeout,
                    workers=self.workers,
                    executor=self.executor,
                    limits=self.limits,
                    window=self.window,
                    fail_fast=0 if self.error_score == "raise" else FAIL_FAST,
                    early_stopping=self.early_stopping,
                    callbacks=[stop_at_failure] if self.error_score == "raise" else [],
                    progress=self.verbose > 0,
                )
            if result is None:
                warn_of_failures(candidates_of(problem, study.trials), self.error_score)
                raise ValueError("all fits have failed")  # as has been raised
        if result.reason == INTERRUPTED:
            say_unfinished(result.reason, len(result.trials), self.trials)
        return result

    @contextlib.contextmanager
    def _opened(self, problem: SklearnProblem) -> Iterator[Study]:
        with warnings.catch_warnings():
            # Scores of other data in one table are wrong: in a study's own words, an error here.
            warnings.simplefilter("error", StudyWarning)
            try:
                # A copy, as a study binds its optimizer, and `fit` may be called again.
                study = Study(
                    problem,
                    copy.deepcopy(self.optimizer),
                    path=self.study,
                    seed=self.seed,
                    start=self.start,
                )
            except StudyWarning as warning:
                raise StudyMismatchError(str(warning)) from None
        try:
            yield study
        finally:
            study.close()

    @contextlib.contextmanager
    def _task(
        self, parent: Any, name: str, most: int | None, told: dict[str, Any]
    ) -> Iterator[Any]:
        """Tell scikit-learn's callbacks, where it has them, when a task begins and ends."""
        if not hasattr(self, "_init_callback_context"):  # before scikit-learn 1.9
            yield None
            return
        if parent is None:
            context = self._init_callback_context(max_subtasks=most)
        else:
            context = parent.subcontext(
                task_name=name, max_subtasks=most, sequential_subtasks=False
            )
        context.call_on_fit_task_begin(estimator=self, **told)
        yield context
        context.call_on_fit_task_end(estimator=self, **told)

    # -- what came of it -------------------------------------------------------------------------

    def _read(self, problem: SklearnProblem, scorers: Any, refit_metric: Any) -> None:
        candidates = candidates_of(problem, self.study_.trials)
        if self.error_score == "raise":
            raise_failure(problem, [each.trial for each in candidates])
        warn_of_failures(candidates, self.error_score)
        results = cv_results(problem, candidates, self._format_results)
        self.multimetric_ = "mean_test_score" not in results
        if callable(self.scoring) and self.multimetric_:
            known = [name for each in candidates for name in each.scores.test]
            self._check_refit_for_multimetric(known)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.cv_results_ = results

    def _fit_best(
        self, problem: SklearnProblem, X: Any, y: Any, params: Mapping[str, Any], root: Any
    ) -> None:
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        self.best_estimator_ = best
        given = (X,) if y is None else (X, y)
        began = time.time()
        context = None if root is None else (root.subcontext("refit-with-best-params"), self)
        with followed(context, best, X, y, params):
            if problem.fidelity is not None and problem.fidelity.name == EPOCHS:
                more = {"classes": np.unique(y)} if is_classifier(best) else {}
                for _ in range(int(self.cv_results_["n_resources"][self.best_index_])):
                    best.partial_fit(*given, **params, **more)
            else:
                best.fit(*given, **params)
        self.refit_time_ = time.time() - began
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
