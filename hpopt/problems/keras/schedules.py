"""Learning-rate schedules as parameters of a space, and put into a model's optimizer."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpopt.errors import UnknownNameError
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Parameter

SCHEDULES = ("constant", "linear", "cosine", "exponential", "steps")
SCHEDULE_PARAMETERS = ("schedule", "final_rate", "warmup")
N_STEPS = 3
"""How often the rate falls in ``"steps"``: at equal distances."""
FINAL_RATE = 0.01


def schedule_parameters(names: Sequence[str] = SCHEDULES) -> dict[str, Parameter]:
    """Give the parameters of a learning rate that changes while a network is trained.

    ``schedule`` says how it falls from ``learning_rate``: not at all (``"constant"``), along a
    line, a half cosine or an exponential curve, or in three steps. ``final_rate`` is what is left
    at the end, as a share of it; ``warmup`` the share of the training in which it first rises to
    it, from 0. They belong to a space beside ``learning_rate``, and hold for any optimizer.

    Parameters
    ----------
    names : sequence of str
        Among which to choose.

    Raises
    ------
    UnknownNameError
        There is no such schedule.
    """
    for name in names:
        if name not in SCHEDULES:
            raise UnknownNameError("schedule", str(name), SCHEDULES)
    falling = [name for name in names if name != "constant"]
    final: dict[str, Parameter] = {
        "final_rate": Float(1e-3, 1.0, log=True, when={"schedule": falling})
    }
    return {
        "schedule": Categorical(names),
        **(final if falling else {}),
        "warmup": Float(0.0, 0.3),
    }


def apply_schedule(model: Any, config: Mapping[str, Any], n_steps: Callable[[], int]) -> None:
    """Put the schedule of a config, if it has one, into the optimizer of a compiled model.

    Parameters
    ----------
    model : keras.Model
    config : mapping
    n_steps : callable
        Gives how many steps of the optimizer the whole training has, or would have.
    """
    kind = config.get("schedule", "constant")
    warmup = config.get("warmup", 0.0)
    if kind == "constant" and not warmup:
        return
    if kind not in SCHEDULES:
        raise UnknownNameError("schedule", str(kind), SCHEDULES)
    keras = import_keras()
    start = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    final = config.get("final_rate", FINAL_RATE)
    model.optimizer.learning_rate = _schedule_class()(start, kind, final, warmup, n_steps())


@functools.cache
def _schedule_class() -> Any:
    """Make the class when Keras, of which it is a subclass, is there."""
    keras = import_keras()
    ops = keras.ops

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc, name-defined]
        def __init__(
            self, start: float, kind: str, final: float, warmup: float, n_steps: int
        ) -> None:
            self._settings = {"start": start, "kind": kind, "final": final}
            self._settings |= {"warmup": warmup, "n_steps": n_steps}
            self._start, self._share = start, functools.partial(SHARES[kind], ops, final)
            self._n_rising = round(warmup * n_steps)
            self._n_falling = max(n_steps - self._n_rising, 1)

        def __call__(self, step: Any) -> Any:
            step = ops.cast(step, "float32")
            progress = ops.clip((step - self._n_rising) / self._n_falling, 0.0, 1.0)
            rate = self._start * self._share(progress)
            if not self._n_rising:
                return rate
            # The first step has a rate already, and the last of the rise has all of it.
            return rate * ops.minimum((step + 1.0) / self._n_rising, 1.0)

        def get_config(self) -> dict[str, Any]:
            return dict(self._settings)

    return Schedule


def _constant(ops: Any, final: float, progress: Any) -> Any:
    return ops.ones_like(progress)


def _linear(ops: Any, final: float, progress: Any) -> Any:
    return 1.0 - (1.0 - final) * progress


def _cosine(ops: Any, final: float, progress: Any) -> Any:
    return final + (1.0 - final) * 0.5 * (1.0 + ops.cos(math.pi * progress))


def _exponential(ops: Any, final: float, progress: Any) -> Any:
    return ops.exp(math.log(final) * progress)


def _steps(ops: Any, final: float, progress: Any) -> Any:
    n_fallen = ops.minimum(ops.floor(progress * (N_STEPS + 1)), float(N_STEPS))
    return ops.exp(math.log(final) / N_STEPS * n_fallen)


SHARES: Mapping[str, Callable[[Any, float, Any], Any]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "exponential": _exponential,
    "steps": _steps,
}
"""What is left of the rate, by the progress in [0, 1]."""
