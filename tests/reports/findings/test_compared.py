import dataclasses

import numpy as np
import pytest

import hpopt
from hpopt.errors import SettingError
from hpopt.reports.findings import compared
from reports.synthetic import made

SPACE = {"x": hpopt.Float(0, 1)}


def test_studies_are_compared_after_as_many_trials_and_seconds():
    slow = made(SPACE, lambda c: c["x"], 100, name="slow", started=1e9 + 100.0 * np.arange(100))
    fast = made(SPACE, lambda c: c["x"] + 0.001, 60, seed=1, name="fast")
    found = compared([slow, fast])
    assert (found.n_trials, found.seconds) == (60, 60.0)
    assert dict(found.after_trials)["slow"] == slow.values["loss"][:60].min()
    assert dict(found.after_seconds) == {
        "slow": slow.values["loss"][0],
        "fast": fast.values["loss"].min(),
    }
    assert found.after_seconds[0][0] == "fast"
    assert found.runs[0].best[-1] == slow.values["loss"].min()
    assert list(found.runs[0].numbers) == sorted(found.runs[0].numbers)
    assert "Each is one run" in found.sentences[-1]


def test_what_cannot_be_compared_is_an_error():
    one, other = made(SPACE, lambda c: 1.0, 3), made(SPACE, lambda c: 1.0, 3, direction="maximize")
    with pytest.raises(SettingError, match="same first objective"):
        compared([one, other])
    with pytest.raises(SettingError, match="two studies or more"):
        compared([one])


def test_a_study_without_values_is_named():
    one, none = made(SPACE, lambda c: c["x"], 9), made(SPACE, lambda c: np.nan, 9)
    found = compared([one, dataclasses.replace(none, name="empty")])
    assert "empty had no value yet" in found.sentences[0]
    assert len(compared([one, one]).after_trials) == 2
    assert "made (1) and made (2) are level" in compared([one, one]).sentences[0]
