import json

import pytest

from hpopt.core.amounts import in_units
from hpopt.errors import SettingError
from hpopt.executors import Limits


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("4GB", 4 * 10**9),
        ("512MB", 512 * 10**6),
        ("1.5 GiB", 3 * 2**29),
        (" 2 tb ", 2 * 10**12),
        ("2000kB", 2 * 10**6),
        ("64MiB", 2**26),
        ("1000000B", 10**6),
        (3_000_000, 3_000_000),
        (4e9, 4 * 10**9),
    ],
)
def test_memory_is_kept_in_bytes(text, n_bytes):
    limits = Limits(memory=text)
    assert limits.memory == limits.bytes == n_bytes
    assert isinstance(limits.memory, int)


@pytest.mark.parametrize("memory", ["4", "4G", "four GB", "GB", "", "-4GB", "nanGB", [4], True])
def test_memory_that_means_nothing_is_refused(memory):
    with pytest.raises(SettingError, match="memory must be"):
        Limits(memory=memory)


@pytest.mark.parametrize("memory", [4, 0, -1, "1kB", float("inf"), float("nan")])
def test_memory_that_nothing_fits_in_is_taken_for_a_missing_unit(memory):
    with pytest.raises(SettingError, match=r"at least 1 MB.*write '4GB'"):
        Limits(memory=memory)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), "10", True])
def test_seconds_must_be_a_finite_number_above_0(seconds):
    with pytest.raises(SettingError, match="seconds must be a finite number above 0"):
        Limits(seconds=seconds)


def test_limits_survive_json():
    limits = Limits(seconds=3, memory="1GiB")
    assert Limits(**json.loads(json.dumps(limits.to_dict()))) == limits


def test_limits_say_whether_there_are_any():
    assert not Limits()
    assert Limits(seconds=1)
    assert Limits(memory="1GB")


def test_limits_cannot_be_changed():
    with pytest.raises(AttributeError):
        Limits(seconds=1).seconds = 2


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (1_234_567, "1.23 MB"), (4e10, "40 GB")],
)
def test_amounts_are_written_in_units(n_bytes, text):
    assert in_units(n_bytes) == text
