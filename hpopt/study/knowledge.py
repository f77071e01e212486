"""What a study learns of an earlier one on an overlapping space, and what does not fit."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.checks import expanded
from hpopt.core import Objective, Optimizer, Trial
from hpopt.core.beliefs import Beliefs
from hpopt.core.constraint import names_ranked_by, violations
from hpopt.core.ranking import highest_fidelity, is_comparable
from hpopt.errors import ConfigError, SettingError, StudyError, StudyMismatchError
from hpopt.space import Parameter, Space
from hpopt.storage import Storage
from hpopt.study.record import Record

Entries = Sequence[Mapping[str, Any]]
"""What was learned from one study each."""
Loading = Callable[[Any], Record]
Reason = tuple[str | None, str]
"""A parameter, where it is about one, and what is wrong with it."""

KEY = "learned"
"""Under which name a study's metadata have what it learned."""
MISSING = "is missing"


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
    filled : mapping of str to int
        The parameters that trials lacked and that have a ``default=`` here, which the trials
        were given, and how many of them; ``"layers.kernel"`` is a field of a list's layers.
    missing : tuple of str
        The parameters that trials which were left out lacked, as they have no default.
    """

    source: str
    n_learned: int
    n_left_out: int
    reasons: Mapping[str, int]
    filled: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        n = self.n_learned + self.n_left_out
        said = [f"learned {self.n_learned} of {n} trials of {self.source}"]
        if self.filled:
            said.append(f"filled by the default: {_describe_counts(self.filled)}")
        if self.reasons:
            said.append(f"left out: {_describe_counts(self.reasons)}")
        if self.missing:
            said.append(f"give {', '.join(self.missing)} a default=… to keep these")
        return "; ".join(said)


def _describe_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {what}" for what, count in counts.items())


def learn_from(
    optimizer: Optimizer, own: Mapping[str, Any], source: Any, storage: Storage, load: Loading
) -> tuple[dict[str, Any], Learned]:
    """Learn from an earlier study, the first time; return the metadata that say so, and a report.

    `own` are the metadata of the study that learns, `source` is the path or record of the earlier
    one, and `load` opens the study of a path.
    """
    if not isinstance(source, str | os.PathLike | Record):
        raise SettingError(f"learn_from takes the path of a study, or a study, but got {source!r}")
    if not isinstance(source, Record):
        source = expanded(source)
    metadata, entries = dict(own), own.get(KEY, [])
    # A file that was learned from may be gone; what it had is here.
    gone = not isinstance(source, Record) and not Path(source).exists()
    again = [each for each in entries if each["path"] == _path_of(source)] if gone else []
    if not again:
        earlier = source if isinstance(source, Record) else load(source)
        identity = identity_of(earlier.header)
        again = [each for each in entries if each["identity"] == identity]
    if not again:
        _check_may_learn(own, earlier, storage)
        entry = _entry_of(earlier, source, optimizer, entries)
        metadata[KEY] = [*entries, entry]
        storage.write_header(metadata)
        teach(optimizer, [entry])
        again = [entry]
    return metadata, report(again[0])


def _check_may_learn(own: Mapping[str, Any], earlier: Record, storage: Storage) -> None:
    if identity_of(earlier.header) == identity_of(own):
        raise SettingError("a study must learn from another one, but got itself")
    n = sum(storage.count().values())
    if n:
        raise StudyError(
            f"a study learns from another before its first trial, but this one has {n}: begin "
            "a new study, and let it learn from both"
        )


def _path_of(source: Any) -> str | None:
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "path", None)
    return None if path is None else os.path.realpath(path)


def identity_of(metadata: Mapping[str, Any]) -> str:
    """Return what tells a study from others, whatever became of its file."""
    keys = ("created", "seed", "space", "objectives", "optimizer")
    text = json.dumps({key: metadata.get(key) for key in keys}, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _entry_of(
    earlier: Record, source: Any, optimizer: Optimizer, entries: Entries
) -> dict[str, Any]:
    """Return what fits of an earlier study, as JSON data for the metadata of this one.

    What the entries have already is left out.
    """
    space, objectives, names = optimizer.space, optimizer.objectives, _names_learned(optimizer)
    named = os.fspath(source) if isinstance(source, str | os.PathLike) else _path_of(source)
    name = named or f"a study of {earlier.header.get('problem')}"
    _check_directions(objectives, earlier, name)
    known = {space.key(config) for entry in entries for config, _ in entry["trials"]}
    trials: list[Any] = []
    reasons: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    missing: dict[str, None] = {}
    highest = highest_fidelity(earlier.iterate())
    believed = _Believed(earlier, names)
    for trial in earlier.iterate():
        values = believed.values(trial)
        if not is_comparable(trial, highest):
            reasons["of a lower fidelity than the best"] += 1
            continue
        config = _fill_in(trial.config, space)
        reason = _why_not(trial, config, optimizer)
        key = space.key(config) if reason is None else b""
        if reason is None and key in known:
            reason = None, "its config is known already"
        if reason is not None:
            parameter, what = reason
            reasons[what if parameter is None else f"{parameter!r} {what}"] += 1
            if parameter is not None and what == MISSING:
                missing[parameter] = None
            continue
        known.add(key)
        filled.update(_names_added(trial.config, config))
        trials.append([space.validate(config), values])
    return {
        "source": name,
        "path": _path_of(source),
        "identity": identity_of(earlier.header),
        "trials": trials,
        "left_out": dict(reasons.most_common()),
        "filled": dict(filled),
        "missing": list(missing),
    }


def _names_learned(optimizer: Optimizer) -> list[str]:
    return names_ranked_by(optimizer.objectives, optimizer.constraints)


class _Believed:
    """The values of an earlier study's trials, as its own strategy has learned them.

    One that was stopped early counts as what it is believed to have ended at: see `Beliefs`.
    """

    def __init__(self, earlier: Record, names: Sequence[str]) -> None:
        self._names = names
        # A curve is of the one objective that the earlier study had.
        watched = earlier.objectives[0] if len(earlier.objectives) == 1 else None
        self._watched, self._beliefs = watched, Beliefs(1 if watched is None else watched.sign)

    def values(self, trial: Trial) -> list[float | None] | None:
        """Return those of the names, None of a failure; call it in order.

        An infeasible trial lacks some of them, which are None.
        """
        values = dict(trial.values)
        if self._watched is not None and self._watched.name in values:
            loss = self._watched.loss(values)
            values[self._watched.name] = self._watched.sign * self._beliefs.believed(trial, loss)
        if trial.outcome.is_failure:
            return None
        return [values.get(name) for name in self._names]


def _check_directions(objectives: Sequence[Objective], earlier: Record, name: str) -> None:
    before = {objective.name: objective.direction for objective in earlier.objectives}
    for objective in objectives:
        was = before.get(objective.name, objective.direction)
        if was != objective.direction:
            raise StudyMismatchError(
                f"an objective must have the direction that it had in the study learned from, but "
                f"{objective.name!r} is to {objective.direction} and was to {was} in {name}"
            )


def report(entry: Mapping[str, Any]) -> Learned:
    """Return for people what an entry of the metadata says."""
    left_out, filled = entry["left_out"], entry.get("filled", {})  # files of 0.1.0 have none
    return Learned(
        entry["source"],
        len(entry["trials"]),
        sum(left_out.values()),
        dict(left_out),
        dict(filled),
        tuple(entry.get("missing", ())),
    )


def teach(optimizer: Optimizer, entries: Entries) -> None:
    """Tell a bound optimizer what a study's metadata say that it learned.

    Raises
    ------
    StudyError
        The metadata say what the study's space has no room for: they were changed.
    """
    n, constraints = len(optimizer.objectives), optimizer.constraints
    names = _names_learned(optimizer)
    for entry in entries:
        if not entry["trials"]:
            continue
        losses = np.full((len(entry["trials"]), n), np.inf)
        broken = np.full((len(losses), len(constraints)), np.nan)
        for row, (_, values) in enumerate(entry["trials"]):
            if values is not None:
                found = {name: v for name, v in zip(names, values, strict=True) if v is not None}
                losses[row] = [
                    each.loss(found) if each.name in found else np.inf
                    for each in optimizer.objectives
                ]
                broken[row] = violations(constraints, found)
        try:
            points = optimizer.space.encode([config for config, _ in entry["trials"]])
        except ConfigError as error:
            raise StudyError(
                f"what a study learned of {entry['source']} must fit its space, but {error}: the "
                "space has changed since"
            ) from None
        optimizer.learn(points, losses, violations=broken)


def _fill_in(config: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return a config with the defaults of what it lacks, as far as it fits."""
    try:
        return space.filled(config)
    except ConfigError:
        return dict(config)


