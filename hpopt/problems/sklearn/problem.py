"""A problem whose evaluations are fits of an estimator of scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from traceback import format_exception
from typing import Any, cast

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import indexable
from sklearn.utils.validation import _check_method_params

from hpopt.core.constraint import Constraints, normalised_constraints
from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Fidelity, Problem, check_problem, objectives_of
from hpopt.core.trial import Config
from hpopt.problems.sklearn.continuing import FILE, FittedEstimators
from hpopt.problems.sklearn.data import digest
from hpopt.problems.sklearn.fidelity import (
    EPOCHS,
    FOLDS,
    OWN,
    SAMPLES,
    amount_of,
    fidelity_of,
    rows_of,
)
from hpopt.problems.sklearn.fitting import Fit, FitSettings, Task, fit_split, warn_of_score
from hpopt.problems.sklearn.scoring import (
    check_scores,
    check_version,
    score_names,
    score_objectives,
    scorer_of,
    takes_weights,
)
from hpopt.problems.sklearn.spaces import check_names, estimator_space
from hpopt.problems.sklearn.splits import SCORE, Splits, SplitScores

STATE = "splits.json"


class SklearnProblem(Problem):
    """Search the parameters of an estimator of scikit-learn by cross-validation.

    A trial fits the estimator on each split of the data in turn. Its values are the means of the
    test scores, all of them to be maximised, and their standard deviation. After each split it
    reports the mean so far, so rules of early stopping race configs over the folds.

    `hpopt.sklearn.HyperparameterSearchCV` is this problem as scikit-learn's users know it.

    Parameters
    ----------
    estimator : estimator
        It is cloned for each fit. What is None of its `random_state` gets a seed that follows
        from the trial's, so that the same trial gives the same anywhere.
    space : Space, mapping, or list of mappings
        For each parameter of the estimator (``C``, or ``clf__C`` in a pipeline): a parameter of
        hpopt, a list of values, a distribution of scipy.stats, or a mapping of names to objects.
        See `estimator_space`.
    X, y : array-like (n, ...)
        As the estimator takes them.
    names : mapping of str to mapping, optional
        What the choices of a Space stand for: ``{"clf": {"svm": SVC()}}``.
    scoring : str, callable, or list, tuple or mapping of several, optional
        By default the estimator's own score.
    objective : str or sequence of str, optional
        Which of several scores to maximise; by default all of them.
    cv : int, splitter or iterable of (train, test), optional
        By default 5 folds, stratified for classifiers. The splits are made once.
    groups : array-like (n,), optional
        For splitters such as ``GroupKFold``.
    sample_weight : array-like (n,), optional
        For `fit`, and for scorers that take it.
    fit_params, score_params, split_params : mapping, optional
        What else `fit`, the scorers and the splitter get.
    error_score : float or "raise"
        The score of a fit that fails, or cannot be scored. If all fits of a trial fail, so does the
        trial. With "raise" the first one that fails ends it.
    return_train_score : bool
        Whether to score on the rows that were trained on, too.
    fidelity : "folds", "samples" or Fidelity, optional
        What strategies of many fidelities spend: splits, rows to train on (a tenth to all by
        default), passes of `partial_fit`, as ``Fidelity(1, 27, "epochs")``, or a parameter, as
        ``Fidelity(10, 300, "n_estimators")``. Splits and epochs go on where the earlier trial of a
        config ended, a parameter if the estimator has ``warm_start=True``; else fits begin anew.
    constraints : mapping of str to (operator, bound), or several Constraint, optional
        Bounds on scores: ``{"recall": (">=", 0.9)}``.
    verbose : int
        From 2 on each fit prints a line.

    Raises
    ------
    MissingExtraError
        scikit-learn is older than 1.6.
    ProblemError, SpaceError, UnknownNameError
        The space, the fidelity or an objective is not valid.
    ValueError, TypeError
        As scikit-learn raises them for data, scorers and splits.

    Examples
    --------
    >>> problem = SklearnProblem(SVC(), {"C": hpopt.Float(1e-3, 1e3, log=True)}, X, y, cv=10)
    >>> hpopt.optimize(problem, trials=30).best.values["score"]
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        X: Any,
        y: Any = None,
        *,
        names: Mapping[str, Mapping[str, Any]] | None = None,
        scoring: Any = None,
        objective: str | Iterable[str] | None = None,
        cv: Any = None,
        groups: Any = None,
        sample_weight: Any = None,
        fit_params: Mapping[str, Any] | None = None,
        score_params: Mapping[str, Any] | None = None,
        split_params: Mapping[str, Any] | None = None,
        error_score: Any = math.nan,
        return_train_score: bool = False,
        fidelity: Fidelity | str | None = None,
        constraints: Constraints = (),
        verbose: int = 0,
    ) -> None:
        check_version()
        self.candidates = estimator_space(space, names)
        self.space = self.candidates.space
        self.estimator = clone(estimator)
        self.X, self.y = indexable(X, y)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        scorer = scorer_of(estimator, scoring, raises=error_score == "raise")
        in_scores = weights if weights and takes_weights(scorer) else {}
        self.settings = FitSettings(
            scorer=scorer,
            fit_params=_check_method_params(self.X, {**(fit_params or {}), **weights}),
            score_params=_check_method_params(self.X, {**(score_params or {}), **in_scores}),
            error_score=error_score,
            return_train_score=return_train_score,
            verbose=verbose,
        )
        self.splits = Splits.of(
            check_cv(cv, self.y, classifier=is_classifier(estimator)),
            self.X,
            self.y,
            {**(split_params or {}), **({} if groups is None else {"groups": groups})},
        )
        n_scores = len(score_names(scorer) or [SCORE]) * (1 + return_train_score)
        self.splits.check_number(n_scores)
        self.objectives = score_objectives(scorer, objective)
        self.constraints = normalised_constraints(constraints)
        self.fidelity = fidelity_of(fidelity, estimator, self.splits.pairs)
        self.context: Any = None  # that of scikit-learn's callbacks, and who runs the search
        self.raised: list[BaseException] = []  # in this process, with error_score="raise"
        self._said: set[str] = set()  # what scorers have raised
        self.fitted = FittedEstimators()
        check_problem(self)
        check_names(self.candidates, estimator)

    def parameters(self, config: Config, trial: Any = None) -> dict[str, Any]:
        """Return the estimator's parameters of a config: objects, where names stand for them.

        Of a trial with a fidelity that is a parameter, with that parameter.
        """
        found: dict[str, Any] = self.candidates.parameters(config)
        if self.fidelity is not None and self.fidelity.name not in OWN:
            found[self.fidelity.name] = (
                int(self.fidelity.high) if trial is None else amount_of(self.fidelity, trial)
            )
        return found

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, Any]:
        """Fit and score on one split after the other.

        Returns
        -------
        mapping of str to float
            The means of the test scores, and their standard deviations as ``<name>_std``. And for
            `Trial.info` ``splits``: the scores, seconds and errors of each split.
        """
        found = (
            self._passes(trial, config) if self._counted == EPOCHS else self._folds(trial, config)
        )
        if found.failure is not None:
            raise found.failure
        for error in found.unscored:
            self._say_unscored(error)
        return found.values(self._names, is_stopped=trial.stopped, forecast=trial.forecast)

    @property
    def _names(self) -> list[str]:
        return [each.name for each in objectives_of(self)]

    @property
    def _counted(self) -> str | None:
        return None if self.fidelity is None else self.fidelity.name

    def _folds(self, trial: TrialHandle, config: Config) -> SplitScores:
        """Fit on one split after the other."""
        fidelity, n_all = self.fidelity, len(self.splits.pairs)
        amount = n_all if fidelity is None else amount_of(fidelity, trial)
        is_of_folds = self._counted in (None, FOLDS)
        n_splits = amount if is_of_folds else n_all
        folder = None if trial.previous is None else trial.previous.directory
        found = SplitScores.read(None if folder is None else folder / STATE)
        for step in range(1, len(found) + 1):
            self._report(trial, found, step)
        fitted = [] if is_of_folds else self._fitted(folder, amount)
        for number in range(len(found), n_splits):
            fit = self._fit(trial, config, number, fitted[number] if fitted else None)
            found.add(fit, self.settings.error_score)
            check_scores(found, self._names)
            if fitted:
                fitted[number] = fit.estimator
            self._report(trial, found, number + 1 if is_of_folds else amount)
            if number + 1 < n_splits and trial.should_stop():
                return found
        if fidelity is not None and amount < fidelity.high:
            if is_of_folds:
                found.write(trial.directory / STATE)
            elif fitted:
                self.fitted.write(trial.directory, fitted, amount)
        return found

    def _fitted(self, folder: Path | None, amount: int) -> list[Any]:
        """Return what each split goes on from, None for nothing; empty where none can."""
        fidelity = self.fidelity
        if fidelity is None or not fidelity.resumes:
            return []
        before = self.fitted.read(folder)
        if before is None:
            return [None] * len(self.splits.pairs)
        if fidelity.name != EPOCHS:
            for each in filter(None, before[0]):
                each.set_params(**{fidelity.name: amount})
        return before[0]

    def _passes(self, trial: TrialHandle, config: Config) -> SplitScores:
        """Call `partial_fit` on all splits, as often as there are epochs to spend."""
        fidelity = cast("Fidelity", self.fidelity)
        amount = amount_of(fidelity, trial)
        folder = None if trial.previous is None else trial.previous.directory
        fitted, done = self.fitted.read(folder) or ([None] * len(self.splits.pairs), 0)
        found = SplitScores()
        for epoch in range(done + 1, amount + 1):
            before, found = found, SplitScores()
            for number in range(len(fitted)):
                fit = self._fit(trial, config, number, fitted[number], is_first=epoch == done + 1)
                found.add(fit, self.settings.error_score, before)
                fitted[number] = fit.estimator
            self._report(trial, found, epoch)
            if found.failure is not None or (epoch < amount and trial.should_stop()):
                return found
        if amount < fidelity.high:
            self.fitted.write(trial.directory, fitted, amount)
        return found

    def _fit(
        self, trial: TrialHandle, config: Config, number: int, before: Any, *, is_first: bool = True
    ) -> Fit:
        """Fit on one split, from what was fitted before."""
        n_splits = len(self.splits.pairs)
        train, test = self.splits.pairs[number]
        if self._counted == SAMPLES and self.fidelity is not None:
            amount = amount_of(self.fidelity, trial)
            train = rows_of(train, self.y, amount, self.splits.most_rows, self.estimator)
        task = Task(
            self.parameters(config, trial),
            train,
            test,
            seed=(trial.seed + number) % 2**32,
            title=f" {number + 1}/{n_splits}",
            context=self._context(trial.number * n_splits + number) if is_first else None,
            before=before,
            is_pass=self._counted == EPOCHS,
        )
        try:
            return fit_split(self.estimator, self.X, self.y, task, self.settings)
        except Exception as error:
            self.raised.append(error)
            raise

    def _say_unscored(self, error: BaseException) -> None:
        """Warn of what scorers raise, once of each kind: it is the same for each fit, often."""
        kind = repr(error)
        if kind not in self._said:
            self._said.add(kind)
            warn_of_score("".join(format_exception(error)), self.settings.error_score)

    def _context(self, number: int) -> Any:
        if self.context is None:
            return None
        search, caller = self.context
        name = "candidate-split-evaluation"
        return search.subcontext(task_name=name, task_id=number), caller

    def _report(self, trial: TrialHandle, found: SplitScores, step: int) -> None:
        means = found.means(self._names, step if self._counted in (None, FOLDS) else len(found))
        if means:
            trial.report(step, means)

    def state_files(self, directory: Path) -> Iterable[Path]:
        """Return the file from which a later trial of the config goes on."""
        return [path for path in (directory / STATE, directory / FILE) if path.exists()]

    def fingerprint(self) -> Mapping[str, str]:
        """Return digests of the data, the splits, the estimator and the scoring."""
        settings = self.settings
        return {
            "data": digest(self.X, self.y, dict(settings.fit_params), dict(settings.score_params)),
            "splits": digest([np.asarray(part) for pair in self.splits.pairs for part in pair]),
            "estimator": digest(self.estimator, self.candidates.objects),
            "scoring": digest(settings.scorer, settings.error_score),
        }
