"""Which models share the stacks of a population, and how the variables of each lie in a row.

Models of one architecture do, and those that differ in widths where they can lie within a wider
one. All else in this package knows forms only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpopt.problems.keras.population.width_layers import Axes
from hpopt.problems.keras.population.widths import Widening, placed, taken
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.architecture import layers_within
from hpopt.problems.keras.sharing.models import Described, Traced, TracedModels, with_inputs
from hpopt.problems.keras.sharing.numbers import inner_optimizer, own_variables, places_of
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
    positions : list of keras.Variable
        Those that tell the dropouts of a wide model which units a narrow one has.
    programs : dict
        What was compiled, by what else decides it.
    """

    key: str
    traced: Traced
    k: int
    variables: list[Any]
    positions: list[Any] = field(default_factory=list)
    programs: dict[Any, Any] = field(default_factory=dict)

    def row(self, model: Any, described: Described, widening: Widening | None) -> Arrays:
        """Return the row of a member: the values of its own model, as it is to be trained."""
        mine, theirs = self.traced.model, model.optimizer
        axes, axes_of_slots = self._axes(widening)
        values = map(placed, map(as_numpy, own_variables(model)), axes)
        found = _paired(own_variables(mine), values)
        ours = own_variables(mine.optimizer)
        if theirs.built:  # a training goes on, or it is the traced model itself
            slots = map(placed, map(as_numpy, own_variables(theirs)), axes_of_slots)
            found |= _paired(ours, slots)
        else:
            found |= _paired(ours, self.traced.slots)
            rate = inner_optimizer(theirs)._learning_rate
            if isinstance(rate, import_keras().Variable):
                found[id(inner_optimizer(mine.optimizer)._learning_rate)] = as_numpy(rate)
        found |= _paired(self.traced.numbers, [place.value for place in described.places])
        if described.table is not None:
            found[id(self.traced.table.rates)] = as_numpy(described.table.rates)
        if widening is not None:
            found |= _paired(self.positions, widening.positions)
        return [_shaped(found[id(each)], each) for each in self.variables]

    def weights(self, row: Sequence[Any], widening: Widening | None) -> Arrays:
        """Return what ``model.get_weights()`` would, for a member with this row."""
        return self._taken(row, self.traced.model.weights, widening)

    def state(self, row: Sequence[Any], widening: Widening | None) -> Arrays:
        """Return what `values_of` would of a member's own model: all that changes in training."""
        return self._taken(row, variables_of(self.traced.model), widening)

    def _taken(
        self, row: Sequence[Any], variables: Sequence[Any], widening: Widening | None
    ) -> Arrays:
        places = {id(each): place for place, each in enumerate(self.variables)}
        model = self.traced.model
        owned = [*own_variables(model), *own_variables(model.optimizer)]
        axes = _paired(owned, [each for part in self._axes(widening) for each in part])
        return [np.array(taken(row[places[id(each)]], axes[id(each)])) for each in variables]

    def _axes(self, widening: Widening | None) -> tuple[Sequence[Axes], Sequence[Axes]]:
        """Return where a member's variables and slots lie in those of the traced model."""
        model = self.traced.model
        if widening is not None:
            return widening.axes, widening.axes_of_slots(model, model.optimizer)
        owners = model, model.optimizer
        whole, of_slots = ([()] * len(own_variables(owner)) for owner in owners)
        return whole, of_slots


def form_of(
    models: TracedModels,
    fresh: Any,
    described: Described,
    k: int,
    batch: tuple[Any, ...],
    *,
    widening: Widening | None,
) -> Form:
    """Return the form of a fresh model: that of an earlier one of its architecture, or a new one.

    `batch` is a small one of its data, of which types and shapes count.
    """
    assert described.key is not None  # noqa: S101
    found: Form | None = models.populations.get(described.key)
    if found is None:
        model, places, table, positions = fresh, described.places, described.table, list[Any]()
        if widening is not None:
            model, positions = widening.wide_model(fresh)
            places = places_of(model, layers_within(model))
            table = table and inner_optimizer(model.optimizer)._learning_rate
        traced = with_inputs(model, places, table, 1, positions)
        # Makes the variables of its metrics.
        model._symbolic_build(data_batch=batch)
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        variables += model.optimizer.variables
        found = Form(described.key, traced, k, variables, positions)
        models.populations[described.key] = found
    models.populations.move_to_end(described.key)
    while len(models.populations) > MOST_FORMS:
        models.populations.popitem(last=False)
    return found


def _paired(variables: Sequence[Any], values: Any) -> dict[int, Any]:
    return {id(each): value for each, value in zip(variables, values, strict=True)}


def _shaped(value: Any, variable: Any) -> NDArray[Any]:
    found = np.asarray(value, dtype=variable.dtype)
    return np.broadcast_to(found, variable.shape)
