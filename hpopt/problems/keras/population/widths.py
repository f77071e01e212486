"""Train a narrow network inside a wider one of the same layers.

Its weights, made by Keras with the trial's own seed, are put among the zeros of the wide one. Where
that changes nothing of its training (see `width_layers`), networks of many widths are one
architecture: the widths of the wide one follow from each config by itself, so that values do not
depend on what else is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.problems.keras.population.narrow_dropout import can_draw, draw_as_narrow
from hpopt.problems.keras.population.width_layers import (
    DROPOUTS,
    WIDTHS,
    Axes,
    Channels,
    axes_within,
    channels_after,
    passes_on,
    takes_fewer,
)
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.numbers import OPTIMIZERS, inner_optimizer, own_variables
from hpopt.problems.keras.sharing.rates import copy_of


@dataclass(frozen=True, slots=True)
class Widening:
    """Where the arrays of a network lie in a wide one's.

    Attributes
    ----------
    widths : dict of str to int
        The widths of the wide network, by the names of the layers whose widths may differ.
    axes : list of Axes
        Of each variable of the model, without the numbers that are inputs of its step.
    channels : dict of str to Channels
        What the dropout layers between see of the network, by their names.
    """

    widths: Mapping[str, int]
    axes: Sequence[Axes]
    channels: Mapping[str, Channels]

    @property
    def positions(self) -> list[NDArray[np.int32]]:
        """What the inputs of the wide network's dropouts have to be: see `draw_as_narrow`."""
        found = []
        for each in self.channels.values():
            positions = np.zeros(each.n_wide, np.int32)
            positions[each.places] = np.arange(len(each.places))
            found.append(positions)
        return found

    def config_of(self, model: Any) -> dict[str, Any]:
        """Return the config of a model, as equal as those of all that have the same wide one."""
        config = dict(model.get_config())
        layers = [_without_shapes(layer) for layer in config["layers"]]
        for layer in layers:
            width = self.widths.get(layer["config"].get("name"))
            if width is not None:
                layer["config"][WIDTHS[layer["class_name"]]] = width
        return {**config, "layers": layers, "is_widened": True}

    def wide_model(self, model: Any) -> tuple[Any, list[Any]]:
        """Return the wide network of a model, compiled alike, and the inputs of its dropouts.

        The inputs are variables that a step must be handed, with the values `positions`. The
        model's own numbers must not have been replaced yet; a table of its rates is copied.

        Raises
        ------
        ValueError
            The wide network is not what was expected of this version of Keras.
        """

        def wider(layer: Any) -> Any:
            config, width = layer.get_config(), self.widths.get(layer.name)
            if width is not None:
                config[WIDTHS[type(layer).__name__]] = width
            return type(layer).from_config(config)

        optimizer = inner_optimizer(model.optimizer)
        table = optimizer._learning_rate
        is_table = hasattr(table, "rates")
        if is_table:  # which cannot be made from a config, so another schedule stands for it
            optimizer.learning_rate = import_keras().optimizers.schedules.PolynomialDecay(1.0, 1)
        wide = import_keras().models.clone_model(model, clone_function=wider)
        if not wide.compiled:  # as older versions of Keras leave it
            wide.compile_from_config(model.get_compile_config())
        if is_table:
            optimizer.learning_rate = table
            inner_optimizer(wide.optimizer).learning_rate = copy_of(table)
        if not wide.built:
            wide.build(model.input_shape)
        shapes = zip(own_variables(model), own_variables(wide), self.axes, strict=True)
        if not all(_fits(mine.shape, its.shape, axes) for mine, its, axes in shapes):
            raise ValueError("the arrays of a network do not fit into those of a wider one")
        by_name = {layer.name: layer for layer in wide.layers}
        inputs = [
            draw_as_narrow(by_name[name], channels.n_wide)
            for name, channels in self.channels.items()
        ]
        return wide, inputs

    def axes_of_slots(self, model: Any, optimizer: Any) -> list[Axes]:
        """Return where the arrays of a built optimizer of the model lie, or of the wide model."""
        by_id = {id(v): axes for v, axes in zip(own_variables(model), self.axes, strict=True)}
        trained = [by_id[id(variable)] for variable in model.trainable_variables]
        found: dict[int, Axes] = {}
        # An optimizer holds lists, each with a slot for every weight, in their order.
        for slots in vars(inner_optimizer(optimizer)).values():
            if isinstance(slots, list) and len(slots) == len(trained):
                found |= {id(slot): axes for slot, axes in zip(slots, trained, strict=True)}
        variables = own_variables(optimizer)
        unknown = [v for v in variables if v.shape != () and id(v) not in found]
        if unknown:
            raise ValueError(f"{unknown[0].path} belongs to no weight")
        return [found.get(id(v), ()) if v.shape != () else () for v in variables]


