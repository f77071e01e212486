"""When a run ends: rules on what has been done so far, combined with ``|`` and ``&``.

Examples
--------
>>> Trials(200) | Time(3600)                  # whichever comes first
>>> Target(0.99) | Plateau(50) & Trials(100)  # good enough; or no progress, but 100 at least
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hpopt import checks
from hpopt.checks import real, whole
from hpopt.core import Objective
from hpopt.core.amounts import seconds_in
from hpopt.digits import in_digits
from hpopt.errors import SettingError


@dataclass(frozen=True, slots=True)
class Progress:
    """What a rule may look at.

    Attributes
    ----------
    n_asked, n_told : int
        Solutions proposed, and trials finished, in the whole study.
    seconds : float
        How long this run has taken.
    objectives : tuple of Objective
    best : mapping of str to float
        The values of the best trial (by the first objective); empty without one.
    n_since_best : int
        How many trials have finished after the best one.
    """

    n_asked: int
    n_told: int
    seconds: float
    objectives: tuple[Objective, ...]
    best: Mapping[str, float]
    n_since_best: int


class StoppingRule(ABC):
    """When a run ends."""

    @abstractmethod
    def reason(self, progress: Progress) -> str | None:
        """Return why the run is over, in words; None while it is not."""

    def room(self, progress: Progress) -> float:
        """Return how many more solutions may be asked for: an int, or inf."""
        return 0 if self.reason(progress) else math.inf

    def total(self) -> float:
        """Return how many trials the study will have at most: an int, or inf."""
        return math.inf

    def seconds(self) -> float:
        """Return how long the run will take at most, in seconds, or inf."""
        return math.inf

    def __or__(self, other: StoppingRule) -> StoppingRule:
        return Either(self, other) if isinstance(other, StoppingRule) else NotImplemented

    def __and__(self, other: StoppingRule) -> StoppingRule:
        return Both(self, other) if isinstance(other, StoppingRule) else NotImplemented


@dataclass(frozen=True)
class Never(StoppingRule):
    """End only when nothing is left to try, or by Ctrl-C."""

    def reason(self, progress: Progress) -> str | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Trials(StoppingRule):
    """End when the study has n trials."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", whole("trials", self.n, 0))

    def reason(self, progress: Progress) -> str | None:
        """Return that all trials are done, when they are."""
        return f"{self.n} trials are done" if progress.n_told >= self.n else None

    def room(self, progress: Progress) -> float:
        """Return how many are left of the n."""
        return max(0, self.n - progress.n_asked)

    def total(self) -> float:
        """Return n."""
        return self.n


@dataclass(frozen=True)
class Time(StoppingRule):
    """Start no trial after a time; those that run then are finished.

    Parameters
    ----------
    limit : float, str or datetime.timedelta
        Seconds, or a text such as ``"90s"``, ``"15m"``, ``"1h30m"``, ``"1.5d"``.
    """

    limit: float | str | timedelta

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checks.seconds(self.limit))
        self.seconds()

    def seconds(self) -> float:
        """Return the limit in seconds."""
        limit: Any = self.limit
        if isinstance(limit, str):
            limit = seconds_in(limit)
        seconds = real(limit)
        if seconds is None or not seconds >= 0:
            raise SettingError(
                "timeout must be a number of seconds of at least 0, or a text such as '90s', "
                f"'15m', '2h', '1h30m', but got {self.limit!r}"
            )
        return seconds

    def reason(self, progress: Progress) -> str | None:
        """Return that the time is over, when it is."""
        limit = self.limit if isinstance(self.limit, str) else f"{self.seconds():g} s"
        return f"the time of {limit} is over" if progress.seconds >= self.seconds() else None


@dataclass(frozen=True)
class Target(StoppingRule):
    """End when a value is good enough.

    Parameters
    ----------
    value : float
        At least this where the objective is maximised, at most this where it is minimised.
    """

    value: float

    def __post_init__(self) -> None:
        value = real(self.value)
        if value is None or math.isnan(value):
            raise SettingError(f"a target must be a number, but got {self.value!r}")

    def reason(self, progress: Progress) -> str | None:
        """Return that the target is reached, when it is."""
        objective = progress.objectives[0]
        if not progress.best:
            return None
        reached = progress.best[objective.name]
        if objective.sign * reached > objective.sign * self.value:
            return None
        target = in_digits(self.value)
        return f"{objective.name} reached {in_digits(reached)} (the target was {target})"


@dataclass(frozen=True)
class Plateau(StoppingRule):
    """End when the best has not changed, but for rounding, for n trials."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", whole("a plateau", self.n, 1))

    def reason(self, progress: Progress) -> str | None:
        """Return that nothing has become better, when so."""
        flat = progress.n_since_best >= self.n
        return f"no better trial for {progress.n_since_best} trials" if flat else None


@dataclass(frozen=True)
class Either(StoppingRule):
    """End when one of two rules says so: ``one | other``."""

    one: StoppingRule
    other: StoppingRule

    def reason(self, progress: Progress) -> str | None:
        """Return the first reason there is."""
        return self.one.reason(progress) or self.other.reason(progress)

    def room(self, progress: Progress) -> float:
        """Return the smaller room."""
        return min(self.one.room(progress), self.other.room(progress))

    def total(self) -> float:
        """Return the smaller total."""
        return min(self.one.total(), self.other.total())

    def seconds(self) -> float:
        """Return the shorter time."""
        return min(self.one.seconds(), self.other.seconds())


@dataclass(frozen=True)
class Both(StoppingRule):
    """End when two rules say so: ``one & other``."""

    one: StoppingRule
    other: StoppingRule

    def reason(self, progress: Progress) -> str | None:
        """Return both reasons, where there are two."""
        one, other = self.one.reason(progress), self.other.reason(progress)
        return f"{one}, and {other}" if one and other else None

    def room(self, progress: Progress) -> float:
        """Return the larger room."""
        return max(self.one.room(progress), self.other.room(progress))

    def total(self) -> float:
        """Return the larger total."""
        return max(self.one.total(), self.other.total())

    def seconds(self) -> float:
        """Return the longer time."""
        return max(self.one.seconds(), self.other.seconds())
