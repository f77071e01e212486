"""What a model has learned, in words."""

from __future__ import annotations

import numpy as np

from hpopt.core import Objective
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.surrogate import Fitted

GRADES = (
    (0.5, "decides within half of its range, or less"),
    (1.5, "matters"),
    (4.0, "matters little"),
    (np.inf, "hardly matters"),
)


def grade(length: float) -> str:
    """Say what a lengthscale means."""
    return next(words for below, words in GRADES if length < below)


def in_words(encoding: Encoding, fitted: Fitted, objective: Objective) -> str:
    """Give a line for each coordinate, what matters most first, and one for the noise."""
    told = encoding.space.levels != 1
    order = [j for j in np.argsort(fitted.lengths, kind="stable").tolist() if told[j]]
    width = max((len(encoding.names[j]) for j in order), default=0)
    lines = [
        f"{encoding.names[j]:<{width}}  {grade(fitted.lengths[j])} "
        f"(lengthscale {fitted.lengths[j]:.2g})"
        for j in order
    ]
    noise = float(np.sqrt(fitted.process.parameters.nu)) * fitted.warp.slope
    lines.append(f"noise of {objective.name}: about {noise:.2g}")
    return "\n".join(lines)
