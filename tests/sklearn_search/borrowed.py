"""scikit-learn's own tests of its searches, with our search in the place of two of them.

Run all that apply: ``pytest tests/sklearn_search/borrowed.py -n 0``.
"""

import contextlib
import importlib.util
import math
import sys

import pytest
import sklearn.model_selection as public
from sklearn.model_selection.tests import test_search as theirs

from hpopt.errors import HpoptError
from hpopt.problems.sklearn import estimator_space
from hpopt.sklearn import HyperparameterSearchCV

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
]

# What does not apply to any search, with the reason.
LEFT_OUT = {
    "test_validate_parameter_input": "of ParameterGrid and ParameterSampler",
    "test_parameter_grid": "of ParameterGrid",
    "test_param_sampler": "of ParameterSampler",
    "test_parameters_sampler_replacement": "of ParameterSampler",
    "test_yield_masked_array_for_each_param": "of a function of scikit-learn's",
    "test_yield_masked_array_no_runtime_warning": "of a function of scikit-learn's",
    "test_custom_run_search": "of subclasses of BaseSearchCV that evaluate lists of candidates",
    "test__custom_fit_no_run_search": "of such subclasses",
    "test_grid_search_bad_param_grid": "of messages: ours are SpaceError, a ValueError",
    "test_grid_search_classifier_all_fits_fail": "a value that is listed three times is tried once",
    "test_callable_multimetric_clf_all_fits_fail": "the same",
    "test_search_with_2d_array": "of scikit-learn's own random draws",
    "test_grid_search_cv_splits_consistency": "the same: [0.1, 0.1, 0.2, 0.2] is two candidates",
}


def is_covered(distributions, n):
    with contextlib.suppress(HpoptError):
        return estimator_space(distributions).space.size <= n
    return False


class GridSearchCV(HyperparameterSearchCV):
    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=math.nan,
        return_train_score=False,
    ):
        super().__init__(
            estimator,
            param_grid,
            optimizer="grid",
            trials=None,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
            workers=n_jobs,
        )
        self.pre_dispatch = pre_dispatch
        self.n_jobs = n_jobs

    param_grid = property(lambda self: self.space, lambda self, value: None)


class RandomizedSearchCV(HyperparameterSearchCV):
    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter=10,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=math.nan,
        return_train_score=False,
    ):
        super().__init__(
            estimator,
            param_distributions,
            # Where all lists are tried, scikit-learn does it in their order.
            optimizer="grid" if is_covered(param_distributions, n_iter) else "random",
            trials=n_iter,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
            workers=n_jobs,
            seed=random_state,
        )
        self.n_iter, self.random_state = n_iter, random_state
        self.pre_dispatch = pre_dispatch
        self.n_jobs = n_jobs

    param_distributions = property(lambda self: self.space, lambda self, value: None)


@contextlib.contextmanager
def in_place_of(**classes):
    before = {name: getattr(public, name) for name in classes}
    vars(public).update(classes)
    try:
        yield
    finally:
        vars(public).update(before)


def borrow():
    """Return scikit-learn's module of tests, made again with our search in it."""
    spec = importlib.util.spec_from_file_location("borrowed_tests", theirs.__file__)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with in_place_of(GridSearchCV=GridSearchCV, RandomizedSearchCV=RandomizedSearchCV):
        spec.loader.exec_module(module)
    return module


BORROWED = {
    name: test
    for name, test in vars(borrow()).items()
    if name.startswith("test") and name not in LEFT_OUT
}
globals().update(BORROWED)
