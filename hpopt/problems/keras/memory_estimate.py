"""Estimate the memory that training a network takes, from its shapes alone.

After Aszemi and Dominic 2019, "Hyperparameter Optimization in Convolutional Neural Network using
Genetic Algorithms", section IV (computational considerations): activations, parameters with what
the optimizer keeps of them, and the batch; each a number of values times their bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpopt.core.amounts import in_units
from hpopt.core.trial import Config
from hpopt.errors import MemoryLimitExceeded
from hpopt.problems.keras.activation_memory import activations_of, itemsize_of, size_of
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.optimizers import make_optimizer
from hpopt.problems.keras.session import import_keras


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """The memory that training a network takes beside the framework itself, in bytes.

    Attributes
    ----------
    parameters, gradients : int
        The weights, and one gradient of each that is trained.
    optimizer : int
        The values it keeps for each weight (two for adam, one for sgd with momentum), and the
        update of the largest one.
    activations : int
        The peak of activations and of their gradients, for a batch.
    batch : int
        The inputs of a batch.
    copy : int
        The weights of the best epoch, where they are kept.
    """

    parameters: int
    gradients: int
    optimizer: int
    activations: int
    batch: int
    copy: int

    @property
    def total(self) -> int:
        """All of it together."""
        return sum(getattr(self, part) for part in self.__slots__)

    def check(self, limit: int | None) -> None:
        """Raise MemoryLimitExceeded if it is above a limit."""
        if limit is not None and self.total > limit:
            raise MemoryLimitExceeded(
                f"training this network would take an estimated {self}, more than the "
                f"memory_limit of {in_units(limit)}: it was not started"
            )

    def __str__(self) -> str:
        shares = ", ".join(f"{part} {in_units(getattr(self, part))}" for part in self.__slots__)
        return f"{in_units(self.total)} ({shares})"


def memory_of(model: Any, batch_size: int, *, copied: bool = False) -> MemoryEstimate:
    """Estimate the memory that training a compiled model takes.

    The model is not run. Its layers must have shapes: where a subclass of keras.Model hides them,
    only parameters, gradients and the optimizer are counted. Its factors were measured with
    TensorFlow on a CPU, where estimates of large networks are within a quarter of the peak. On a
    GPU convolutions may need more.

    Parameters
    ----------
    model : keras.Model
    batch_size : int
    copied : bool
        Whether the weights of the best epoch are kept too.
    """
    return _estimate(model, model.optimizer, batch_size, copied)


def memory_of_config(
    builder: Builder, config: Config, batch_size: int, *, copied: bool = False
) -> MemoryEstimate:
    """Estimate the memory of training the network of a config; its weights are never allocated."""
    keras = import_keras()
    # No variable gets a value here, so no memory is allocated.
    with keras.StatelessScope(initialize_variables=False):
        model = builder.network(config)
    estimate = _estimate(model, make_optimizer(config), batch_size, copied)
    # Keras remembers the variables that were not allocated, and would allocate them later.
    keras.utils.clear_session(free_memory=False)
    return estimate


def _estimate(model: Any, optimizer: Any, batch_size: int, copied: bool) -> MemoryEstimate:
    parameters = sum(map(_bytes_of_variable, model.variables))
    each = [_bytes_of_variable(variable) for variable in model.trainable_variables]
    trainable, slots = sum(each), n_slots(optimizer)
    return MemoryEstimate(
        parameters=parameters,
        gradients=trainable,
        # An optimizer with state computes the update of a weight before it is added.
        optimizer=round(trainable * slots) + (max(each, default=0) if slots else 0),
        activations=round(activations_of(model, batch_size)),
        batch=_bytes_of_inputs(model, batch_size),
        copy=parameters if copied else 0,
    )


def n_slots(optimizer: Any) -> float:
    """Return how many values an optimizer keeps for each weight: it is built for a single one."""
    keras = import_keras()
    if optimizer is None:
        return 0.0
    # A LossScaleOptimizer, of mixed precision, wraps the one with the slots.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    alone = type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 0.1})
    weight = keras.Variable(np.zeros((1, 1), "float32"))
    alone.build([weight])
    return float(sum(variable.shape == (1, 1) for variable in alone.variables))


def _bytes_of_variable(variable: Any) -> int:
    n_bytes: int = math.prod(variable.shape) * itemsize_of(variable.dtype)
    return n_bytes


def _bytes_of_inputs(model: Any, batch_size: int) -> int:
    return round(sum(size_of(each, batch_size) for each in getattr(model, "inputs", None) or ()))
