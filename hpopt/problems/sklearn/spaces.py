"""The space of an estimator's parameters, in the words of hpopt or of scikit-learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator

from hpopt.errors import SpaceError, UnknownNameError
from hpopt.problems.sklearn.distributions import Objects, parameter_of
from hpopt.space import Categorical, Parameter, Sequence, Space
from hpopt.space.parameter import identity

WHICH = "space"  # the parameter that says which of several spaces a config is of


@dataclass(frozen=True)
class EstimatorSpace:
    """A space, and how its configs become parameters of an estimator.

    Attributes
    ----------
    space : Space
    objects : mapping of str to mapping
        For parameters whose values stand for something: what, by `identity`.
    targets : mapping of str to str or None
        The estimator's parameter of each parameter of the space that is called otherwise; None
        for the choice among several spaces.
    """

    space: Space
    objects: Mapping[str, Objects]
    targets: Mapping[str, str | None]

    def parameters(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters to set for a config: objects in place of their names."""
        found = {}
        for name, value in config.items():
            target = self.targets.get(name, name)
            if target is not None:
                objects = self.objects.get(name)
                key = identity(value) if objects else ""
                found[target] = objects.get(key, value) if objects else self._own(name, value)
        return found

    def _own(self, name: str, value: Any) -> Any:
        # A list of layers of one parameter is a tuple of numbers, as ``hidden_layer_sizes`` takes.
        parameter = self.space[name]
        if isinstance(parameter, Sequence) and len(parameter.layer) == 1:
            return tuple(next(iter(layer.values())) for layer in value)
        return value


def estimator_space(given: Any, names: Mapping[str, Mapping[str, Any]] | None = None) -> Any:
    """Return the space of an estimator's parameters.

    Parameters
    ----------
    given : Space, mapping, or iterable of mappings
        A mapping has for each parameter of the estimator (``C``, ``clf__C``) a parameter of hpopt,
        a list or array of values, a distribution of scipy.stats, or a mapping of names to what
        they stand for. Of several mappings, each config is of one.
    names : mapping of str to mapping, optional
        What the values of a Space's choices stand for.

    Returns
    -------
    EstimatorSpace

    Raises
    ------
    SpaceError, UnknownNameError
        It is none of these, or names something that is not there.
    """
    if isinstance(given, Space):
        found = EstimatorSpace(given, {}, {})
    elif isinstance(given, Mapping):
        found = _of_mapping(given)
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes):
        spaces = list(given)
        for space in spaces:
            if not isinstance(space, Mapping):
                raise SpaceError(
                    "each of several spaces must be a mapping of parameters, but got "
                    f"{space!r}: write [{{...}}, {{...}}]"
                )
        if not spaces:
            raise SpaceError("a list of spaces must have at least one, but got none")
        found = _of_mapping(spaces[0]) if len(spaces) == 1 else _of_several(spaces)
    else:
        raise SpaceError(
            "space must be a mapping of the estimator's parameters, a list of such or an "
            f'hpopt.Space, but got {given!r}: write {{"C": hpopt.Float(1e-3, 1e3, log=True)}}'
        )
    return _with_names(found, names or {})


def _of_mapping(given: Mapping[str, Any]) -> EstimatorSpace:
    parameters, objects = _parameters(given)
    if not parameters:  # as {} in a grid: the estimator as it is
        return EstimatorSpace(Space({WHICH: Categorical([0])}), {}, {WHICH: None})
    return EstimatorSpace(Space(parameters), objects, {})


def _parameters(given: Mapping[str, Any]) -> tuple[dict[str, Parameter], dict[str, Objects]]:
    # By name, as scikit-learn orders a grid, unless some depend on others before them.
    has_own = any(isinstance(each, Parameter) for each in given.values())
    parameters: dict[str, Parameter] = {}
    objects: dict[str, Objects] = {}
    for name in given if has_own else sorted(given):
        parameters[name], found = parameter_of(name, given[name])
        if found:
            objects[name] = found
    return parameters, objects


def _of_several(spaces: list[Mapping[str, Any]]) -> EstimatorSpace:
    """Return one space of several: what is the same in some of them is one parameter."""
    which = WHICH
    while any(which in space for space in spaces):
        which += "_"
    parameters: dict[str, Parameter] = {which: Categorical(list(range(len(spaces))))}
    objects: dict[str, Objects] = {}
    targets: dict[str, str | None] = {which: None}
    made: dict[str, list[tuple[str, Parameter, Objects, list[int]]]] = {}
    for place, space in enumerate(spaces):
        own, behind = _parameters(space)
        called: dict[str, str] = {}
        for name, given in own.items():
            # Its parents may be called otherwise here.
            when = {called[parent]: values for parent, values in (given.when or {}).items()}
            parameter = _with_when(given, when)
            known = made.setdefault(name, [])
            same = next(
                (
                    each
                    for each in known
                    if each[1] == parameter and _are_same(each[2], behind.get(name, {}))
                ),
                None,
            )
            if same is None:
                title = name if not known else f"{name} ({place})"
                same = (title, parameter, behind.get(name, {}), [])
                known.append(same)
            same[3].append(place)
            called[name] = same[0]
    for name, versions in made.items():
        for title, parameter, found, places in versions:
            parameters[title] = _with_when(parameter, {**(parameter.when or {}), which: places})
            targets[title] = name
            if found:
                objects[title] = found
    return EstimatorSpace(Space(parameters), objects, targets)


def _with_when(parameter: Parameter, when: Mapping[str, Any]) -> Parameter:
    changed: Any = dataclasses.replace(parameter, when=dict(when) or None)  # type: ignore[type-var]
    return changed  # type: ignore[no-any-return]


def _are_same(one: Objects, other: Objects) -> bool:
    return one.keys() == other.keys() and all(one[key] is other[key] for key in one)


def _with_names(found: EstimatorSpace, names: Mapping[str, Mapping[str, Any]]) -> EstimatorSpace:
    objects = dict(found.objects)
    for name, stands_for in names.items():
        if name not in found.space:
            raise UnknownNameError("parameter in names", str(name), found.space)
        parameter = found.space[name]
        for value in stands_for:
            if not parameter.takes(value):
                raise SpaceError(
                    f"names must be of values that {name} has, but {value!r} is none of {parameter}"
                )
        own = {identity(value): what for value, what in stands_for.items()}
        objects[name] = {**objects.get(name, {}), **own}
    return dataclasses.replace(found, objects=objects)


def check_names(candidates: EstimatorSpace, estimator: Any) -> None:
    """Raise UnknownNameError where the estimator has no parameter of a name in the space.

    Parameters of a step that is chosen are looked up in what is chosen, when it is set.
    """
    try:
        known = estimator.get_params(deep=True)
    except TypeError:  # an estimator of somebody's, without `deep`
        return
    chosen = {candidates.targets.get(name, name) for name in candidates.space}
    for name in candidates.space:
        target = candidates.targets.get(name, name)
        if target is None or target in known:
            continue
        owner = target.rpartition("__")[0]
        while owner and owner not in known:  # a misspelt step: what should have it decides
            owner = owner.rpartition("__")[0]
        parents = {target[:place] for place in range(len(target)) if target.startswith("__", place)}
        # Estimators of other libraries may take what they do not name.
        is_strict = isinstance(known.get(owner) if owner else estimator, BaseEstimator)
        if is_strict and not parents & chosen:
            raise UnknownNameError(f"parameter of {type(estimator).__name__}", target, known)
