"""What a report says of a study, part by part: facts as data, and sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hpopt.reports.importance.shares import Importance

Sentences = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The best config, how sure its value is, and what is nearly as good.

    Attributes
    ----------
    trial, second : int or None
        Numbers of the best trial and of the best one with another config.
    config : dict
        Of the best, flat: parameter by name (`hpopt.space.flat`) → text for people.
    values : dict of str to float
        What it returned.
    noise : float or None
        By how much the value of one config differs between evaluations, as a standard deviation;
        None where it is not known.
    noise_from : {"repeats", "folds", "neighbours", ""}
        What that is known from.
    differences : dict of str to tuple of two str
        Parameters in which the second differs: (best, second); "" where it is inactive.
    """

    trial: int | None
    second: int | None
    config: Mapping[str, str]
    values: Mapping[str, float]
    noise: float | None
    noise_from: str
    differences: Mapping[str, tuple[str, str]]
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether the search is finished, and what more trials are expected to bring.

    Attributes
    ----------
    n_trials : int
        Finished ones.
    last_better : int or None
        The number of the trial that was the last to better the best.
    n_since : int
        How many trials have finished since.
    n_more : int
        Of how many more trials the following is.
    chance : float or None
        The probability that one of them is better than the best.
    gain, gain_low, gain_high : float or None
        By how much they better it, in the objective's unit: the median, and 10 % and 90 %.
    is_plateau : bool
        Whether going on is hardly worth it.
    """

    n_trials: int
    last_better: int | None
    n_since: int
    n_more: int
    chance: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    is_plateau: bool
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class Region:
    """Where one parameter does best, all others averaged.

    Attributes
    ----------
    name : str
    low, high : float
        Of a number: the ends of the region.
    choices : tuple of str
        Of a listed parameter: the choices that are as good as the best.
    worst : str
        The setting that does worst, as people write it.
    cost : float
        How much worse that is expected to be, in the objective's unit.
    sentence : str
    """

    name: str
    low: float
    high: float
    choices: tuple[str, ...]
    worst: str
    cost: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A parameter whose best value is at an end of its range.

    Attributes
    ----------
    name : str
    end : {"low", "high"}
    value, limit : float
        That of the best trial, and the end.
    """

    name: str
    end: str
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Whether the best is at an edge of the space, and what of the space can go.

    Attributes
    ----------
    edges : tuple of Edge
    reasons : tuple of str
        What `Space.narrow` would drop, and on what evidence.
    """

    edges: tuple[Edge, ...]
    reasons: tuple[str, ...]
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class FailedBy:
    """One kind of failure.

    Attributes
    ----------
    status, error : str
    n : int
        How many trials.
    first : int
        The number of the first.
    traceback : str
        Of that one; empty where there is none, or the source was not given.
    seconds : float
        Lost to all of them.
    """

    status: str
    error: str
    n: int
    first: int
    traceback: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FailureRegion:
    """A setting with which more trials fail than without.

    Attributes
    ----------
    name, setting : str
        The parameter, and the part of its range or the choice, as people write it.
    n, n_failed : int
        How many trials have it, and how many of them failed.
    others : float
        The share of failures among all other trials.
    """

    name: str
    setting: str
    n: int
    n_failed: int
    others: float


@dataclass(frozen=True, slots=True)
class Failures:
    """What failed, and with which settings."""

    n: int
    causes: tuple[FailedBy, ...]
    regions: tuple[FailureRegion, ...]
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class Times:
    """Where the time went.

    Attributes
    ----------
    wall : float
        Seconds from the first start to the last end; pauses between sessions included.
    busy : float
        Seconds of all evaluations together.
    failed, stopped : float
        Seconds of those that failed, and of those that were stopped early.
    n_workers : int
        The largest number of trials at one moment.
    utilisation : float
        The share of ``n_workers`` that was busy while anything ran, in [0, 1]; nan where unknown.
    pauses : float
        Seconds in which nothing ran.
    """

    wall: float
    busy: float
    failed: float
    stopped: float
    n_workers: int
    utilisation: float
    pauses: float
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class FrontPart:
    """The front of several objectives.

    Attributes
    ----------
    trials : tuple of int
        Numbers, the best by the first objective first.
    knee : int or None
    ends : dict of str to int
        Objective → number of the trial that is best in it.
    """

    trials: tuple[int, ...]
    knee: int | None
    ends: Mapping[str, int]
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to reproduce the study, and how to go on.

    Attributes
    ----------
    versions : dict of str to str
    seed : int or None
    python : str
        Code that opens it and goes on.
    command : str
        The same in a terminal; empty for a study in memory.
    """

    versions: Mapping[str, str]
    seed: int | None
    python: str
    command: str
    sentences: Sentences


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report says of one study, in the order in which it says so.

    Attributes
    ----------
    answer : Answer
    outlook : Outlook
        Whether it is finished.
    importance : dict of str to Importance
        What mattered, for each objective.
    regions : tuple of Region
        How, for the first objective, the most important parameter first.
    limits : Limits
    failures : Failures
    times : Times
    front : FrontPart or None
        None for one objective.
    recipe : Recipe
    """

    answer: Answer
    outlook: Outlook
    importance: Mapping[str, Importance]
    regions: tuple[Region, ...]
    limits: Limits
    failures: Failures
    times: Times
    front: FrontPart | None
    recipe: Recipe

    def paragraphs(self) -> tuple[tuple[str, Sentences], ...]:
        """Return a title and sentences for each part that has any, in order."""
        mattered = tuple(s for each in self.importance.values() for s in each.sentences)
        parts: list[tuple[str, Sentences]] = [
            ("The answer", self.answer.sentences),
            ("Is it finished?", self.outlook.sentences),
            ("What mattered", mattered),
            ("How", tuple(each.sentence for each in self.regions)),
            ("The edges of the space", self.limits.sentences + self.limits.reasons),
            ("What failed", self.failures.sentences),
            ("Time", self.times.sentences),
            ("The front", self.front.sentences if self.front else ()),
            ("How to reproduce it", self.recipe.sentences),
        ]
        return tuple((title, said) for title, said in parts if said)
