"""The epoch of K networks as one program: Keras' own steps, mapped over stacks of variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hpopt.problems.keras.population.data import Examples
from hpopt.problems.keras.population.forms import Form
from hpopt.problems.keras.session import import_keras


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
    """A compiled epoch.

    Called with stacks of variables and the orders of the rows, it gives the stacks after the epoch
    and the logs of each member by name.
    """

    run: Callable[..., Any]
    names: Sequence[str]

    def __call__(
        self, stacks: Sequence[Any], order: Any, aside: Any, examples: Examples
    ) -> tuple[list[Any], dict[str, Any]]:
        """Train all members for an epoch."""
        after, logs = self.run([*stacks], order, aside, examples.training, examples.validation)
        return after, dict(zip(self.names, logs, strict=True))


def compiled_epoch(form: Form, sizes: Sizes, examples: Examples) -> Program:
    """Trace and compile the epoch of a form; whatever Keras or JAX raises comes out."""
    jax = import_module("jax")
    model, names = form.traced.model, list[str]()
    n_weights, n_others = len(model.trainable_variables), len(model.non_trainable_variables)
    model.reset_metrics()
    begin = [metric.numpy() for metric in model.metrics_variables]

    def member(row: Any, order: Any, aside: Any, training: Any, validation: Any) -> Any:
        weights, others = row[:n_weights], row[n_weights : n_weights + n_others]
        optimizer = row[n_weights + n_others :]

        def step(carry: Any, places: Any) -> Any:
            logs, state = model.train_step(carry, _rows(training, places))
            return tuple(map(list, state)), logs

        zeros = [jax.numpy.asarray(each) for each in begin]
        state, logs = _passed(step, (weights, others, optimizer, zeros), order, sizes.batch_size)
        weights, others, optimizer, _ = state
        seen: dict[str, Any] = {}
        if validation is not None:

            def look(carry: Any, places: Any) -> Any:
                logs, state = model.test_step((weights, *carry), _rows(validation, places))
                return tuple(map(list, state[1:])), logs

            # As alone: there are no gradients, so batches of twice the size. The cells of a
            # recurrent layer draw what they drop, and do not use it.
            (others, _), seen = _passed(look, (others, zeros), aside, 2 * sizes.batch_size)
            seen = {f"val_{name}": value for name, value in seen.items()}
        # In the order of `fit` on JAX: those of training by name, then those of validation.
        names[:] = [*sorted(logs), *sorted(seen)]
        return [*weights, *others, *optimizer], [{**logs, **seen}[name] for name in names]

    apart = 0 if sizes.validates_apart else None
    mapped = jax.vmap(member, in_axes=(0, 0, apart, None, None))
    shape, kind = jax.ShapeDtypeStruct, jax.numpy.int32
    stacks = [shape((sizes.k, *each.shape), each.dtype) for each in form.variables]
    order = shape((sizes.k, sizes.n_training), kind)
    n_aside = (sizes.n_validation,)
    aside = shape((sizes.k, *n_aside) if sizes.validates_apart else n_aside, kind)
    # Not donated: when memory runs out, the stacks before the epoch are still there.
    lowered = jax.jit(mapped).lower(stacks, order, aside, examples.training, examples.validation)
    return Program(lowered.compile(), names)


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
