"""The self-adaptive (μ + λ) evolution of recurrent networks.

Camero et al. 2019, "A specialized evolutionary strategy using mean absolute error random sampling
to design recurrent neural networks", https://arxiv.org/abs/1909.02425; the rule of success is
that of Doerr & Doerr 2015, "Optimal parameter choices through self-adjustment".
"""

from __future__ import annotations

from typing import ClassVar

from hpopt.checks import number, share, whole
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.adaptation import Success
from hpopt.optimizers.genetic.crossover import NoCrossover
from hpopt.optimizers.genetic.generational import Generational, Parts
from hpopt.optimizers.genetic.initialisation import RandomDraws
from hpopt.optimizers.genetic.length import Length
from hpopt.optimizers.genetic.mutation import Step
from hpopt.optimizers.genetic.replacement import Plus
from hpopt.optimizers.genetic.selection import Tournament


class SelfAdaptive(Generational):
    """Mutate boldly while the population gets better, and carefully while it does not.

    Use it where nobody knows how far to step, on lists of layers and ordered parameters. It does
    not cross. With small populations the mean improves nearly always at first, so steps grow; at
    the end they shrink to the least one, which refines the best.

    Each generation::

        parent    = the better one of two that are drawn (λ times)
        child     : each gene with p_i gets a step, uniform in ± max_step
        child     : each list of layers with p_e is changed: one layer copied or deleted
        parents   = the μ best of parents and children
        p_i, p_e, max_step  × up    if the mean loss of the parents fell
                            ÷ down  otherwise; within [least, most]

    Parameters
    ----------
    population : int, >= 2
        μ, the number of parents.
    offspring : int, >= 1
        λ, the individuals that are evaluated in each generation.
    mutation_probability : float, in [0, 1]
        p_i at the beginning, of each gene.
    max_step : float, in (0, 1]
        At the beginning, as a share of the gene's range. Discrete genes move by one level at
        least; a categorical one takes another of its choices.
    length_probability : float, in [0, 1]
        p_e at the beginning, of each list of layers.
    up, down : float, >= 1
    least, most : float, in (0, 1]
        The bounds of all three.
    """

    name: ClassVar[str] = "self_adaptive"

    def __init__(
        self,
        *,
        population: int = 5,
        offspring: int = 10,
        mutation_probability: float = 0.2,
        max_step: float = 0.3,
        length_probability: float = 0.2,
        up: float = 1.5,
        down: float = 4.0,
        least: float = 0.02,
        most: float = 0.5,
    ) -> None:
        self.population = whole("population", population, 2)
        self.offspring = whole("offspring", offspring, 1)
        self.mutation_probability = share("mutation_probability", mutation_probability)
        self.max_step = share("max_step", max_step)
        self.length_probability = share("length_probability", length_probability)
        self.up, self.down = number("up", up, 1.0), number("down", down, 1.0)
        self.least, self.most = share("least", least), share("most", most)
        for name, value in (("max_step", max_step), ("least", least)):
            if not value:
                raise SettingError(f"{name} must be a positive number, but got {value!r}")
        self._parts()

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=Tournament(2),
            crossover=NoCrossover(),
            mutation=(
                Step(self.mutation_probability, self.max_step),
                Length(self.length_probability, ("copy", "delete")),
            ),
            replacement=Plus(),
            adaptation=Success(self.up, self.down, self.least, self.most),
        )
