"""Screening: a model of all observations chooses among several children.

Young et al. 2015 (MENNDL), https://doi.org/10.1145/2834892.2834896, propose offspring from a
model of good individuals as their next step; here the model is that of Bergstra et al. 2011,
https://papers.nips.cc/paper/4443.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hpopt.checks import share, whole
from hpopt.numerics import pareto
from hpopt.numerics.blas_threads import single_blas_thread
from hpopt.optimizers.genetic.parts import Kind, Part
from hpopt.optimizers.genetic.population import Floats, Population
from hpopt.optimizers.surrogates.encoding import Encoding
from hpopt.optimizers.surrogates.kernels import Kernels
from hpopt.space import Space

MOST_GOOD, MOST_OTHERS = 25, 1000  # as TPE has them


class Screening(Part, ABC):
    """The choice of the child that is evaluated, among several.

    Attributes
    ----------
    candidates : int
        How many children are bred for each one that is evaluated.
    """

    __slots__ = ()
    candidates: int

    @abstractmethod
    def chosen(self, children: Floats, known: Population, space: Space) -> Floats:
        """Return one child of each group, shape (n, d).

        Parameters
        ----------
        children : ndarray (n, candidates, d), in [0, 1]
        known : Population
            The observations before this generation, in the order of numbers.
        space : Space
        """


@dataclass(frozen=True, slots=True)
class Surrogate(Screening):
    """Evaluate the child that is likeliest among the good and unlikeliest among the others.

    ::

        good  = the best share of all observations, at most 25
        l, g  = densities of the good and of the others, as in TPE
        child = the one of largest l / g in its group

    Parameters
    ----------
    candidates : int, >= 2
        Children that are bred for each that is evaluated.
    share : float, in [0, 1]
        The share of the observations that are good.
    """

    candidates: int = 8
    share: float = 0.08
    name: ClassVar[str] = "surrogate"

    def __post_init__(self) -> None:
        whole("candidates", self.candidates, 2)
        share("share", self.share)

    def chosen(self, children: Floats, known: Population, space: Space) -> Floats:
        """Return the most promising child of each group, shape (n, d)."""
        fine = np.isfinite(known.losses).all(axis=1)
        n_good = min(max(2, math.ceil(self.share * len(known))), MOST_GOOD, int(fine.sum()))
        if not n_good or n_good == len(known):
            return children[:, 0]
        order = pareto.order(known.losses)
        good, others = order[:n_good], np.sort(order[n_good:])[-MOST_OTHERS:]
        kernels = Kernels(Encoding(space))
        n, k, d = children.shape
        points = space.snap(children.reshape(n * k, d))
        with single_blas_thread():
            arguments = kernels.arguments(points)
            likely = kernels.density(known.points[good]).log_density(*arguments)
            unlikely = kernels.density(known.points[others]).log_density(*arguments)
        best = (likely - unlikely).reshape(n, k).argmax(axis=1)
        chosen: Floats = children[np.arange(n), best]
        return chosen


SCREENINGS = Kind("screening", Screening, Surrogate)  # type: ignore[type-abstract]
