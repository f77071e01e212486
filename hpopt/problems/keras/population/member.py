"""One training in a place of a population: what follows each of its epochs, as alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hpopt.problems.keras.data.batches import order_of_epoch
from hpopt.problems.keras.population.data import key_of, numbers_of
from hpopt.problems.keras.population.forms import Arrays, Form
from hpopt.problems.keras.population.widths import Widening
from hpopt.problems.keras.sharing.models import Described
from hpopt.problems.keras.sharing.numbers import own_variables
from hpopt.problems.keras.training.fit import Monitor, build_optimizer
from hpopt.problems.keras.training.run import Wanted


class Member:
    """A training of a trial, which also stands for its model to what follows it.

    Attributes
    ----------
    wanted : Wanted
    form : Form
        Of its model.
    row : list of ndarray
        Its values, while it waits for a place or has left it.
    stop_training : bool
        Whether it has ended by itself, as of a model in ``fit``.
    """

    def __init__(
        self, wanted: Wanted, form: Form, described: Described, widening: Widening | None
    ) -> None:
        self.wanted, self.form, self._widening = wanted, form, widening
        self.model = wanted.fresh
        self._described = described
        self.stop_training = False
        self.row: Arrays = []
        self.monitor: Monitor
        self._after: Any

    @property
    def n_epochs(self) -> int:
        """How many epochs it has trained."""
        return self.monitor.n_epochs

    @property
    def has_ended(self) -> bool:
        """Whether there is no epoch left to train."""
        return self.stop_training or self.n_epochs >= self.wanted.training.fit.epochs

    @property
    def stack_key(self) -> Any:
        """What must be equal for members to train side by side."""
        data, fit = self.wanted.data, self.wanted.training.fit
        sizes = [len(part) for part in data[:2] if part is not None]
        return self.form.key, key_of(data), fit.batch_size, *sizes

    def begin(self) -> None:
        """Go on from where an earlier training ended, if there is one."""
        training, data, run = self.wanted.training, self.wanted.data, self.wanted.run
        self.monitor, states = training.monitor(self.wanted.follower), training.states(run)
        if not states.resume(self.model, self.monitor, data.training):
            self.stop_training = True
        self._after = states.callback(
            training.keras, self, self.monitor, [], Member.values_of_training
        )
        self.row = self.form.row(self.model, self._described, self._widening)

    def order(self) -> Any:
        """Return the rows of the next epoch in their order, as they are in ``fit``."""
        rows = self.wanted.data.training
        order = order_of_epoch(len(rows), self.wanted.run.seed, self.n_epochs + 1)
        return numbers_of(rows)[order]

    def epoch_ended(self, row: Arrays, logs: Mapping[str, Any]) -> None:
        """Report an epoch after which it has a row of values; `has_ended` says what comes of it."""
        self.row = row
        self.monitor.epoch_ended(self, logs)
        self._after.on_epoch_end(self.n_epochs - 1, logs)
        if self.has_ended:
            self.row = [np.array(each) for each in row]  # the stacks are not held

    # -- in place of its model -------------------------------------------------------------------

    def get_weights(self) -> Arrays:
        """Return its weights."""
        return self.form.weights(self.row, self._widening)

    def values_of_training(self) -> Arrays:
        """Return all that changes in its training, as `values_of` does."""
        return self.form.state(self.row, self._widening)

    def set_weights(self, weights: Arrays) -> None:
        """Put weights, and the last state of the optimizer, into its model."""
        build_optimizer(self.model)
        variables = own_variables(self.model.optimizer)
        values = self.values_of_training()[-len(variables) :]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.model.set_weights(weights)

    def save_weights(self, path: Path) -> None:
        """Save those of its model."""
        self.model.save_weights(path)

    def count_params(self) -> int:
        """Return how many weights it has."""
        return int(self.model.count_params())
