"""A problem that ranks architectures by MAE random sampling: no network is trained."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hpopt.checks import whole
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective
from hpopt.core.problem import Problem, check_problem
from hpopt.core.trial import Config
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.data.rows import Rows, checked_rows
from hpopt.problems.keras.data.sources import ArraySource, DatasetSource, Source
from hpopt.problems.keras.data.structures import describe, is_text
from hpopt.problems.keras.problem import KerasProblem
from hpopt.problems.keras.session import import_keras, require_keras, reset_session
from hpopt.problems.keras.untrained.batched import Networks
from hpopt.problems.keras.untrained.batched.thread_map import available_threads, map_in_threads
from hpopt.problems.keras.untrained.mae_sampling import (
    BOUNDS,
    Fit,
    Sampling,
    check_sampling,
    mae_random_sampling,
)
from hpopt.problems.keras.untrained.sampled_errors import Measure
from hpopt.space import Parameter, Space

COLLECTED = 2**22  # weights of discarded models that may await a collection: 16 MB
SMALLEST = 2**16  # what a model counts at least, so that a collection serves 64 models at most
Data = tuple[Any, Any] | Callable[[Config], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class _BuiltNetwork:
    """The networks of a config, the data to measure them on, and how many weights each has."""

    networks: Networks
    x: Any
    y: Any
    seed: int
    n_weights: int


class MAERandomSampling(Problem):
    """Search for the architecture with the best log p, without training anything.

    A trial builds the network of a config, samples its weights, and returns the log of the
    probability of a small error (`mae_random_sampling`). It takes a tenth of a second, most of it
    to build the network. Where a study has several configs to evaluate, a process builds the next
    network while its other threads sample those before.

    Parameters
    ----------
    build : callable
        Called with a config; returns a Keras model, which need not be compiled.
    data : (array-like, array-like), or callable
        Inputs and targets; or a function of a config that returns them, where they depend on it
        (on a look-back, say).
    space : Space or mapping of str to Parameter
    draws, threshold, error, initializer, fit, bounds
        As for `mae_random_sampling`.
    max_batch : int, at least 1
        How many networks one call evaluates at most; it holds them all in memory.

    Raises
    ------
    SettingError, ProblemError, MissingExtraError
        An argument is not valid, `build` makes no network that fits the data, or Keras is not
        installed.

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
        max_batch: int = 4,
    ) -> None:
        require_keras()
        if not callable(build):
            raise ProblemError(
                "build must be a function of a config that returns a Keras model, but got "
                f"{build!r}"
            )
        check_sampling(draws, threshold, error, fit, bounds)
        whole("max_batch", max_batch, 1)
        self.max_batch = max_batch
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
        """Return the sampling problem of a training problem, to filter its configs.

        It has the same space and networks, and measures them on the validation examples.

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
        return self._sampled(self._prepared(config, seed))

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, float]:
        """Sample the network of a config, with the trial's seed.

        Returns
        -------
        mapping of str to float
            ``log_p``, ``p``, ``mean``, ``std``, and ``parameters`` (the number of weights).
        """
        return self._values(self._prepared(config, trial.seed))

    def evaluate_batch(
        self, configs: Sequence[Config], trials: Sequence[TrialHandle]
    ) -> list[Mapping[str, float] | Exception]:
        """Sample several networks: while one is built, those before it are sampled in threads."""
        n_threads = available_threads()
        built = self._build_each(configs, trials)
        if n_threads == 1:
            return [self._sample_built(each) for each in built]
        return list(map_in_threads(self._sample_built, built, n_threads))

    def _build_each(
        self, configs: Sequence[Config], trials: Sequence[TrialHandle]
    ) -> Iterator[_BuiltNetwork | Mapping[str, float] | Exception]:
        # Keras builds networks in one thread only: its names and scopes are global.
        for config, trial in zip(configs, trials, strict=True):
            try:
                prepared = self._prepared(config, trial.seed)
                yield prepared if self._is_for_any_thread(prepared) else self._values(prepared)
            except Exception as error:
                yield error

    def _sample_built(
        self, built: _BuiltNetwork | Mapping[str, float] | Exception
    ) -> Mapping[str, float] | Exception:
        if not isinstance(built, _BuiltNetwork):
            return built
        try:
            return self._values(built)
        except Exception as error:
            return error

    def _is_for_any_thread(self, prepared: _BuiltNetwork) -> bool:
        # Only numpy has work left: a compiled network or an initialiser is Keras' own.
        return prepared.networks.route == "batched" and self._settings["initializer"] is None

    def _prepared(self, config: Config, seed: int) -> _BuiltNetwork:
        reset_session(import_keras(), seed)
        prepared = self._built(config, seed)
        self._collect(prepared.n_weights)
        return prepared

    def _built(self, config: Config, seed: int) -> _BuiltNetwork:
        x, y = self.data(config) if callable(self.data) else self.data
        model = self.build(config)
        networks = Networks(model, x)
        return _BuiltNetwork(networks, x, y, seed, int(model.count_params()))

    def _sampled(self, prepared: _BuiltNetwork, **settings: Any) -> Sampling:
        networks, x, y = prepared.networks, prepared.x, prepared.y
        return mae_random_sampling(networks, x, y, seed=prepared.seed, **self._settings | settings)

    def _values(self, prepared: _BuiltNetwork) -> Mapping[str, float]:
        sampling = self._sampled(prepared)
        return {
            "log_p": sampling.log_p,
            "p": sampling.p,
            "mean": sampling.mean,
            "std": sampling.std,
            "parameters": float(prepared.n_weights),
        }

    def _check_network(self) -> None:
        """Raise where the network of a config cannot be sampled."""
        config = self.space.sample(1, seed=0)[0]
        try:
            self._sampled(self._built(config, 0), draws=1, fit="moments")
        except (ProblemError, SettingError):
            raise
        except Exception:  # in a user's own function: other configs may work
            return

    def _collect(self, n_weights: int) -> None:
        # Models are cycles of objects: without a collection they would pile up, but one for each
        # model would take longer than all the rest of its trial.
        self._uncollected += n_weights + SMALLEST
        if self._uncollected > COLLECTED:
            self._uncollected = 0
            gc.collect()


def _validated_on(source: Source, config: Config) -> tuple[Any, Any]:
    """Return the validation examples of a config, or those to train on where there are none."""
    split = source.split(config, 0)
    rows = split.training if split.validation is None else split.validation
    if not isinstance(rows, Rows):
        raise ProblemError(
            f"the examples of a config must be arrays to be sampled on, but are {describe(rows)}"
        )
    return _arrays_of(rows)


def _checked_data(data: Any) -> Data:
    if callable(data):
        return data  # type: ignore[no-any-return]
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise SettingError(
            "data must be a pair of arrays (x, y), or a function of a config that returns one, but "
            f"got {type(data).__name__}"
        )
    return _arrays_of(checked_rows(*data))


def _arrays_of(rows: Rows) -> tuple[Any, Any]:
    """Return examples and targets, if each is one array of numbers."""
    for name, data in (("x", rows.x), ("y", rows.y)):
        if not isinstance(data, np.ndarray) or is_text(data):
            raise SettingError(
                f"{name} must be one array of numbers for networks to be sampled, but got "
                f"{describe(data)}"
            )
    return rows.take(slice(None))
