"""What a study learns of an earlier one on an overlapping space, and what does not fit."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.core import Objective, Optimizer, Trial
from hpopt.errors import ConfigError, SettingError, StudyError, StudyMismatchError
from hpopt.space import Space
from hpopt.storage import Storage
from hpopt.study.record import Record

Parts = Sequence[Mapping[str, Any]]
Loading = Callable[[Any], Record]

KEY = "learned"
"""Where a study's header has what it learned."""


@dataclass(frozen=True)
class Learned:
    """What was learned of an earlier study. Printed, it explains itself.

    Attributes
    ----------
    source : str
        The earlier study.
    n_learned, n_left_out : int
        How many of its trials were taken up, and how many were not.
    reasons : mapping of str to int
        Why trials were left out, and how many for each reason.
    """

    source: str
    n_learned: int
    n_left_out: int
    reasons: Mapping[str, int]

    def __str__(self) -> str:
        n = self.n_learned + self.n_left_out
        said = f"learned {self.n_learned} of {n} trials of {self.source}"
        several = [f"{count} × {reason}" for reason, count in self.reasons.items()]
        return said + (f"; left out: {', '.join(several)}" if several else "")


def take_up(
    optimizer: Optimizer, own: Mapping[str, Any], source: Any, storage: Storage, load: Loading
) -> tuple[dict[str, Any], Learned]:
    """Learn from an earlier study, the first time; give the header that says so, and a report.

    Parameters
    ----------
    optimizer : Optimizer
        Bound; it is told.
    own : mapping
        The header of the study that learns.
    source : path or Record
        The earlier study, as the user gave it.
    storage : Storage
        Keeps the header.
    load : callable
        Opens the study of a path.
    """
    if not isinstance(source, str | os.PathLike | Record):
        raise SettingError(f"learn_from takes the path of a study, or a study, but got {source!r}")
    header, parts = dict(own), own.get(KEY, [])
    gone = not isinstance(source, Record) and not Path(source).exists()
    again = [part for part in parts if part["path"] == path_of(source)] if gone else []
    if not again:
        earlier = source if isinstance(source, Record) else load(source)
        again = [part for part in parts if part["identity"] == identity_of(earlier.header)]
    if not again:
        _check_may(own, earlier, storage)
        new = gathered(earlier, source, optimizer, parts)
        header[KEY] = [*parts, new]
        storage.write_header(header)
        teach(optimizer, [new])
        again = [new]
    return header, report(again[0])


def _check_may(own: Mapping[str, Any], earlier: Record, storage: Storage) -> None:
    if identity_of(earlier.header) == identity_of(own):
        raise SettingError("a study must learn from another one, but got itself")
    n = sum(storage.count().values())
    if n:
        raise StudyError(
            f"a study learns from another before its first trial, but this one has {n}: begin "
            "a new study, and let it learn from both"
        )


def path_of(source: Any) -> str | None:
    """Give the absolute path of a source; None where it has none."""
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "path", None)
    return None if path is None else os.path.realpath(path)


def identity_of(header: Mapping[str, Any]) -> str:
    """Give what tells a study from others, whatever became of its file."""
    kept = {key: header.get(key) for key in ("created", "seed", "space", "objectives", "optimizer")}
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def gathered(earlier: Record, source: Any, optimizer: Optimizer, parts: Parts) -> dict[str, Any]:
    """Give what fits of an earlier study, as JSON data for the header of this one.

    Parameters
    ----------
    earlier : Record
    source : path or Record
        How the user gave it.
    optimizer : Optimizer
        Of the study that learns.
    parts : sequence of mapping
        What it has learned before: that is not learned again.

    Raises
    ------
    StudyMismatchError
        An objective of this name has the other direction there.
    """
    space, objectives = optimizer.space, optimizer.objectives
    named = os.fspath(source) if isinstance(source, str | os.PathLike) else path_of(source)
    name = named or f"a study of {earlier.header.get('problem')}"
    before = {objective.name: objective.direction for objective in earlier.objectives}
    for objective in objectives:
        if before.get(objective.name, objective.direction) != objective.direction:
            raise StudyMismatchError(
                f"an objective must have the direction that it had in the study learned from, but "
                f"{objective.name!r} is to {objective.direction} and was to "
                f"{before[objective.name]} in {name}"
            )
    known = {space.key(config) for part in parts for config, _ in part["trials"]}
    trials: list[Any] = []
    reasons: Counter[str] = Counter()
    for trial in earlier.iterate():
        reason = _why_not(trial, space, objectives)
        key = space.key(trial.config) if reason is None else b""
        if reason is None and key in known:
            reason = "its config is known already"
        if reason is not None:
            reasons[reason] += 1
            continue
        known.add(key)
        values = [trial.values[each.name] for each in objectives] if trial.ok else None
        trials.append([space.validate(trial.config), values])
    return {
        "source": name,
        "path": path_of(source),
        "identity": identity_of(earlier.header),
        "trials": trials,
        "left_out": dict(reasons.most_common()),
    }


def report(part: Mapping[str, Any]) -> Learned:
    """Say what a part of a header's knowledge is."""
    left_out = part["left_out"]
    return Learned(part["source"], len(part["trials"]), sum(left_out.values()), dict(left_out))


def teach(optimizer: Optimizer, parts: Parts) -> None:
    """Tell a bound optimizer what a header's knowledge says.

    Raises
    ------
    StudyError
        The header says what the study's space has no room for: it was changed.
    """
    for part in parts:
        if not part["trials"]:
            continue
        losses = np.full((len(part["trials"]), len(optimizer.objectives)), np.inf)
        for row, (_, values) in enumerate(part["trials"]):
            if values is not None:
                pairs = zip(optimizer.objectives, values, strict=True)
                losses[row] = [objective.loss({objective.name: v}) for objective, v in pairs]
        try:
            points = optimizer.space.encode([config for config, _ in part["trials"]])
        except ConfigError as error:
            raise StudyError(
                f"what a study learned of {part['source']} must fit its space, but {error}: the "
                "space has changed since"
            ) from None
        optimizer.learn(points, losses)


def _why_not(trial: Trial, space: Space, objectives: Sequence[Objective]) -> str | None:
    """Say why a trial cannot be learned; None where it can."""
    for objective in objectives:
        if trial.ok and objective.name not in trial.values:
            return f"no value of {objective.name!r}"
    try:
        space.validate(trial.config)
    except ConfigError:
        return _why_not_here(trial.config, space)
    return None


def _why_not_here(config: Mapping[str, Any], space: Space) -> str:
    """Say in a few words, the same for all alike, why a config does not fit."""
    for name in config:
        if name not in space:
            return f"{name!r} is not in this space"
    checked: dict[str, Any] = {}
    for name, parameter in space.items():
        absent = space.conditions.why_absent(name, checked) is not None
        if absent and name in config:
            return f"{name!r} would not exist here"
        if not absent and name not in config:
            return f"{name!r} is missing"
        if not absent and not parameter.takes(config[name]):
            return f"{name!r} is out of this space's range"
        if not absent:
            checked[name] = parameter.check(config[name], name)
    return "its config is forbidden here"
