"""Many networks of one architecture, evaluated as one computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.untrained.batched.form import Array
from hpopt.problems.keras.untrained.batched.general import CompiledModel
from hpopt.problems.keras.untrained.batched.inputs import checked_inputs, examples, n_examples
from hpopt.problems.keras.untrained.batched.thread_map import available_threads, map_in_threads
from hpopt.problems.keras.untrained.batched.translation import BatchedModel, translate

AT_ONCE = 2**17
"""Numbers to be held at once by a thread: more do not stay in the cache of its core."""
EXAMPLES_AT_ONCE = 2**11
PREDICTIONS_AT_ONCE = 2**23
"""What a compiled model is given at once."""
FEWEST = 64
"""Examples to be computed at once, at least, where there are as many."""

Reduced = Callable[[Array], Array]


class Networks:
    """Many networks of one architecture, evaluated as one computation.

    What varies from network to network are the trainable weights of a model, as one vector each;
    all others (moving statistics, frozen layers) are as in the model. For the usual layers the
    networks take each step together in numpy, which needs no compilation. For any other model
    Keras' own call is compiled once, over a stack of weights.

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
        How long a vector of them is.
    route : {"batched", "compiled"}
        Which way its networks are evaluated.

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
        plan = translate(keras, model)
        self._compute: BatchedModel | CompiledModel
        self._compute = (
            CompiledModel.of(keras, model) if plan is None else BatchedModel(model, plan)
        )
        self._n_floats = 0 if plan is None else plan.n_floats

    @property
    def route(self) -> str:
        """Which way they are evaluated: "batched" or "compiled"."""
        return "compiled" if isinstance(self._compute, CompiledModel) else "batched"

    def stacks(self, weights: Any) -> list[Array]:
        """Split vectors (draws, n_weights) into the trainable weights, the draws on the first axis.

        Raises
        ------
        SettingError
            The vectors have another length.
        """
        weights = np.asarray(weights)
        if weights.ndim != 2 or weights.shape[1] != self.n_weights:
            raise SettingError(
                f"weights must have the shape (draws, {self.n_weights}), but got {weights.shape}"
            )
        parts = np.split(weights.astype(self._floatx, copy=False), np.cumsum(self.sizes)[:-1], 1)
        return [
            part.reshape(len(part), *shape) for part, shape in zip(parts, self.shapes, strict=True)
        ]

    def checked_inputs(self, x: Any) -> Any:
        """Give inputs in Keras' precision.

        Raises
        ------
        SettingError
            They are not finite numbers, or do not fit the model.
        """
        return checked_inputs(x, self._shapes, self._floatx)

    def predict(self, weights: Any, x: Any) -> Array:
        """Give the predictions of all networks.

        Parameters
        ----------
        weights : array-like (draws, n_weights)
            One vector a network: its trainable weights, in Keras' order, flattened.
        x : array-like (n, ...)

        Returns
        -------
        ndarray (draws, n, ...)
            What ``model.predict(x)`` gives with these weights.
        """
        return np.concatenate(list(self.over(weights, x, lambda predictions: predictions)))

    def over(self, weights: Any, x: Any, reduce: Reduced) -> Iterator[Array]:
        """Give what a function makes of the predictions (m, n, ...) of m draws at a time.

        All predictions of many draws need not fit into memory.
        """
        stacks = self.stacks(weights)
        x = self.checked_inputs(x)
        n_draws, n = len(stacks[0]), n_examples(x)
        at_once, draws_at_once = self._at_once(n)

        def some(start: int) -> Array:
            chosen = [stack[start : start + draws_at_once] for stack in stacks]
            parts = [
                self._compute(examples(x, slice(first, first + at_once)), chosen)
                for first in range(0, n, at_once)
            ]
            return reduce(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))

        starts = range(0, n_draws, draws_at_once)
        n_threads = min(available_threads(), len(starts)) if self.route == "batched" else 1
        return map(some, starts) if n_threads == 1 else map_in_threads(some, starts, n_threads)

    def _at_once(self, n: int) -> tuple[int, int]:
        """Say how many of n examples, and how many draws, are computed at once."""
        if self._n_floats == 0:  # the backend computes one draw after another
            at_once = min(n, EXAMPLES_AT_ONCE)
            return at_once, max(1, PREDICTIONS_AT_ONCE // n)
        at_once = min(n, max(FEWEST, AT_ONCE // self._n_floats))
        return at_once, max(1, AT_ONCE // (self._n_floats * at_once))
