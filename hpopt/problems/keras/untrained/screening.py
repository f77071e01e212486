"""Screen architectures: sample many of them, and keep the few that are worth training."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hpopt.checks import whole
from hpopt.core.batch import evaluate_together
from hpopt.core.evaluation import evaluate
from hpopt.core.trial import Config, Outcome, Solution
from hpopt.errors import SettingError
from hpopt.problems.keras.backend import derived_seed
from hpopt.problems.keras.untrained.sampling_problem import MAERandomSampling


@dataclass(frozen=True, slots=True)
class Sampled:
    """A config and its values: ``log_p``, ``p``, ``mean``, ``std``, ``parameters``."""

    config: Config
    values: Mapping[str, float]

    @property
    def log_p(self) -> float:
        """The log of the probability of a small error."""
        return self.values["log_p"]


def sample_all(
    problem: MAERandomSampling, configs: Iterable[Config], seed: int = 0
) -> Iterator[Sampled]:
    """Sample listed configs, `max_batch` of them at a time.

    Parameters
    ----------
    problem : MAERandomSampling
    configs : iterable of dict
        Those of `layer_families`, say; they need not be of the problem's space.
    seed : int
        Config number k is sampled with a seed that follows from (seed, k).

    Yields
    ------
    Sampled
        In the order of the configs; ``log_p`` is -inf where one cannot be built or sampled.
    """
    numbered = enumerate(configs)
    while block := list(itertools.islice(numbered, problem.max_batch)):
        solutions = [
            Solution(number, config, np.empty(0), derived_seed(seed, number))
            for number, config in block
        ]
        for solution, outcome in zip(solutions, _outcomes(problem, solutions), strict=True):
            values = outcome.values if outcome.ok else {"log_p": -np.inf}
            yield Sampled(solution.config, values)


def _outcomes(problem: MAERandomSampling, solutions: list[Solution]) -> list[Outcome]:
    if len(solutions) > 1:
        together = evaluate_together(problem, solutions)
        if not isinstance(together, str):
            return together
    # A single one, or a batch that failed as a whole.
    return [evaluate(problem, solution) for solution in solutions]


def first_filter(
    problem: MAERandomSampling, n_sampled: int, n_kept: int, *, seed: int = 0
) -> list[Sampled]:
    """Sample many configs of a problem's space, and return those with the best `log_p`.

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
        The best first; fewer where fewer could be sampled, or the space is smaller.

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
    # Each config once: points that round to the same config have one key.
    different = dict(zip(problem.space.keys_of(points), points, strict=True))
    configs = problem.space.decode(np.array(list(different.values())))
    found = [each for each in sample_all(problem, configs, seed) if np.isfinite(each.log_p)]
    return sorted(found, key=lambda each: -each.log_p)[:n_kept]


def layer_families(
    n_layers: tuple[int, int] = (1, 3), sizes: tuple[int, int] = (1, 10), pace: int = 1
) -> Iterator[list[int]]:
    """Yield the sizes of the hidden layers of each architecture of a family.

    Parameters
    ----------
    n_layers : (int, int)
        The fewest and the most hidden layers.
    sizes : (int, int)
        The smallest and the largest layer.
    pace : int, at least 1
        The distance of the sizes; the largest is left out where the pace does not reach it.

    Yields
    ------
    list of int
        The fewest layers first, the last layer growing fastest.

    Raises
    ------
    SettingError
        A range is empty, or the pace is below 1.

    Examples
    --------
    >>> list(layer_families((1, 2), (2, 6), pace=4))
    [[2], [6], [2, 2], [2, 6], [6, 2], [6, 6]]
    """
    for name, bounds in (("n_layers", n_layers), ("sizes", sizes)):
        if not isinstance(bounds, tuple | list) or len(bounds) != 2:
            raise SettingError(f"{name} must be a pair of whole numbers, but got {bounds!r}")
        for bound in bounds:
            whole(f"a bound of {name}", bound, 1)
        if bounds[0] > bounds[1]:
            raise SettingError(f"{name} must be (least, most), but got {bounds!r}")
    whole("pace", pace, 1)
    choices = range(sizes[0], sizes[1] + 1, pace)
    return (
        list(chosen)
        for length in range(n_layers[0], n_layers[1] + 1)
        for chosen in itertools.product(choices, repeat=length)
    )
