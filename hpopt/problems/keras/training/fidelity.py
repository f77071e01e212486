"""The fidelity of a trial that trains networks: its epochs, its folds, or its examples."""

from __future__ import annotations

from typing import Any

from hpopt.checks import one_of, whole
from hpopt.core.problem import Fidelity
from hpopt.errors import ProblemError
from hpopt.problems.keras.data.sources import ArraySource, Source

COUNTED = ("epochs", "folds", "samples")
LEAST_SHARE = 0.1  # of the samples, where no range is given: with a factor of 3 two rungs below all


def fidelity_of(given: Any, source: Source, repeats: int) -> Fidelity | None:
    """Return the `fidelity` of a `KerasProblem`, checked: a range of whole numbers.

    Parameters
    ----------
    given : Fidelity, (int, int), "folds" or "samples", or None
        Ends below 1 of a range of samples are shares; one of samples never resumes.
    source : Source
    repeats : int
        How often each split is trained on.

    Raises
    ------
    ProblemError, SettingError, UnknownNameError
        It is none of these, or more than there is.
    """
    n_trainings = source.n_splits * repeats
    if isinstance(given, str):
        name = one_of("fidelity", given, COUNTED[1:])
        low, high = (1, n_trainings) if name == "folds" else (LEAST_SHARE, 1.0)
        given = Fidelity(low, high, name)
    elif isinstance(given, tuple | list) and len(given) == 2:
        low, high = (whole("a bound of fidelity", bound, 1) for bound in given)
        given = Fidelity(low, high, "epochs")
    if given is None:
        return None
    if not isinstance(given, Fidelity) or given.name not in COUNTED:
        raise ProblemError(
            "fidelity must be a range of epochs, as (1, 27), 'folds', 'samples', or a range of one "
            f"of them, as Fidelity(0.1, 1, 'samples'), but got {given!r}"
        )
    if given.name == "folds" and n_trainings < 2:
        raise ProblemError(
            "a fidelity of folds needs trials that train several networks, but these train one: "
            "give folds=5 or repeats=3"
        )
    if given.name == "samples":
        given = _counted(given, source)
    most = {"folds": n_trainings, "samples": n_samples(source)}.get(given.name, given.high)
    ends = (given.low, given.high)
    if not all(float(end).is_integer() for end in ends) or not 1 <= given.low <= given.high <= most:
        limit = "" if given.name == "epochs" else f", of which there are {most:g}"
        raise ProblemError(
            f"a fidelity must be between whole numbers of {given.name}{limit}, but got "
            f"{given.low:g} and {given.high:g}"
        )
    # On more samples a trial trains anew: it has seen too little of the others.
    resumes = given.resumes and given.name != "samples"
    return Fidelity(int(given.low), int(given.high), given.name, resumes=resumes)


def n_samples(source: Source) -> int:
    """Return how many examples the largest split of arrays has to train on; 0 of other data."""
    if not isinstance(source, ArraySource):
        return 0
    return max(len(training) for training, _ in source.splits)


def _counted(given: Fidelity, source: Source) -> Fidelity:
    """Return a range of samples in numbers, where it was in shares."""
    if not isinstance(source, ArraySource):
        raise ProblemError(
            "a fidelity of samples needs examples in arrays, but these depend on the config, or "
            "are a dataset: use a fidelity of epochs"
        )
    if given.low >= 1:
        return given
    if given.high > 1:
        raise ProblemError(
            "the ends of a fidelity of samples must both be shares of at most 1, or both be "
            f"numbers, but got {given.low:g} and {given.high:g}"
        )
    low, high = (max(1, round(end * n_samples(source))) for end in (given.low, given.high))
    return Fidelity(low, high, given.name)
