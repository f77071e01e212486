"""The problem behind the search, by itself."""

import json
import math

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

import hpopt
from hpopt import Fidelity
from hpopt.core import Previous, TrialHandle
from hpopt.errors import ProblemError, UnknownNameError
from hpopt.problems import SklearnProblem
from hpopt.testing import ProblemContract

X, Y = load_iris(return_X_y=True)
SPACE = {"n_neighbors": hpopt.Int(1, 30)}


def problem(estimator=None, space=SPACE, **arguments):
    estimator = KNeighborsClassifier() if estimator is None else estimator
    return SklearnProblem(estimator, space, X, Y, **arguments)


def handle(fidelity=None, **arguments):
    return TrialHandle(0, 1, fidelity, objectives=("score",), **arguments)


class TestContract(ProblemContract):
    def make(self):
        return problem(DecisionTreeClassifier(max_features=1), {"max_depth": hpopt.Int(1, 9)}, cv=2)


class TestContractOfFolds(ProblemContract):
    def make(self):
        return problem(fidelity="folds", cv=3)


class TestContractOfEpochs(ProblemContract):
    def make(self):
        estimator = SGDClassifier()
        return problem(estimator, {"alpha": [1e-4, 1e-2]}, cv=2, fidelity=Fidelity(1, 4, "epochs"))


class TestContractOfTrees(ProblemContract):
    def make(self):
        levels = Fidelity(1, 4, "n_estimators")
        forest = RandomForestClassifier(warm_start=True)
        return problem(forest, {"max_depth": [1, 3]}, cv=2, fidelity=levels)


def test_its_value_is_that_of_cross_validation():
    found = problem().evaluate({"n_neighbors": 7}, handle())
    expected = cross_val_score(KNeighborsClassifier(7), X, Y)
    assert found["score"] == pytest.approx(expected.mean())
    assert found["score_std"] == pytest.approx(expected.std())
    assert found["splits"]["test"]["score"] == pytest.approx(expected.tolist())


def test_it_reports_the_mean_after_each_fold():
    trial = handle()
    found = problem(cv=3).evaluate({"n_neighbors": 7}, trial)
    scores = found["splits"]["test"]["score"]
    means = np.cumsum(scores) / [1, 2, 3]
    assert trial.curve == [(step + 1, pytest.approx(mean)) for step, mean in enumerate(means)]


def test_a_trial_of_more_folds_goes_on(tmp_path):
    several = problem(fidelity="folds")
    first = handle(2, directory=tmp_path / "first")
    several.evaluate({"n_neighbors": 7}, first)
    assert len(first.curve) == 2
    assert [path.name for path in several.state_files(tmp_path / "first")] == ["splits.json"]
    later = handle(5, previous=Previous(tmp_path / "first", 2), directory=tmp_path / "later")
    found = several.evaluate({"n_neighbors": 7}, later)
    whole = several.evaluate({"n_neighbors": 7}, handle(5))
    assert found["score"] == whole["score"]
    kept = json.loads((tmp_path / "first" / "splits.json").read_text())
    assert found["splits"]["fit_time"][:2] == kept["fit_time"]  # they were not fitted again


class Passes(ClassifierMixin, BaseEstimator):
    """Its score is how often it was passed over, and 100 more if it was fitted in two goes."""

    def __init__(self, x=0, n_estimators=1, warm_start=False):
        self.x, self.n_estimators, self.warm_start = x, n_estimators, warm_start

    def __setstate__(self, state):
        super().__setstate__(state)
        self.n_ = state.get("n_", 0) + 100 * ("n_" in state and not self.warm_start)

    def fit(self, X, y):
        self.n_ = self.n_estimators
        return self

    def partial_fit(self, X, y, classes=None):
        assert classes.tolist() == [0, 1, 2]
        self.n_ = getattr(self, "n_", 0) + 1
        return self

    def score(self, X, y):
        return self.n_


class Counting(ClassifierMixin, BaseEstimator):
    """Its score is how many rows it was trained on."""

    def __init__(self, x=0):
        self.x = x

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.n_ = np.unique(y, return_counts=True)
        self.weight_ = None if sample_weight is None else float(sample_weight.sum())
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.n_.sum() + (0 if (self.n_ == self.n_[0]).all() else 0.5)


