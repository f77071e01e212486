"""Many networks of one architecture, evaluated as one computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.data.structures import checked_array, fits_shape
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.untrained.batched.form import Array
from hpopt.problems.keras.untrained.batched.general import CompiledModel
from hpopt.problems.keras.untrained.batched.thread_map import available_threads, map_in_threads
from hpopt.problems.keras.untrained.batched.translation import BatchedModel, translate

# Numbers that a thread holds at once, half a megabyte: more do not stay in the cache of its core.
AT_ONCE = 2**17
# Examples, and examples times draws, that a compiled model is given at once; any numbers of
# this order do.
EXAMPLES_AT_ONCE = 2**11
PREDICTIONS_AT_ONCE = 2**23  # 32 MB of single outputs
# The fewest examples that are computed at once: with fewer, numpy's overhead a call dominates.
FEWEST = 64

Reduced = Callable[[Array], Array]


class Networks:
    """Many networks of one architecture, evaluated as one computation.

    Each network has trainable weights of its own, given as one vector; all other weights (moving
    statistics, frozen layers) are the model's. Networks of the usual layers are computed together
    in numpy, which needs no compilation. For any other model Keras' own call is compiled once,
    over a stack of weights.

    Parameters
    ----------
    model : keras.Model
        Sequential, functional or a subclass. It is not changed, and need not be compiled.
    x : array-like (n, ...), optional
        Some inputs, to build a model that is not built.

    Attributes
    ----------
    shapes : tuple of tuple of int
        Of the trainable weights, in Keras' order.
    n_weights : int
        The length of a vector of weights.
    route : {"batched", "compiled"}
        How the networks are evaluated: in numpy, or by a compiled Keras model.

    Raises
    ------
    ProblemError
        It is no Keras model, or has no trainable weights.
    MissingExtraError
        Keras is not installed.

    Examples
    --------
    >>> networks = Networks(model)
    >>> weights = np.random.default_rng(0).standard_normal((30, networks.n_weights))
    >>> networks.predict(weights, x).shape
    (30, 198, 1)
    """

    def __init__(self, model: Any, x: Any = None) -> None:
        keras = import_keras()
        if not isinstance(model, keras.Model):
            raise ProblemError(
                f"model must be a keras.Model, but got {type(model).__name__}: {model!r}"
            )
        if not model.built and x is not None:
            model(examples(checked_inputs(x, (), keras.config.floatx()), slice(0, 1)))
        if not model.built or not model.trainable_weights:
            raise ProblemError(
                f"model {model.name!r} must have weights to draw, but has none: build it, with an "
                "Input as its first layer, and leave a layer trainable"
            )
        self._floatx = keras.config.floatx()
        self.shapes = tuple(tuple(weight.shape) for weight in model.trainable_weights)
        self.sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.n_weights = sum(self.sizes)
        self.names = tuple(weight.path for weight in model.trainable_weights)
        self._shapes = [tuple(each.shape[1:]) for each in getattr(model, "inputs", None) or ()]
        graph = translate(keras, model)
        self._compute: BatchedModel | CompiledModel
        self._compute = (
            CompiledModel.cached(keras, model) if graph is None else BatchedModel(model, graph)
        )
        self._n_floats = 0 if graph is None else graph.n_floats

    @property
    def route(self) -> str:
        """How the networks are evaluated: "batched" or "compiled"."""
        return "compiled" if isinstance(self._compute, CompiledModel) else "batched"

    def stacks(self, weights: Any) -> list[Array]:
        """Split vectors (draws, n_weights) into the trainable weights, the draws on the first axis.

        Raises
        ------
        SettingError
            The vectors are of another length.
        """
        weights = np.asarray(weights)
        if weights.ndim != 2 or weights.shape[1] != self.n_weights:
            raise SettingError(
                f"weights must have the shape (draws, {self.n_weights}), but got {weights.shape}"
            )
        # Converted once for all draws, without a copy if it fits.
        parts = np.split(weights.astype(self._floatx, copy=False), np.cumsum(self.sizes)[:-1], 1)
        return [
            part.reshape(len(part), *shape) for part, shape in zip(parts, self.shapes, strict=True)
        ]

    def checked_inputs(self, x: Any) -> Any:
        """Return inputs in Keras' precision; raise SettingError if they do not fit the model."""
        return checked_inputs(x, self._shapes, self._floatx)

    def predict(self, weights: Any, x: Any) -> Array:
        """Return the predictions of all networks.

        Parameters
        ----------
        weights : array-like (draws, n_weights)
            One vector a network: its trainable weights, in Keras' order, flattened.
        x : array-like (n, ...)

        Returns
        -------
        ndarray (draws, n, ...)
            As ``model.predict(x)`` returns them with these weights.
        """
        return np.concatenate(list(self.over(weights, x, lambda predictions: predictions)))

    def over(self, weights: Any, x: Any, reduce: Reduced) -> Iterator[Array]:
        """Yield a function's result for the predictions (m, n, ...) of m draws at a time.

        So the predictions of all draws need not fit into memory together.
        """
        stacks = self.stacks(weights)
        x = self.checked_inputs(x)
        n_draws, n = len(stacks[0]), n_examples(x)
        at_once, draws_at_once = self._at_once(n)

        def block(start: int) -> Array:
            chosen = [stack[start : start + draws_at_once] for stack in stacks]
            parts = [
                self._compute(examples(x, slice(first, first + at_once)), chosen)
                for first in range(0, n, at_once)
            ]
            return reduce(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))

        starts = range(0, n_draws, draws_at_once)
        # A backend has threads of its own, so compiled models get one of ours.
        n_threads = min(available_threads(), len(starts)) if self.route == "batched" else 1
        return map(block, starts) if n_threads == 1 else map_in_threads(block, starts, n_threads)

    def _at_once(self, n: int) -> tuple[int, int]:
        """Return how many of n examples, and how many draws, are computed at once."""
        if self._n_floats == 0:  # a compiled model
            at_once = min(n, EXAMPLES_AT_ONCE)
            return at_once, max(1, PREDICTIONS_AT_ONCE // n)
        at_once = min(n, max(FEWEST, AT_ONCE // self._n_floats))
        return at_once, max(1, AT_ONCE // (self._n_floats * at_once))


def checked_inputs(x: Any, shapes: Sequence[tuple[int | None, ...]], floatx: str) -> Any:
    """Return inputs, checked, in the precision that Keras computes in.

    `shapes` holds the shape of an example for each input, where the model knows it; None for any
    size.
    """
    if isinstance(x, tuple | Mapping):
        arrays = x if isinstance(x, Mapping) else dict(enumerate(x))
        found = {key: _floats(value, f"x[{key!r}]", floatx) for key, value in arrays.items()}
        if len({len(array) for array in found.values()}) != 1:
            lengths = {key: len(array) for key, array in found.items()}
            raise SettingError(f"all inputs must be of the same length, but got {lengths}")
        return found if isinstance(x, Mapping) else tuple(found.values())
    array = _floats(x, "x", floatx)
    if len(shapes) > 1:
        raise SettingError(
            f"the model has {len(shapes)} inputs, but x is one array: give a tuple of arrays"
        )
    for shape in shapes:
        if not fits_shape(shape, array.shape[1:]):
            raise SettingError(
                f"x must have the shape (n, {', '.join(map(str, shape))}), as the model's input, "
                f"but got {array.shape}"
            )
    return array


def n_examples(x: Any) -> int:
    """Return the number of examples."""
    if isinstance(x, Mapping):
        return len(next(iter(x.values())))
    return len(x[0] if isinstance(x, tuple) else x)


def examples(x: Any, places: slice) -> Any:
    """Return the examples at these places."""
    if isinstance(x, Mapping):
        return {key: array[places] for key, array in x.items()}
    return tuple(array[places] for array in x) if isinstance(x, tuple) else x[places]


def _floats(values: Any, name: str, floatx: str) -> Any:
    # The whole numbers that an Embedding takes are exact in float32 up to 2**24.
    return checked_array(values, name).astype(np.dtype(floatx), copy=False)
