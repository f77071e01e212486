"""Folds: a number, scikit-learn's splitters with groups, pairs of rows."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold

from hpopt.errors import SettingError
from hpopt.problems.keras.data.folds import split_into_folds
from hpopt.problems.keras.data.rows import Rows

X, Y = np.arange(24.0).reshape(12, 2), np.repeat([0, 1], [8, 4])
GROUPS = np.arange(12) // 3
ROWS = Rows(X, Y)


def test_groups_are_not_parted():
    folds = split_into_folds(ROWS, GroupKFold(4), GROUPS)
    assert len(folds) == 4
    for rest, aside in folds:
        assert not set(GROUPS[rest.numbers]) & set(GROUPS[aside.numbers])


@pytest.mark.parametrize("y", [Y, Y[:, None], np.eye(2)[Y], (Y, X), {"label": Y, "more": X}])
def test_classes_are_known_to_a_splitter(y):
    for _, aside in split_into_folds(Rows({"a": X}, y), StratifiedKFold(4)):
        assert np.bincount(Y[aside.numbers]).tolist() == [2, 1]


def test_pairs_of_rows_and_single_splits():
    pairs = [([0, 1], [2]), (np.arange(12) < 6, np.arange(12) > 6)]
    first, second = split_into_folds(ROWS, pairs)
    assert (first[0].numbers.tolist(), first[1].numbers.tolist()) == ([0, 1], [2])
    assert (len(second[0]), len(second[1])) == (6, 5)
    assert len(split_into_folds(ROWS, iter(pairs))) == 2
    assert len(split_into_folds(ROWS, ShuffleSplit(1, random_state=0))) == 1


@pytest.mark.parametrize(
    ("folds", "groups", "message"),
    [
        (GroupKFold(4), None, r"folds=GroupKFold could not .* groups=\[...\] gives it"),
        (StratifiedKFold(9), None, "folds=StratifiedKFold could not split the 12 examples"),
        (ShuffleSplit(2), None, "ShuffleSplit splits otherwise each time: give it a random_state"),
        (GroupKFold(2), GROUPS[:5], r"of each of the 12 examples, but its shape is \(5,\)"),
        (3, GROUPS, r"write folds=sklearn.model_selection.GroupKFold\(3\)"),
        ([([0], [1])], GROUPS, "groups needs folds that are a splitter"),
        ([([0], [12])], None, "must be from 0 to 11, but list gave 12 to 12"),
        ([([0], [])], None, "must be the numbers of its rows, at least one"),
        ([3], None, "but got int in place of a pair"),
        ([], None, "must hold at least one split, but list gave none"),
        ("5", None, "folds must be an int"),
        (GroupKFold, GROUPS, r"got the class GroupKFold: write GroupKFold\("),
        (2.5, None, "folds must be an int of at least 2"),
        (1, None, "folds must be an int of at least 2"),
    ],
)
def test_what_cannot_be_folds(folds, groups, message):
    with pytest.raises(SettingError, match=message):
        split_into_folds(ROWS, folds, groups)


def test_folds_keep_the_weights():
    rows = Rows(X, Y, weights=X[:, 0])
    for rest, _ in split_into_folds(rows, KFold(3)):
        x, _, weights = rest.batch(slice(None))
        assert (x[:, 0] == weights).all()
