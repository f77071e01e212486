"""Recurrent networks of a variable number of layers: LSTM, GRU or simple cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from hpopt.core.trial import Config
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.builders.dense import dense_layer, dense_layers
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Int, Parameter, Sequence

CELLS = {"lstm": "LSTM", "gru": "GRU", "simple": "SimpleRNN"}


def recurrent_layer() -> dict[str, Parameter]:
    """Return the parameters of a recurrent layer.

    ``recurrent_dropout``, ``activation`` and ``bidirectional`` (True or False) may be added.
    """
    return {
        "cell": Categorical(list(CELLS)),
        "units": Int(4, 128, log=True),
        "dropout": Float(0.0, 0.5, step=0.1),
    }


class RecurrentBuilder(Builder):
    """Recurrent networks for windows of a series, or for any sequences.

    Its space: ``recurrent``, a Sequence of 1 to 3 layers, each with ``cell`` (``"lstm"``,
    ``"gru"`` or ``"simple"``), ``units``, ``dropout``; ``dense``, a Sequence of 0 to 2 layers after
    them; ``look_back``, the number of steps in a window, where `input_shape` leaves it open; the
    optimizer with its own parameters; ``batch_size``.

    Parameters
    ----------
    input_shape : (int or None, int)
        Steps and features; None to search the look-back. The data must then be a `TimeSeries`, or
        a function of a config that cuts windows of that length.
    classes, outputs, space, activation, loss, metrics, augmentation, standardise
        As for `Builder`.

    Examples
    --------
    >>> builder = RecurrentBuilder((None, 3), outputs=1, space={"look_back": Int(2, 48)})
    >>> problem = KerasProblem(series, build=builder, epochs=20)
    """

    shapes: ClassVar[Mapping[int, str]] = {2: "(steps, features), where steps may be None"}

    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters of the architecture, by name."""
        open_ended = self.input_shape[0] is None
        return {
            **({"look_back": Int(2, 30)} if open_ended else {}),
            "recurrent": Sequence(recurrent_layer(), 1, 3),
            "dense": Sequence(dense_layer(), 0, 2),
        }

    def body(self, config: Config) -> list[Any]:
        """Return the recurrent layers, then the dense ones."""
        return [
            *recurrent_layers(config.get("recurrent", ())),
            *dense_layers(config.get("dense", ()), config),
        ]

    def shape_of(self, config: Config) -> tuple[int | None, ...]:
        """Return the shape of the windows of a config."""
        steps, features = self.input_shape
        return config.get("look_back", steps), features

    def _may_vary(self, place: int) -> bool:
        return place == 0


def recurrent_layers(layers: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return the keras.layers of recurrent layers; the last returns its last state only."""
    keras = import_keras()
    listed = list(layers)
    # Without recurrent layers the window is flattened for the dense ones.
    made: list[Any] = [] if listed else [keras.layers.Flatten()]
    for place, layer in enumerate(listed, start=1):
        cell = getattr(keras.layers, CELLS[layer.get("cell", "lstm")])(
            layer["units"],
            activation=layer.get("activation", "tanh"),
            dropout=layer.get("dropout", 0.0),
            recurrent_dropout=layer.get("recurrent_dropout", 0.0),
            return_sequences=place < len(listed),
        )
        both_ways = layer.get("bidirectional", False)
        made.append(keras.layers.Bidirectional(cell) if both_ways else cell)
    return made
