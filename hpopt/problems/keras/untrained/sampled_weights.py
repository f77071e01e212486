"""Weights drawn at random: standard normal, or by an initialiser of Keras."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hpopt.errors import SettingError
from hpopt.problems.keras.data.structures import Array
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.untrained.batched import Networks

AT_ONCE = 2**22
"""Numbers that are drawn at once: more draws do not take more memory."""


def sampled_weights(
    networks: Networks, draws: int, seed: int, initializer: Any = None
) -> Iterator[Array]:
    """Draw the trainable weights of networks, a block of draws at a time.

    Parameters
    ----------
    networks : Networks
    draws : int, at least 1
    seed : int
        The first draws of a longer sample are those of a shorter one.
    initializer : str or keras.initializers.Initializer, optional
        Draws each weight by itself, biases too. By default they are all standard normal.

    Returns
    -------
    iterator of ndarray (m, n_weights)
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // networks.n_weights)
    by_keras = None if initializer is None else _initializer(initializer)
    for start in range(0, draws, at_once):
        n = min(at_once, draws - start)
        if by_keras is None:
            yield rng.standard_normal((n, networks.n_weights), dtype=np.float32)
        else:
            yield np.stack([_one(by_keras, networks, rng) for _ in range(n)])


def _initializer(initializer: Any) -> Any:
    keras = import_keras()
    try:
        found = keras.initializers.get(initializer)
    except ValueError as error:
        raise SettingError(f"initializer must be one of Keras, but got {initializer!r}") from error
    if not isinstance(found, keras.initializers.Initializer):
        raise SettingError(
            f"initializer must be the name of one of Keras, or an instance, but got {initializer!r}"
        )
    return found


def _one(initializer: Any, networks: Networks, rng: np.random.Generator) -> Array:
    """Draw one vector of weights; each weight by a copy with a seed of its own."""
    config = initializer.get_config()
    parts = []
    for shape, name in zip(networks.shapes, networks.names, strict=True):
        if "seed" in config:
            config["seed"] = int(rng.integers(2**31))
        try:
            values = type(initializer).from_config(config)(shape)
        except ValueError as error:
            raise SettingError(
                f"initializer must be able to draw each weight, but {type(initializer).__name__} "
                f"cannot draw {name} of shape {shape}: {error}"
            ) from error
        parts.append(np.asarray(values).ravel())
    return np.concatenate(parts)
