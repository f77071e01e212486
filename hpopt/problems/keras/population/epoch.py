"""The epoch of K networks as one program: Keras' own steps, mapped over stacks of variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from hpopt.problems.keras.population.data import Examples
from hpopt.problems.keras.population.forms import Form
from hpopt.problems.keras.session import import_keras

# At the level 1 in place of 3 a step takes half as long again on a CPU, and compiles in a third of
# the time.
LEVEL_OF_REST = 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """What decides the program of an epoch, beside the form of its members.

    Attributes
    ----------
    k, batch_size, n_training, n_validation : int
        Members, examples in a batch, and in an epoch.
    validates_apart : bool
        Whether each member validates on rows of its own, as with folds.
    """

    k: int
    batch_size: int
    n_training: int
    n_validation: int
    validates_apart: bool


@dataclass(frozen=True, slots=True)
class Program:
    """The compiled parts of an epoch: its whole batches, what is left, and the validation.

    Called with stacks of variables and the orders of the rows, it gives the stacks after the epoch
    and the logs of each member by name.
    """

    whole: Callable[..., Any] | None
    rest: Callable[..., Any] | None
    validation: Callable[..., Any] | None
    metrics: Sequence[Any]  # what their stacks begin with
    names: tuple[list[str], list[str]]  # of the logs of training, and of validation
    n_whole: int  # the rows in whole batches

    def __call__(
        self, stacks: Sequence[Any], order: Any, aside: Any, examples: Examples
    ) -> tuple[list[Any], dict[str, Any]]:
        """Train all members for an epoch."""
        after, metrics = [*stacks], self.metrics
        logs: Sequence[Any] = ()
        parts = ((self.whole, order[:, : self.n_whole]), (self.rest, order[:, self.n_whole :]))
        for part, rows in parts:
            if part is not None:
                after, metrics, logs = part(after, metrics, rows, examples.training)
        found = dict(zip(self.names[0], logs, strict=True))
        if self.validation is not None:
            after, logs = self.validation(after, self.metrics, aside, examples.validation)
            found |= {f"val_{n}": value for n, value in zip(self.names[1], logs, strict=True)}
        return after, found


def compiled_epoch(form: Form, sizes: Sizes, examples: Examples) -> Program:
    """Trace and compile the epoch of a form; whatever Keras or JAX raises comes out."""
    jax = import_module("jax")
    model, names = form.traced.model, (list[str](), list[str]())
    model.reset_metrics()
    begin = [metric.numpy() for metric in model.metrics_variables]
    metrics = [np.stack([each] * sizes.k) for each in begin]
    steps = _Steps(model, sizes, names)
    stacks = [_shape((sizes.k, *each.shape), each.dtype) for each in form.variables]

    # Not donated: when memory runs out, the stacks before the epoch are still there.
    def compiled(step: Any, rows: Any, data: Any, level: int | None = None) -> Any:
        mapped = jax.vmap(step, in_axes=(0, 0, 0 if len(rows.shape) > 1 else None, None))
        lowered = jax.jit(mapped).lower(stacks, metrics, rows, data)
        options = None if level is None else {"xla_backend_optimization_level": level}
        return lowered.compile(compiler_options=options)

    n_rest = sizes.n_training % sizes.batch_size
    n_whole = sizes.n_training - n_rest
    whole = rest = validation = None
    if n_whole:
        rows = _shape((sizes.k, n_whole), "int32")
        whole = compiled(steps.train, rows, examples.training)
    if n_rest:
        rows = _shape((sizes.k, n_rest), "int32")
        # One step of an epoch: it need not be fast, and compiles in a third of the time.
        level = LEVEL_OF_REST if n_whole and jax.default_backend() == "cpu" else None
        rest = compiled(steps.train, rows, examples.training, level)
    if examples.validation is not None:
        n_aside = (sizes.n_validation,)
        rows = _shape((sizes.k, *n_aside) if sizes.validates_apart else n_aside, "int32")
        validation = compiled(steps.validate, rows, examples.validation)
    return Program(whole, rest, validation, metrics, names, n_whole)


class _Steps:
    """The parts of the epoch of one member, as functions of its row of variables."""

    def __init__(self, model: Any, sizes: Sizes, names: tuple[list[str], list[str]]) -> None:
        self._model, self._sizes, self._names = model, sizes, names
        self._n_weights = len(model.trainable_variables)
        self._n_state = self._n_weights + len(model.non_trainable_variables)

    def _parts(self, row: Any) -> tuple[Any, Any, Any]:
        n, m = self._n_weights, self._n_state
        return row[:n], row[n:m], row[m:]

    def train(self, row: Any, metrics: Any, order: Any, data: Any) -> Any:
        """Take a step for each batch; return row, metrics, and the logs of the last."""

        def step(carry: Any, places: Any) -> Any:
            logs, state = self._model.train_step(carry, _rows(data, places))
            return tuple(map(list, state)), logs

        carry = (*self._parts(row), metrics)
        carry, logs = _passed(step, carry, order, self._sizes.batch_size)
        weights, others, optimizer, metrics = carry
        # In the order of `fit` on JAX.
        self._names[0][:] = sorted(logs)
        return [*weights, *others, *optimizer], metrics, [logs[name] for name in sorted(logs)]

    def validate(self, row: Any, metrics: Any, order: Any, data: Any) -> Any:
        """Look at each batch; return row and logs."""
        weights, others, optimizer = self._parts(row)

        def look(carry: Any, places: Any) -> Any:
            logs, state = self._model.test_step((weights, *carry), _rows(data, places))
            return tuple(map(list, state[1:])), logs

        # As alone: there are no gradients, so batches of twice the size. The cells of a recurrent
        # layer draw what they drop, and do not use it.
        size = 2 * self._sizes.batch_size
        (others, _), logs = _passed(look, (others, metrics), order, size)
        self._names[1][:] = sorted(logs)
        return [*weights, *others, *optimizer], [logs[name] for name in sorted(logs)]


def _shape(shape: tuple[int, ...], kind: Any) -> Any:
    return import_module("jax").ShapeDtypeStruct(shape, kind)


def _rows(parts: Any, places: Any) -> Any:
    return import_keras().tree.map_structure(lambda array: array[places], parts)


def _passed(step: Callable[..., Any], carry: Any, order: Any, size: int) -> tuple[Any, Any]:
    """Take a step for each batch of an order; return what is carried on, and the last logs."""
    jax, tree = import_module("jax"), import_keras().tree
    n_full = order.shape[0] // size
    logs = None
    if n_full:
        batches = order[: n_full * size].reshape(n_full, size)
        carry, all_logs = jax.lax.scan(step, carry, batches)
        logs = tree.map_structure(lambda values: values[-1], all_logs)
    if order.shape[0] % size:
        carry, logs = step(carry, order[n_full * size :])
    return carry, logs
