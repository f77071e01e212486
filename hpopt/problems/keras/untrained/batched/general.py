"""The general route: any Keras model, compiled once to be called for many draws of its weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hpopt.errors import ProblemError
from hpopt.problems.keras.backend import compile_over_draws
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.untrained.batched.form import Array

KEPT = "_hpopt_compiled"


class CompiledModel:
    """A model compiled for many draws: it is called with them stacked.

    Parameters
    ----------
    keras : module
    model : keras.Model
        Built. Its weights are not changed.
    """

    def __init__(self, keras: Any, model: Any) -> None:
        self._keras, self.model = keras, model
        self._variables = _variables(model)
        self._call: Callable[..., Any] | None = None
        takes_mode = "training" in inspect.signature(model.call).parameters
        self._mode = {"training": False} if takes_mode else {}

    @classmethod
    def of(cls, keras: Any, model: Any) -> CompiledModel:
        """Give what was compiled of a model before, as long as it has the same variables.

        The model itself holds it, past its own bookkeeping, so that both are forgotten together.
        """
        kept: CompiledModel | None = vars(model).get(KEPT)
        if kept is None or not _are_same(kept._variables, _variables(model)):
            vars(model)[KEPT] = kept = cls(keras, model)
        return kept

    def __getstate__(self) -> dict[str, Any]:
        return {"model": self.model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CompiledModel.__init__(self, import_keras(), state["model"])

    def __call__(self, x: Any, stacks: Sequence[Array]) -> Array:
        """Compute the predictions of all draws.

        Parameters
        ----------
        x : ndarray (n, ...)
        stacks : sequence of ndarray (draws, ...)
            The trainable weights, in Keras' order.

        Returns
        -------
        ndarray (draws, n, ...)
        """
        if self._call is None:
            self._call = compile_over_draws(self._keras, self._predictions)
        others = [variable.value for variable in self.model.non_trainable_variables]
        return np.asarray(self._call(list(stacks), others, x))

    def _predictions(self, weights: Sequence[Any], others: Sequence[Any], x: Any) -> Any:
        outputs, _ = self.model.stateless_call(weights, others, x, **self._mode)
        if isinstance(outputs, list | tuple | dict):
            raise ProblemError(
                f"the model must have one output, but {self.model.name!r} has {len(outputs)}"
            )
        return outputs


def _variables(model: Any) -> tuple[list[Any], list[Any]]:
    """Give what a model's call depends on: what is drawn, and what is as it is."""
    return list(model.trainable_variables), list(model.non_trainable_variables)


def _are_same(some: tuple[list[Any], list[Any]], others: tuple[list[Any], list[Any]]) -> bool:
    """Say whether variables are the very same objects, of which equality is no single truth."""
    return all(
        list(map(id, one)) == list(map(id, other)) for one, other in zip(some, others, strict=True)
    )
