"""The parts of genetic algorithms, and the base classes that run them."""

from __future__ import annotations

from hpopt.optimizers.genetic.adaptation import ADAPTATIONS, RESTARTS, Periodic, Stagnation, Success
from hpopt.optimizers.genetic.asynchronous import Asynchronous
from hpopt.optimizers.genetic.crossover import (
    CROSSOVERS,
    NoCrossover,
    OnePoint,
    TwoPoint,
    Uniform,
)
from hpopt.optimizers.genetic.generational import Generational, Parts
from hpopt.optimizers.genetic.initialisation import (
    INITIALISATIONS,
    LatinHypercubeDraws,
    QuasiRandomDraws,
    RandomDraws,
)
from hpopt.optimizers.genetic.mutation import (
    MUTATIONS,
    Gaussian,
    Length,
    Mixed,
    OneGene,
    Reset,
    Step,
)
from hpopt.optimizers.genetic.parts import (
    Adaptation,
    Crossover,
    Initialisation,
    Mutation,
    Part,
    Replacement,
    Restart,
    Selection,
)
from hpopt.optimizers.genetic.population import Population
from hpopt.optimizers.genetic.replacement import (
    REPLACEMENTS,
    AboveMean,
    Ageing,
    Comma,
    Elitist,
    Plus,
)
from hpopt.optimizers.genetic.screening import SCREENINGS, Screening, Surrogate
from hpopt.optimizers.genetic.selection import SELECTIONS, InTurn, Tournament, Truncation

__all__ = [
    "ADAPTATIONS",
    "CROSSOVERS",
    "INITIALISATIONS",
    "MUTATIONS",
    "REPLACEMENTS",
    "RESTARTS",
    "SCREENINGS",
    "SELECTIONS",
    "AboveMean",
    "Adaptation",
    "Ageing",
    "Asynchronous",
    "Comma",
    "Crossover",
    "Elitist",
    "Gaussian",
    "Generational",
    "InTurn",
    "Initialisation",
    "LatinHypercubeDraws",
    "Length",
    "Mixed",
    "Mutation",
    "NoCrossover",
    "OneGene",
    "OnePoint",
    "Part",
    "Parts",
    "Periodic",
    "Plus",
    "Population",
    "QuasiRandomDraws",
    "RandomDraws",
    "Replacement",
    "Reset",
    "Restart",
    "Screening",
    "Selection",
    "Stagnation",
    "Step",
    "Success",
    "Surrogate",
    "Tournament",
    "Truncation",
    "TwoPoint",
    "Uniform",
]
