"""Learning-rate schedules as data: a traced step reads the rate of its number from a table."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.numbers import inner_optimizer

# Steps of which a schedule is asked one by one too: it may not be able to take all at once.
N_PROBED = 5


def put_table(optimizer: Any, n_steps: int | None) -> Any:
    """Put a table in place of an optimizer's schedule; return it, or None where there is none.

    A schedule that cannot be asked for all steps at once stays, and so does one of a training whose
    number of steps is not known: they are part of the architecture.
    """
    inner = inner_optimizer(optimizer)
    schedule = inner._learning_rate  # the schedule itself has no public name
    kind = import_keras().optimizers.schedules.LearningRateSchedule
    if not isinstance(schedule, kind) or n_steps is None:
        return None
    rates = _rates_of(schedule, n_steps)
    if rates is None:
        return None
    table = _table_class()(rates)
    inner.learning_rate = table
    return table


def copy_of(table: Any) -> Any:
    """Return another table of the same rates."""
    return _table_class()(import_keras().ops.convert_to_numpy(table.rates))


def _rates_of(schedule: Any, n_steps: int) -> NDArray[np.float32] | None:
    ops = import_keras().ops
    numbers = np.arange(n_steps, dtype=np.int32)

    def asked(steps: Any) -> NDArray[np.float32]:
        found = ops.convert_to_numpy(schedule(ops.convert_to_tensor(steps)))
        return np.asarray(found, dtype=np.float32)

    try:
        rates = asked(numbers)
        probed = np.unique(np.linspace(0, n_steps - 1, N_PROBED).astype(np.int32))
        alone = np.array([asked(number) for number in probed])
    except Exception:  # a schedule of the user's, made for one step at a time
        return None
    is_same = rates.shape == numbers.shape and np.allclose(rates[probed], alone, 1e-6, 0.0)
    return rates if is_same else None


@functools.cache
def _table_class() -> Any:
    # Made on first use: its base class needs Keras.
    keras = import_keras()
    ops = keras.ops

    class Table(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc, name-defined]
        def __init__(self, rates: NDArray[np.float32]) -> None:
            self.n = len(rates)
            self.rates = keras.Variable(rates, trainable=False, dtype="float32", name="rates")
            self.rates.is_hpopt_input = True

        def __call__(self, step: Any) -> Any:
            return ops.take(self.rates, ops.minimum(step, self.n - 1))

        def get_config(self) -> dict[str, Any]:
            return {"n": self.n}

    return Table
