"""The numbers of a compiled model as variables, so that one traced step serves all their values.

A graph, or a program of XLA, holds a number of Python as a constant: another dropout rate means to
trace and compile again. As a variable it is an input.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hpopt.problems.keras.session import import_keras

OPTIMIZERS = frozenset(
    ("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Lion", "Lamb", "Adadelta", "Adagrad")
)
"""The optimizers whose steps were tried with variables in place of numbers."""

OPTIMIZER_NUMBERS = (
    *("weight_decay", "momentum", "beta_1", "beta_2", "epsilon", "rho"),
    *("clipnorm", "global_clipnorm", "ema_momentum"),
)
"""Not ``clipvalue``: JAX's own clip, which Keras hands it to as it is, takes no variable."""
LAYER_NUMBERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D"), ("rate",)),
    **{"SpatialDropout3D": ("rate",), "GaussianNoise": ("stddev",)},
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell"), ("dropout", "recurrent_dropout")),
}
REGULARIZERS = ("L1", "L2", "L1L2")
SMOOTHED = ("BinaryCrossentropy", "CategoricalCrossentropy")
"""Losses with a ``label_smoothing``."""

# What takes the place of a number in the description of an architecture: any other than 0 and 1.
SENTINEL = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a compiled model holds a number: objects with an attribute, or dicts with a key."""

    owners: tuple[Any, ...]
    name: str
    value: float
    group: str  # "optimizer" or "model": whose variables it joins

    def put(self, value: Any) -> None:
        """Put something in the place of the number."""
        for owner in self.owners:
            if isinstance(owner, dict):
                owner[self.name] = value
            else:
                # Past Keras' own tracking of attributes, which would list it among the weights.
                object.__setattr__(owner, self.name, value)


def places_of(model: Any, layers: list[Any]) -> list[Place]:
    """Return the places of the numbers of a compiled model that a traced step may take as inputs.

    Numbers that Keras branches on stay as they are: 0, for which there are no slots or no
    generator of random numbers, and 1, where a dropout layer returns zeros.
    """
    found = [*_of_optimizer(model.optimizer), *_of_loss(model)]
    seen: set[int] = set()
    for layer in layers:
        if layer.compute_dtype != layer.variable_dtype or layer.compute_dtype != "float32":
            # A rate would be rounded to the precision of the layer, or widen its outputs.
            continue
        found += _of_layer(layer, seen)
    return [place for place in found if _is_input(place.value)]


def pattern_of(places: list[Place]) -> list[str]:
    """Return what must be equal for the numbers of two models to correspond by position."""
    return [f"{place.group} {place.name}" for place in places]


def _is_input(value: float) -> bool:
    return math.isfinite(value) and value > 0.0 and value != 1.0


def inner_optimizer(optimizer: Any) -> Any:
    """Return the optimizer with the slots, which a LossScaleOptimizer wraps."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _of_optimizer(optimizer: Any) -> Iterator[Place]:
    inner = inner_optimizer(optimizer)
    if type(inner).__name__ in OPTIMIZERS:
        unused = () if inner.use_ema else ("ema_momentum",)
        names = [name for name in OPTIMIZER_NUMBERS if name not in unused]
        yield from _attributes(inner, names, "optimizer")


def _of_loss(model: Any) -> Iterator[Place]:
    if model.compute_dtype != "float32":
        return
    for loss in _losses(model.loss):
        given = getattr(loss, "_fn_kwargs", None)  # no public name; without it there is no place
        if type(loss).__name__ not in SMOOTHED or not isinstance(given, dict):
            continue
        value = given.get("label_smoothing")
        if isinstance(value, float | int):
            yield Place((loss, given), "label_smoothing", float(value), "model")


def _losses(loss: Any) -> Iterator[Any]:
    if isinstance(loss, dict):
        loss = list(loss.values())
    for each in loss if isinstance(loss, list | tuple) else [loss]:
        if isinstance(each, dict | list | tuple):
            yield from _losses(each)
        else:
            yield each


def _of_layer(layer: Any, seen: set[int]) -> Iterator[Place]:
    yield from _attributes(layer, LAYER_NUMBERS.get(type(layer).__name__, ()), "model")
    regularizer = import_keras().regularizers.Regularizer
    for value in vars(layer).values():
        # One may serve several layers.
        if isinstance(value, regularizer) and id(value) not in seen:
            seen.add(id(value))
            if type(value).__name__ in REGULARIZERS:
                yield from _attributes(value, ("l1", "l2"), "model")


def _attributes(owner: Any, names: Iterable[str], group: str) -> Iterator[Place]:
    for name in names:
        value = getattr(owner, name, None)
        if value is not None and not isinstance(value, bool):
            yield Place((owner,), name, float(value), group)


@functools.cache
def number_class() -> Any:
    """Return the class of the numbers, made on first use: its base class needs Keras."""
    keras = import_keras()

    class Number(keras.Variable):  # type: ignore[misc, name-defined]
        """A number as a variable; to Python's comparisons it is the number of the first trace."""

        # Keras asks `if self.momentum > 0`, which a variable cannot answer while it is traced. A
        # number above 0 is replaced by such numbers only, so the answer is always the same.

        def __init__(self, value: float, name: str) -> None:
            self.nominal, self.is_hpopt_input = value, True
            super().__init__(value, trainable=False, dtype="float32", name=name)

        def __bool__(self) -> bool:
            return bool(self.nominal)

        def __eq__(self, other: object) -> bool:
            return self is other or (isinstance(other, float | int) and self.nominal == other)

        def __ne__(self, other: object) -> bool:
            return not self == other

        def __lt__(self, other: float) -> bool:
            return self.nominal < other

        def __le__(self, other: float) -> bool:
            return self.nominal <= other

        def __gt__(self, other: float) -> bool:
            return self.nominal > other

        def __ge__(self, other: float) -> bool:
            return self.nominal >= other

        __hash__ = object.__hash__  # `__eq__` would take it away

        def get_shape(self) -> Any:
            # TensorFlow's dropout asks for it.
            return self.value.get_shape()

    return Number


def is_input(variable: Any) -> bool:
    """Return whether a variable is an input of this kind, no weight or state of the model."""
    return getattr(variable, "is_hpopt_input", False)


def own_variables(owner: Any) -> list[Any]:
    """Return the variables of a model or an optimizer, without its numbers."""
    return [variable for variable in owner.variables if not is_input(variable)]
