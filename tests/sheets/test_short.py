import pytest

from hpopt.sheets import config_in_short, in_short, layer_in_short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.33333"),
        (123456789, "123456789"),
        (10**400, str(10**400)),
        (1e300, "1e+300"),
        (True, "true"),
        (None, "null"),
        ("relu", "relu"),
        ((3, 3), "[3, 3]"),
        ([0.5] * 5000, "[0.5, 0.5, 0.5, … 5000 in all]"),
        ([], "[]"),
        ([{"units": 64, "act": "relu"}, {"units": 32, "act": "elu"}], "64 relu → 32 elu"),
    ],
)
def test_values(value, text):
    assert in_short(value) == text


def test_what_a_value_does_not_say_itself_has_its_name():
    assert layer_in_short({"filters": 32, "size": 3, "act": "relu"}) == "filters=32 size=3 relu"
    assert layer_in_short({"units": 8, "norm": False}) == "8 norm=false"
    assert layer_in_short({}) == "{}"


def test_configs():
    config = {"rate": 0.0123456789, "layers": [{"units": 8}, {"units": 4}]}
    assert config_in_short(config) == "rate 0.012346, layers 8 → 4"
