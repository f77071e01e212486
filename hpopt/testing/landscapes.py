"""Small problems on spaces of every kind, for contracts to run through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from hpopt.core import Config, Fidelity, Objective, Problem, TrialHandle, objectives_of
from hpopt.space import Categorical, Float, Int, Ordinal, Space
from hpopt.space import Sequence as Layers

VALUE = Objective()


class Landscape(Problem):
    """A smooth bowl over the active coordinates of any space, instantly evaluated.

    Parameters
    ----------
    space : Space
    objectives : Objective or sequence of Objective
        Each has its bowl's bottom elsewhere; one that is maximised is the bowl upside down.
    fidelity : Fidelity, optional
        Below the highest the bowl is rough, so that other configs may seem the best.
    """

    def __init__(
        self,
        space: Space,
        objectives: Objective | Sequence[Objective] = VALUE,
        fidelity: Fidelity | None = None,
    ) -> None:
        self.space, self.objectives, self.fidelity = space, objectives, fidelity
        self._seen: dict[str, dict[str, float]] = {}

    def evaluate(self, config: Config, trial: TrialHandle) -> dict[str, float]:
        """Return the heights of a config, kept for the next time."""
        name = repr(config)
        if name not in self._seen:
            self._seen[name] = self._heights(config)
        heights = dict(self._seen[name])
        if self.fidelity is None or trial.fidelity is None:
            return heights
        left = 1 - trial.fidelity / self.fidelity.high
        return {name: each + left * math.sin(100 * each) / 10 for name, each in heights.items()}

    def _heights(self, config: Config) -> dict[str, float]:
        point = self.space.encode([config])
        coordinates = point[self.space.active(point)]
        return {
            objective.name: objective.sign * float(np.mean((coordinates - bottom) ** 2))
            for objective, bottom in zip(objectives_of(self), (0.3, 0.8, 0.1, 0.6), strict=False)
        }


def _spaces() -> dict[str, Space]:
    layer = {
        "kind": Categorical(["dense", "dropout"]),
        "units": Int(4, 256, log=True, when={"kind": "dense"}),
        "rate": Float(0.0, 0.5, when={"kind": "dropout"}),
    }
    return {
        "floats": Space({"x": Float(-5, 5), "y": Float(0, 1), "rate": Float(1e-5, 1, log=True)}),
        "steps": Space(
            {
                "width": Int(8, 512, log=True),
                "height": Int(0, 100, step=5),
                "share": Float(0, 1, step=0.05),
                "size": Ordinal([16, 32, 64, 128]),
            }
        ),
        "choices": Space(
            {
                "a": Categorical(["relu", "tanh", None, True]),
                "b": Categorical([1, 2, (3, 3)]),
                "c": Ordinal(["low", "mid", "high"]),
                "d": Categorical([True, False]),
                "e": Categorical(list("xyz")),
            }
        ),
        "conditions": Space(
            {
                "optimizer": Categorical(["adam", "sgd"]),
                "rate": Float(1e-4, 1, log=True),
                "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
                "decay": Categorical([False, True], when={"optimizer": "sgd"}),
                "steps": Int(1, 50, when={"decay": True}),
            }
        ),
        "layers": Space({"layers": Layers(layer, 0, 4), "rate": Float(0.001, 0.1, log=True)}),
        "forbidden": Space(
            {
                "n": Int(0, 19),
                "x": Float(0, 1),
                "layers": Layers(Space({"k": Int(1, 4)}, forbid=[{"k": 2}]), 1, 2),
            },
            forbid=[lambda config: config["n"] % 3 == 0, {"n": [1, 2]}],
        ),
        "tiny": Space(
            {
                "a": Categorical(["p", "q"]),
                "b": Int(0, 3, when={"a": "q"}),
                "layers": Layers({"k": Int(1, 2)}, 0, 2, when={"a": "p"}),
            },
            forbid=[{"b": 2}],
        ),
        "one_config": Space({"only": Categorical(["this"])}),
    }


_SPACES = _spaces()

LANDSCAPES: Mapping[str, Landscape] = MappingProxyType(
    {
        **{name: Landscape(space) for name, space in _SPACES.items()},
        "two_objectives": Landscape(
            _SPACES["conditions"], [Objective("error"), Objective("gain", "maximize")]
        ),
        "fidelity": Landscape(_SPACES["floats"], fidelity=Fidelity(1, 27)),
    }
)
"""Problems by the kind of their space."""
