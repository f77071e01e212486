"""Labels of every kind become numbers from 0."""

import numpy as np
import pandas as pd
import pytest

from hpopt.errors import SettingError
from hpopt.problems.keras.data.labels import Labels


@pytest.mark.parametrize(
    ("y", "classes", "numbers"),
    [
        ([3, 1, 3, 7], [1, 3, 7], [1, 0, 1, 2]),
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        ([[0], [1], [0]], [0, 1], [0, 1, 0]),
        ([1.0, 2.0, 1.0], [1.0, 2.0], [0, 1, 0]),
        ([True, False], [False, True], [1, 0]),
        (np.eye(4)[[2, 0, 2]], [0, 1, 2, 3], [2, 0, 2]),
        (pd.Series(["b", "a"]), ["a", "b"], [1, 0]),
        (pd.Series([5, 4], dtype=object), [4, 5], [1, 0]),
        (np.array([-1, 1], dtype="int8"), [-1, 1], [0, 1]),
    ],
)
def test_labels_of_every_kind(y, classes, numbers):
    labels = Labels(y)
    assert labels.classes == classes
    assert labels.numbers(y).tolist() == numbers
    assert labels.numbers(y).dtype == np.int32


def test_classes_may_be_told():
    labels = Labels([1, 0], classes=[2, 1, 0])
    assert labels.numbers([0, 2]).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        ([0, 1, 5], [0, 1], r"labels in y must be among the classes \[0, 1\], but got \[5\]"),
        (["a", "c"], ["a", "b"], r"but got \['c'\]"),
        ([0, 0, 0], None, r"at least two classes to tell apart, but got \[0\]"),
        ([0, 1], [0, 1, 0], "classes must be different"),
        (
            [0.5, 1.0],
            None,
            "labels of classes, but 1 of its 2 numbers are not whole: .* KerasProblem",
        ),
        ([0.0, np.nan], None, "the labels of classes, but 1 of its 2 numbers"),
        (pd.Series(["a", None, "b"], dtype=object), None, "but 1 of 3 are missing"),
        (np.zeros((3, 2)), None, "one label for each example, or one-hot rows"),
        ([], None, "y must not be empty"),
        (np.array([object(), object()]), None, "must hold numbers or names"),
    ],
)
def test_what_is_no_label_is_refused(y, classes, message):
    with pytest.raises(SettingError, match=message):
        Labels(y, classes).numbers(y)


def test_many_unknown_labels_are_not_all_listed():
    with pytest.raises(SettingError, match=r"9, \.\.\.\]$"):
        Labels([-1, -2]).numbers(np.arange(1000))


def test_weights_go_by_label():
    y = ["a", "b", "b", "b"]
    labels = Labels(y)
    assert labels.weights({"b": 2, "a": 1}, y) == {1: 2.0, 0: 1.0}
    assert labels.weights(None, y) is None


def test_balanced_weights_make_classes_count_the_same():
    y = ["a", "b", "b", "b"]
    weights = Labels(y, classes=["a", "b", "c"]).weights("balanced", y)
    assert weights[0] * 1 == pytest.approx(weights[1] * 3) == pytest.approx(2)
    assert weights[2] == 2  # no example has it


@pytest.mark.parametrize("weights", ["even", [1, 2], {"c": 1}])
def test_other_weights_are_refused(weights):
    with pytest.raises(SettingError, match="class_weight"):
        Labels(["a", "b"]).weights(weights, ["a", "b"])
