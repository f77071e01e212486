"""Rules by their names."""

import pytest

import hpopt
from hpopt.early_stopping import (
    BY_NAME,
    ExtrapolationRule,
    HalvingRule,
    MedianRule,
    PatienceRule,
    ThresholdRule,
    make_early_stopping,
)
from hpopt.errors import SettingError, UnknownNameError


def test_rules_by_name():
    assert make_early_stopping("median") == MedianRule()
    assert make_early_stopping("median", {"min_trials": 3}) == MedianRule(min_trials=3)
    assert make_early_stopping(None) is None
    rule = MedianRule(2)
    assert make_early_stopping(rule) is rule
    with pytest.raises(UnknownNameError, match="did you mean 'median'"):
        make_early_stopping("medan")
    with pytest.raises(UnknownNameError, match="did you mean 'warmup_steps'"):
        make_early_stopping("median", {"warmup": 3})
    with pytest.raises(SettingError, match="must be a rule"):
        make_early_stopping(3)
    with pytest.raises(SettingError, match="must be a rule"):
        hpopt.optimize(
            hpopt.FunctionProblem(lambda config: 0.0, {"x": hpopt.Float(0, 1)}),
            trials=1,
            early_stopping=MedianRule,
            progress=False,
        )


def test_each_has_a_name():
    assert make_early_stopping("halving", {"low": 2}) == HalvingRule(low=2)
    assert make_early_stopping("Successive Halving") == HalvingRule()
    assert make_early_stopping("patience", {"patience": 3}) == PatienceRule(3)
    assert make_early_stopping("threshold", {"bound": 3.0}) == ThresholdRule(bound=3.0)
    assert make_early_stopping("extrapolation") == ExtrapolationRule()
    assert sorted(BY_NAME) == list(BY_NAME)


@pytest.mark.parametrize("other", ["asha", "Hyperband", "BOHB"])
def test_names_of_other_libraries_suggest_ours(other):
    with pytest.raises(UnknownNameError, match="did you mean 'halving'"):
        make_early_stopping(other)


def test_a_rule_that_needs_settings_says_so():
    with pytest.raises(SettingError, match="must have a bound, but got none: write"):
        make_early_stopping("threshold")
