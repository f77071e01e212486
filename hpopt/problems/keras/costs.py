"""What a network costs: its weights, memory, file and latency, all known before it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hpopt.core.handle import TrialHandle
from hpopt.problems.keras.data.feeding import Examples, first_input
from hpopt.problems.keras.latency import Latency, measure_latency

COSTS = frozenset({"parameters", "memory", "model_bytes", "latency"})
"""Their names as objectives; all are to be minimised."""


@dataclass(frozen=True, slots=True)
class CostMeter:
    """Measures those costs of a trial's network that are wanted.

    Parameters
    ----------
    wanted : set of str
        Names among `COSTS`.
    batch : int
        How many examples the latency is of.
    is_paused : bool
        Whether a later trial of the config may follow, for which the latency is saved: measured
        anew it would differ by noise.
    """

    wanted: Set[str]
    batch: int
    is_paused: bool

    def measure(
        self, keras: Any, model: Any, examples: Examples, trial: TrialHandle
    ) -> Iterator[tuple[str, float, dict[str, Any]]]:
        """Yield name, value and `Trial.info` of each cost of a compiled model, before its training.

        The quickest to find out comes first. That of the memory is not among them: it is estimated
        before a model is made.
        """
        if not self.wanted & COSTS - {"memory"}:
            return
        if not model.built:
            model(first_input(examples))
        if "parameters" in self.wanted:
            yield "parameters", float(model.count_params()), {}
        if "model_bytes" in self.wanted:
            yield "model_bytes", float(bytes_as_saved(model)), {}
        if "latency" in self.wanted:
            latency = self._latency(keras, model, examples, trial)
            yield "latency", latency.seconds, {"latency_calls": latency.to_json()}

    def _latency(self, keras: Any, model: Any, examples: Examples, trial: TrialHandle) -> Latency:
        found = None
        if trial.previous is not None:
            found = Latency.saved(trial.previous.directory, self.batch)
        if found is None:
            found = measure_latency(keras, model, examples, self.batch)
        if self.is_paused:
            found.save(trial.directory)
        return found


def bytes_as_saved(model: Any) -> int:
    """Return the size of a built model's file of weights, without what an optimizer keeps."""
    # Before the training an optimizer has no variables for the weights. Which values these have
    # does not matter: the file is not compressed.
    with TemporaryDirectory(prefix="hpopt-") as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        return path.stat().st_size
