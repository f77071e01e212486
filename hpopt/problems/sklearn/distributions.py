"""What scikit-learn's users write in place of a parameter: lists, arrays, distributions."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hpopt.checks import in_order, real
from hpopt.errors import SpaceError
from hpopt.space import Categorical, Float, Int, Ordinal, Parameter
from hpopt.space.parameter import as_plain, identity

# Values that stand for a distribution that is neither even nor even in the log: as many as a
# strategy can tell apart, each as probable as the next.
N_QUANTILES = 512
QUARTERS = (0.25, 0.5, 0.75)  # where a distribution is compared with an even one
N_PROBES = 33  # whole numbers whose probabilities are compared with that of an even distribution
SAME = 1e-9  # relative: what rounding of quantiles makes of equal ones
DIGITS = 6  # significant ones of a quantile: finer than the quantiles lie apart
ORDERED = 3  # numbers that make an order: of two there is none that helps
MOST_NAME = 60  # characters of a name that is made of a repr: it must fit into a table
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

Objects = dict[str, Any]
"""What the values of a choice stand for, by `identity`; empty where they stand for themselves."""


def parameter_of(name: str, given: Any) -> tuple[Parameter, Objects]:
    """Return the parameter that something stands for, and the objects behind its values.

    Parameters
    ----------
    name : str
        For messages.
    given : Parameter, list, array, distribution, or mapping of str to object
        A distribution has ``ppf`` and ``support``, as those of scipy.stats, or just ``rvs``.

    Raises
    ------
    SpaceError
        It stands for no parameter.
    """
    if isinstance(given, Parameter):
        return given, {}
    if isinstance(given, Mapping):
        return _named(name, given)
    if hasattr(given, "ppf") and hasattr(given, "support"):
        return _of_quantiles(name, given)
    if hasattr(given, "rvs"):
        rng = np.random.RandomState(0)  # the same values in every process
        return listed(name, _sorted([given.rvs(random_state=rng) for _ in range(N_QUANTILES)]))
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise SpaceError(
            f"{name} must be a list of values, a distribution, a parameter of hpopt or a mapping "
            f"of names to objects, but got {given!r}: write [{given!r}] for a single value"
        )
    if isinstance(given, np.ndarray) and given.ndim != 1:
        raise SpaceError(
            f"the values of {name} must be a list, but got an array of shape {given.shape}: write "
            "list(...) where each row is a value"
        )
    return listed(name, list(in_order(name, given, SpaceError)))


def listed(name: str, values: list[Any]) -> tuple[Parameter, Objects]:
    """Return a choice of values: in their order, where they are numbers that go up or down."""
    if not values:
        raise SpaceError(f"{name} must have at least one value, but got an empty list")
    objects: Objects = {}
    shown: list[Any] = []
    for value in values:
        plain = _plain(value)
        if plain is None and value is not None:
            if _is_among(value, objects.values()):
                continue
            plain = _free_name(value, shown)
        elif identity(plain) in objects:  # a value that is written twice is tried once
            continue
        objects[identity(plain)] = value
        shown.append(plain)
    numbers = [real(value) for value in shown]
    if len(shown) >= ORDERED and None not in numbers and _is_monotonic(numbers):
        return Ordinal(shown), objects
    return Categorical(shown), objects


def _named(name: str, given: Mapping[Any, Any]) -> tuple[Parameter, Objects]:
    if not given or not all(isinstance(key, str) for key in given):
        raise SpaceError(
            f"{name} must be a mapping of names to what they stand for, but got {given!r}: as in "
            '{"svm": SVC(), "forest": RandomForestClassifier()}'
        )
    return Categorical(list(given)), {identity(key): value for key, value in given.items()}


def _of_quantiles(name: str, given: Any) -> tuple[Parameter, Objects]:
    low, high = (float(end) for end in given.support())
    if hasattr(given, "pmf") or hasattr(getattr(given, "dist", None), "pmf"):
        return _discrete(name, given, low, high)
    quarters = np.array([float(given.ppf(q)) for q in QUARTERS])
    if math.isfinite(low) and math.isfinite(high):
        if low == high:
            return listed(name, [low])
        shares = np.array(QUARTERS)
        if np.allclose(quarters, low + shares * (high - low), rtol=SAME, atol=0):
            return Float(low, high), {}
        if low > 0 and np.allclose(quarters, low * (high / low) ** shares, rtol=SAME, atol=0):
            return Float(low, high, log=True), {}
    found = [float(f"{value:.{DIGITS}g}") for value in given.ppf(_levels())]
    return listed(name, _sorted(found))


def _discrete(name: str, given: Any, low: float, high: float) -> tuple[Parameter, Objects]:
    if math.isfinite(low) and math.isfinite(high) and low < high:
        probes = np.unique(np.linspace(low, high, N_PROBES).round())
        if np.allclose(given.pmf(probes), 1 / (high - low + 1), rtol=SAME, atol=0):
            return Int(int(low), int(high)), {}
    return listed(name, _sorted([int(value) for value in given.ppf(_levels())]))


def _levels() -> Any:
    return (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES


def _sorted(values: list[Any]) -> list[Any]:
    """Return different values: numbers ascending, others as they first came."""
    plain = [as_plain(value) for value in values]
    different = list({repr(value): value for value in plain}.values())
    if all(real(value) is not None for value in different):
        return sorted(different)
    return different


def _plain(value: Any) -> Any:
    """Return a value as a choice keeps it; None for what needs a name."""
    value = as_plain(value)
    if isinstance(value, tuple):
        parts = tuple(_plain(part) for part in value)
        is_kept = all(new is not None or old is None for new, old in zip(parts, value, strict=True))
        return parts if is_kept else None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool) else None


def _is_among(value: Any, others: Iterable[Any]) -> bool:
    return any(value is other for other in others)


def _free_name(value: Any, taken: list[Any]) -> str:
    """Return a name for an object: its class's where that is free, else its repr."""
    if hasattr(value, "get_params"):
        short = type(value).__name__
    elif callable(value) and hasattr(value, "__name__"):
        short = value.__name__
    else:
        short = ""
    text = " ".join(ADDRESS.sub("", repr(value)).split())
    text = text if len(text) <= MOST_NAME else f"{text[: MOST_NAME - 1]}…"
    numbered = (f"{short or text} ({n})" for n in itertools.count(2))
    names = itertools.chain([short] if short else [], [text], numbered)
    return next(each for each in names if each not in taken)


def _is_monotonic(numbers: list[Any]) -> bool:
    pairs = list(itertools.pairwise(numbers))
    return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)
