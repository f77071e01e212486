"""The size of populations: what is given, what is said where none can be."""

from types import SimpleNamespace

import pytest

from hpopt.core import Fidelity, Solution
from hpopt.errors import SettingError, StudyWarning
from hpopt.problems.keras.data.sources import ArraySource
from hpopt.problems.keras.population.guessing import architecture_guess
from hpopt.problems.keras.population.size import population_of
from hpopt.space import Int, Sequence, Space

from ..small import Quick, X, Y, needs_keras, quiet

pytestmark = [needs_keras, quiet]


ARRAYS = ArraySource([(X, None)])


@pytest.fixture
def on_jax(monkeypatch):
    monkeypatch.setattr("hpopt.problems.keras.population.size.chosen_backend", lambda: "jax")


@pytest.mark.parametrize("wrong", [0, -3, 1.5, True, "all", "8"])
def test_what_is_no_size(wrong, on_jax):
    with pytest.raises(SettingError, match=r"^population must be"):
        population_of(wrong, ARRAYS, has_own_evaluation=False)


def test_sizes(on_jax):
    assert population_of(None, ARRAYS, has_own_evaluation=False) is None
    assert population_of(8, ARRAYS, has_own_evaluation=False).max_batch > 8
    assert population_of("auto", ARRAYS, has_own_evaluation=False).max_batch > 1


def test_other_backends_train_one_after_another():
    with pytest.warns(StudyWarning, match="one after another, as Keras is set to tensorflow"):
        problem = Quick(X, Y, population=4)
    assert problem.max_batch == 1


def test_a_class_with_its_own_evaluation_trains_one_after_another(on_jax):
    with pytest.warns(StudyWarning, match="has an evaluate of its own"):
        assert population_of(4, ARRAYS, has_own_evaluation=True) is None


def test_other_examples_are_trained_on_one_after_another(on_jax):
    with pytest.warns(StudyWarning, match="the examples are no arrays"):
        assert population_of(4, None, has_own_evaluation=False) is None


class Units:
    """A dense layer, or another."""


class Conv2D:
    """A convolution."""


@pytest.mark.parametrize(
    ("given", "layer", "limit", "k"),
    [
        (16, Units, None, 16),
        (16, Conv2D, None, 16),
        (16, Units, 50_000, 4),
        (16, Units, 1, 1),
        ("auto", Conv2D, None, None),
        ("auto", Units, None, 8),
    ],
)
def test_how_many_train_side_by_side_on_a_cpu(given, layer, limit, k, on_jax, monkeypatch):
    size = population_of(given, ARRAYS, has_own_evaluation=False)
    monkeypatch.setattr(
        "hpopt.problems.keras.population.size.memory_of",
        lambda *arguments, **settings: SimpleNamespace(total=12_000),
    )
    monkeypatch.setattr(
        "hpopt.problems.keras.population.size.import_module",
        lambda name: SimpleNamespace(default_backend=lambda: "cpu"),
    )
    model = SimpleNamespace(count_params=lambda: 100)
    assert size.k_for(model, [layer()], 32, limit) == k


SPACE = Space({"dense": Sequence({"units": Int(1, 100)}, 1, 2), "kernel": Int(1, 100)})


def guess(config, fidelity=None, of=None):
    return architecture_guess(Solution(0, config, None, 1, fidelity), of, SPACE)


def test_numbers_are_no_part_of_an_architecture():
    config = {"dense": [{"units": 4, "dropout": 0.2}], "rate": 0.1, "epochs": 5}
    other = {"dense": [{"units": 4, "dropout": 0.5}], "rate": 0.3, "epochs": 7}
    assert guess(config) == guess(other)
    without = {"dense": [{"units": 4, "dropout": 0.0}], "rate": 0.1, "epochs": 5}
    wider = {"dense": [{"units": 50, "dropout": 0.2}], "rate": 0.1, "epochs": 5}
    assert len({guess(each) for each in (config, without, wider)}) == 3


def test_widths_that_train_in_one_are_one_architecture():
    assert guess({"dense": [{"units": 4}]}) == guess({"dense": [{"units": 16}]})
    assert guess({"dense": [{"units": 4}]}) != guess({"dense": [{"units": 17}]})
    assert guess({"kernel": 3}) != guess({"kernel": 5})


def test_of_the_fidelity_the_examples_count():
    epochs, samples = Fidelity(1, 9), Fidelity(10, 90, "samples")
    assert guess({}, 1, epochs) == guess({}, 9, epochs)
    assert guess({}, 10, samples) != guess({}, 90, samples) == guess({}, None, samples)
