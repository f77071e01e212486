"""Learning-rate schedules: parameters of a space, and the schedule of a model's optimizer."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hpopt.checks import one_of
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Parameter

SCHEDULES = ("constant", "linear", "cosine", "exponential", "steps")
SCHEDULE_PARAMETERS = ("schedule", "final_rate", "warmup")
# How often the rate falls in "steps", at equal distances: as often as in Zagoruyko and Komodakis
# 2016, "Wide residual networks".
N_STEPS = 3
FINAL_RATE = 0.01  # of a config with a schedule but no final_rate; any small share does


def schedule_parameters(names: Sequence[str] = SCHEDULES) -> dict[str, Parameter]:
    """Return the parameters of a learning rate that changes while a network is trained.

    ``schedule`` is how it falls from ``learning_rate``: not at all (``"constant"``), along a line,
    a half cosine or an exponential curve, or in three steps. ``final_rate`` is the rate at the
    end, as a share of it; ``warmup`` the share of the training in which it first rises to it from
    0. They belong in a space beside ``learning_rate``, for any optimizer.

    Parameters
    ----------
    names : sequence of str
        The schedules to choose among.

    Raises
    ------
    UnknownNameError
        There is no such schedule.
    """
    for name in names:
        one_of("schedule", name, SCHEDULES)
    falling = [name for name in names if name != "constant"]
    final: dict[str, Parameter] = {
        "final_rate": Float(1e-3, 1.0, log=True, when={"schedule": falling})
    }
    return {
        "schedule": Categorical(names),
        **(final if falling else {}),
        "warmup": Float(0.0, 0.3),
    }


def apply_schedule(
    model: Any, config: Mapping[str, Any], lengths: Callable[[], Sequence[int]]
) -> None:
    """Set the schedule of a config, if it has one, in the optimizer of a compiled model.

    `lengths` returns the number of steps of the optimizer in the whole training; or several
    numbers, where the schedule begins anew after each of them.
    """
    kind = config.get("schedule", "constant")
    warmup = config.get("warmup", 0.0)
    if kind == "constant" and not warmup:
        return
    one_of("schedule", kind, SCHEDULES)
    keras = import_keras()
    start = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    final = config.get("final_rate", FINAL_RATE)
    schedule = _schedule_class()(start, kind, final, warmup, [*lengths()])
    model.optimizer.learning_rate = schedule


class _Part(NamedTuple):
    """The steps of a schedule from where it begins, or begins anew."""

    first: int
    n_rising: int
    n: int


@functools.cache
def _schedule_class() -> Any:
    # Made on first use: its base class needs Keras.
    keras = import_keras()
    ops = keras.ops

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc, name-defined]
        def __init__(
            self, start: float, kind: str, final: float, warmup: float, lengths: Sequence[int]
        ) -> None:
            self._settings = {"start": start, "kind": kind, "final": final}
            self._settings |= {"warmup": warmup, "lengths": [*lengths]}
            self._start, self._share = start, functools.partial(SHARES[kind], ops, final)
            ends = [*itertools.accumulate(lengths)]
            self._parts = [
                _Part(end - n, round(warmup * n), n) for end, n in zip(ends, lengths, strict=True)
            ]

        def __call__(self, step: Any) -> Any:
            step = ops.cast(step, "float32")
            rate = self._rate(step, self._parts[0])
            for part in self._parts[1:]:
                rate = ops.where(step < part.first, rate, self._rate(step, part))
            return rate

        def _rate(self, step: Any, part: _Part) -> Any:
            step = step - part.first
            n_falling = max(part.n - part.n_rising, 1)
            progress = ops.clip((step - part.n_rising) / n_falling, 0.0, 1.0)
            rate = self._start * self._share(progress)
            if not part.n_rising:
                return rate
            # From 1/n at the first step to 1 at the last: a rate of 0 would waste a step.
            return rate * ops.minimum((step + 1.0) / part.n_rising, 1.0)

        def get_config(self) -> dict[str, Any]:
            return dict(self._settings)

    return Schedule


def _constant(ops: Any, final: float, progress: Any) -> Any:
    return ops.ones_like(progress)


def _linear(ops: Any, final: float, progress: Any) -> Any:
    return 1.0 - (1.0 - final) * progress


def _cosine(ops: Any, final: float, progress: Any) -> Any:
    # Loshchilov and Hutter 2017, "SGDR", eq. 5.
    return final + (1.0 - final) * 0.5 * (1.0 + ops.cos(math.pi * progress))


def _exponential(ops: Any, final: float, progress: Any) -> Any:
    # final ** progress.
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
"""The share of the rate that is left, by the progress in [0, 1]."""
