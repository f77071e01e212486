import numpy as np
import pytest

import hpopt
from hpopt.reports.importance import process_shares
from reports.importance.test_importance import BRANCHES, UNIT
from reports.synthetic import made


def test_shares_of_the_mean_are_those_of_the_function():
    found = process_shares(made(UNIT, lambda c: 4 * c["a"] + 3 * c["b"] + 2 * c["c"], 80))
    assert list(found.shares)[:3] == ["a", "b", "c"]
    for name, true in (("a", 16), ("b", 9), ("c", 4), ("d", 0)):
        assert found.shares[name] == pytest.approx(true / 29, abs=0.05)
    assert found.skill > 0.95


def test_a_parameter_counts_where_it_exists():
    def loss(c):
        return (5.0 if c["kind"] == "net" else 0.0) + c.get("rate", 0.0)

    found = process_shares(made(BRANCHES, loss, 80))
    assert list(found.shares)[:2] == ["kind", "rate"]
    assert found.shares["decay"] < 0.01
    alone = process_shares(made(BRANCHES, lambda c: c.get("rate", 0.5), 80))
    assert alone.shares["rate"] > 0.8 > 0.1 > alone.shares["kind"]


@pytest.mark.parametrize("n", [0, 30])
def test_where_there_is_nothing_to_fit_it_says_so(n):
    found = process_shares(made({"x": hpopt.Float(0, 1)}, lambda c: 1.0, n))
    assert found.shares == {}
    assert np.isnan(found.skill)
