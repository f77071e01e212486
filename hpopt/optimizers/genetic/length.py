"""How lists of layers become longer or shorter.

Camero et al. 2019, "A specialized evolutionary strategy using mean absolute error random sampling
to design recurrent neural networks", https://arxiv.org/abs/1909.02425
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hpopt.checks import one_of, share
from hpopt.errors import SettingError
from hpopt.numerics import variation
from hpopt.optimizers.genetic.parts import Mutation
from hpopt.optimizers.genetic.population import Floats
from hpopt.space import SequenceLayout, Space

KINDS = ("insert", "copy", "delete")


@dataclass(frozen=True, slots=True)
class Length(Mutation):
    """Change each list of layers by one layer, within the bounds of its length.

    Parameters
    ----------
    probability : float, in [0, 1]
        Of each list of each individual to change.
    kinds : sequence of {"insert", "copy", "delete"}
        What may happen, each as likely: a random layer enters anywhere, a layer is doubled, or a
        layer is taken out. What the bounds do not allow does not happen.
    """

    name: ClassVar[str] = "length"
    rates: ClassVar[tuple[str, ...]] = ("probability",)
    probability: float = 0.2
    kinds: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        share("length probability", self.probability)
        if isinstance(self.kinds, str) or not self.kinds:
            raise SettingError(f"kinds must be a list of some of {KINDS}, but got {self.kinds!r}")
        kinds = tuple(one_of("kind of a change of length", kind, KINDS) for kind in self.kinds)
        object.__setattr__(self, "kinds", kinds)  # a list, where it comes from JSON

    def mutate(self, points: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Give changed points, shape (n, d)."""
        for layout in space.sequences:
            points = self._changed(points, layout, rng)
        return points

    def _changed(self, points: Floats, layout: SequenceLayout, rng: np.random.Generator) -> Floats:
        n = len(points)
        lengths = layout.lengths(points)
        drawn = np.floor(rng.random(n) * len(self.kinds)).astype(np.int64)
        kinds = np.array([KINDS.index(kind) for kind in self.kinds])[drawn]
        chosen = rng.random(n) < self.probability
        where = rng.random(n)
        fresh = rng.random((n, layout.slot))

        inserts, shrinks = kinds == 0, kinds == 2
        inserts |= (kinds == 1) & (lengths == 0)  # nothing is there to be doubled
        grows = chosen & ~shrinks & (lengths < layout.max_length)
        shrinks &= chosen & (lengths > layout.min_length)
        rows = np.flatnonzero(grows | shrinks)
        if not rows.size:
            return points
        slots, lengths = layout.slots(points[rows]), lengths[rows]
        inserts, grows, shrinks = inserts[rows], grows[rows], shrinks[rows]
        places = np.floor(where[rows] * np.maximum(lengths + inserts, 1)).astype(np.int64)
        copies = slots[np.arange(rows.size), np.minimum(places, layout.max_length - 1)]
        layers = np.where(inserts[:, None], fresh[rows], copies)
        places = np.minimum(places, layout.max_length - 1)
        longer = variation.lengthened(slots, places, layers)
        shorter = variation.shortened(slots, places)
        changed: Floats = points.copy()
        changed[rows] = layout.replaced(
            points[rows],
            lengths + grows - shrinks.astype(np.int64),
            np.where(grows[:, None, None], longer, shorter),
        )
        return changed
