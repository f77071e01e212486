"""Small networks side by side, on JAX: in folds, with weights, and where something goes wrong."""

import pytest

from ..small import needs_keras
from .finding import assert_same, found_on_jax, needs_jax

pytestmark = [needs_keras, needs_jax]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return found_on_jax("others", tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("of", ["of folds", "of augmented images", "of own layers"])
def test_others_are_trained_as_alone(facts, of):
    for beside, alone in zip(facts[of]["beside"], facts[of]["alone"], strict=True):
        assert_same(beside, alone)


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
