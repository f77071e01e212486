"""The comparison of importance knows the true shares of a table: no figure is looked at."""

import numpy as np
import pytest


@pytest.fixture
def studied(as_benchmark):
    as_benchmark("strategies", "", "importance")
    import studied

    return studied


def test_true_shares_of_a_table_are_those_of_its_sides(studied):
    a, b, c = np.meshgrid([0.0, 1.0], [0.0, 1.0, 2.0], [5.0, 5.0], indexing="ij")
    found = studied.shares(2 * a + b + 0 * c)
    whole = 1.0 + 2 / 3
    assert found == pytest.approx([1 / whole, 2 / 3 / whole, 0.0])


def test_only_the_kernels_that_have_a_parameter_get_it(studied):
    study = studied.of_branches(12, 0)
    for config in study["configs"]:
        assert ("gamma" in config) == (config["kernel"] != "linear")
        assert ("degree" in config) == (config["kernel"] == "poly")
    assert all(0 <= loss <= 1 for loss in study["losses"])
