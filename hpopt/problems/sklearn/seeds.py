"""Seeds for the estimators that have none, so that a search is the same when it is repeated."""

from __future__ import annotations

from typing import Any

import numpy as np

SEEDS = 2**31 - 1  # what scikit-learn takes as a random_state is below 2**32


def with_seeds(estimator: Any, seed: int) -> Any:
    """Set each `random_state` of an estimator and of what it holds that is None.

    Those that are set stay as they are.
    """
    try:
        parameters = estimator.get_params(deep=True)
    except TypeError:  # an estimator of somebody's, without `deep`
        return estimator
    unset = sorted(
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )
    if unset:
        rng = np.random.default_rng(seed)
        estimator.set_params(**{name: int(rng.integers(SEEDS)) for name in unset})
    return estimator
