"""The search as scikit-learn's users use it, and what it has beyond theirs."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import hpopt
from hpopt.errors import StudyMismatchError, UnknownNameError
from hpopt.sklearn import HyperparameterSearchCV, SklearnProblem
from hpopt.sklearn.failures import raise_failure

X, Y = make_classification(120, 8, n_informative=3, flip_y=0.2, random_state=0)
TREE = DecisionTreeClassifier(random_state=0)
SPACE = {"max_depth": hpopt.Int(1, 8), "ccp_alpha": loguniform(1e-4, 1e-1)}


def search(estimator=TREE, space=SPACE, **arguments):
    settings = {"trials": 8, "seed": 0, "cv": 3} | arguments
    return HyperparameterSearchCV(estimator, space, **settings)


class Noted(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its parameter, less for later folds; it fails on demand."""

    def __init__(self, x=0.0, fails="never", random_state=None):
        self.x, self.fails, self.random_state = x, fails, random_state

    def fit(self, X, y):
        if self.fails == "always":
            raise ValueError("as was asked for")
        self.classes_ = np.unique(y)
        self.seen_ = self.random_state
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return self.x


@pytest.mark.filterwarnings("ignore")
def test_it_is_an_estimator():
    check_estimator(search(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2, trials=1))


def test_choices_are_objects_under_names():
    pipe = Pipeline([("scale", StandardScaler()), ("clf", TREE)])
    space = {
        "scale": {"standard": StandardScaler(), "range": MinMaxScaler(), "none": "passthrough"},
        "clf": [TREE, GaussianNB()],
        "clf__max_depth": hpopt.Int(1, 4, when={"clf": "DecisionTreeClassifier"}),
    }
    found = search(pipe, space, trials=12).fit(X, Y)
    chosen = [trial.config["clf"] for trial in found.study_.trials]
    assert set(chosen) == {"DecisionTreeClassifier", "GaussianNB"}
    kinds = [type(each).__name__ for each in found.cv_results_["param_clf"]]
    assert kinds == chosen
    mask = found.cv_results_["param_clf__max_depth"].mask
    assert mask.tolist() == [kind == "GaussianNB" for kind in kinds]
    best = found.best_estimator_.named_steps["clf"]
    assert type(best).__name__ == chosen[found.best_index_]


def test_a_search_that_was_cut_short_goes_on(tmp_path):
    whole = search(optimizer="bayesian").fit(X, Y)
    path = tmp_path / "search.db"
    search(optimizer="bayesian", trials=3, study=path).fit(X, Y)
    again = search(optimizer="bayesian", study=path).fit(X, Y)
    assert again.cv_results_["params"] == whole.cv_results_["params"]
    scores = again.cv_results_["split1_test_score"]
    np.testing.assert_array_equal(scores, whole.cv_results_["split1_test_score"])
    assert again.best_params_ == whole.best_params_


def test_a_study_of_other_data_is_refused(tmp_path):
    path = tmp_path / "search.db"
    search(study=path, trials=2).fit(X, Y)
    with pytest.raises(StudyMismatchError, match="other data"):
        search(study=path, trials=2).fit(X[:100], Y[:100])


def test_workers_give_the_same():
    estimator = DecisionTreeClassifier(max_features=2)  # random_state=None
    alone = search(estimator, window=2, trials=6).fit(X, Y)
    both = search(estimator, window=2, trials=6, workers=2).fit(X, Y)
    assert alone.cv_results_["params"] == both.cv_results_["params"]
    mean = "mean_test_score"
    np.testing.assert_array_equal(alone.cv_results_[mean], both.cv_results_[mean])


def test_racing_masks_what_is_not_known():
    space = {"x": hpopt.Float(0, 1)}
    found = search(Noted(), space, trials=12, cv=4, early_stopping="racing").fit(X, Y)
    results = found.cv_results_
    stopped = results["status"] == "stopped"
    assert 0 < stopped.sum() < 12
    for name in ("split3_test_score", "mean_test_score", "std_test_score"):
        assert np.ma.getmaskarray(results[name])[stopped].all()
        assert not np.ma.getmaskarray(results[name])[~stopped].any()
    assert not np.ma.getmaskarray(results["split0_test_score"]).any()
    assert results["rank_test_score"][stopped].min() > results["rank_test_score"][~stopped].max()
    assert found.best_score_ == max(trial.values["score"] for trial in found.study_.trials)


def test_some_fits_that_fail_are_a_warning():
    space = {"fails": ["never", "always"]}
    with (
        pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"),
        pytest.warns(UserWarning, match="scores are non-finite"),
    ):
        found = search(Noted(x=0.5), space, optimizer="grid").fit(X, Y)
    assert [trial.status for trial in found.study_.trials] == ["complete", "failed"]
    assert found.best_params_ == {"fails": "never"}
    with pytest.raises(ValueError, match="as was asked for") as raised:
        search(Noted(), space, error_score="raise").fit(X, Y)
    assert raised.traceback[-1].name == "fit"  # it is the exception itself
    with pytest.raises(ValueError, match="as was asked for") as raised:
        raise_failure(SklearnProblem(Noted(), space, X, Y), [found.study_.trial(1)])
    assert "in fit" in str(raised.value.__cause__)  # of a worker process, one like it


def test_several_scores_without_a_best_are_several_objectives():
    found = search(scoring=["accuracy", "recall"], refit=False).fit(X, Y)
    assert [each.name for each in found.study_.objectives] == ["accuracy", "recall"]
    assert not hasattr(found, "best_index_")
    assert len(found.study_.front) >= 1


def test_a_parameter_as_fidelity():
    levels = hpopt.Fidelity(1, 9, "max_depth")
    space = {"ccp_alpha": loguniform(1e-4, 1e-1)}
    found = search(space=space, optimizer="asha", fidelity=levels, trials=12).fit(X, Y)
    depths = found.cv_results_["param_max_depth"].tolist()
    assert depths == found.cv_results_["n_resources"].tolist()
    assert len(set(depths)) > 1
    assert found.best_params_["max_depth"] == max(depths)
    assert np.ma.getmaskarray(found.cv_results_["mean_test_score"]).sum() == sum(
        depth < max(depths) for depth in depths
    )


def test_groups_and_nested_cross_validation():
    groups = np.arange(len(X)) % 6
    found = search(cv=GroupKFold(3)).fit(X, Y, groups=groups)
    assert found.n_splits_ == 3
    assert cross_val_score(search(trials=2), X, Y, cv=2).shape == (2,)


def test_pickled_with_its_record():
    found = search(trials=3).fit(X, Y)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(X), found.predict(X))
    assert [t.config for t in again.study_.trials] == [t.config for t in found.study_.trials]
    assert not hasattr(clone(again), "best_params_")


def test_a_wrong_name_is_an_error_before_any_fit():
    with pytest.raises(UnknownNameError, match="did you mean 'max_depth'"):
        search(space={"max_deph": [1, 2]}).fit(X, Y)


def test_fit_leaves_what_it_was_given():
    optimizer = hpopt.RandomSearch()
    given = search(optimizer=optimizer, trials=2)
    first = given.fit(X, Y).best_params_
    assert given.fit(X, Y).best_params_ == first
    assert given.get_params()["optimizer"] is optimizer


def test_what_has_no_seed_gets_one():
    space = {"x": [0.1, 0.2]}
    found = search(Noted(), space).fit(X, Y)
    assert found.best_estimator_.random_state is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = search(Noted(), space).fit(X, Y)
    assert again.cv_results_["params"] == found.cv_results_["params"]
