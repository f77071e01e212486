"""The architecture of a compiled model: what one traced step of training is made for.

It is taken from the model itself, never from the config that it was made of: a function of the user
may make anything of that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.numbers import SENTINEL, Place, inner_optimizer, pattern_of

MODELS = ("Sequential", "Functional")
# Layers of Keras that run a function of the user, or hold what no config and no variable tells.
OPAQUE = ("Lambda", "JaxLayer", "FlaxLayer", "TFSMLayer", "TorchModuleWrapper")
CALLBACKS = frozenset(
    ("EarlyStopping", "ReduceLROnPlateau", "LearningRateScheduler", "TerminateOnNaN", "CSVLogger")
)
"""Callbacks that change a training by its variables alone, and write no file of the model."""


def layers_within(model: Any) -> list[Any]:
    """Return all layers of a model, those inside others too."""
    # No public name lists those inside a cell or a wrapper.
    return list(model._flatten_layers(include_self=False, recursive=True))


def is_plain_model(model: Any) -> bool:
    """Return whether a model is of layers alone, and has no step of its own."""
    return type(model).__name__ in MODELS and _is_of_keras(model) and _is_untouched(model)


def can_share(model: Any, layers: list[Any]) -> bool:
    """Return whether Keras' own code alone decides what a step of training does."""
    keras = import_keras()
    return (
        model.optimizer is not None
        and model.built
        and not model.run_eagerly
        and getattr(model, "_distribute_strategy", None) is None
        and keras.distribution.distribution() is None
        and all(map(_is_plain_layer, layers))
        and _is_plain_optimizer(model.optimizer)
        and all(map(_is_of_keras, _compiled_with(model)))
        # In other precisions a number would be rounded to that of the weights.
        and all(variable.dtype == "float32" for variable in model.trainable_variables)
    )


def are_plain(callbacks: Sequence[Any]) -> bool:
    """Return whether callbacks neither hold code of the user nor read the model's settings."""
    return all(
        type(each).__name__ in CALLBACKS and _root(type(each)) == "keras" for each in callbacks
    )


def architecture_of(
    model: Any,
    places: list[Place],
    batch: tuple[Any, ...],
    others: tuple[Any, ...] = (),
    config_of: Callable[[Any], Any] | None = None,
) -> str | None:
    """Return the key of a model's architecture; None if it cannot be described.

    Models of the same key differ in the values of their variables and of the numbers in `places`
    alone. `batch` is one of its data, of which types and shapes count; `others` what else decides
    the traced step; `config_of` returns what to take for the model's config.
    """
    keras = import_keras()
    for place in places:
        place.put(SENTINEL)
    try:
        compiled = {**model.get_compile_config()}
        compiled.pop("optimizer", None)
        described = [
            type(model).__name__,
            model.get_config() if config_of is None else config_of(model),
            [[layer.trainable for layer in layers_within(model)], model.trainable],
            compiled,
            _config_of(model.optimizer),
            pattern_of(places),
            [_spec(part) for part in batch],
            [str(model.jit_compile), model.steps_per_execution, keras.config.floatx()],
            [keras.config.image_data_format(), keras.backend.backend(), *others],
        ]
        text = json.dumps(_unseeded(described), sort_keys=True, default=_as_json)
    except (TypeError, ValueError, NotImplementedError, AttributeError):
        return None  # something of the user's that has no config
    finally:
        for place in places:
            place.put(place.value)
    return hashlib.sha256(text.encode()).hexdigest()


def _config_of(optimizer: Any) -> list[Any]:
    """Return an optimizer's class and config, without a learning rate that is a variable."""
    inner = inner_optimizer(optimizer)
    config = inner.get_config()
    if isinstance(inner._learning_rate, import_keras().Variable):
        config.pop("learning_rate")
    config.pop("name", None)
    wrapper = {} if inner is optimizer else optimizer.get_config()
    return [type(inner).__name__, config, wrapper.get("initial_scale")]


def _unseeded(config: Any) -> Any:
    """Return a config without seeds: what they seed is a variable, or has been drawn."""
    if isinstance(config, dict):
        return {str(key): _unseeded(each) for key, each in config.items() if key != "seed"}
    return [_unseeded(each) for each in config] if isinstance(config, list | tuple) else config


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(type(value))


def _spec(part: Any) -> Any:
    """Return the types and shapes of a part of a batch, without the number of examples."""
    if isinstance(part, dict):
        return {str(name): _spec(each) for name, each in part.items()}
    if isinstance(part, tuple | list):
        return [_spec(each) for each in part]
    return None if part is None else [str(part.dtype), [*part.shape[1:]]]


def _is_plain_layer(layer: Any) -> bool:
    name = type(layer).__name__
    if name in OPAQUE or not _is_of_keras(layer) or not _is_untouched(layer):
        return False
    # What a layer learns from data before the training is in no variable that the step reads.
    return not hasattr(layer, "adapt") or (
        name == "Normalization" and getattr(layer, "input_mean", None) is not None
    )


def _is_plain_optimizer(optimizer: Any) -> bool:
    inner = inner_optimizer(optimizer)
    names = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
    return (
        _is_of_keras(optimizer)
        and _is_of_keras(inner)
        # Which weights do not decay is in no config.
        and not any(getattr(inner, name, None) for name in names)
        and not isinstance(inner._learning_rate, FunctionType | MethodType | partial)
    )


def _compiled_with(model: Any) -> Iterator[Any]:
    """Yield the losses and metrics of a model."""
    config = model._compile_config.config  # what `compile` was called with has no public name
    for name in ("loss", "metrics", "weighted_metrics"):
        for each in _leaves(config.get(name)):
            yield each
            yield from _functions(each)


def _is_untouched(owner: Any) -> bool:
    return all(map(_is_of_keras, _functions(owner)))


def _functions(owner: Any) -> Iterator[Any]:
    """Yield the functions and the objects with a config that an object of Keras holds."""
    if isinstance(owner, str | FunctionType):
        return
    for value in getattr(owner, "__dict__", {}).values():
        for each in _leaves(value):
            if isinstance(each, FunctionType | MethodType | partial) or (
                not isinstance(each, type) and hasattr(each, "get_config")
            ):
                yield each


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        yield value
        return
    for each in value:
        yield from _leaves(each)


def _is_of_keras(value: Any) -> bool:
    if value is None or isinstance(value, str):
        return True
    if isinstance(value, partial):
        return _is_of_keras(value.func)
    return _root(value if isinstance(value, FunctionType | MethodType) else type(value)) == "keras"


def _root(defined: Any) -> str:
    return str(getattr(defined, "__module__", "")).partition(".")[0]
