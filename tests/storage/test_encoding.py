import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpopt.core.trial import Outcome, Solution, Trial
from hpopt.errors import SettingError
from hpopt.storage.encoding import decode, encode
from hpopt.storage.rows import (
    row_of_outcome,
    row_of_solution,
    solution_of_row,
    trial_of_row,
)

KEYS = st.text() | st.sampled_from(["$float", "$$float", "$", "nan"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["nan", "$float", '"$'])
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


@settings(max_examples=60, deadline=None)
@given(PLAIN)
def test_plain_data_comes_back_from_valid_json(data):
    text = encode(data)
    json.loads(text, parse_constant=refuse)
    assert repr(decode(text)) == repr(data)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, PLAIN), st.lists(st.floats(0, 1)), st.integers(0, 2**32 - 1))
def test_solutions_come_back(config, point, seed):
    solution = Solution(3, config, np.array(point, dtype=np.float64), seed, 2.5)
    found = solution_of_row(row_of_solution(solution))
    assert repr(found) == repr(solution)
    assert found.point.tolist() == point


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(KEYS, st.floats()),
    st.lists(st.tuples(st.floats(), st.floats())),
    st.floats(0, allow_infinity=False),
)
def test_outcomes_come_back(values, curve, seconds):
    outcome = Outcome("complete", values, tuple(curve), started=seconds, seconds=seconds)
    row = row_of_solution(Solution(0, {}, np.zeros(0), 0)) + row_of_outcome(outcome)
    assert repr(trial_of_row(row).outcome) == repr(outcome)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters()))
def test_any_text_can_be_stored(text):
    trial = Trial(Solution(0, {}, np.zeros(0), 0), Outcome("failed", error=text, traceback=text))
    row = row_of_outcome(trial.outcome)
    for column in (5, 7):
        row[column].encode("utf-8")
        assert row[column] == text or any(0xD800 <= ord(each) < 0xE000 for each in text)


def test_what_is_not_finite_is_written_as_documented():
    text = encode({"a": math.nan, "b": [math.inf, -math.inf], "$c": 0})
    assert text == '{"a":{"$float":"nan"},"b":[{"$float":"inf"},{"$float":"-inf"}],"$$c":0}'


def test_tuples_become_lists_and_numpy_numbers_plain_ones():
    data = {"t": (1, (2,)), "i": np.int64(3), "f": np.float32(0.5), "b": np.bool_(True)}
    assert decode(encode(data)) == {"t": [1, [2]], "i": 3, "f": 0.5, "b": True}
    assert math.isnan(decode(encode([np.float32(math.nan)]))[0])


def recursive():
    data = []
    data.append(data)
    return data


@pytest.mark.parametrize("bad", [object(), {1, 2}, b"bytes", {("a",): 1}, recursive(), math, 1j])
@pytest.mark.parametrize("also", [0.0, math.nan, "$"])
def test_what_is_not_plain_is_refused(bad, also):
    with pytest.raises(SettingError, match="a study keeps plain data"):
        encode([also, bad])


@pytest.mark.parametrize("text", ["", "{", "[1] ", "nan", '{"$float":"x"}'])
def test_what_is_no_json_raises_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        decode(text)
