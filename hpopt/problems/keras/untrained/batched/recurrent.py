"""Recurrent layers: all networks take a step together.

Inside, the examples are the last axis: arrays are (draws, units, n). A gate is then contiguous in
memory, and numpy's functions are fast on it, however few units there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.problems.keras.untrained.batched.activations import (
    Activation,
    own_activation,
    sigmoid,
    softmax,
)
from hpopt.problems.keras.untrained.batched.form import Array, Form, Weights


@dataclass(frozen=True)
class Recurrent(ABC):
    """A layer that steps through a series, and returns its last state or all of them."""

    units: int
    activation: Activation
    recurrent_activation: Activation
    use_bias: bool
    reset_after: bool
    return_sequences: bool
    go_backwards: bool

    def __call__(self, inputs: Sequence[Array], weights: Weights) -> Array:
        steps = inputs[0].transpose(2, 0, 3, 1)  # (steps, draws, features, n), a view
        if self.go_backwards:
            steps = steps[::-1]
        # Inputs and frozen weights may be the same for all draws: a first axis of 1.
        n_draws = max(len(inputs[0]), *map(len, weights))
        states = np.empty(
            (len(steps) if self.return_sequences else 1, n_draws, self.units, steps.shape[-1]),
            steps.dtype,
        )
        self._run(steps, weights, states)
        if self.return_sequences:
            # The next layer's view of it is contiguous.
            return np.asarray(states.transpose(1, 3, 0, 2))
        return np.asarray(states[-1].transpose(0, 2, 1))

    @abstractmethod
    def _run(self, steps: Array, weights: Weights, states: Array) -> None:
        """Write the state after each step, or after the last one, into `states`."""

    @classmethod
    def from_layer(cls, layer: Any) -> Form | None:
        """Return the form of a Keras layer; None where one of its settings is not supported."""
        config = layer.get_config()
        activation = own_activation(config)
        recurrent = own_activation(config, "recurrent_activation")
        if activation is None or recurrent is None:
            return None
        if softmax in (activation, recurrent):  # the last axis is not the units here
            return None
        if config["stateful"] or config["return_state"] or config.get("zero_output_for_mask"):
            return None
        if len(layer.weights) != 2 + config["use_bias"]:
            return None
        return cls(
            config["units"],
            activation,
            recurrent,
            config["use_bias"],
            config.get("reset_after", False),
            config["return_sequences"],
            config["go_backwards"],
        )


class StepInput:
    """What a step reads, (draws, features + units + 1, n): its input, the last state, and ones.

    One product with `joined_matrix` then applies kernel, recurrent kernel and bias.
    """

    def __init__(self, steps: Array, units: int, n_draws: int) -> None:
        _, _, n_features, n = steps.shape
        self.all = np.zeros((n_draws, n_features + units + 1, n), steps.dtype)
        self.input = self.all[:, :n_features]
        self.state = self.all[:, n_features:-1]
        self.all[:, -1] = 1


def joined_matrix(kernel: Array, recurrent: Array, bias: Array | None) -> Array:
    """Return kernel, recurrent kernel and bias as (draws, outputs, features + units + 1)."""
    n_draws = max(len(kernel), len(recurrent))
    if bias is None:
        bias = np.zeros((1, kernel.shape[-1]), kernel.dtype)
    parts = [
        np.broadcast_to(each, (n_draws, *each.shape[1:]))
        for each in (kernel, recurrent, bias[:, None])
    ]
    return np.ascontiguousarray(np.concatenate(parts, axis=1).transpose(0, 2, 1))


class SimpleRNN(Recurrent):
    """h ← f(x W + h U + b)."""

    def _run(self, steps: Array, weights: Weights, states: Array) -> None:
        n_draws = states.shape[1]
        matrix = joined_matrix(weights[0], weights[1], weights[2] if self.use_bias else None)
        seen = StepInput(steps, self.units, n_draws)
        for place, step in enumerate(steps):
            seen.input[:] = step
            seen.state[:] = self.activation(np.matmul(matrix, seen.all))
            states[min(place, len(states) - 1)] = seen.state


class LSTM(Recurrent):
    """Gates i, f, o and candidate g of x W + h U + b: c ← f c + i g, h ← o tanh(c).

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; gates in Keras' order
    i, f, g, o.
    """

    def _run(self, steps: Array, weights: Weights, states: Array) -> None:
        units, n_draws = self.units, states.shape[1]
        matrix = joined_matrix(weights[0], weights[1], weights[2] if self.use_bias else None)
        usual = self.activation is np.tanh and self.recurrent_activation is sigmoid
        # sigmoid(x) = (1 + tanh(x / 2)) / 2: with halved rows all four gates are one call of tanh.
        if usual:
            halves = np.full(4 * units, 0.5, matrix.dtype)
            halves[2 * units : 3 * units] = 1
            matrix *= halves[:, None]
        seen = StepInput(steps, units, n_draws)
        gates = np.empty((n_draws, 4 * units, steps.shape[-1]), steps.dtype)
        i, f, g, o = (gates[:, k * units : (k + 1) * units] for k in range(4))
        cell = np.zeros(o.shape, steps.dtype)
        for place, step in enumerate(steps):
            seen.input[:] = step
            np.matmul(matrix, seen.all, out=gates)
            if usual:
                np.tanh(gates, out=gates)
                for sigmoids in (gates[:, : 2 * units], o):
                    np.multiply(sigmoids, 0.5, out=sigmoids)
                    np.add(sigmoids, 0.5, out=sigmoids)
            else:
                for gate in (i, f, o):
                    gate[:] = self.recurrent_activation(gate)
                g[:] = self.activation(g)
            cell *= f  # c ← f c + i g, in place
            np.multiply(i, g, out=i)
            cell += i
            state = states[min(place, len(states) - 1)]
            np.multiply(o, self.activation(cell), out=state)  # h ← o tanh(c)
            seen.state[:] = state


class GRU(Recurrent):
    """Gates z and r, candidate g: h ← z h + (1 - z) g.

    Cho et al. 2014. The candidate is f(x W + (r h) U + b), or with `reset_after` (as in cuDNN)
    f(x W + b + r (h U + b')); gates in Keras' order z, r, g.
    """

    def _run(self, steps: Array, weights: Weights, states: Array) -> None:
        units, n_draws = self.units, states.shape[1]
        kernel, recurrent = weights[0], weights[1]
        before, after = self._biases(weights)
        gated = slice(0, 2 * units)
        both = None if before is None else before[:, gated]
        if both is not None and after is not None:
            # The gates see the sum of both biases, so one suffices.
            both = both + after[:, gated]
        # The candidate stays apart: it reads r * h, which the gates must give first.
        of_gates = joined_matrix(kernel[..., gated], recurrent[..., gated], both)
        of_input = kernel[..., 2 * units :].transpose(0, 2, 1)
        of_state = np.ascontiguousarray(recurrent[..., 2 * units :].transpose(0, 2, 1))
        seen = StepInput(steps, units, n_draws)
        for place, step in enumerate(steps):
            seen.input[:] = step
            gates = self.recurrent_activation(np.matmul(of_gates, seen.all))
            z, r = gates[:, :units], gates[:, units:]
            candidate = np.matmul(of_input, seen.input)
            if before is not None:
                candidate += before[:, 2 * units :, None]
            if self.reset_after:
                inner = np.matmul(of_state, seen.state)
                if after is not None:
                    inner += after[:, 2 * units :, None]
                candidate += r * inner  # after the product, as cuDNN does
            else:
                candidate += np.matmul(of_state, r * seen.state)
            candidate = self.activation(candidate)
            state = states[min(place, len(states) - 1)]
            state[:] = candidate + z * (seen.state - candidate)  # h ← z h + (1 - z) g
            seen.state[:] = state

    def _biases(self, weights: Weights) -> tuple[Array | None, Array | None]:
        """Return the bias of the input, and of the state where it has one of its own."""
        if not self.use_bias:
            return None, None
        return (weights[2][:, 0], weights[2][:, 1]) if self.reset_after else (weights[2], None)
