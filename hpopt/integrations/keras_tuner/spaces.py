"""The space of a recorded build, and the values that a config of it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hpopt.core import Config
from hpopt.errors import ProblemError
from hpopt.integrations.keras_tuner.entries import Condition, Entry
from hpopt.integrations.keras_tuner.recording import Recorded
from hpopt.integrations.parents import parents_first
from hpopt.integrations.presence import MOST_VALUES, Presence
from hpopt.space import Parameter, Space


@dataclass(frozen=True, slots=True)
class Variable:
    """A parameter of the space, and the entry that it is.

    Attributes
    ----------
    key : str
        Its name in the space.
    entry : Entry
    conditions : tuple of tuples of (str, tuple), or None
        Of which one must hold; None where the code of the build decides, not a scope.
    """

    key: str
    entry: Entry
    conditions: tuple[tuple[Condition, ...], ...] | None


def variables_of(recording: Recorded) -> list[Variable]:
    """Return the parameters of a recorded build: one a name, several where definitions differ."""
    by_name: dict[str, dict[tuple[Any, ...], list[Entry]]] = {}
    for entry in recording.entries:
        if entry.parameter() is not None:
            of_name = by_name.setdefault(entry.name, {})
            of_name.setdefault(entry.definition, []).append(entry)
    found: list[Variable] = []
    for definitions in by_name.values():
        parts = [part for same in definitions.values() for part in _parts(same)]
        for entry, conditions in parts:
            where = entry.conditions if len(parts) > 1 else ()
            found.append(Variable(_key(entry, where), entry, conditions))
    keys = [each.key for each in found]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ProblemError(
            f"a name must have one definition where it is asked for, but {twice!r} has several: "
            "give them different names in build"
        )
    return found


def _parts(same: Sequence[Entry]) -> list[tuple[Entry, tuple[tuple[Condition, ...], ...] | None]]:
    """Return the parameters that entries of one definition are, with their conditions."""
    conditions = tuple(each.conditions for each in same)
    if () in conditions:
        return [(same[0], None)]
    if all(len(each) == 1 for each in conditions) and len({each[0][0] for each in conditions}) == 1:
        return [(same[0], conditions)]  # values of one parent: one condition
    return [(each, (each.conditions,)) for each in same]


def _key(entry: Entry, conditions: tuple[Condition, ...]) -> str:
    name = entry.name
    if entry.is_reversed:
        name = f"{entry.low + entry.high:g} - {name}"
    if not conditions:
        return name
    where = ", ".join(f"{parent}={'|'.join(map(str, v))}" for parent, v in conditions)
    return f"{name} [{where}]"


class TunedSpace:
    """The space of a build, and the way from configs to values by name.

    Parameters
    ----------
    recording : Recorded
    named : mapping of str to str
        Names in the space for some of the build's: name in the space → the build's.

    Attributes
    ----------
    space : Space
    variables : list of Variable
        Parents first.
    """

    def __init__(self, recording: Recorded, named: Mapping[str, str]) -> None:
        renamed = {theirs: ours for ours, theirs in named.items()}
        if all(each.parameter() is None for each in recording.entries):
            raise ProblemError(
                "build must ask hp for something that has more than one value, but asks for nothing"
            )
        variables = [
            replace(each, key=renamed.get(each.entry.name, each.key))
            for each in variables_of(recording)
        ]
        self._constants = {
            each.name: each.default for each in recording.entries if each.parameter() is None
        }
        self._by_key = {each.key: each for each in variables}
        decided = self._decided(recording, variables)
        self.space = self._made(variables, decided)
        self.variables = [self._by_key[key] for key in self.space]

    def values(self, config: Config) -> dict[str, Any]:
        """Return the values by name that a config means."""
        found = {}
        for variable in self.variables:
            if variable.key in config:
                entry = variable.entry
                found[entry.name] = entry.value_of(config[variable.key])
        return found

    def _decided(
        self, recording: Recorded, variables: Sequence[Variable]
    ) -> dict[str, dict[str, list[Any]]]:
        """Return the conditions of what code decides, by the builds that asked for it."""
        names: dict[str, str | None] = {}
        for each in variables:  # a name of several parameters tells nothing
            names[each.entry.name] = None if each.entry.name in names else each.key
        presence = Presence()
        for run in recording.runs:
            keys = {names.get(name): value for name, value in run.items()}
            presence.add({key: value for key, value in keys.items() if key is not None})
        parents: dict[str, Sequence[Any] | None] = {}
        for each in variables:
            every = _levels(each.entry)
            if every is not None:
                parents[each.key] = every if each.entry.kind in ("int", "float") else None
        found = presence.conditions([each.key for each in variables], parents)
        free = {each.key for each in variables if each.conditions is None}
        return {key: when for key, when in found.items() if key in free}

    def _made(
        self, variables: Sequence[Variable], decided: Mapping[str, dict[str, list[Any]]]
    ) -> Space:
        waiting = {each.key: each for each in variables}
        # Those that code decides come in their order, parents first; what nothing decides exists
        # always, and the build passes over it where it does not ask for it.
        order = [*decided, *(key for key in waiting if key not in decided)]
        parameters: dict[str, Parameter] = {}
        while order:
            ready = [k for k in order if all(p in parameters for p in self._parents(k, decided))]
            if not ready:
                raise ProblemError(f"the conditions of {order} must not go round")
            for key in ready:
                when = self._when(key, decided)
                if when is not None:
                    parameters[key] = _with_when(waiting[key].entry, when)
            order = [key for key in order if key not in ready]
        return Space(parents_first(parameters, [each.key for each in variables]))

    def _parents(self, key: str, decided: Mapping[str, Any]) -> set[str]:
        conditions = self._by_key[key].conditions
        if conditions is None:
            return set(decided.get(key, ()))
        names = {name for each in conditions for name, _ in each} - self._constants.keys()
        return {self._parent(name, key) for name in names}

    def _when(self, key: str, decided: Mapping[str, Any]) -> dict[str, list[Any]] | None:
        """Return a parameter's condition; None where it can never exist."""
        conditions = self._by_key[key].conditions
        if conditions is None:
            found = decided.get(key, {})
            return {parent: self._as_parameters(parent, v) for parent, v in found.items()}
        when: dict[str, list[Any]] = {}
        for each in conditions:
            for name, wanted in each:
                if name in self._constants:
                    if self._constants[name] not in wanted:
                        return None
                    continue
                parent = self._parent(name, key)
                values = [v for v in self._as_parameters(parent, wanted) if self._takes(parent, v)]
                both = len(conditions) == 1 and parent in when
                kept = [v for v in when.get(parent, ()) if v in values] if both else values
                when[parent] = kept if both else [*when.get(parent, ()), *kept]
        return when if all(when.values()) else None

    def _parent(self, name: str, key: str) -> str:
        keys = [each.key for each in self._by_key.values() if each.entry.name == name]
        if len(keys) != 1:
            raise ProblemError(
                f"the parent of {key!r} must have one definition, but {name!r} has {len(keys)}: "
                "give them different names in build"
            )
        return keys[0]

    def _as_parameters(self, parent: str, values: Sequence[Any]) -> list[Any]:
        entry = self._by_key[parent].entry
        return [entry.value_of(value) for value in values]

    def _takes(self, parent: str, value: Any) -> bool:
        parameter = self._by_key[parent].entry.parameter()
        return parameter is not None and parameter.takes(value)


def _levels(entry: Entry) -> list[Any] | None:
    """Return all values of an entry where they are few enough for a parent; None else."""
    parameter: Any = entry.parameter()
    n = 0 if parameter is None else int(parameter.levels[0])
    if not 0 < n <= MOST_VALUES:
        return None
    return [entry.value_of(v) for v in parameter.values_of([float(k) for k in range(n)])]


def _with_when(entry: Entry, when: Mapping[str, Any]) -> Parameter:
    parameter: Any = entry.parameter()
    made: Parameter = replace(parameter, when=when) if when else parameter
    return made
