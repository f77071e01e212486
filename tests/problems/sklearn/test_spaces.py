"""Spaces in the words of scikit-learn: lists, distributions, objects under names, several dicts."""

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from hpopt import Categorical, Float, Int, Ordinal, Sequence, Space
from hpopt.errors import SpaceError, UnknownNameError
from hpopt.problems.sklearn import estimator_space
from hpopt.problems.sklearn.spaces import check_names


def parameter(given):
    return estimator_space({"p": given}).space["p"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0.1, 1, 10], Ordinal([0.1, 1, 10])),
        (np.array([3, 2, 1]), Ordinal([3, 2, 1])),
        (range(1, 4), Ordinal([1, 2, 3])),
        ([1, 3, 2], Categorical([1, 3, 2])),
        ([None, 2, 4], Categorical([None, 2, 4])),
        ([True, False], Categorical([True, False])),
        ([2, 2, 5], Categorical([2, 5])),
        (((1, 1), (1, 2)), Categorical([(1, 1), (1, 2)])),
        (stats.uniform(-1, 3), Float(-1, 2)),
        (stats.loguniform(1e-3, 1e2), Float(1e-3, 1e2, log=True)),
        (stats.randint(2, 9), Int(2, 8)),
        (stats.bernoulli(0.3), Categorical([0, 1])),
        (Int(1, 3), Int(1, 3)),
    ],
)
def test_what_stands_for_a_parameter(given, expected):
    assert parameter(given) == expected


def test_other_distributions_are_quantiles_of_equal_weight():
    found = parameter(stats.expon(scale=10))
    values = np.array(found.values)
    assert isinstance(found, Ordinal)
    for share in (0.1, 0.5, 0.9):
        assert (values < stats.expon(scale=10).ppf(share)).mean() == pytest.approx(share, abs=0.01)


def test_what_only_draws_is_drawn():
    class Coin:
        def rvs(self, random_state):
            return ["heads", "tails"][random_state.randint(2)]

    assert set(parameter(Coin()).choices) == {"heads", "tails"}


def test_objects_are_found_under_their_names():
    first, second = SVC(C=2), SVC(C=3)
    space = estimator_space({"clf": [PCA(), first, second, "passthrough", None]})
    names = space.space["clf"].choices
    assert names == ("PCA", "SVC", "SVC(C=3)", "passthrough", None)
    assert space.parameters({"clf": "SVC"})["clf"] is first
    assert space.parameters({"clf": "SVC(C=3)"})["clf"] is second
    assert space.parameters({"clf": None}) == {"clf": None}


def test_names_of_a_space_of_ones_own():
    space = Space({"clf": Categorical(["svm", "none"])}, forbid=[])
    svm = SVC()
    found = estimator_space(space, {"clf": {"svm": svm}})
    assert found.parameters({"clf": "svm"})["clf"] is svm
    with pytest.raises(UnknownNameError, match="did you mean 'clf'"):
        estimator_space(space, {"clv": {}})
    with pytest.raises(SpaceError, match="'svn' is none of"):
        estimator_space(space, {"clf": {"svn": svm}})


def test_layers_are_a_tuple():
    space = estimator_space({"hidden_layer_sizes": Sequence({"units": Int(1, 9)}, 1, 3)})
    config = {"hidden_layer_sizes": [{"units": 4}, {"units": 2}]}
    assert space.parameters(config) == {"hidden_layer_sizes": (4, 2)}


def test_several_spaces_share_what_is_the_same():
    kernels = [
        {"kernel": ["rbf"], "C": [1, 10, 100], "gamma": [0.1, 1]},
        {"kernel": ["poly"], "C": [1, 10, 100], "degree": [2, 3]},
        {"C": [5]},
    ]
    found = estimator_space(kernels)
    assert list(found.space) == ["space", "C", "C (2)", "gamma", "kernel", "kernel (1)", "degree"]
    parameters = [found.parameters(config) for config in found.space.sample(200, seed=0)]
    kinds = {tuple(sorted(each)) for each in parameters}
    assert kinds == {("C", "gamma", "kernel"), ("C", "degree", "kernel"), ("C",)}
    assert all(each["C"] == 5 for each in parameters if "kernel" not in each)
    assert found.space.size == 6 + 6 + 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"p": 1}, r"write \[1\] for a single value"),
        ({"p": "ab"}, r"write \['ab'\]"),
        ({"p": []}, "at least one value"),
        ({"p": {1, 2}}, "order of a set"),
        ({"p": np.ones((2, 2))}, r"shape \(2, 2\)"),
        ({"p": {1: SVC()}}, "a mapping of names"),
        ([{"p": [1]}, 3], "must be a mapping of parameters, but got 3"),
        ([], "at least one"),
        (3, "must be a mapping of the estimator's parameters"),
    ],
)
def test_what_is_no_space(given, said):
    with pytest.raises(SpaceError, match=said):
        estimator_space(given)


def test_a_misspelt_step_is_said():
    pipe = Pipeline([("reduce", PCA()), ("svc", SVC())])
    with pytest.raises(UnknownNameError, match="'svm__C': did you mean 'svc__C'"):
        check_names(estimator_space({"svm__C": [1, 2]}), pipe)
    chosen = estimator_space({"svc": {"svm": SVC(), "none": "passthrough"}, "svc__C": [1, 2]})
    check_names(chosen, pipe)
