"""Listed architectures, all of them sampled, and the few that are worth training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from hpopt.checks import whole
from hpopt.core.batch import evaluate_together
from hpopt.core.evaluation import evaluate
from hpopt.core.solution import Config, Solution
from hpopt.core.trial import Outcome
from hpopt.errors import SettingError
from hpopt.problems.keras.untrained.sampling_problem import MAERandomSampling


@dataclass(frozen=True, slots=True)
class Sampled:
    """A config and what its sampling gave: ``log_p``, ``p``, ``mean``, ``std``, ``parameters``."""

    config: Config
    values: Mapping[str, float]

    @property
    def log_p(self) -> float:
        """The log of the probability of a small error."""
        return self.values["log_p"]


def sample_all(
    problem: MAERandomSampling, configs: Iterable[Config], seed: int = 0
) -> Iterator[Sampled]:
    """Sample listed configs, as many at a time as the problem takes.

    Parameters
    ----------
    problem : MAERandomSampling
    configs : iterable of dict
        Such as `layer_families` makes; they need not be of the problem's space.
    seed : int
        Config number k is sampled with a seed of its own, of (seed, k).

    Yields
    ------
    Sampled
        In the order of the configs; -inf as the ``log_p`` of one that cannot be built or sampled.
    """
    numbered = enumerate(configs)
    while some := list(islice(numbered, problem.max_batch)):
        solutions = [
            Solution(number, config, np.empty(0), _seed_of(seed, number)) for number, config in some
        ]
        for solution, outcome in zip(solutions, _outcomes(problem, solutions), strict=True):
            values = outcome.values if outcome.ok else {"log_p": -np.inf}
            yield Sampled(solution.config, values)


def _outcomes(problem: MAERandomSampling, solutions: list[Solution]) -> list[Outcome]:
    together = evaluate_together(problem, solutions) if len(solutions) > 1 else None
    return together or [evaluate(problem, solution) for solution in solutions]


def _seed_of(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def first_filter(
    problem: MAERandomSampling, n_sampled: int, n_kept: int, *, seed: int = 0
) -> list[Sampled]:
    """Sample many configs of a problem's space, and keep the few that are worth training.

    Parameters
    ----------
    problem : MAERandomSampling
        Often ``MAERandomSampling.before(training_problem)``.
    n_sampled, n_kept : int
        ``1 <= n_kept <= n_sampled`` must hold.
    seed : int

    Returns
    -------
    list of Sampled
        The best first; fewer where not as many could be sampled, or the space is that small.

    Examples
    --------
    >>> promising = first_filter(MAERandomSampling.before(problem), 200, 10)
    >>> hpopt.optimize(problem, trials=10, start=[each.config for each in promising])
    """
    whole("n_sampled", n_sampled, 1)
    whole("n_kept", n_kept, 1)
    if n_kept > n_sampled:
        raise SettingError(
            f"n_kept <= n_sampled must hold, but got n_kept={n_kept}, n_sampled={n_sampled}"
        )
    points = problem.space.random(n_sampled, np.random.default_rng(seed))
    different = dict(zip(problem.space.keys_of(points), points, strict=True))
    configs = problem.space.decode(np.array(list(different.values())))
    found = [each for each in sample_all(problem, configs, seed) if np.isfinite(each.log_p)]
    return sorted(found, key=lambda each: -each.log_p)[:n_kept]
