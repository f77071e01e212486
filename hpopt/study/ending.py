"""One rule of all that ends a run."""

from __future__ import annotations

import functools
import math
import operator

from hpopt.checks import Duration
from hpopt.errors import SettingError
from hpopt.stopping import Never, StoppingRule, Time, Trials
from hpopt.study.arguments import check_stop


def one_rule(
    trials: int | None,
    timeout: Duration | None,
    stop: StoppingRule | None,
    *,
    n_told: int,
    n_possible: float,
    n_pending: int | None = None,
) -> StoppingRule:
    """Give the rule that ends a run as its arguments say, whichever comes first.

    Parameters
    ----------
    trials, timeout, stop
        See `Study.run`.
    n_told : int
        How many trials the study has before the run.
    n_possible : float
        How many it can have at most.
    n_pending : int, optional
        How many are to be evaluated again: a run that has no other end ends with them.

    Raises
    ------
    SettingError
        One of them is not what it must be, or nothing would end the run.
    """
    check_stop(stop)
    rules = [] if stop is None else [stop]
    if trials is not None:
        rules.append(Trials(Trials(trials).n + n_told))
    if timeout is not None:
        rules.append(Time(timeout))
    if not rules and n_possible == math.inf:
        if n_pending is not None:
            return Trials(max(1, n_told + n_pending))
        raise SettingError(
            "a run must have an end, but got neither trials=, timeout= nor stop= and the "
            "space has no end (stop=hpopt.stopping.Never() runs until Ctrl-C)"
        )
    return functools.reduce(operator.or_, rules, Never())
