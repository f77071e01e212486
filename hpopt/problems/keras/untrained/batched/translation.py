"""Translate a Keras model into a graph of batched layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.problems.keras.untrained.batched.form import Array, Form, Weights
from hpopt.problems.keras.untrained.batched.layers import batched_form


@dataclass(frozen=True)
class LayerStep:
    """One layer of all networks."""

    form: Form
    inputs: tuple[str, ...]  # the names of the layers that it reads
    name: str
    weights: tuple[int, ...]  # their places among the model's, in Keras' order


@dataclass(frozen=True)
class LayerGraph:
    """The layers of a model in an order in which they can be computed."""

    steps: tuple[LayerStep, ...]
    input: str  # the name of the layer that reads the data
    output: str  # the name of the layer that makes the predictions
    n_floats: int  # about how many numbers an example takes in the largest layer

    def __call__(self, x: Array, weights: Weights) -> Array:
        """Compute x (n, ...) for all weights (draws or 1, ...): (draws or 1, n, ...)."""
        last_reader = {name: step for step in self.steps for name in step.inputs}
        computed = {self.input: x[None]}
        for step in self.steps:
            inputs = [computed[name] for name in step.inputs]
            computed[step.name] = step.form(inputs, [weights[place] for place in step.weights])
            for name in set(step.inputs):
                # An output that nobody reads any more would only fill the cache.
                if last_reader[name] is step and name != self.output:
                    del computed[name]
        return computed[self.output]


class BatchedModel:
    """A graph of layers with the weights of a model that do not vary."""

    def __init__(self, model: Any, graph: LayerGraph) -> None:
        trained = {id(weight): place for place, weight in enumerate(model.trainable_weights)}
        self._graph = graph
        # For each weight its place among the trainable ones, or its constant value.
        self._sources: list[int | Array] = [
            trained[id(weight)] if id(weight) in trained else np.asarray(weight)[None]
            for weight in model.weights
        ]

    def __call__(self, x: Array, stacks: Sequence[Array]) -> Array:
        """Compute the predictions (draws, n, ...) of trainable weights (draws, ...)."""
        weights = [stacks[each] if isinstance(each, int) else each for each in self._sources]
        predicted = self._graph(x, weights)
        return np.broadcast_to(predicted, (len(stacks[0]), *predicted.shape[1:]))


def translate(keras: Any, model: Any) -> LayerGraph | None:
    """Return the graph of a built Keras model; None where a part of it has no batched form.

    It may be Sequential or functional, with one input, one output, and layers that are used once.
    """
    if type(model) is keras.Sequential:
        layers = [each for each in model.layers if type(each) is not keras.layers.InputLayer]
        names = ["", *(layer.name for layer in layers)]
        inputs_of: dict[str, tuple[str, ...]] = {
            layer.name: (names[place],) for place, layer in enumerate(layers)
        }
        return _layer_graph(model, layers, inputs_of, "", names[-1])
    connections = _connections(keras, model)
    if connections is None:
        return None
    inputs_of, source, sink = connections
    layers = [model.get_layer(name) for name in inputs_of]
    return _layer_graph(model, layers, inputs_of, source, sink)


def _layer_graph(
    model: Any,
    layers: Sequence[Any],
    inputs_of: Mapping[str, tuple[str, ...]],
    source: str,
    sink: str,
) -> LayerGraph | None:
    # By identity: names may repeat in nested models.
    places = {id(weight): place for place, weight in enumerate(model.weights)}
    steps: list[LayerStep] = []
    used: list[int] = []
    for layer in layers:
        form = batched_form(layer)
        if form is None or any(id(weight) not in places for weight in layer.weights):
            return None
        own = tuple(places[id(weight)] for weight in layer.weights)
        steps.append(LayerStep(form, inputs_of[layer.name], layer.name, own))
        used += own
    # A weight that two layers share would be counted as two.
    if not steps or len(set(used)) < len(used):
        return None
    return LayerGraph(tuple(steps), source, sink, max(map(_n_floats, layers)))


def _connections(keras: Any, model: Any) -> tuple[dict[str, tuple[str, ...]], str, str] | None:
    """Return which layers each layer of a functional model reads, its input, and its output."""
    if type(model).__name__ != "Functional" or not type(model).__module__.startswith("keras."):
        return None
    try:
        config = model.get_config()
    except Exception:  # layers of the user's own need not have one
        return None
    source, sink = _only(config["input_layers"]), _only(config["output_layers"])
    inputs_of: dict[str, tuple[str, ...]] = {}
    for layer in config["layers"]:
        name, nodes = layer["name"], layer["inbound_nodes"]
        if name == source:
            continue
        if len(nodes) != 1 or len(nodes[0]["args"]) != 1 or not _is_layer(keras, model, name):
            return None
        # A mask or another argument changes what the layer computes.
        if any(value not in (None, False) for value in nodes[0]["kwargs"].values()):
            return None
        given = nodes[0]["args"][0]
        read = [_read(each) for each in (given if isinstance(given, list) else [given])]
        inputs_of[name] = tuple(each for each in read if each is not None)
        if len(inputs_of[name]) < len(read):
            return None
    if source is None or sink is None:
        return None
    return _ordered(inputs_of, source), source, sink


def _ordered(inputs_of: dict[str, tuple[str, ...]], source: str) -> dict[str, tuple[str, ...]]:
    """Return the layers in an order in which each follows those that it reads."""
    ordered: dict[str, tuple[str, ...]] = {}
    waiting = dict(inputs_of)
    while waiting:
        ready = [
            name
            for name, inputs in waiting.items()
            if all(each == source or each in ordered for each in inputs)
        ]
        if not ready:
            break
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered


def _read(given: Any) -> str | None:
    """Return the name of the layer whose first output an argument is; None for anything else."""
    if not isinstance(given, Mapping) or given.get("class_name") != "__keras_tensor__":
        return None
    name, node, tensor = given["config"]["keras_history"]
    return str(name) if node == tensor == 0 else None


def _only(places: Any) -> str | None:
    """Return the name of the only layer in a functional config's list of inputs or outputs."""
    if isinstance(places, Sequence) and len(places) == 1:
        places = places[0]
    if isinstance(places, Sequence) and len(places) == 3 and isinstance(places[0], str):
        return places[0]
    return None


def _is_layer(keras: Any, model: Any, name: str) -> bool:
    """Return whether a part of a model is a layer, and not a single operation."""
    try:
        return isinstance(model.get_layer(name), keras.layers.Layer)
    except ValueError:
        return False


def _n_floats(layer: Any) -> int:
    """Return about how many numbers an example takes in a layer."""
    shape = layer.output.shape[1:]
    kernels = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
    # Windows of a convolution are copied into rows; a cell holds all its gates.
    n_places = math.prod(size or 1 for size in shape[:-1])
    windows = [n_places * math.prod(kernel[:-1]) for kernel in kernels if len(kernel) > 2]
    gates = [sum(kernel) for kernel in kernels]
    return int(max(math.prod(size or 1 for size in shape), *windows, *gates, 1))
