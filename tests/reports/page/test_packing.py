import base64
import zlib

import numpy as np
import pytest

from hpopt import Outcome, failed
from hpopt.core import STATUSES
from hpopt.reports.page.packing import CLOCK, KEPT_BITS, packed_study
from hpopt.reports.reader import read_data
from reports.test_data import study_of

SIZES = {"u1": 1, "u2": 2, "i4": 4, "f4": 4, "f8": 8}


def unpacked(packed):
    """Read arrays as the browser does."""
    stream, start, found = zlib.decompress(base64.b64decode(packed["blob"])), 0, {}
    for how in packed["arrays"]:
        n, size = packed["n"], SIZES.get(how["type"], 0)
        raw = np.frombuffer(stream[start : start + n * size], np.uint8)
        start += n * size
        if how["type"] in ("none", "same"):
            found[how["name"]] = np.full(n, how.get("offset", np.nan))
            continue
        raw = np.ascontiguousarray(raw.reshape(size, n).T).view(f"<{how['type']}")[:, 0]
        steps = raw.astype(float)
        numbers = how.get("offset", 0.0) + how.get("scale", 1.0) * (
            np.cumsum(steps) if how.get("delta") else steps
        )
        found[how["name"]] = np.where(raw == how.get("none"), np.nan, numbers)
    assert start == len(stream)
    return found


def outcomes(n):
    for k in range(n):
        if k % 7 == 3:
            yield failed(f"no {k}")
        else:
            value = {"loss": [1e300, -1.25, 3.0, 0.1][k % 4]}
            yield Outcome("complete", value, started=1e9 + 0.25 * k, seconds=0.1 * k)


def test_arrays_come_back_as_they_were():
    data = read_data(study_of(outcomes(60)))
    packed = packed_study(data)
    found = unpacked(packed)
    assert packed["best"] == data.numbers[data.best]
    np.testing.assert_array_equal(found["number"], data.numbers)
    np.testing.assert_array_equal(found["status"], data.status)
    np.testing.assert_allclose(found["started"], data.started, atol=CLOCK)
    np.testing.assert_array_equal(found["seconds"], data.seconds)
    np.testing.assert_array_equal(found["value 0"], data.values["loss"])
    np.testing.assert_array_equal(np.isnan(found["cause"]), data.cause < 0)
    for k, column in enumerate(data.columns):
        np.testing.assert_array_equal(found[f"column {k}"], column.values)
    assert {each["status"] for each in packed["causes"]} == {"failed"}
    assert packed["statuses"] == list(STATUSES)


def test_of_many_trials_the_parameters_keep_five_digits_and_the_values_seven(monkeypatch):
    monkeypatch.setattr("hpopt.reports.page.packing.EXACT", 10)
    values = [{"loss": 1 + k / 3e4} for k in range(200)]
    data = read_data(study_of(values))
    found = unpacked(packed_study(data))
    np.testing.assert_allclose(found["value 0"], data.values["loss"], rtol=2.0**-24)
    rate = data.columns[0].values
    np.testing.assert_allclose(found["column 0"], rate, rtol=2.0 ** -(KEPT_BITS + 1))
    assert (found["column 0"] != rate).any()


def test_an_update_has_some_rows_only():
    data = read_data(study_of(outcomes(20)))
    packed = packed_study(data, np.array([3, 19]))
    found = unpacked(packed)
    assert (packed["n"], found["number"].tolist()) == (2, [3.0, 19.0])
    np.testing.assert_array_equal(found["value 0"], data.values["loss"][[3, 19]])


@pytest.mark.parametrize("n", [0, 1])
def test_few_trials_can_be_packed(n):
    data = read_data(study_of(outcomes(n)))
    assert len(unpacked(packed_study(data))["number"]) == n
