"""Arrays of examples: what is refused, and how they are split without a copy."""

import numpy as np
import pytest

from hpopt.errors import SettingError
from hpopt.problems.keras.data.rows import Rows, checked_rows, training_and_validation

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = np.repeat([0, 1], [15, 5])


def with_a(value):
    x = X.copy()
    x[3, 1] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (with_a(np.nan), Y, "x must be finite, but 1 of its 20 rows hold nan or inf"),
        (with_a(np.inf), Y, "x must be finite"),
        (X, np.where(Y == 1, np.nan, 0.0), "y must be finite, but 5 of its 20 rows"),
        (X, Y[:-1], "x and y must be of the same length, but got 20 and 19"),
        (X[:0], Y[:0], r"x must not be empty, but its shape is \(0, 2\)"),
        ([], [], "x must not be empty"),
        (X, Y.astype(str), "y must be an array of numbers, but its dtype is <U"),
        (np.array([object()] * 20), Y, "x must be an array of numbers, but its dtype is object"),
        ([[1, 2], [3]], [0, 1], "x must be an array, but its rows differ in shape"),
        (3, Y, "x must be an array of examples, but got int"),
        (None, Y, "x must be an array of examples, but got None"),
    ],
)
def test_bad_arrays_are_refused(x, y, message):
    with pytest.raises(SettingError, match=message):
        checked_rows(x, y)


def test_good_arrays_are_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for x in (X, mapped):
        training, validation = training_and_validation(x, Y, None, 0.2)
        assert np.shares_memory(training.x, x)
        assert validation.x is training.x
        assert validation.y is training.y
        given, _ = training_and_validation(x, Y, (x, Y), 0.2)
        assert np.shares_memory(given.take(slice(0, 4))[0], x)


def test_lists_and_integers_are_arrays_too():
    rows = checked_rows([[0, 1], [2, 3]], [True, False])
    assert rows.x.tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("shares", [(15, 5), (10, 10), (18, 1, 1)])
def test_a_split_is_exact_and_gives_each_class_its_share(fraction, shares):
    y = np.random.default_rng(0).permutation(np.repeat(range(len(shares)), shares))
    rest, aside = Rows(X, y).split(fraction, seed=0)
    assert len(aside) == round(20 * fraction)
    both = np.concatenate([rest.numbers, aside.numbers])
    assert sorted(both.tolist()) == list(range(20))
    for label, share in enumerate(shares):
        assert abs((aside.take(slice(None))[1] == label).sum() - share * fraction) < 1


def test_a_split_is_always_the_same_and_mixed():
    first, again, other = (Rows(X, Y).split(0.5, seed)[1].numbers for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert first.tolist() != list(range(10))


@pytest.mark.parametrize(
    "y",
    [
        Y[:, None],
        np.eye(2)[Y],
        np.linspace(0, 1, 20),
        np.zeros((20, 4, 4)),
    ],
)
def test_targets_of_every_shape_are_split(y):
    rest, aside = Rows(X, y).split(0.25, seed=0)
    assert (len(rest), len(aside)) == (15, 5)


def test_one_hot_targets_are_stratified():
    _, aside = Rows(X, np.eye(2)[Y]).split(0.2, seed=0)
    assert aside.take(slice(None))[1].sum(axis=0).tolist() == [3, 1]


def test_numeric_targets_are_spread_over_their_range():
    y = np.random.default_rng(0).permutation(np.arange(20.0))
    _, aside = Rows(X, y).split(0.25, seed=0)
    assert np.diff(sorted(aside.take(slice(None))[1])).tolist() == [4, 4, 4, 4]


def test_both_parts_have_a_row():
    for fraction in (0.01, 0.99):
        rest, aside = Rows(X[:2], Y[:2]).split(fraction, seed=0)
        assert (len(rest), len(aside)) == (1, 1)
    with pytest.raises(SettingError, match="needs at least 2 examples, but got 1"):
        Rows(X[:1], Y[:1]).split(0.5, seed=0)


@pytest.mark.parametrize("split", [1, 1.5, -0.1, "0.2", None, True, np.nan])
def test_a_split_out_of_range_is_refused(split):
    with pytest.raises(SettingError, match="0 <= validation_split < 1 must hold, but got"):
        training_and_validation(X, Y, None, split)


def test_without_a_split_there_is_no_validation():
    training, validation = training_and_validation(X, Y, None, 0)
    assert validation is None
    assert len(training) == 20


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, "validation_data must be a pair of arrays"),
        ((X,), "validation_data must be a pair of arrays"),
        ((X, Y[:3]), "validation x and validation y must be of the same length"),
        ((with_a(np.nan), Y), "validation x must be finite"),
        ((X[:, :1], Y), r"its x has \(20, 1\) where that of training has \(20, 2\)"),
        ((X, Y[:, None]), r"its y has \(20, 1\) where that of training has \(20,\)"),
    ],
)
def test_bad_validation_data_are_refused(data, message):
    with pytest.raises(SettingError, match=message):
        training_and_validation(X, Y, data, 0.2)
