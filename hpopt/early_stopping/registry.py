"""The rules by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpopt.early_stopping.alone import PatienceRule, ThresholdRule
from hpopt.early_stopping.dominance import DominanceRule
from hpopt.early_stopping.extrapolation import ExtrapolationRule
from hpopt.early_stopping.halving import HalvingRule
from hpopt.early_stopping.median import MedianRule
from hpopt.early_stopping.racing import RacingRule
from hpopt.early_stopping.rule import EarlyStoppingRule
from hpopt.errors import SettingError, UnknownNameError
from hpopt.names import known_name

BY_NAME: dict[str, Callable[..., EarlyStoppingRule]] = {
    "dominance": DominanceRule,
    "extrapolation": ExtrapolationRule,
    "halving": HalvingRule,
    "median": MedianRule,
    "patience": PatienceRule,
    "racing": RacingRule,
    "threshold": ThresholdRule,
}
SPELLINGS = {
    spelling: name
    for name, spellings in {
        "dominance": ("dominance_rule", "domination", "non_domination", "pareto"),
        "extrapolation": ("extrapolation_rule", "curve_extrapolation"),
        "halving": ("halving_rule", "sha", "successive_halving", "successive_halving_pruner"),
        "median": ("median_rule", "median_pruner", "median_stopping"),
        "patience": ("patience_rule", "patient_pruner"),
        "racing": ("racing_rule", "race", "f_race", "irace"),
        "threshold": ("threshold_rule", "threshold_pruner"),
    }.items()
    for spelling in spellings
}
ADVICE = dict.fromkeys(("asha", "bohb", "hyperband"), "halving") | {
    "percentile": "median",
    "percentile_pruner": "median",
    "early_stopping": "patience",
}


def make_early_stopping(
    rule: str | EarlyStoppingRule | None, settings: Mapping[str, Any] | None = None
) -> EarlyStoppingRule | None:
    """Return a rule by its name, or the rule itself, or None.

    Parameters
    ----------
    rule : str, EarlyStoppingRule or None
    settings : mapping, optional
        Arguments of a named rule.

    Returns
    -------
    EarlyStoppingRule or None

    Raises
    ------
    UnknownNameError
        There is no such rule.
    SettingError
        It is no rule, or has no such arguments.
    """
    if rule is None or isinstance(rule, EarlyStoppingRule):
        return rule
    if not isinstance(rule, str):
        raise SettingError(
            "early_stopping must be a rule of hpopt.early_stopping or the name of one, but got "
            f"{rule!r}"
        )
    rule = known_name("rule of early stopping", rule, BY_NAME, aliases=SPELLINGS, advice=ADVICE)
    known = list(getattr(BY_NAME[rule], "__dataclass_fields__", ()))
    for name in settings or ():
        if name not in known:
            raise UnknownNameError(f"setting of early stopping {rule!r}", name, known)
    return BY_NAME[rule](**(settings or {}))
