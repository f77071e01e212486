"""The tasks: trainings whose losses are known at every fidelity, and what each task is for.

Those for choosing are what hpopt's defaults may be chosen by; those for judging are what is
reported, and nothing is chosen by them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import contests
import numpy as np
import recorded
from numpy.typing import NDArray
from recorded import Parameter

Floats = NDArray[np.float64]

CHOOSING = (
    "lcbench:3945",
    "lcbench:126029",
    "lcbench:167168",
    "lcbench:167201",
    "lcbench:168908",
    "lcbench:189873",
    "taskset:patch128_LSTM128_avg_bs64",
    "taskset:patch128_LSTM128_embed128_bs64",
    "taskset:patch32_GRU64_avg_bs128",
    "taskset:patch32_IRNN64_relu_last_bs128",
)
JUDGING = (
    "lcbench:126025",
    "lcbench:146212",
    "lcbench:167152",
    "lcbench:167181",
    "lcbench:167190",
    "lcbench:168329",
    "lcbench:168335",
    "lcbench:168910",
    "lcbench:189865",
    "lcbench:189905",
)
TASKSET = CHOOSING[6:]
"""Other tasks of its family are not at hand, so these stand in both tables."""
KINDS = ("flat", "bad")
SETS = {
    "choosing": CHOOSING,
    "judging": JUDGING,
    "taskset": TASKSET,
    "logreg": ("logreg",),
    "misleading": tuple(f"{t}:{k}" for k in KINDS for t in (CHOOSING[0], CHOOSING[2], CHOOSING[4])),
    "misleading-judging": tuple(
        f"{t}:{k}" for k in KINDS for t in (JUDGING[0], JUDGING[4], JUDGING[8])
    ),
}
"""What may be compared on. The misleading ones are variants whose first half tells nothing."""

Curve = Callable[[Mapping[str, Any]], Floats]


class Task:
    """Trainings of one network or learner on one data set.

    Attributes
    ----------
    name : str
    parameters : tuple of Parameter
    most : int
        The highest fidelity: the units of a full training; the lowest is 1.
    reports : tuple of int
        The fidelities at which a training reports its loss; the last is `most`.
    worst : float
        A training that has no finite end counts as this, and a worse one too.
    typical : float
        What counts before any training has ended: about the mean of random configs.
    """

    name: str
    parameters: tuple[Parameter, ...]
    most: int
    reports: tuple[int, ...]
    worst: float
    typical: float

    def begin(self) -> Curve:
        """Return what gives the losses of a config at 1 … `most`, for one search."""
        raise NotImplementedError

    def pace(self, config: Mapping[str, Any]) -> float:
        """Return the seconds that one unit takes: the same for everybody."""
        raise NotImplementedError

    def best(self) -> float:
        """Return the least loss at the end that is known."""
        raise NotImplementedError

    def end(self, curve: Floats) -> float:
        """Return the loss at the end, as it counts."""
        last = float(curve[-1])
        return min(last, self.worst) if math.isfinite(last) else self.worst


class LCBench(Task):
    """A surrogate of LCBench (YAHPO Gym): networks of seven numbers, 52 epochs, validation error.

    flat: the first half of each curve is at chance. bad: it is that of the mirrored config.
    """

    most = 52
    reports = tuple(range(1, 53))
    worst = 1.0

    def __init__(self, task: str, kind: str = "") -> None:
        self.name = ":".join(filter(None, ("lcbench", task, kind)))
        self.parameters = contests.load(f"yahpo:lcbench:{task}").parameters
        self._task, self._kind = task, kind
        self._made = contests.yahpo()("lcbench", instance=task, version="v1.0.2")
        self._accuracy, self._time = map(self._made.y_names.index, ("val_accuracy", "time"))
        rng = np.random.default_rng(0)
        drawn = [{**self._made.sample(rng), "epoch": self.most} for _ in range(200)]
        self.typical = 1 - float(self._made.batch(drawn)[:, self._accuracy].mean()) / 100

    def begin(self) -> Curve:
        return self._curve

    def _curve(self, config: Mapping[str, Any]) -> Floats:
        curve, half = self._errors(config), self.most // 2
        if self._kind == "bad":
            curve[:half] = self._errors(mirrored(config, self.parameters))[:half]
        elif self._kind == "flat":
            rng = np.random.default_rng(zlib.crc32(repr(sorted(config.items())).encode()))
            curve[:half] = 0.9 + 0.003 * rng.standard_normal(half)
        return curve

    def _errors(self, config: Mapping[str, Any]) -> Floats:
        rows = self._made.batch([{**config, "epoch": n} for n in self.reports])
        return np.asarray(1 - rows[:, self._accuracy].astype(float) / 100)

    def pace(self, config: Mapping[str, Any]) -> float:
        seconds = self._made.batch([{**config, "epoch": self.most}])[0, self._time]
        return max(float(seconds), 1.0) / self.most

    def best(self) -> float:
        import early_stopping  # it needs hpopt, which the peers' environments lack

        return 1 - early_stopping.best_known(int(self._task)) / 100


class TaskSet(Task):
    """Recorded curves of a recurrent network on IMDB: 1,000 configs of an optimizer's 8 parameters.

    A config is the nearest recorded one that the search has not had. The betas are 1 - log-uniform.
    A unit takes as long as is drawn for the config, lognormal with sigma 0.5.
    """

    most = 50
    reports = tuple(range(1, 51))

    def __init__(self, task: str) -> None:
        self.name = f"taskset:{task}"
        folder = recorded.folder().parent / "curves"
        with np.load(folder / f"taskset-{task}.npz") as file:
            names = [str(name) for name in file["names"]]
            self._logs = np.log(file["configs"].astype(float))
            self._losses = file["valid_loss"].astype(float)[:, 1:]
            beta = np.array([name.startswith("beta") for name in names])
            self._logs[:, beta] = np.log(1 - file["configs"].astype(float)[:, beta])
        self._low, self._high = self._logs.min(axis=0), self._logs.max(axis=0)
        self.parameters = tuple(
            Parameter(name, "float", (), float(np.exp(low)), float(np.exp(high)), True)
            for name, low, high in zip(names, self._low, self._high, strict=True)
        )
        ends = self._losses[:, -1]
        self.worst = self.typical = float(np.nanmedian(ends))  # some diverge: there is no mean
        self._best = float(np.nanmin(ends))

    def begin(self) -> Curve:
        unit = (self._logs - self._low) / (self._high - self._low)
        is_free = np.ones(len(unit), dtype=bool)
        known: dict[tuple[float, ...], int] = {}

        def curve(config: Mapping[str, Any]) -> Floats:
            key = tuple(config[parameter.name] for parameter in self.parameters)
            if key not in known:
                at = (np.log(key) - self._low) / (self._high - self._low)
                distances = np.where(is_free, ((unit - at) ** 2).sum(axis=1), np.inf)
                known[key] = int(distances.argmin())
                is_free[known[key]] = False
            return self._losses[known[key]]

        return curve

    def pace(self, config: Mapping[str, Any]) -> float:
        rng = np.random.default_rng(zlib.crc32(repr(sorted(config.items())).encode()))
        return float(np.exp(0.5 * rng.standard_normal()))

    def best(self) -> float:
        return self._best


class LogisticRegression(Task):
    """HPOlib's grid of logistic regression on MNIST: 968 configs, 5 to 2,560 epochs, 5 a unit.

    Ten levels are recorded, each twice the one before; between them the error is interpolated in
    the logarithm of the epochs.
    """

    name = "logreg"
    most = 512
    reports = tuple(2**k for k in range(10))

    def __init__(self) -> None:
        table = recorded.load("logreg_on_grid")
        (epochs,) = (each for each in table.parameters if each.name == "n_epochs")
        self._levels = epochs.values
        self.parameters = tuple(each for each in table.parameters if each is not epochs)
        self._table = table
        self.worst, self.typical = 1.0, table.typical

    def begin(self) -> Curve:
        return self._curve

    def _curve(self, config: Mapping[str, Any]) -> Floats:
        levels = np.array(self._levels) / self._levels[0]
        losses = [self._table.loss({**config, "n_epochs": level}) for level in self._levels]
        return np.interp(np.log(np.arange(1, self.most + 1)), np.log(levels), losses)

    def pace(self, config: Mapping[str, Any]) -> float:
        whole = {**config, "n_epochs": self._levels[-1]}
        return self._table.seconds(whole) / self.most

    def best(self) -> float:
        return self._table.best


FAMILIES: dict[str, Callable[..., Task]] = {
    "lcbench": LCBench,
    "taskset": TaskSet,
    "logreg": LogisticRegression,
}


@cache
def load(name: str) -> Task:
    """Make a task of its name, once a process: ``family:what:…``."""
    family, *parts = name.split(":")
    return FAMILIES[family](*parts)


def mirrored(config: Mapping[str, Any], parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """Return the config at the other end of all ranges."""
    found: dict[str, Any] = {}
    for each in parameters:
        value = config[each.name]
        other = each.low * each.high / value if each.log else each.low + each.high - value
        found[each.name] = round(other) if each.kind == "int" else other
    return found
