"""Scorers of scikit-learn as objectives: their names, and what they take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sklearn
from sklearn.metrics import check_scoring

from hpopt.core.objective import Objective
from hpopt.errors import MissingExtraError, UnknownNameError
from hpopt.problems.sklearn.splits import SCORE, SplitScores

OLDEST = (1, 6)  # what scorers and tags are asked for is there since this version


def check_version() -> None:
    """Raise MissingExtraError where scikit-learn is too old."""
    if tuple(int(part) for part in sklearn.__version__.split(".")[:2]) < OLDEST:
        needed = "scikit-learn 1.6 or later"
        raise MissingExtraError(needed, "all", "a search of estimators", "'scikit-learn>=1.6'")


def scorer_of(estimator: Any, scoring: Any, *, raises: bool) -> Any:
    """Return the scorer of a `scoring` as scikit-learn takes it.

    Of several scorers one that fails is an exception with `raises`, else the text of one.
    """
    if callable(scoring) or scoring is None or isinstance(scoring, str):
        return check_scoring(estimator, scoring)
    return check_scoring(estimator, scoring, raise_exc=raises)


def score_names(scorer: Any) -> list[str] | None:
    """Return the names of several scores; None where there is one, or none is known yet."""
    scorers = getattr(scorer, "_scorers", None)
    return list(scorers) if isinstance(scorers, dict) else None


def score_objectives(scorer: Any, wanted: str | Iterable[str] | None) -> tuple[Objective, ...]:
    """Return the scores that are to be maximised: those that are wanted, by default all.

    Raises
    ------
    UnknownNameError
        One of them is none of the scorer's.
    """
    known = score_names(scorer)
    if wanted is None:
        wanted = known or [SCORE]
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if known is not None and name not in known:
            raise UnknownNameError("objective", str(name), known)
    return tuple(Objective(name, "maximize") for name in names)


def check_scores(found: SplitScores, names: list[str]) -> None:
    """Raise ValueError where a scorer that is a function returns other scores than are wanted."""
    missing = [name for name in names if name != SCORE and name not in found.test]
    if found.test and missing:
        raise ValueError(
            "For multi-metric scoring, the parameter refit must be set to a scorer key or a "
            f"callable to refit an estimator with the best parameters, but the scores are "
            f"{list(found.test)} and {missing} is none of them: name one of these as the objective"
        )


def takes_weights(scorer: Any) -> bool:
    """Return whether a scorer takes the weights of rows."""
    takes = getattr(scorer, "_accept_sample_weight", None)
    return bool(takes()) if takes is not None else False
