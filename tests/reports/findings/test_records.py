import numpy as np
import pytest

from hpopt.reports.findings.records import forecast


def test_records_of_equal_draws_come_as_often_as_renyi_says():
    """Of 50 draws and 50 more, the best is among the later ones with probability one half."""
    rng = np.random.default_rng(0)
    chances = [forecast(rng.random(50), 50).chance for _ in range(40)]
    assert 0.45 < np.mean(chances) < 0.6


def test_who_has_stalled_is_expected_to_gain_less():
    learning = 1.0 / np.arange(1, 101)
    stalled = np.concatenate([learning[:10], np.ones(90)])
    fast, slow = forecast(learning, 50), forecast(stalled, 50)
    assert fast.chance > 0.95 > 0.5 > slow.chance
    assert fast.low > 0
    assert slow.low == slow.gain == 0
    assert 0 < fast.low <= fast.gain <= fast.high


@pytest.mark.parametrize("losses", [[1.0], [np.inf, 2.0, 2.0], [np.inf, 3.0, np.inf, 1.0]])
def test_of_few_trials_it_says_something(losses):
    found = forecast(np.array(losses), 10)
    assert 0 <= found.chance <= 1
    assert 0 <= found.low <= found.gain <= found.high < np.inf
