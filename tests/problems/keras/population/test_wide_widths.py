import pytest

from hpopt.problems.keras.population.wide_widths import wide_widths
from hpopt.space import Categorical, Float, Int, Ordinal, Sequence, Space


@pytest.mark.parametrize(
    ("parameter", "value", "wide"),
    [
        (Int(1, 1000), 3, 16),
        (Int(1, 1000), 17, 64),
        (Int(1, 1000), 64, 64),
        (Int(1, 1000), 65, 128),
        (Int(1, 1000), 129, 256),
        (Int(1, 100), 65, 100),
        (Ordinal([10, 20, 40, 80]), 10, 10),
        (Ordinal([10, 20, 40, 80]), 20, 40),
        (Categorical([32, 8, 48, "none"]), 32, 48),
    ],
)
def test_a_width_is_trained_in_the_next_of_few(parameter, value, wide):
    assert wide_widths(Space({"units": parameter}), {"units": value}) == {value: wide}


def test_numbers_of_layers_and_no_others():
    space = Space(
        {
            "layers": Sequence({"units": Int(4, 64), "kind": Categorical(["a", "b"])}, 1, 3),
            "bias": Categorical([True, False]),
            "rate": Float(0.0, 9.0),
        }
    )
    layers = [{"units": 20, "kind": "a"}, {"units": 4, "kind": "b"}]
    config = {"layers": layers, "bias": True, "rate": 5.0, "other": 9}
    assert wide_widths(space, config) == {20: 64, 4: 16}


def test_a_number_of_two_parameters_has_one_width():
    space = Space({"kernel": Int(1, 8), "units": Int(4, 64)})
    assert wide_widths(space, {"kernel": 5, "units": 5}) == {5: 16}
