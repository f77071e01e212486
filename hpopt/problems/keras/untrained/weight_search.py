"""The weights of a fixed network as the search space: training without gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.checks import positive, whole
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective
from hpopt.core.problem import Problem, check_problem
from hpopt.core.trial import Config
from hpopt.errors import ConfigError, SettingError
from hpopt.problems.keras.untrained.batched import Networks
from hpopt.problems.keras.untrained.batched.networks import n_examples
from hpopt.problems.keras.untrained.sampled_errors import (
    Measure,
    checked_targets,
    error_measure,
    network_errors,
)
from hpopt.space import Space, Vector

MOST_BOUND = 1e6  # sums of thousands of such weights stay far from the end of float32


class WeightSearch(Problem):
    """Search for the weights of a network by any strategy, with no gradients.

    A config holds one list, ``weights``: all trainable weights of the model, in Keras' order,
    flattened. Random search is then random training, a genetic algorithm is neuroevolution. Use
    it for small networks and errors without a gradient; where there is one, training by it is
    faster by far. Many networks are evaluated at once where the study has them.

    Parameters
    ----------
    model : keras.Model
        Its architecture; it is not changed.
    x, y : array-like (n, ...)
        The examples on which the error is measured.
    bound : float
        Each weight lies between -bound and bound.
    error : {"mae", "mse", "rmse", "error_rate"} or callable
        What to minimise; see `mae_random_sampling`. It names the objective, which for a function
        is ``error``.
    max_batch : int, at least 1
        How many networks are evaluated at once at most.

    Raises
    ------
    SettingError, ProblemError, MissingExtraError
        The data or a setting is not valid, or Keras is not installed.

    Examples
    --------
    >>> problem = WeightSearch(model, x, y)
    >>> result = hpopt.optimize(problem, trials=5000, optimizer="genetic")
    >>> problem.assign(model, result.best.config)
    """

    def __init__(
        self,
        model: Any,
        x: Any,
        y: Any,
        *,
        bound: float = 3.0,
        error: str | Measure = "mae",
        max_batch: int = 64,
    ) -> None:
        error_measure(error)
        whole("max_batch", max_batch, 1)
        if positive("bound", bound) > MOST_BOUND:
            raise SettingError(f"bound must be at most {MOST_BOUND:g}, but got {bound!r}")
        self.networks = Networks(model, x)
        self._x = self.networks.checked_inputs(x)
        self._y = checked_targets(y, n_examples(self._x))
        self._error = error
        self._name = error if isinstance(error, str) else "error"
        self.objectives = Objective(self._name, "minimize")
        self.space = Space({"weights": Vector(self.networks.n_weights, -bound, bound)})
        self.max_batch = max_batch
        # Raises now if data and model do not fit, not in the first trial.
        self._errors(np.zeros((1, self.networks.n_weights)))
        check_problem(self)

    def evaluate(self, config: Config, trial: TrialHandle) -> Mapping[str, float]:
        """Measure the error of the network with these weights."""
        return self.evaluate_batch([config], [trial])[0]

    def evaluate_batch(
        self, configs: Sequence[Config], trials: Sequence[TrialHandle]
    ) -> list[Mapping[str, float]]:
        """Measure the errors of many networks as one computation."""
        # One computation for all: this is what max_batch is for.
        errors = self._errors(np.array([config["weights"] for config in configs]))
        return [{self._name: error} for error in errors.tolist()]

    def weights(self, config: Config) -> list[NDArray[Any]]:
        """Return the weights of a config as arrays, in the order of ``trainable_weights``."""
        return [stack[0] for stack in self.networks.stacks([config["weights"]])]

    def assign(self, model: Any, config: Config) -> Any:
        """Put the weights of a config into a model, and return it.

        Raises
        ------
        ConfigError
            The model is of another architecture.
        """
        shapes = tuple(tuple(weight.shape) for weight in model.trainable_weights)
        if shapes != self.networks.shapes:
            raise ConfigError(
                f"the model must have trainable weights of the shapes {self.networks.shapes}, but "
                f"has {shapes}"
            )
        for variable, values in zip(model.trainable_weights, self.weights(config), strict=True):
            variable.assign(values)
        return model

    def _errors(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        found = self.networks.over(
            weights, self._x, lambda predicted: network_errors(self._error, self._y, predicted)
        )
        return np.concatenate(list(found))
