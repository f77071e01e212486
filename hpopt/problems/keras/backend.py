"""What differs between Keras' backends: determinism, leaks of memory, and compilation."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

BACKENDS = ("tensorflow", "jax", "torch", "openvino")


def chosen_backend() -> str:
    """Return the backend that Keras uses or will use, without importing it."""
    # As Keras decides it: by the variable, then by its file.
    if "keras" in sys.modules and sys.modules["keras"] is not None:
        return str(sys.modules["keras"].backend.backend())
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stored = json.loads((home / "keras.json").read_text(encoding="utf-8"))
        return str(stored.get("backend", BACKENDS[0]))
    return BACKENDS[0]


AS_NEEDED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

# From so many draws on TensorFlow loops over them in the graph: tracing the loop takes half as long
# again, but each draw half as long, so it pays from a few hundred draws on.
MANY = 256
# Examples times draws that PyTorch computes at once, to bound memory: any number near it does.
TOGETHER = 2**14


def quieten_tensorflow() -> None:
    """Let TensorFlow print errors only, unless the user set the variable."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@contextmanager
def gpu_memory_on_demand() -> Iterator[None]:
    """Let a backend that is imported here take GPU memory as it needs it, not all at once."""
    # The driver only tries a network: the memory is for the worker processes.
    added = {name: value for name, value in AS_NEEDED.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def deterministic_operations(keras: Any) -> Iterator[None]:
    """Let TensorFlow's operations be deterministic, on a CPU.

    Otherwise threads add up sums in any order, and the last digits differ. On a GPU some
    operations have no deterministic form and would fail, so there it is left to the user.
    """
    config = _module(keras, "config")
    take_back = getattr(config, "disable_op_determinism", None)  # no public name
    if (
        take_back is None
        or config.is_op_determinism_enabled()
        or config.list_physical_devices("GPU")
    ):
        yield
        return
    config.enable_op_determinism()
    try:
        yield
    finally:
        take_back()  # it forbids random numbers without a seed to the whole process


@contextmanager
def kernels_kept(keras: Any) -> Iterator[None]:
    """Let TensorFlow clear no kernels here, as it does for a new session and a new seed."""
    # No public names: where there are none, the kernels are cleared.
    wrapped = None
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.eager import context

        wrapped = getattr(context, "pywrap_tfe", None)
    clear = getattr(wrapped, "TFE_ContextClearCaches", None)
    if wrapped is None or clear is None:
        yield
        return
    wrapped.TFE_ContextClearCaches = lambda handle: None
    try:
        yield
    finally:
        wrapped.TFE_ContextClearCaches = clear


def derived_seed(seed: int, number: int) -> int:
    """Return a seed that follows from (seed, number): of a run, an epoch or a config."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def seed_epoch(keras: Any, seed: int, epoch: int) -> None:
    """Seed the backend's own generator for an epoch.

    PyTorch takes dropout from one that no variable of the model holds. Seeded by the number of
    the epoch, a training that is resumed draws as if it had never stopped.
    """
    if keras.backend.backend() == "torch":
        import_module("torch").manual_seed(derived_seed(seed, epoch))


@contextmanager
def temporary_gradients(keras: Any) -> Iterator[None]:
    """Remove the gradients that are registered here from TensorFlow's registry afterwards.

    It would keep the custom gradients of a traced function for ever, and with them its graph:
    some megabytes a model (https://github.com/keras-team/tf-keras/issues/286).
    """
    registry = getattr(_module(keras, "ops"), "gradient_registry", None)
    register: dict[str, Any] = getattr(registry, "_registry", {})  # no public names
    known = set(register)
    try:
        yield
    finally:
        for name in register.keys() - known:
            del register[name]


def _module(keras: Any, name: str) -> Any:
    """Return a module of TensorFlow's framework; None with another backend."""
    if keras.backend.backend() != "tensorflow":
        return None
    from tensorflow.python import framework

    return getattr(framework, name, None)


def averages_without_padding() -> bool:
    """Return whether average pooling with padding="same" leaves the padding out of its means."""
    # On PyTorch Keras repeats the border instead, where the padding of both sides differs.
    return chosen_backend() != "torch"


def prediction_of(keras: Any, model: Any, x: Any) -> Callable[[], Any]:
    """Return a function that lets a built model predict a batch, and waits for the result.

    It is compiled as the backend does it, unless the model is to run eagerly.
    """
    given = keras.tree.map_structure(keras.ops.convert_to_tensor, x)

    def predict(inputs: Any) -> Any:
        return model(inputs, training=False)

    def wait_for(outputs: Any) -> Any:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)

    name = keras.backend.backend()
    if name == "torch":
        no_grad = import_module("torch").no_grad

        def call() -> Any:
            with no_grad():
                return wait_for(predict(given))

        return call
    compiled: Callable[[Any], Any] = predict
    if name == "tensorflow" and not model.run_eagerly:
        import tensorflow as tf

        # As Keras traces; the concrete function does not count as traced anew for each model.
        compiled = tf.function(predict, autograph=False).get_concrete_function(given)
    elif name == "jax" and not model.run_eagerly:
        # The weights are arguments: as constants they would be folded, which takes long.
        stateless = import_module("jax").jit(partial(model.stateless_call, training=False))
        weights = [
            [variable.value for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        ]

        def compiled(inputs: Any) -> Any:
            return stateless(*weights, inputs)[0]

    return lambda: wait_for(compiled(given))


def compile_over_draws(keras: Any, predict: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function ``predict(weights, others, x)`` of one draw of weights.

    Returns
    -------
    callable
        Called as ``(stacks, others, x)``, with stacks of weights (draws, ...), for the stacked
        results.
    """
    name = keras.backend.backend()
    if name == "tensorflow":
        return _in_graph(predict, keras.config.floatx())
    if name == "jax":
        jax = import_module("jax")
        compiled: Callable[..., Any] = jax.jit(jax.vmap(predict, in_axes=(0, None, None)))
        return compiled
    return _vectorised(keras, predict) if name == "torch" else _one_by_one(keras, predict)


def _vectorised(keras: Any, predict: Callable[..., Any]) -> Callable[..., Any]:
    """Let PyTorch compute draws together; one by one where an operation has no batching rule."""
    torch = import_module("torch")
    alone = _one_by_one(keras, predict)
    has_form = True

    def call(stacks: list[Any], others: list[Any], x: Any) -> Any:
        nonlocal has_form
        with torch.no_grad():
            if has_form:
                stacked, given = keras.tree.map_structure(keras.ops.convert_to_tensor, (stacks, x))
                n = len(keras.tree.flatten(given)[0])
                together = torch.func.vmap(
                    predict,
                    in_dims=(0, None, None),
                    randomness="different",
                    chunk_size=max(1, TOGETHER // n),
                )
                with contextlib.suppress(RuntimeError):
                    return keras.ops.convert_to_numpy(together(stacked, others, given))
                has_form = False
            return alone(stacks, others, x)

    return call


def _one_by_one(keras: Any, predict: Callable[..., Any]) -> Callable[..., Any]:
    def call(stacks: list[Any], others: list[Any], x: Any) -> Any:
        draws = zip(*map(keras.ops.convert_to_tensor, stacks), strict=True)
        return keras.ops.convert_to_numpy(
            keras.ops.stack([predict(list(weights), others, x) for weights in draws])
        )

    return call


def _in_graph(predict: Callable[..., Any], floatx: str) -> Callable[..., Any]:
    """Trace a function for any number of examples, and call it for each draw."""
    # Not tf.vectorized_map: it lacks rules for some operations, and traces for seconds.
    import tensorflow as tf

    def looped(stacks: list[Any], others: list[Any], x: Any) -> Any:
        return tf.map_fn(
            lambda weights: predict(weights, others, x), stacks, fn_output_signature=floatx
        )

    def traced(function: Any, weights: list[Any], others: list[Any], x: Any) -> Any:
        def any_number(array: Any) -> Any:
            return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

        kinds = [
            (any_number(each) if function is looped else tf.TensorSpec(each.shape[1:], each.dtype))
            for each in weights
        ]
        fixed = [tf.TensorSpec(other.shape, other.dtype) for other in others]
        graph = tf.function(function, autograph=False)  # as Keras traces
        return graph.get_concrete_function(kinds, fixed, tf.nest.map_structure(any_number, x))

    graphs: dict[bool, Any] = {}

    def call(stacks: list[Any], others: list[Any], x: Any) -> Any:
        many = len(stacks[0]) >= MANY
        if many not in graphs:
            graphs[many] = traced(looped if many else predict, stacks, others, x)
        stacks, others, x = tf.nest.map_structure(tf.convert_to_tensor, (stacks, others, x))
        if many:
            return graphs[many](stacks, others, x)
        draws = zip(*map(tf.unstack, stacks), strict=True)
        return tf.stack([graphs[many](list(weights), others, x) for weights in draws])

    return call
