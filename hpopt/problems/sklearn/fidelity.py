"""The fidelity of a trial that fits estimators: its splits, its rows, or one of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import resample

from hpopt.checks import whole
from hpopt.core.problem import Fidelity
from hpopt.errors import ProblemError, UnknownNameError

FOLDS, SAMPLES, EPOCHS = "folds", "samples", "epochs"
OWN = (FOLDS, SAMPLES, EPOCHS)  # all other names are those of parameters
LEAST_SHARE = 0.1  # of the rows, where no range is given: with a factor of 3 two rungs below all


def fidelity_of(given: Any, estimator: Any, splits: list[Any]) -> Fidelity | None:
    """Return the `fidelity` of a `SklearnProblem`, checked: a range of whole numbers.

    Parameters
    ----------
    given : Fidelity, "folds" or "samples", or None
        The ends of a range of samples may be shares. ``"epochs"`` are passes of `partial_fit`; any
        other name is a parameter's.
    estimator : estimator
    splits : list of (rows to train on, rows to test on)

    Raises
    ------
    ProblemError, UnknownNameError
        It is none of these, or more than there is.
    """
    if given is None:
        return None
    n_rows = max(len(train) for train, _ in splits)
    if given == FOLDS:
        given = Fidelity(1, len(splits), FOLDS)
    elif given == SAMPLES:
        given = Fidelity(LEAST_SHARE, 1.0, SAMPLES)
    if not isinstance(given, Fidelity):
        raise ProblemError(
            "fidelity must be 'folds', 'samples', or a range of one of them or of a parameter, as "
            f"hpopt.Fidelity(10, 300, 'n_estimators'), but got {given!r}"
        )
    low, high = given.low, given.high
    if given.name == SAMPLES and high <= 1:
        low, high = max(1, round(low * n_rows)), max(1, round(high * n_rows))
    most = {FOLDS: len(splits), SAMPLES: n_rows}.get(given.name)
    if given.name == EPOCHS:
        _check_passes(estimator)
    elif most is None:
        _check_parameter(given.name, estimator)
    if not all(float(end).is_integer() for end in (low, high)) or high > (most or high):
        limit = "" if most is None else f", of which there are {most}"
        raise ProblemError(
            f"a fidelity must be between whole numbers of {given.name}{limit}, but got "
            f"{given.low:g} and {given.high:g}"
        )
    resumes = given.name in (FOLDS, EPOCHS) or goes_on(given.name, estimator)
    return Fidelity(int(low), int(high), given.name, resumes=resumes)


def goes_on(name: str, estimator: Any) -> bool:
    """Return whether a fit with more of a parameter goes on where one with less has ended.

    It does where the owner of the parameter has ``warm_start=True``.
    """
    owner, _, _ = name.rpartition("__")
    warm = f"{owner}__warm_start" if owner else "warm_start"
    return estimator.get_params(deep=True).get(warm) is True


def _check_passes(estimator: Any) -> None:
    if not hasattr(estimator, "partial_fit"):
        raise ProblemError(
            "a fidelity of epochs needs an estimator with partial_fit, but "
            f"{type(estimator).__name__} has none: name a parameter, as "
            'hpopt.Fidelity(10, 300, "max_iter"), or "samples"'
        )


def _check_parameter(name: str, estimator: Any) -> None:
    known = estimator.get_params(deep=True)
    if name not in known:
        raise UnknownNameError("fidelity", name, [*OWN, *known])


def rows_of(
    train: NDArray[Any], y: Any, amount: int, most: int, estimator: Any
) -> NDArray[np.int64]:
    """Return a share of the rows to train on, in proportion: `amount` where there are `most`.

    The same ones for every config; of a classifier each class has its share, as far as it can.
    """
    n = max(1, round(amount / most * len(train)))
    if n >= len(train):
        return train
    strata = np.asarray(y)[train] if is_classifier(estimator) and np.ndim(y) == 1 else None
    if strata is not None and n < len(np.unique(strata)):
        strata = None
    found: NDArray[np.int64] = resample(
        train, replace=False, n_samples=n, random_state=0, stratify=strata
    )
    return found


def amount_of(fidelity: Fidelity, trial: Any) -> int:
    """Return how much of its fidelity a trial spends."""
    given = fidelity.high if trial.fidelity is None else trial.fidelity
    return whole("the fidelity of a trial", round(given), 1)
