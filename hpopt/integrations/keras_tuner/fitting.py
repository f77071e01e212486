"""The ``fit`` of a HyperModel: what it passes to ``model.fit``, by a model that only looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpopt.errors import ProblemError

SETTINGS = ("epochs", "batch_size")
"""What a config of a KerasProblem may decide of its training."""
PASSED_OVER = ("verbose", "callbacks", "validation_data", "validation_split")
"""What `from_build` takes itself."""

HOW = (
    "fit of a HyperModel must return model.fit(x, y, epochs=..., batch_size=...) for KerasProblem "
    "to train the same way, but"
)
INSTEAD = (
    ": leave fit out and give the arguments to from_build, or write a subclass of KerasProblem"
)


@dataclass(frozen=True, slots=True)
class Passed:
    """What a fit has passed on, and the values of what it was given."""

    values: Mapping[str, Any]
    settings: Mapping[str, Any]


class _Looking:
    """A model whose fit says what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def fit(self, *args: Any, **settings: Any) -> _Looking:
        self.calls.append((args, settings))
        return self

    def __getattr__(self, name: str) -> Any:
        raise ProblemError(f"{HOW} it uses model.{name}{INSTEAD}")


def overridden_fit(build: Any) -> Callable[..., Any] | None:
    """Return the fit that a HyperModel writes itself; None where it is the usual one."""
    written = getattr(type(build), "fit", None)
    if written is None or getattr(written, "__module__", "").startswith("keras_tuner."):
        return None
    found: Callable[..., Any] = build.fit
    return found


def passed_on(fit: Callable[..., Any], given: Any) -> Mapping[str, Any]:
    """Return the settings that a fit passes on for what it was given.

    Raises
    ------
    ProblemError
        It does anything else than fitting the model once.
    """
    model, x, y = _Looking(), object(), object()
    returned = fit(given, model, x, y, callbacks=[], verbose=0)
    if len(model.calls) != 1 or returned is not model:
        what = "returns something else" if model.calls else "does not call it"
        raise ProblemError(f"{HOW} it {what}{INSTEAD}")
    args, settings = model.calls[0]
    data = [*args, *(settings.pop(name) for name in ("x", "y") if name in settings)]
    if len(data) != 2 or data[0] is not x or data[1] is not y:
        raise ProblemError(f"{HOW} it passes on other data{INSTEAD}")
    if settings.pop("callbacks", None):
        raise ProblemError(f"{HOW} it adds callbacks: give callbacks= to from_build")
    for name in settings.keys() - {*SETTINGS, *PASSED_OVER}:
        raise ProblemError(f"{HOW} it decides {name!r}{INSTEAD}")
    return {name: settings[name] for name in SETTINGS if name in settings}


def names_of_settings(passed: Sequence[Passed]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return which settings are which hyper-parameters, and those that are constants.

    Raises
    ------
    ProblemError
        A setting is neither.
    """
    named: dict[str, str] = {}
    constants: dict[str, Any] = {}
    for setting in SETTINGS:
        given = [each.settings.get(setting) for each in passed]
        if given == given[:1] * len(given):
            constants |= {} if given[0] is None else {setting: given[0]}
            continue
        names = set.intersection(*({*each.values} for each in passed))
        same = [
            name
            for name in sorted(names, key=lambda name: (name != setting, name))
            if [each.values[name] for each in passed] == given
        ]
        if not same:
            raise ProblemError(f"{HOW} its {setting} is no single hyper-parameter{INSTEAD}")
        named[setting] = same[0]
    return named, constants
