"""The K places of a population: filled with members, trained for an epoch, read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hpopt.problems.keras.population.data import Examples, numbers_of, on_device
from hpopt.problems.keras.population.epoch import Program, Sizes, compiled_epoch
from hpopt.problems.keras.population.forms import Arrays, Form
from hpopt.problems.keras.population.member import Member
from hpopt.problems.keras.session import import_keras


class Places:
    """K places for members of one form, on the same examples.

    A place that is empty goes on with what was left in it, or with a copy of the first member: the
    program is always that of K members.

    Parameters
    ----------
    form : Form
    first : Member
        One of those to come, for its examples.
    validates_apart : bool
        Whether each validates on rows of its own, as with folds.
    """

    def __init__(self, form: Form, first: Member, *, validates_apart: bool) -> None:
        self.form, self.k = form, form.k
        self.stack_key = first.stack_key
        self._members: list[Member | None] = [None] * self.k
        self._stacks: list[Any] = []
        training, data = first.wanted.training, first.wanted.data
        n_aside = 0 if data.validation is None else len(data.validation)
        is_apart = validates_apart and n_aside > 0
        size = training.fit.batch_size
        self._sizes = Sizes(self.k, size, len(data.training), n_aside, is_apart)
        self._examples = on_device(data, training.fit.class_weight)
        self._program = self._compiled(self._examples)

    def _compiled(self, examples: Examples) -> Program:
        programs = self.form.programs
        key = (self._sizes, _shapes(examples.training), _shapes(examples.validation))
        if key not in programs:
            programs[key] = compiled_epoch(self.form, self._sizes, examples)
        return programs[key]  # type: ignore[no-any-return]

    @property
    def n_free(self) -> int:
        """How many places are empty."""
        return self._members.count(None)

    def members(self) -> Iterator[tuple[int, Member]]:
        """Yield each place that is taken, and the member there."""
        for place, member in enumerate(self._members):
            if member is not None:
                yield place, member

    def fill(self, newcomers: list[Member]) -> None:
        """Put members into empty places."""
        if not newcomers:
            return
        if not self._stacks:
            rows = [newcomers[0].row] * self.k
            self._stacks = [np.stack(each) for each in zip(*rows, strict=True)]
        else:
            self._stacks = [np.array(each) for each in self._stacks]
        empty = [place for place, member in enumerate(self._members) if member is None]
        for place, member in zip(empty, newcomers, strict=False):
            self._members[place] = member
            for stack, value in zip(self._stacks, member.row, strict=True):
                stack[place] = value

    def free(self, place: int) -> None:
        """Empty a place."""
        self._members[place] = None

    def train_epoch(self) -> list[tuple[int, Member, Arrays, dict[str, Any]]]:
        """Train all for an epoch; return each place, its member, the member's row and logs."""
        taken = dict(self.members())
        # Any order does for an empty place.
        orders = {place: member.order() for place, member in taken.items()}
        first = next(iter(taken))
        order = [orders.get(place, orders[first]) for place in range(self.k)]
        aside = self._aside(taken, first)
        stacks, logs = self._program(
            self._stacks, np.array(order, dtype=np.int32), aside, self._examples
        )
        seen = {name: np.asarray(values) for name, values in logs.items()}
        rows = [np.asarray(each) for each in stacks]
        self._stacks = stacks
        return [
            (
                place,
                member,
                [each[place] for each in rows],
                {name: values[place] for name, values in seen.items()},
            )
            for place, member in taken.items()
        ]

    def _aside(self, taken: dict[int, Member], first: int) -> Any:
        if not self._sizes.n_validation:
            return np.zeros(0, dtype=np.int32)
        found = {
            place: numbers_of(member.wanted.data.validation) for place, member in taken.items()
        }
        if not self._sizes.validates_apart:
            return found[first].astype(np.int32)
        rows = [found.get(place, found[first]) for place in range(self.k)]
        return np.array(rows, dtype=np.int32)


def _shapes(parts: Any) -> Any:
    if parts is None:
        return None
    return str(import_keras().tree.map_structure(lambda each: (each.shape, str(each.dtype)), parts))
