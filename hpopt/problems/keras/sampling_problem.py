"""A problem that ranks architectures by MAE random sampling: no network is trained."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hpopt.core.evaluation import evaluate
from hpopt.core.handle import TrialHandle
from hpopt.core.problem import Objective, Problem, check_problem
from hpopt.core.solution import Config, Solution
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.data import Rows, checked_rows
from hpopt.problems.keras.mae_sampling import (
    BOUNDS,
    Fit,
    Sampling,
    check_sampling,
    mae_random_sampling,
)
from hpopt.problems.keras.problem import KerasProblem
from hpopt.problems.keras.sampled_errors import Measure
from hpopt.problems.keras.session import import_keras, require_keras
from hpopt.problems.keras.sources import ArraySource, DatasetSource, Source
from hpopt.problems.keras.training import check_count
from hpopt.space import Parameter, Space

COLLECTED = 2**22
"""How many weights of models that are done with are left to lie about, at most."""
SMALLEST = 2**16
"""What a model counts at least: 64 of them."""
Data = tuple[Any, Any] | Callable[[Config], tuple[Any, Any]]


class MAERandomSampling(Problem):
    """Search for the architecture with the best log p, without training anything.

    A trial builds the network of a config, draws its weights some times, and is worth the log of
    the probability of a small error (`mae_random_sampling`). It takes a tenth of a second, most
    of it to build the network.

    Parameters
    ----------
    build : callable
        Called with a config; gives a Keras model, which need not be compiled.
    data : (array-like, array-like), or callable
        Inputs and targets; or a function of a config that gives them, where they depend on it
        (on a look-back, say).
    space : Space or mapping of str to Parameter
    draws, threshold, error, initializer, fit, bounds
        As for `mae_random_sampling`.

    Raises
    ------
    SettingError, ProblemError, MissingExtraError
        An argument is not what it must be, one config's network is none or does not fit its data,
        or Keras is not installed.

    Examples
    --------
    >>> problem = MAERandomSampling(build, (x, y), {"units": Int(1, 16)})
    >>> hpopt.optimize(problem, trials=100).best.config
    """

    objectives = Objective("log_p", "maximize")

    def __init__(
        self,
        build: Callable[[Config], Any],
        data: Data,
        space: Space | Mapping[str, Parameter],
        *,
        draws: int = 30,
        threshold: float = 0.01,
        error: str | Measure = "mae",
        initializer: Any = None,
        fit: Fit = "moments",
        bounds: tuple[float, float] = BOUNDS,
    ) -> None:
        require_keras()
        if not callable(build):
            raise ProblemError(
                f"build must be a function of a config that gives a Keras model, but got {build!r}"
            )
        check_sampling(draws, threshold, error, fit, bounds)
        self.build, self.data = build, _checked_data(data)
        self.space = space if isinstance(space, Space) else Space(space)
        self._settings: dict[str, Any] = {
            "draws": draws,
            "threshold": threshold,
            "error": error,
            "initializer": initializer,
            "fit": fit,
            "bounds": tuple(bounds),
        }
        self._uncollected = 0
        check_problem(self)
        self._check_network()

    @classmethod
    def before(cls, problem: KerasProblem, **settings: Any) -> MAERandomSampling:
        """Give the sampling of the networks of a training problem, to filter its configs.

        It has that problem's space and networks, and is measured on what it validates on.

        Parameters
        ----------
        problem : KerasProblem
        **settings
            As for `MAERandomSampling`; ``error="error_rate"`` for classes.
        """
        if not isinstance(problem, KerasProblem):
            raise ProblemError(
                f"problem must be a KerasProblem, but got {type(problem).__name__}: "
                "write MAERandomSampling(build, data, space)"
            )
        source = problem.source
        if isinstance(source, DatasetSource):
            raise ProblemError(
                "problem must have arrays or a series for its examples, but has a dataset: write "
                "MAERandomSampling(problem.build, data, problem.space) with some arrays of it"
            )
        data: Data = partial(_validated_on, source)
        if isinstance(source, ArraySource):
            data = _validated_on(source, {})  # the same for every config
        return cls(problem.build, data, problem.space, **settings)

    def sample(self, config: Config, seed: int = 0) -> Sampling:
        """Sample the network of a config.

        Raises
        ------
        SettingError, ProblemError
            See `mae_random_sampling`.
        """
        return self._sampled(config, seed)[0]

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, float]:
        """Sample the network of a config, with the trial's seed.

        Returns
        -------
        mapping of str to float
            ``log_p``, ``p``, ``mean``, ``std``, and ``parameters`` (the number of weights).
        """
        sampling, n_weights = self._sampled(config, trial.seed)
        return {
            "log_p": sampling.log_p,
            "p": sampling.p,
            "mean": sampling.mean,
            "std": sampling.std,
            "parameters": float(n_weights),
        }

    def _sampled(self, config: Config, seed: int) -> tuple[Sampling, int]:
        keras = import_keras()
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(seed)
        sampling, n_weights = self._draw(config, seed, self._settings)
        self._collect(n_weights)
        return sampling, n_weights

    def _draw(self, config: Config, seed: int, settings: dict[str, Any]) -> tuple[Sampling, int]:
        x, y = self.data(config) if callable(self.data) else self.data
        model = self.build(config)
        return mae_random_sampling(model, x, y, seed=seed, **settings), int(model.count_params())

    def _check_network(self) -> None:
        """Raise where the network of a config cannot be sampled.

        An error of the user's own functions is left to the trials, as other configs may do.
        """
        config = self.space.sample(1, seed=0)[0]
        try:
            self._draw(config, 0, self._settings | {"draws": 1, "fit": "moments"})
        except (ProblemError, SettingError):
            raise
        except Exception:
            return

    def _collect(self, n_weights: int) -> None:
        """Free the memory of the models, once there are some.

        They are cycles of objects: without a collection they would pile up, but one a model would
        take longer than all the rest of its trial.
        """
        self._uncollected += n_weights + SMALLEST
        if self._uncollected > COLLECTED:
            self._uncollected = 0
            gc.collect()


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
    """Sample listed configs one after another.

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
    for number, config in enumerate(configs):
        own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        outcome = evaluate(problem, Solution(number, config, np.empty(0), own))
        values = outcome.values if outcome.ok else {"log_p": -np.inf}
        yield Sampled(config, values)


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
    check_count(n_sampled, "n_sampled", 1)
    check_count(n_kept, "n_kept", 1)
    if n_kept > n_sampled:
        raise SettingError(
            f"n_kept <= n_sampled must hold, but got n_kept={n_kept}, n_sampled={n_sampled}"
        )
    points = problem.space.random(n_sampled, np.random.default_rng(seed))
    different = dict(zip(problem.space.keys_of(points), points, strict=True))
    configs = problem.space.decode(np.array(list(different.values())))
    found = [each for each in sample_all(problem, configs, seed) if np.isfinite(each.log_p)]
    return sorted(found, key=lambda each: -each.log_p)[:n_kept]


def _validated_on(source: Source, config: Config) -> tuple[Any, Any]:
    """Give the examples that a config is validated on, or trained on where there are none."""
    split = source.split(config, 0)
    rows = split.training if split.validation is None else split.validation
    if not isinstance(rows, Rows):
        raise ProblemError(
            f"the examples of a config must be arrays to be sampled on, but are {rows!r}"
        )
    return rows.take(slice(None))


def _checked_data(data: Any) -> Data:
    if callable(data):
        return data  # type: ignore[no-any-return]
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise SettingError(
            "data must be a pair of arrays (x, y), or a function of a config that gives one, but "
            f"got {type(data).__name__}"
        )
    rows = checked_rows(*data)
    return rows.x, rows.y
