"""The latency of a network: the time that it takes to predict a batch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.problems.keras.backend import prediction_of
from hpopt.problems.keras.data.feeding import Examples, input_batch
from hpopt.problems.keras.training.continuation import LATENCY
from hpopt.problems.keras.training.folders import read_json, write_json

# Calls before those that count. The first one traces or compiles, the next few set up threads and
# memory: on a CPU with TensorFlow they take up to three times as long as later ones.
WARM_UP = 5
# Timed calls: enough for a median that one interruption in three does not move. More are made of
# fast networks, whose calls an interruption lengthens most, as long as they take half a second.
LEAST, MOST, SECONDS = 15, 200, 0.5


@dataclass(frozen=True, slots=True)
class Latency:
    """The time that a network takes to predict a batch.

    Attributes
    ----------
    seconds : float
        The median of the calls.
    deviation : float
        Their standard deviation, in seconds.
    fastest : float
        The shortest of them, in seconds.
    calls : int
    batch : int
        How many examples were predicted at once.
    """

    seconds: float
    deviation: float
    fastest: float
    calls: int
    batch: int

    def to_json(self) -> dict[str, float]:
        """Return all but the median, for `Trial.info`."""
        return {name: value for name, value in asdict(self).items() if name != "seconds"}

    def save(self, folder: Path) -> None:
        """Save it for a later trial of the same config."""
        write_json(folder / LATENCY, asdict(self))

    @classmethod
    def saved(cls, folder: Path, batch: int) -> Latency | None:
        """Return the latency that an earlier trial saved; None if there is none for this batch."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            found = cls(**read_json(folder / LATENCY))
            return found if found.batch == batch else None
        return None


def measure_latency(keras: Any, model: Any, examples: Examples, batch: int) -> Latency:
    """Measure how long a model takes to predict a batch of examples, in this process.

    The inputs are on the device before a call begins, and its results are read before it ends. A
    model that is compiled with ``run_eagerly`` is called so.
    """
    seconds = time_calls(prediction_of(keras, model, input_batch(examples, batch)))
    return Latency(
        float(np.median(seconds)), float(np.std(seconds)), min(seconds), len(seconds), batch
    )


def time_calls(
    call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return how long each of several calls took, in seconds, after some that do not count."""
    for _ in range(WARM_UP):
        call()
    seconds: list[float] = []
    end = clock() + SECONDS
    while len(seconds) < LEAST or (len(seconds) < MOST and clock() < end):
        began = clock()
        call()
        seconds.append(clock() - began)
    return seconds
