"""Numbers and JSON data of what evaluations return."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpopt.core.plain import DEEPEST, MOST_INFO, MOST_NOTE, as_float, as_json_data, short_repr
from hpopt.storage.encoding import decode, encode

KEYS = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)


class Tensor:
    """As torch and JAX have them."""

    def __init__(self, listed):
        self.listed = listed

    def tolist(self):
        return self.listed


class EagerTensor:
    """As TensorFlow has them."""

    def numpy(self):
        return np.eye(2)


class Broken:
    def __repr__(self):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError

    tolist = item = numpy = __float__ = __len__


def nested(depth):
    data = []
    for _ in range(depth):
        data = [data]
    return data


def cycle():
    data = []
    data.append(data)
    return data


def many_times_the_same():
    """A list that is small in memory, and of 10**30 numbers as text."""
    data = [0] * 1000
    for _ in range(9):
        data = [data] * 1000
    return data


@given(st.dictionaries(KEYS, JSON, max_size=4))
def test_json_data_is_kept_as_it_is(named):
    assert as_json_data(named) == named


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, (2,)), [1, [2]]),
        (np.float32(0.5), 0.5),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array(["a"]), ["a"]),
        ({"f1": np.array([0.5])}, {"f1": [0.5]}),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (Tensor([[1], [2]]), [[1], [2]]),
        (EagerTensor(), [[1.0, 0.0], [0.0, 1.0]]),
        ({0: 0.5, None: 1}, {"0": 0.5, "null": 1}),
        ("no \udce9", "no ?"),
        ({1, 2}, "{1, 2}"),
        (1j, "1j"),
        (b"1", "b'1'"),
        (np.datetime64("2020-01-01"), "np.datetime64('2020-01-01')"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (Broken(), "without a repr (RuntimeError)"),
    ],
)
def test_what_json_has_no_word_for(value, kept):
    assert as_json_data({"note": value, "last": 1}) == {"note": kept, "last": 1}


@pytest.mark.parametrize(
    "value",
    [
        "x" * (MOST_INFO + 1),
        ["x" * 1000] * 1001,
        np.zeros(MOST_INFO),
        nested(100_000),
        nested(150),
        nested(DEEPEST - 1),
        cycle(),
        many_times_the_same(),
        [np.zeros(MOST_INFO)],
        [10**10_000],
    ],
    ids=[
        "text",
        "list",
        "array",
        "nested",
        "150",
        "deeper",
        "cycle",
        "same",
        "array-in-a-list",
        "digits",
    ],
)
def test_what_is_too_large_becomes_a_short_text(value):
    kept = as_json_data({"large": value, "small": [1]})
    assert isinstance(kept["large"], str)
    assert len(kept["large"]) <= MOST_NOTE
    assert kept["small"] == [1]


def test_what_is_kept_can_be_written_by_a_study():
    deepest = nested(DEEPEST - 2)  # n + 1 lists, in the mapping
    kept = as_json_data({"deepest": deepest, "deeper": [deepest]})
    assert kept["deepest"] == deepest
    assert kept["deeper"] == "[[[[...]]]]"
    assert decode(encode(kept)) == kept


def test_the_bound_is_one_for_all():
    kept = as_json_data({str(n): "x" * (MOST_INFO // 4) for n in range(6)})
    assert [len(text) for text in kept.values()] == [MOST_INFO // 4] * 3 + [MOST_NOTE] * 3
    assert len(json.dumps(kept)) < MOST_INFO


def test_nan_stays_nan():
    (kept,) = as_json_data({"rates": [math.nan, math.inf]}).values()
    assert str(kept) == "[nan, inf]"


def test_it_is_a_copy():
    rows = [1]
    kept = as_json_data({"rows": rows})
    rows.append(2)
    assert kept == {"rows": [1]}


def test_a_broken_object_is_no_number():
    assert as_float(Broken()) is None
    assert short_repr(Broken()) == "Broken without a repr (RuntimeError)"
