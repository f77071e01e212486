"""Which models share the stacks of a population, and how the variables of each lie in a row.

This is the seam for other ways to share, such as networks of unequal widths within the widest: a
subclass of `Form` with its own `row`, `weights` and `state`, and a line in `form_of` that takes it.
All else in this package knows forms only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.models import Described, Traced, TracedModels, with_inputs
from hpopt.problems.keras.sharing.numbers import inner_optimizer, own_variables
from hpopt.problems.keras.training.continuation import as_numpy, variables_of

Arrays = list[NDArray[Any]]
"""One for each variable of a step, in the order of `Form.variables`."""

# Programs of one network take some 10 MB, as those of `sharing.models`.
MOST_FORMS = 8


@dataclass(slots=True)
class Form:
    """The model whose step the members of a population take, and how each lies in its stacks.

    Attributes
    ----------
    key : str
        The architecture.
    traced : Traced
        A model with variables in the places of its numbers. Its own values are of no meaning.
    k : int
        How many places there are: halved when memory runs out.
    variables : list of keras.Variable
        What a step takes and gives: weights, then the model's other variables, then the
        optimizer's. A row has an array of the shape of each.
    programs : dict
        What was compiled, by what else decides it.
    """

    key: str
    traced: Traced
    k: int
    variables: list[Any]
    programs: dict[Any, Any] = field(default_factory=dict)

    def row(self, model: Any, described: Described) -> Arrays:
        """Return the row of a member: the values of its own model, as it is to be trained."""
        mine, theirs = self.traced.model, model.optimizer
        found = _paired(own_variables(mine), map(as_numpy, own_variables(model)))
        ours = own_variables(mine.optimizer)
        if theirs.built:  # a training goes on, or it is the traced model itself
            found |= _paired(ours, map(as_numpy, own_variables(theirs)))
        else:
            found |= _paired(ours, self.traced.slots)
            rate = inner_optimizer(theirs)._learning_rate
            if isinstance(rate, import_keras().Variable):
                found[id(inner_optimizer(mine.optimizer)._learning_rate)] = as_numpy(rate)
        values = [place.value for place in described.places]
        found |= _paired(self.traced.numbers, values)
        if described.table is not None:
            found[id(self.traced.table.rates)] = as_numpy(described.table.rates)
        return [_shaped(found[id(each)], each) for each in self.variables]

    def weights(self, row: Sequence[Any], model: Any) -> Arrays:
        """Return what ``model.get_weights()`` would, for a member with this row."""
        return self._taken(row, self.traced.model.weights)

    def state(self, row: Sequence[Any], model: Any) -> Arrays:
        """Return what `values_of` would of a member's own model: all that changes in training."""
        return self._taken(row, variables_of(self.traced.model))

    def _taken(self, row: Sequence[Any], variables: Sequence[Any]) -> Arrays:
        places = {id(each): place for place, each in enumerate(self.variables)}
        return [np.array(row[places[id(each)]]) for each in variables]


def form_of(
    models: TracedModels, fresh: Any, described: Described, k: int, batch: tuple[Any, ...]
) -> Form:
    """Return the form of a fresh model: that of an earlier one of its architecture, or a new one.

    `batch` is a small one of its data, of which types and shapes count.
    """
    assert described.key is not None  # noqa: S101
    found: Form | None = models.populations.get(described.key)
    if found is None:
        traced = with_inputs(fresh, described.places, described.table, 1)
        # Makes the variables of its metrics.
        fresh._symbolic_build(data_batch=batch)
        variables = [*fresh.trainable_variables, *fresh.non_trainable_variables]
        variables += fresh.optimizer.variables
        found = models.populations[described.key] = Form(described.key, traced, k, variables)
    models.populations.move_to_end(described.key)
    while len(models.populations) > MOST_FORMS:
        models.populations.popitem(last=False)
    return found


def _paired(variables: Sequence[Any], values: Any) -> dict[int, Any]:
    return {id(each): value for each, value in zip(variables, values, strict=True)}


def _shaped(value: Any, variable: Any) -> NDArray[Any]:
    found = np.asarray(value, dtype=variable.dtype)
    return np.broadcast_to(found, variable.shape)
