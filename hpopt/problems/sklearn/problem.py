"""A problem whose evaluations are fits of an estimator of scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import indexable
from sklearn.utils.validation import _check_method_params

from hpopt.core.constraint import Constraints, normalised_constraints
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective
from hpopt.core.problem import Fidelity, Problem, check_problem, objectives_of
from hpopt.core.trial import Config
from hpopt.errors import UnknownNameError
from hpopt.problems.sklearn.data import digest
from hpopt.problems.sklearn.fidelity import FOLDS, SAMPLES, amount_of, fidelity_of, rows_of
from hpopt.problems.sklearn.fitting import Fit, FitSettings, Task, fit_split
from hpopt.problems.sklearn.spaces import EstimatorSpace, estimator_space
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
        The score of a fit that fails. If all fits of a trial fail, so does the trial. With
        "raise" the first one that fails ends it.
    return_train_score : bool
        Whether to score on the rows that were trained on, too.
    fidelity : "folds", "samples" or Fidelity, optional
        What strategies of many fidelities spend: splits, rows to train on (a tenth to all by
        default), or a parameter, as ``Fidelity(10, 300, "n_estimators")``.
    constraints : mapping of str to (operator, bound), or several Constraint, optional
        Bounds on scores: ``{"recall": (">=", 0.9)}``.
    verbose : int
        From 2 on each fit prints a line.

    Raises
    ------
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
        self.candidates = estimator_space(space, names)
        self.space = self.candidates.space
        self.estimator = clone(estimator)
        self.X, self.y = indexable(X, y)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        scorer = _scorer(estimator, scoring, raises=error_score == "raise")
        in_scores = weights if weights and _takes_weights(scorer) else {}
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
        self.objectives = _objectives(scorer, objective)
        self.constraints = normalised_constraints(constraints)
        self.fidelity = fidelity_of(fidelity, estimator, self.splits.pairs)
        self.context: Any = None  # that of scikit-learn's callbacks, and who runs the search
        self.raised: list[BaseException] = []  # in this process, with error_score="raise"
        check_problem(self)
        _check_names(self.candidates, estimator)

    def parameters(self, config: Config, trial: Any = None) -> dict[str, Any]:
        """Return the estimator's parameters of a config: objects, where names stand for them.

        Of a trial with a fidelity that is a parameter, with that parameter.
        """
        found: dict[str, Any] = self.candidates.parameters(config)
        if self.fidelity is not None and self.fidelity.name not in (FOLDS, SAMPLES):
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
        names = [each.name for each in objectives_of(self)]
        amount = None if self.fidelity is None else amount_of(self.fidelity, trial)
        is_of_folds = self.fidelity is not None and self.fidelity.name == FOLDS
        n_splits = amount if is_of_folds and amount is not None else len(self.splits.pairs)
        found = SplitScores.read(self._state(trial))
        for number in range(len(found)):
            self._report(trial, found, number + 1, names)
        for number, fit in self._fits(config, trial, range(len(found), n_splits)):
            found.add(fit, self.settings.error_score)
            _check_scores(found, names)
            self._report(trial, found, number + 1, names)
            if number + 1 < n_splits and trial.should_stop():
                break
        if is_of_folds and n_splits < len(self.splits.pairs):
            found.write(trial.directory / STATE)
        if found.first_error is not None and found.n_failed == len(found):
            raise found.first_error
        return found.values(names, is_stopped=trial.stopped, forecast=trial.forecast)

    def _fits(
        self, config: Config, trial: TrialHandle, numbers: range
    ) -> Iterator[tuple[int, Fit]]:
        parameters = self.parameters(config, trial)
        n_splits = len(self.splits.pairs)
        for number in numbers:
            train, test = self.splits.pairs[number]
            if self.fidelity is not None and self.fidelity.name == SAMPLES:
                amount = amount_of(self.fidelity, trial)
                train = rows_of(train, self.y, amount, self.splits.most_rows, self.estimator)
            task = Task(
                parameters,
                train,
                test,
                seed=(trial.seed + number) % 2**32,
                title=f" {number + 1}/{n_splits}",
                context=self._context(trial.number * n_splits + number),
            )
            try:
                fit = fit_split(self.estimator, self.X, self.y, task, self.settings)
            except Exception as error:
                self.raised.append(error)
                raise
            yield number, fit

    def _context(self, number: int) -> Any:
        if self.context is None:
            return None
        search, caller = self.context
        name = "candidate-split-evaluation"
        return search.subcontext(task_name=name, task_id=number), caller

    def _report(self, trial: TrialHandle, found: SplitScores, step: int, names: list[str]) -> None:
        means = found.means(names, step)
        if means:
            trial.report(step, means)

    def _state(self, trial: TrialHandle) -> Path | None:
        previous = trial.previous
        return None if previous is None else previous.directory / STATE

    def state_files(self, directory: Path) -> Iterable[Path]:
        """Return the file with the scores of the splits so far."""
        return [path for path in [directory / STATE] if path.exists()]

    def fingerprint(self) -> Mapping[str, str]:
        """Return digests of the data, the splits, the estimator and the scoring."""
        settings = self.settings
        return {
            "data": digest(self.X, self.y, dict(settings.fit_params), dict(settings.score_params)),
            "splits": digest([np.asarray(part) for pair in self.splits.pairs for part in pair]),
            "estimator": digest(self.estimator, self.candidates.objects),
            "scoring": digest(settings.scorer, settings.error_score),
        }


def _scorer(estimator: Any, scoring: Any, *, raises: bool) -> Any:
    if callable(scoring) or scoring is None or isinstance(scoring, str):
        return check_scoring(estimator, scoring)
    return check_scoring(estimator, scoring, raise_exc=raises)


def score_names(scorer: Any) -> list[str] | None:
    """Return the names of several scores; None where there is one, or none is known yet."""
    scorers = getattr(scorer, "_scorers", None)
    return list(scorers) if isinstance(scorers, dict) else None


def _objectives(scorer: Any, wanted: str | Iterable[str] | None) -> tuple[Objective, ...]:
    known = score_names(scorer)
    if wanted is None:
        wanted = known or [SCORE]
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if known is not None and name not in known:
            raise UnknownNameError("objective", str(name), known)
    return tuple(Objective(name, "maximize") for name in names)


def _check_scores(found: SplitScores, names: list[str]) -> None:
    """Raise ValueError where a scorer that is a function returns other scores than are wanted."""
    missing = [name for name in names if name != SCORE and name not in found.test]
    if found.test and missing:
        raise ValueError(
            "For multi-metric scoring, the parameter refit must be set to a scorer key or a "
            f"callable to refit an estimator with the best parameters, but the scores are "
            f"{list(found.test)} and {missing} is none of them: name one of these as the objective"
        )


def _takes_weights(scorer: Any) -> bool:
    takes = getattr(scorer, "_accept_sample_weight", None)
    return bool(takes()) if takes is not None else False


def _check_names(candidates: EstimatorSpace, estimator: Any) -> None:
    """Raise UnknownNameError where the estimator has no parameter of a name in the space.

    Parameters of a step that is chosen are looked up in what is chosen, when it is set.
    """
    try:
        known = estimator.get_params(deep=True)
    except TypeError:  # an estimator of somebody's, without `deep`
        return
    chosen = {candidates.targets.get(name, name) for name in candidates.space}
    for name in candidates.space:
        target = candidates.targets.get(name, name)
        if target is None or target in known:
            continue
        owner, _, _ = target.rpartition("__")
        parents = {target[:place] for place in range(len(target)) if target.startswith("__", place)}
        # Estimators of other libraries may take what they do not name.
        is_strict = isinstance(known.get(owner) if owner else estimator, BaseEstimator)
        if is_strict and not parents & chosen:
            raise UnknownNameError(f"parameter of {type(estimator).__name__}", target, known)
