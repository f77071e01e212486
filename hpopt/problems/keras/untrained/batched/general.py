"""The general route: any Keras model, compiled once and called for many draws of its weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hpopt.errors import ProblemError
from hpopt.problems.keras.backend import compile_over_draws
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.untrained.batched.form import Array

CACHE_NAME = "_hpopt_compiled"


class CompiledModel:
    """A built model compiled for many draws of its weights, which stay as they are."""

    def __init__(self, keras: Any, model: Any) -> None:
        self._keras, self.model = keras, model
        self._variables = _variables(model)
        self._call: Callable[..., Any] | None = None
        # Not every model of a user takes it, and Keras passes it on only if it does.
        takes_mode = "training" in inspect.signature(model.call).parameters
        self._mode = {"training": False} if takes_mode else {}

    @classmethod
    def cached(cls, keras: Any, model: Any) -> CompiledModel:
        """Return what was compiled of a model before, as long as it has the same variables."""
        # The model itself holds it, so that both are freed together; set through vars(), as
        # Keras' own __setattr__ would track it.
        kept: CompiledModel | None = vars(model).get(CACHE_NAME)
        if kept is None or not _are_same(kept._variables, _variables(model)):
            vars(model)[CACHE_NAME] = kept = cls(keras, model)
        return kept

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CompiledModel.__init__(self, import_keras(), state["model"])

    def __call__(self, x: Any, stacks: Sequence[Array]) -> Array:
        """Compute x (n, ...) for stacks of trainable weights (draws, ...): (draws, n, ...)."""
        if self._call is None:
            self._call = compile_over_draws(self._keras, self._predictions)
        others = [variable.value for variable in self.model.non_trainable_variables]
        return np.asarray(self._call(list(stacks), others, x))

    def _predictions(self, weights: Sequence[Any], others: Sequence[Any], x: Any) -> Any:
        outputs, _ = self.model.stateless_call(weights, others, x, **self._mode)
        # Errors are of one array of predictions.
        if isinstance(outputs, list | tuple | dict):
            raise ProblemError(
                f"the model must have one output, but {self.model.name!r} has {len(outputs)}"
            )
        return outputs


def _variables(model: Any) -> tuple[list[Any], list[Any]]:
    """Return the variables that are drawn, and those that stay as they are."""
    return list(model.trainable_variables), list(model.non_trainable_variables)


def _are_same(some: tuple[list[Any], list[Any]], others: tuple[list[Any], list[Any]]) -> bool:
    # By identity: == of two variables is an array of truths.
    return all(
        list(map(id, one)) == list(map(id, other)) for one, other in zip(some, others, strict=True)
    )