def widening_of(model: Any, widths: Mapping[int, int]) -> Widening | None:
    """Return how a built model that can share a step is trained inside a wider one; else None.

    Parameters
    ----------
    widths : dict of int to int
        Of each width that may be another in other configs the one to train it in: see
        `wide_widths`.
    """
    layers = _chain_of(model)
    if layers is None or not _keeps_zero_weights(model.optimizer):
        return None
    wide = _free_widths(layers, widths)
    if not wide:
        return None
    axes: dict[int, Axes] = {}
    dropouts: dict[str, Channels] = {}
    before: Channels | None = None
    for layer in layers:
        after = channels_after(layer, before, wide.get(layer.name))
        if before is not None or after is not None:
            axes |= {id(variable): found for variable, found in axes_within(layer, before, after)}
        if after is not None and type(layer).__name__ in DROPOUTS and 0.0 < layer.rate < 1.0:
            dropouts[layer.name] = after
        before = after
    if dropouts and not can_draw():
        return None
    return Widening(wide, [axes.get(id(v), ()) for v in own_variables(model)], dropouts)


def _free_widths(layers: Sequence[Any], widths: Mapping[int, int]) -> dict[str, int]:
    """Return the widths of the wide network, of the layers that may be wider."""
    found: dict[str, int] = {}
    may_be_fewer = False  # whether what follows allows for channels of 0
    for layer in reversed(layers):
        name = type(layer).__name__
        if name in WIDTHS:
            width = widths.get(int(getattr(layer, WIDTHS[name])))
            if may_be_fewer and width is not None and takes_fewer(layer) and passes_on(layer):
                found[layer.name] = width
            may_be_fewer = takes_fewer(layer)
        else:
            may_be_fewer = may_be_fewer and passes_on(layer)
    return dict(reversed(found.items()))


def _chain_of(model: Any) -> list[Any] | None:
    """Return the layers of a model in their order, if each has the one before as its only input."""
    if type(model).__name__ == "Sequential":
        return list(model.layers)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        return None
    layers: list[Any] = []
    tensor = model.outputs[0]
    while True:
        layer = tensor._keras_history.operation  # no public name tells what made a tensor
        layers.insert(0, layer)
        nodes = layer._inbound_nodes
        if len(nodes) != 1 or len(nodes[0].input_tensors) > 1:
            return None
        if not nodes[0].input_tensors:
            return layers if {*map(id, layers)} == {*map(id, model.layers)} else None
        tensor = nodes[0].input_tensors[0]


def _keeps_zero_weights(optimizer: Any) -> bool:
    """Return whether an optimizer leaves weights of 0 with gradients of 0 alone, and counts none.

    The norms of Lamb and of clipping are sums, which zeros do not change. Those that divide by
    what was seen add an epsilon, which must not be 0.
    """
    epsilon = getattr(optimizer, "epsilon", 1.0)
    return type(optimizer).__name__ in OPTIMIZERS and bool(np.float32(epsilon) > 0.0)


def _without_shapes(config: Any) -> Any:
    """Return a copy of a serialised layer without the shapes that follow from others."""
    if isinstance(config, dict):
        is_tensor = config.get("class_name") == "__keras_tensor__"
        left = {"build_config"} if not is_tensor else {"config"}
        return {key: _without_shapes(each) for key, each in config.items() if key not in left}
    if isinstance(config, list | tuple):
        return [_without_shapes(each) for each in config]
    return config


def _fits(narrow: Sequence[int], wide: Sequence[int], axes: Axes) -> bool:
    ends = [None] * (len(narrow) - len(axes)) + [*axes]
    return len(narrow) == len(wide) and all(
        n == n_wide if channels is None else (len(channels.places), channels.n_wide) == (n, n_wide)
        for n, n_wide, channels in zip(narrow, wide, ends, strict=True)
    )


def placed(array: NDArray[Any], axes: Axes) -> NDArray[Any]:
    """Return an array of a network as one of the wide network, with zeros outside."""
    if not axes:
        return array
    shape = (*array.shape[: -len(axes)], *_sizes(array, axes))
    wide: NDArray[Any] = np.zeros(shape, array.dtype)
    wide[_index(wide, axes)] = array
    return wide


def taken(array: NDArray[Any], axes: Axes) -> NDArray[Any]:
    """Return an array of a network from one of the wide network."""
    found: NDArray[Any] = array[_index(array, axes)] if axes else array
    return found


def _sizes(array: NDArray[Any], axes: Axes) -> Iterable[int]:
    own = array.shape[-len(axes) :]
    return [n if each is None else each.n_wide for n, each in zip(own, axes, strict=True)]


def _index(wide: NDArray[Any], axes: Axes) -> tuple[Any, ...]:
    sizes = wide.shape[-len(axes) :]
    places = [
        np.arange(n) if each is None else each.places for n, each in zip(sizes, axes, strict=True)
    ]
    return (..., *np.ix_(*places))
