"""Regularized (ageing) evolution: the oldest dies, not the worst.

Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search", Algorithm 1,
https://doi.org/10.1609/aaai.v33i01.33014780
"""

from __future__ import annotations

from typing import ClassVar

from hpopt.checks import positive, share, whole
from hpopt.optimizers.genetic.asynchronous import Asynchronous
from hpopt.optimizers.genetic.crossover import NoCrossover
from hpopt.optimizers.genetic.generational import Parts
from hpopt.optimizers.genetic.initialisation import RandomDraws
from hpopt.optimizers.genetic.length import Length
from hpopt.optimizers.genetic.mutation import OneGene
from hpopt.optimizers.genetic.replacement import Ageing
from hpopt.optimizers.genetic.selection import Tournament


class RegularizedEvolution(Asynchronous):
    """Change one thing of the best of a sample; let the oldest of the population die.

    Use it for architectures of categorical choices, for noisy evaluations (who was lucky once
    dies too, and only what is good again and again lives on), and for many workers: it never
    waits. With fewer than a hundred evaluations, or one good region to be refined, `SteadyState`
    is better.

    For each solution, and for each result::

        sample     = `sample` of the population, drawn uniformly, with replacement
        child      = the best of the sample, with one gene changed
        population = the `population` results that came last

    Until `population` solutions have been asked, they are drawn at random.

    Parameters
    ----------
    population : int, >= 2
        P; 100 in the paper.
    sample : int, >= 1
        S; 25 in the paper.
    step_probability : float, in [0, 1]
        The share of an ordered gene's changes that are steps; the others, and all of categorical
        genes, are new draws among the other values.
    mutation_scale : float, > 0
        Standard deviation of a step, as a share of the gene's range.
    length_probability : float, in [0, 1]
        Of each list of layers to change by one layer, beside the gene.
    """

    name: ClassVar[str] = "regularized"

    def __init__(
        self,
        *,
        population: int = 30,
        sample: int = 10,
        step_probability: float = 0.5,
        mutation_scale: float = 0.1,
        length_probability: float = 0.1,
    ) -> None:
        self.population = whole("population", population, 2)
        self.sample = whole("sample", sample, 1)
        self.step_probability = share("step_probability", step_probability)
        self.mutation_scale = positive("mutation_scale", mutation_scale)
        self.length_probability = share("length_probability", length_probability)

    def _parts(self) -> Parts:
        return Parts(
            initialisation=RandomDraws(),
            selection=Tournament(self.sample),
            crossover=NoCrossover(),
            mutation=(
                Length(self.length_probability),
                OneGene(1.0, self.step_probability, self.mutation_scale),
            ),
            replacement=Ageing(),
        )