@pytest.mark.parametrize("count", ["epochs", "n_estimators"])
def test_fits_go_on_from_what_this_search_has_left(tmp_path, count):
    levels = Fidelity(1, 4, count)
    by_count = {"epochs": Passes(), "n_estimators": Passes(warm_start=True)}
    several = problem(by_count[count], {"x": [0, 1]}, fidelity=levels, cv=2)
    several.evaluate({"x": 0}, handle(1, directory=tmp_path))
    assert [path.name for path in several.state_files(tmp_path)] == ["estimators.pickle"]
    previous = Previous(tmp_path, 1)
    found = several.evaluate({"x": 0}, handle(3, previous=previous, directory=tmp_path / "a"))
    assert found["score"] == (103 if count == "epochs" else 3)
    stranger = problem(by_count[count], {"x": [0, 1]}, fidelity=levels, cv=2)
    anew = stranger.evaluate({"x": 0}, handle(3, previous=previous, directory=tmp_path / "b"))
    assert anew["score"] == 3  # what another process has pickled is not read


def test_samples_are_a_share_of_each_class():
    counting = problem(Counting(), {"x": [0, 1]}, fidelity="samples")
    assert (counting.fidelity.low, counting.fidelity.high) == (12, 120)
    assert counting.evaluate({"x": 0}, handle(30))["score"] == 30
    assert counting.evaluate({"x": 0}, handle(120))["score"] == 120


def test_weights_are_split_with_the_rows():
    def weight(estimator, X, y):
        return estimator.weight_

    weighted = problem(Counting(), {"x": [0]}, sample_weight=np.arange(150), scoring=weight, cv=2)
    found = weighted.evaluate({"x": 0}, handle())
    assert sum(found["splits"]["test"]["score"]) == np.arange(150).sum()


def test_a_fit_that_fails_fails_the_trial_only_where_all_do():
    class Fickle(Counting):
        def fit(self, X, y):
            if self.x == 1 or (self.x == 2 and len(X) == 112):
                raise ValueError("as was asked for")
            return super().fit(X, y)

    fickle = problem(Fickle(), {"x": [0, 1, 2]}, cv=KFold(4), error_score=-1)
    with pytest.raises(ValueError, match="as was asked for"):
        fickle.evaluate({"x": 1}, handle())
    found = fickle.evaluate({"x": 2}, handle())
    assert [score == -1 for score in found["splits"]["test"]["score"]].count(True) == 2
    assert set(found["splits"]["errors"]) == {"0", "1"}


def test_its_fingerprint_tells_data_apart():
    one, same = problem().fingerprint(), problem().fingerprint()
    assert one == same
    other = SklearnProblem(KNeighborsClassifier(weights="distance"), SPACE, X, 2 - Y)
    changed = {name for name, text in other.fingerprint().items() if text != one[name]}
    assert changed == {"data", "estimator"}


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"fidelity": hpopt.Fidelity(1, 6, "folds")}, ProblemError, "of which there are 5"),
        ({"fidelity": hpopt.Fidelity(1, 6, "leaf_sise")}, UnknownNameError, "leaf_size"),
        ({"fidelity": (1, 3)}, ProblemError, "'folds', 'samples'"),
        ({"scoring": ["accuracy"], "objective": "acuracy"}, UnknownNameError, "accuracy"),
        ({"scoring": "acuracy"}, ValueError, "acuracy"),
        ({"cv": 1}, ValueError, "n_splits"),
        ({"cv": [([0, 1], [2])] * 20_000}, ProblemError, "at most 13333 splits"),
        ({"fidelity": hpopt.Fidelity(1, 9, "epochs")}, ProblemError, "has none"),
    ],
)
def test_what_is_no_problem(arguments, error, said):
    with pytest.raises(error, match=said):
        problem(**arguments)


def test_unset_seeds_follow_from_the_trial():
    tree = problem(DecisionTreeClassifier(max_features=1), {"max_depth": [3]})
    one, same = (tree.evaluate({"max_depth": 3}, handle())["score"] for _ in range(2))
    assert one == same
    others = {tree.evaluate({"max_depth": 3}, TrialHandle(0, seed))["score"] for seed in range(5)}
    assert len(others) > 1
    assert not math.isnan(one)
