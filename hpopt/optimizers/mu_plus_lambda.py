"""The (μ + λ) evolution of network architectures of DLOPT.

Camero et al. 2018, "DLOPT: Deep Learning Optimization Library", https://arxiv.org/abs/1807.03523;
Camero et al. 2018, "Low-cost recurrent neural network expected performance evaluation",
https://arxiv.org/abs/1805.07159
"""

from __future__ import annotations

from typing import ClassVar

from hpopt.checks import positive, share, whole
from hpopt.errors import SettingError
from hpopt.optimizers.genetic.crossover import NoCrossover
from hpopt.optimizers.genetic.generational import Generational, Parts
from hpopt.optimizers.genetic.initialisation import RandomDraws
from hpopt.optimizers.genetic.length import Length
from hpopt.optimizers.genetic.mutation import Gaussian
from hpopt.optimizers.genetic.replacement import Plus
from hpopt.optimizers.genetic.restart import Stagnation
from hpopt.optimizers.genetic.selection import Tournament


class MuPlusLambda(Generational):
    """Mutate the winners of binary tournaments, keep the μ best of all, begin again when stuck.

    Use it for lists of layers and ordered parameters with tens to a few hundred evaluations: its
    small population converges soon, and restarts look elsewhere. It does not cross, so parameters
    that must fit one another are not torn apart. For categorical choices the default
    `GeneticAlgorithm` is better.

    Each generation::

        parent    = the better one of two that are drawn (λ times)
        child     : each gene with p_i gets a normal step: x + scale · N(0, 1)
        child     : each list of layers with p_e is changed: one layer copied or deleted
        parents   = the μ best of parents and children
        if no parent got better for `patience` generations:
            parents = the `carried` best, and μ - carried drawn ones

    Parameters
    ----------
    population : int, >= 2
        μ, the number of parents.
    offspring : int, >= 1
        λ, the individuals that are evaluated in each generation.
    mutation_probability : float, in [0, 1]
        p_i, of each gene.
    scale : float, > 0
        Standard deviation of a step, as a share of the gene's range. Discrete genes move by one
        level at least; a categorical one takes another of its choices.
    length_probability : float, in [0, 1]
        p_e, of each list of layers.
    patience : int, >= 1, optional
        After how many generations without a better parent to begin again; None for never.
    carried : int, in [0, population)
        How many of the best a new beginning takes along.
    """

    name: ClassVar[str] = "mu_plus_lambda"

    def __init__(
        self,
        *,
        population: int = 5,
        offspring: int = 10,
        mutation_probability: float = 0.1,
        scale: float = 0.3,
        length_probability: float = 0.1,
        patience: int | None = 10,
        carried: int = 2,
    ) -> None:
        self.population = whole("population", population, 2)
        self.offspring = whole("offspring", offspring, 1)
        self.mutation_probability = share("mutation_probability", mutation_probability)
        self.scale = positive("scale", scale)
        self.length_probability = share("length_probability", length_probability)
        self.patience = None if patience is None else whole("patience", patience, 1)
        self.carried = whole("carried", carried, 0)
        if carried >= population:
            raise SettingError(
                f"carried < population must hold, but got carried={carried}, "
                f"population={population}"
            )

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=Tournament(2),
            crossover=NoCrossover(),
            mutation=(
                Gaussian(self.mutation_probability, self.scale),
                Length(self.length_probability, ("copy", "delete")),
            ),
            replacement=Plus(),
            restart=None if self.patience is None else Stagnation(self.patience, self.carried),
        )
