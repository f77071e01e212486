"""Networks that train side by side, on JAX: they are what they are alone."""

import numpy as np
import pytest

from ..small import needs_keras
from .finding import assert_same, found_on_jax, needs_jax
from .on_jax import EPOCHS, SHARES, STOPS_AT
from .wide_networks import UNITS

pytestmark = [needs_keras, needs_jax]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return found_on_jax("main", tmp_path_factory.mktemp("cache"))


def test_members_are_trained_as_alone(facts):
    for i, (beside, alone) in enumerate(zip(facts["beside"], facts["alone"], strict=True)):
        assert beside["status"] == alone["status"], beside["error"]
        assert len(beside["history"]["loss"]) == STOPS_AT.get(i, EPOCHS)
        assert_same(beside["history"], alone["history"])
        assert beside["values"].keys() == alone["values"].keys()


def test_values_do_not_depend_on_the_grouping(facts):
    assert facts["by itself"] == facts["beside"][2]


def test_one_that_diverges_leaves_the_others_as_they_are(facts):
    first, *others = facts["beside one that diverges"]
    assert first["status"] == "invalid"
    assert others == facts["beside"][1:]
    assert len(others) == len(SHARES) - 1


def test_narrow_networks_train_inside_a_wide_one_as_alone(facts):
    found = facts["of widths"]
    assert found["n_forms"] == 1
    assert [shapes[0] for shapes in found["shapes"]] == [[6, n] for n in UNITS]
    assert found["by itself"] == found["beside"][0]
    for way in ("alone", "beside, then alone", "alone, then beside"):
        for name, values in found[way].items():
            np.testing.assert_allclose(found["beside"][0][name], values, 1e-5, err_msg=name)


def test_what_was_killed_goes_on_as_if_it_had_not_been(facts):
    killed = facts["killed"]
    assert killed["again"] == facts["beside"][2]
    # That of the second epoch was saved after it had been reported.
    assert killed["n_epochs"] == EPOCHS - 1
