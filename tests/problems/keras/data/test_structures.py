"""Arrays alone, in lists, tuples and dicts: what each means, and messages without their values."""

import numpy as np
import pytest

from hpopt.errors import SettingError
from hpopt.problems.keras.data.rows import checked_rows, training_and_validation
from hpopt.problems.keras.data.structures import describe, shapes_of

A, B = np.arange(12.0).reshape(6, 2), np.arange(6.0)
SECRET = 987654321.0


@pytest.mark.parametrize(
    ("x", "shapes"),
    [
        (A, "(6, 2)"),
        (A.tolist(), "(6, 2)"),
        ([A, B], "[(6, 2), (6,)]"),
        ((A, B), "[(6, 2), (6,)]"),
        ({"a": A, "b": B.tolist()}, "{'a': (6, 2), 'b': (6,)}"),
        ({"a": [A, B]}, "{'a': [(6, 2), (6,)]}"),
        (list(A), "(6, 2)"),  # six examples, not six inputs of two
        ([A, A, A, A, A, A], "[(6, 2), (6, 2), (6, 2), (6, 2), (6, 2), (6, 2)]"),
    ],
)
def test_inputs_are_what_fit_takes(x, shapes):
    rows = checked_rows(x, B)
    assert shapes_of(rows.x) == shapes
    assert len(rows) == 6
    assert shapes_of(rows.batch(slice(1, 3))[0]) == shapes.replace("(6,", "(2,")


@pytest.mark.parametrize("y", [[B, A], {"b": B, "a": A}])
def test_targets_and_weights_are_taken_and_split_alike(y):
    rows, aside = training_and_validation(A, y, None, 0.5, B)
    x, targets, weights = rows.batch(slice(None))
    first = targets["b"] if isinstance(y, dict) else targets[0]
    assert (first == weights).all()
    assert (first * 2 == x[:, 0]).all()
    assert sorted([*weights, *aside.batch(slice(None))[2]]) == B.tolist()


def test_inputs_alone_have_batches_of_one():
    training, aside = training_and_validation(A, None, None, 0.5)
    assert [len(batch) for batch in (training.batch(slice(0, 2)), aside.batch(slice(0, 2)))] == [
        1,
        1,
    ]
    for given in (A, (A,)):
        _, validation = training_and_validation(A, None, given, 0.2)
        assert validation.y is None
        assert len(validation) == 6


def test_texts_are_inputs_but_no_targets():
    texts = np.array(["one", "two", "three"] * 2)
    for x in (texts, texts.astype(object), texts.tolist(), texts.astype("S")):
        assert len(checked_rows(x, B)) == 6
    with pytest.raises(SettingError, match=r"y\['t'\] must be an array of numbers"):
        checked_rows(A, {"t": texts})
    with pytest.raises(SettingError, match="of its 6 values of dtype object 1 are no text"):
        checked_rows(np.array(["one", None, *"abcd"], dtype=object), B)


@pytest.mark.parametrize(
    ("x", "y", "weights", "message"),
    [
        ([A, B[:3]], B, None, r"x\[0\] and x\[1\] must be of the same length, but got 6 and 3"),
        ({"a": A}, B[:2], None, r"x\['a'\] and y must be of the same length, but got 6 and 2"),
        (A, B, B[:2], "x and sample_weight must be of the same length, but got 6 and 2"),
        (A, B, B * np.nan, "sample_weight must be finite"),
        (A, None, B, "sample_weight needs targets"),
        ({"a": A, "b": B * np.nan}, B, None, r"x\['b'\] must be finite"),
        ({}, B, None, "x must not be empty"),
        ([A, {"b": B[:0]}], B, None, r"x\[1\]\['b'\] must not be empty"),
    ],
)
def test_the_part_that_is_wrong_is_named(x, y, weights, message):
    with pytest.raises(SettingError, match=message):
        checked_rows(x, y, weights=weights)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (([A, B], B), r"its x has \[\(6, 2\), \(6,\)\] where that of training has \(6, 2\)"),
        ((A, {"b": B}), r"its y has \{'b': \(6,\)\}"),
        ((A, B, B[:2]), "validation x and sample_weight must be of the same length"),
        ((A, B, B, B), r"or \(x, y, sample_weight\), but got \("),
        (A, "but got ndarray"),
    ],
)
def test_validation_data_of_another_form(data, message):
    with pytest.raises(SettingError, match=message):
        training_and_validation(A, B, data, 0.2)


@pytest.mark.parametrize(
    "data",
    [
        np.full((3, 2), SECRET),
        [np.full(3, SECRET)],
        {"a": np.full(3, SECRET)},
        [SECRET] * 3,
        SECRET,
        {f"name {number}": np.full(3, SECRET) for number in range(99)},
        {"n" * 999: np.full(3, SECRET)},
    ],
)
def test_a_description_has_no_values_and_is_short(data):
    assert str(int(SECRET)) not in describe(data)
    assert len(describe(data)) <= 300
