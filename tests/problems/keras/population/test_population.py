"""Networks that train side by side, on JAX: they are what they are alone."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ..small import needs_keras
from .on_jax import EPOCHS, SHARES, STOPS_AT
from .wide_networks import UNITS

pytestmark = [
    needs_keras,
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None, reason="JAX is not installed: pip install jax"
    ),
]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Give what a process on JAX finds."""
    chosen = {"KERAS_BACKEND": "jax", "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    done = subprocess.run(
        [sys.executable, "-m", "problems.keras.population.on_jax"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **chosen},
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


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


@pytest.mark.parametrize("of", ["of folds", "of augmented images", "of own layers"])
def test_others_are_trained_as_alone(facts, of):
    for beside, alone in zip(facts[of]["beside"], facts[of]["alone"], strict=True):
        assert_same(beside, alone)


def assert_same(beside, alone):
    if isinstance(alone, list):  # of several runs
        assert len(beside) == len(alone)
        for mine, theirs in zip(beside, alone, strict=True):
            assert_same(mine, theirs)
        return
    assert [*beside] == [*alone]
    for name, values in alone.items():
        np.testing.assert_allclose(beside[name], values, 1e-5, err_msg=name)


def test_patience_ends_members_at_different_epochs(facts):
    n_epochs = {len(fold["loss"]) for trial in facts["of folds"]["beside"] for fold in trial}
    assert len(n_epochs) > 1


def test_less_memory_means_fewer_places(facts):
    found = facts["of few places"]
    for few, enough in zip(found["few"], found["enough"], strict=True):
        assert_same(few, enough)
    assert facts["printed"].count("memory ran out: 2 networks at a time") == 1


def test_what_cannot_be_traced_is_trained_alone(facts):
    refused = facts["that are refused"]["beside"]
    for one, enough in zip(refused, facts["of few places"]["enough"], strict=True):
        assert_same(one, enough)
    said = "train one after another, as training them as one raised TypeError: no such operation"
    assert facts["printed"].count(said) == 1
