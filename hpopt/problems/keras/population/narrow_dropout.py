"""Dropout of a narrow network inside a wide one: the draws are those of the narrow one alone.

Keras draws numbers for (examples, ..., units), and JAX makes each of them from the key and the
number of its place alone. So with the places that the units have in the narrow network the wide one
draws the same numbers for them.
"""

from __future__ import annotations

import functools
import math
from importlib import import_module
from typing import Any

import numpy as np

from hpopt.problems.keras.session import import_keras

# Of a float in single precision: the bits behind the exponent, and those of the number 1.
MANTISSA, ONE = 23, 0x3F800000


def draw_as_narrow(layer: Any, n_wide: int) -> Any:
    """Let a dropout layer draw as in a narrow network; return a variable for its units' places.

    The place of a unit is its number in the narrow network; of those outside, 0.
    """
    keras = import_keras()
    positions = keras.Variable(
        np.arange(n_wide, dtype=np.int32), trainable=False, dtype="int32", name="positions"
    )
    positions.is_hpopt_input = True

    def call(inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        keep = 1.0 - layer.rate
        # A spatial dropout draws one number for all positions of an image.
        is_spatial = type(layer).__name__ != "Dropout"
        n_between = 1 if is_spatial else math.prod(inputs.shape[1:-1])
        key = layer.seed_generator.next()
        kept = keeps(key, keep, inputs.shape[0] * n_between, positions.value)
        between = [1] * (len(inputs.shape) - 2) if is_spatial else inputs.shape[1:-1]
        kept = kept.reshape(inputs.shape[0], *between, n_wide)
        return keras.ops.where(kept, inputs / keep, keras.ops.zeros_like(inputs))

    object.__setattr__(layer, "call", call)  # past Keras' own tracking of attributes
    return positions


def keeps(key: Any, keep: Any, n: int, positions: Any) -> Any:
    """Return whether units are kept, shape (n, units), as `jax.random.bernoulli` draws it.

    Parameters
    ----------
    key : array (2,), uint32
    keep : float
        The probability.
    positions : array (units,)
        Of which the largest is the last of the narrow network.
    """
    jax = import_module("jax")
    jnp, hashed = jax.numpy, import_module("jax.extend.random").threefry2x32_p
    positions = positions.astype("uint32")
    n_narrow = positions.max() + 1
    counts = jnp.arange(n, dtype="uint32")[:, None] * n_narrow + positions
    high = jnp.zeros_like(counts)
    first, second = hashed.bind(*jnp.broadcast_arrays(key[0], key[1], high, counts))
    bits = jax.lax.shift_right_logical(first ^ second, np.uint32(32 - MANTISSA)) | np.uint32(ONE)
    return jax.lax.bitcast_convert_type(bits, np.float32) - np.float32(1.0) < keep


@functools.cache
def can_draw() -> bool:
    """Return whether this version of JAX, as it is set, draws as expected here."""
    try:
        jax = import_module("jax")
        key, narrow = jax.numpy.array([5, 7], dtype="uint32"), (6, 5)
        wide = np.array([0, 1, 0, 2, 3, 0, 4, 0], np.int32)
        alone = jax.random.bernoulli(key, np.float32(0.6), narrow)
        inside = keeps(key, np.float32(0.6), narrow[0], jax.numpy.asarray(wide))
        return bool((np.asarray(alone) == np.asarray(inside)[:, [0, 1, 3, 4, 6]]).all())
    except Exception:  # a version made in another way: networks of other widths train apart
        return False