def _names_added(
    config: Mapping[str, Any], filled: Mapping[str, Any], within: str = ""
) -> set[str]:
    """Return the names that a filled config has beyond the one that it was made of."""
    names = {f"{within}{name}" for name in filled if name not in config}
    for name, value in config.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            for before, after in zip(value, filled[name], strict=True):
                names |= _names_added(before, after, f"{within}{name}.")
    return names


def _why_not(trial: Trial, config: Mapping[str, Any], optimizer: Optimizer) -> Reason | None:
    """Return why a trial cannot be learned as this config; None where it can."""
    space = optimizer.space
    lacking = [name for name in _names_learned(optimizer) if name not in trial.values]
    # By how much a constraint is broken says enough, but it must be one of this study.
    is_broken = trial.status == "infeasible" and bool(
        (violations(optimizer.constraints, trial.values) > 0).any()
    )
    if lacking and not trial.outcome.is_failure and not is_broken:
        return None, f"no value of {lacking[0]!r}"
    try:
        space.validate(config)
    except ConfigError:
        return _why_not_here(config, space) or (None, "its config is forbidden here")
    return None


def _why_not_here(config: Mapping[str, Any], space: Space, within: str = "") -> Reason | None:
    """Return why a config does not fit, in the same words for all alike; None if it fits."""
    for name in config:
        if name not in space:
            return f"{within}{name}", "is not in this space"
    checked: dict[str, Any] = {}
    for name, parameter in space.items():
        called = f"{within}{name}"
        absent = space.conditions.why_absent(name, checked) is not None
        if absent and name in config:
            return called, "would not exist here"
        if not absent and name not in config:
            return called, MISSING
        if absent:
            continue
        if not parameter.takes(config[name]):
            return _why_not_in_layers(config[name], parameter, called) or (
                called,
                "is out of this space's range",
            )
        checked[name] = parameter.check(config[name], name)
    return None


def _why_not_in_layers(layers: Any, parameter: Parameter, called: str) -> Reason | None:
    space = getattr(parameter, "layer", None)
    if not isinstance(space, Space) or not isinstance(layers, list):
        return None
    reasons = (
        _why_not_here(layer, space, f"{called}.") for layer in layers if isinstance(layer, Mapping)
    )
    return next(filter(None, reasons), None)
