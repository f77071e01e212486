"""A build function of KerasTuner's as a problem."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hpopt.core import Config
from hpopt.errors import ProblemError, StudyWarning, UnknownNameError
from hpopt.integrations.keras_tuner.entries import Entry, entry_of
from hpopt.integrations.keras_tuner.fitting import (
    Passed,
    names_of_settings,
    overridden_fit,
    passed_on,
)
from hpopt.integrations.keras_tuner.hyperparameters import hyperparameters, uses_keras_tuner
from hpopt.integrations.keras_tuner.recording import MOST_BUILDS, Recorded, recorded
from hpopt.integrations.keras_tuner.spaces import TunedSpace
from hpopt.problems.keras.problem import KerasProblem
from hpopt.problems.keras.session import fresh_session, require_keras
from hpopt.space import Parameter


def from_build(
    build: Any,
    x: Any,
    y: Any = None,
    *,
    space: Mapping[str, Parameter] | None = None,
    also: Iterable[Mapping[str, Any]] = (),
    **settings: Any,
) -> KerasProblem:
    """Return the problem of a ``build(hp)`` or HyperModel written for KerasTuner.

    It is run with the defaults, and then with other values of each choice, at the ends of each
    range, and with some at random, to record what it asks for. What is asked for in a
    ``conditional_scope``, or with ``parent_name``, has that condition; of what only some builds ask
    for, the values that decide it are looked for. Defaults are those of the parameters: to try
    them first, as KerasTuner does, give ``start=[{}]`` to the study.

    Parameters
    ----------
    build : callable or HyperModel
        Returns the compiled model; ``hp`` is KerasTuner's where KerasTuner has been imported, and
        else ours, with the same methods. A HyperModel's ``fit`` may choose ``epochs`` and
        ``batch_size``.
    x, y, **settings
        As for `KerasProblem`: validation_data, objectives, epochs, fidelity, callbacks …
    space : mapping of str to Parameter, optional
        Parameters in place of those of the same name.
    also : iterable of mappings
        Further values by name to build with, for what else only rare combinations ask for.

    Returns
    -------
    KerasProblem
        A range with ``sampling="reverse_log"`` is searched as its distance from the end, under a
        name such as ``1.09 - momentum``.

    Raises
    ------
    ProblemError
        A build asks for nothing, or for what has no parameter like it; or fit does what
        KerasProblem cannot.
    UnknownNameError
        No build asks for what `also` names.
    MissingExtraError
        Keras is not installed.
    """
    require_keras()
    theirs, fit = uses_keras_tuner(), overridden_fit(build)
    call = _build_of(build)
    passed: list[Passed] = []

    def run(values: Mapping[str, Any]) -> Any:
        hp, error = hyperparameters(values, theirs=theirs), None
        with fresh_session(0):
            try:
                call(hp)
            except Exception as raised:  # a session that ends by an error collects all garbage
                error = raised
        if error is not None:
            raise error
        if fit is not None:
            chosen = passed_on(fit, hp)
            passed.append(Passed(dict(hp.values), chosen))
        return hp

    more = _checked_also(also)
    recording = recorded(run, _entries, more)
    _check_asked(more, recording)
    _warn(recording)
    named, constants = names_of_settings(passed) if passed else ({}, {})
    tuned = TunedSpace(recording, named)
    made = tuned.space if space is None else tuned.space.changed(space)
    network = TunedBuild(call, tuned, theirs=theirs)
    return KerasProblem(x, y, build=network, space=made, **{**constants, **settings})


def _checked_also(also: Any) -> list[dict[str, Any]]:
    found = None if isinstance(also, Mapping | str) or not isinstance(also, Iterable) else [*also]
    if found is None or not all(isinstance(each, Mapping) for each in found):
        raise ProblemError(
            f"also must be a list of mappings of names to values, but got {also!r}: write "
            'also=[{"layers": 3}]'
        )
    return [dict(each) for each in found]


def _check_asked(also: list[dict[str, Any]], recording: Recorded) -> None:
    asked = dict.fromkeys(entry.name for entry in recording.entries)
    raised = [values for values, _ in recording.failures]  # before they asked, maybe: see _warn
    for name in dict.fromkeys(name for values in also if values not in raised for name in values):
        if name not in asked:
            raise UnknownNameError("parameter of build in also", name, asked)


class TunedBuild:
    """Build the network of a config."""

    def __init__(self, build: Callable[[Any], Any], tuned: TunedSpace, *, theirs: bool) -> None:
        self._build, self._tuned, self._theirs = build, tuned, theirs

    def __call__(self, config: Config) -> Any:
        """Return what build makes of a config.

        Raises
        ------
        ProblemError
            It asks for what the space does not have.
        """
        values = self._tuned.values(config)
        hp = hyperparameters(values, theirs=self._theirs)
        model = self._build(hp)
        for entry in _entries(hp):
            is_new = entry.name in hp.values and entry.name not in values
            if is_new and entry.parameter() is not None:
                raise ProblemError(
                    "build must ask for what recorded builds have asked for, but asks for "
                    f"{entry.name!r} with {values}: give such values to from_build, "
                    "also=[{...}], or ask for it in a conditional_scope"
                )
        return model


def _build_of(build: Any) -> Callable[[Any], Any]:
    found = getattr(build, "build", None)
    if not isinstance(build, type) and callable(found):
        return _Method(build)
    if not callable(build) or isinstance(build, type):
        raise ProblemError(
            "build must be a function of hp that returns a compiled model, or a HyperModel, but "
            f"got {build!r}"
        )
    chosen: Callable[[Any], Any] = build
    return chosen


class _Method:
    """The build of a HyperModel, which replaces it by a closure of its own."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __call__(self, hp: Any) -> Any:
        return self.model.build(hp)


def _entries(hp: Any) -> list[Entry]:
    return [entry_of(each) for each in hp.space]


def _warn(recording: Recorded) -> None:
    if recording.failures:
        values, error = recording.failures[0]
        warnings.warn(
            f"{len(recording.failures)} of the builds that were tried to record the space raised "
            f"an error, the first with {values}: {type(error).__name__}: {error}",
            StudyWarning,
            stacklevel=3,
        )
    if not recording.is_whole:
        warnings.warn(
            f"build was run {MOST_BUILDS} times, which was not enough for all values of all that "
            "it asks for: what only others ask for is missing in the space",
            StudyWarning,
            stacklevel=3,
        )
