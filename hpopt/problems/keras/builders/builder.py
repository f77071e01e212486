"""A family of networks: its space, its outputs, and the compiled network of a config."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from hpopt.checks import integer
from hpopt.core.problem import Objective
from hpopt.core.solution import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.builders.augmentation import Augmentation
from hpopt.problems.keras.builders.targets import Target
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.structures import Array, describe, is_text
from hpopt.problems.keras.optimizers import OWN, make_optimizer, optimizer_parameters
from hpopt.problems.keras.schedules import SCHEDULE_PARAMETERS
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.standardisation import mean_and_variance
from hpopt.space import Ordinal, Parameter, Space
from hpopt.space.changes import with_changes

Self = TypeVar("Self", bound="Builder")
TRAINING = (
    "activation",
    "dropout",
    "epochs",
    "batch_size",
    "precision",
    *OWN,
    *SCHEDULE_PARAMETERS,
)
"""What any space may have beside what a family brings: the training understands it."""


BATCH_SIZE = Ordinal([16, 32, 64, 128])


class Builder(ABC):
    """A family of networks: subclass it, write `parameters` and `body`.

    Parameters
    ----------
    input_shape : tuple of int
        Of one example.
    classes : int, at least 2, optional
        The network tells so many classes apart: softmax, sparse categorical cross-entropy, and
        ``accuracy`` is measured. Targets are the classes' numbers, from 0.
    outputs : int or tuple of int, optional
        Or the network predicts so many numbers an example: linear, mean squared error, and
        ``mae`` is measured. One of `classes` and `outputs` must be given.
    space : Space or mapping of str to Parameter, optional
        Parameters that replace those of the same name, or that the training understands
        (``epochs``, ``weight_decay``, ``schedule`` …). A Space replaces all of them; what it lacks
        is as usual in Keras.
    activation, loss : str or callable, optional
        Of the output, instead of the usual ones.
    metrics : sequence of str, or callable, optional
        What is measured; a function gives fresh keras.metrics to each network.
    augmentation : sequence of str, or callable, optional
        Names of what may be done to images in training, each a parameter of its own: ``"flip"``,
        ``"shift"``, ``"rotation"``, ``"zoom"``, ``"contrast"``, ``"noise"``. Or a function of a
        config that gives fresh keras.layers.
    standardise : bool
        Bring the inputs to mean 0 and variance 1 inside the network, by the training examples.

    Attributes
    ----------
    space : Space
        What may be chosen. Shapes that are impossible are never proposed.
    """

    shapes: ClassVar[Mapping[int, str]]
    """The ranks of examples that the family takes, and how each is called."""
    augmentations: ClassVar[tuple[str, ...]] = ("noise",)
    """Which of the named augmentations fit its examples."""

    def __init__(
        self,
        input_shape: Sequence[int | None],
        *,
        classes: int | None = None,
        outputs: int | Sequence[int] | None = None,
        space: Space | Mapping[str, Parameter] | None = None,
        activation: Any = None,
        loss: Any = None,
        metrics: Sequence[str] | Callable[[], Sequence[Any]] | None = None,
        augmentation: Sequence[str] | Callable[[Config], Sequence[Any]] | None = None,
        standardise: bool = True,
    ) -> None:
        self.input_shape = self._checked_shape(input_shape)
        self.target = Target(classes, outputs, activation, loss, metrics)
        self.augmentation = Augmentation(augmentation, self.augmentations)
        self.standardise = standardise
        self._mean_and_variance: tuple[list[float], list[float]] | None = None
        self.space = self.space_with(space)

    @abstractmethod
    def parameters(self) -> dict[str, Parameter]:
        """Give what may be chosen of the architecture, by name."""

    @abstractmethod
    def body(self, config: Config) -> list[Any]:
        """Make the keras.layers between the inputs and the output."""

    @property
    def forbid(self) -> list[Callable[[Config], bool]]:
        """Say which configs are impossible."""
        return []

    @property
    def n_channels(self) -> int:
        """How many numbers of an example are standardised apart."""
        return int(self.input_shape[-1] or 1)

    @property
    def objective(self) -> Objective:
        """What to make small or large: ``val_accuracy`` of classes, else ``val_loss``."""
        return self.target.objective

    def space_with(
        self,
        space: Space | Mapping[str, Parameter] | None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> Space:
        """Give the family's space with changes, or a whole one with what is impossible forbidden.

        Parameters
        ----------
        space : Space or mapping of str to Parameter, optional
        parameters : mapping of str to Parameter, optional
            What may be chosen of the architecture, in place of `parameters`.

        Raises
        ------
        UnknownNameError
            A change is of a parameter that there is not.
        SpaceError
            Nothing is left to choose.
        """
        if isinstance(space, Space):
            known = {str(predicate) for predicate in space.forbidden}
            new = [test for test in self.forbid if _name(test) not in known]
            return Space(dict(space), [*space.forbidden, *new]) if new else space
        own = self.parameters()
        usual = {
            **(own if parameters is None else parameters),
            **self.augmentation.parameters(),
            **optimizer_parameters(),
            "batch_size": BATCH_SIZE,
        }
        return Space(with_changes(usual, space or {}, also=(*own, *TRAINING)), self.forbid)

    def fitted(self: Self, rows: Rows) -> Self:
        """Give the same family, whose networks standardise as these examples need it."""
        if not self.standardise:
            return self
        new = copy.copy(self)
        new._mean_and_variance = mean_and_variance(rows, self.n_channels)
        return new

    def build(self, config: Config) -> Any:
        """Make the compiled network of a config: a keras.Model."""
        model = self.network(config)
        self.compile(model, config)
        return model

    def network(self, config: Config) -> Any:
        """Make the network of a config, not compiled."""
        keras = import_keras()
        augmentation = self.augmentation
        return keras.Sequential(
            [
                keras.layers.Input(self.shape_of(config)),
                *self.reshaping(),
                *augmentation.before(config),
                *self._standardisation(keras),
                *augmentation.after(config),
                *self.body(config),
                *self.target.layers(),
            ]
        )

    def compile(self, model: Any, config: Config) -> None:
        """Compile a network with the optimizer of a config."""
        model.compile(optimizer=make_optimizer(config), **self.target.compile_settings())

    def shape_of(self, config: Config) -> tuple[int | None, ...]:
        """Give the shape of the examples that the network of a config takes."""
        return self.input_shape

    def reshaping(self) -> list[Any]:
        """Make the layers that bring an example into the shape which the others take."""
        return []

    @property
    def is_all_known(self) -> bool:
        """Whether nothing in its networks is the user's own, so that they need not be tried."""
        is_ours = type(self).__module__.startswith("hpopt.")
        return is_ours and self.target.is_usual and self.augmentation.function is None

    def check_rows(self, rows: Rows, names: tuple[str, str] = ("x", "y")) -> None:
        """Raise SettingError unless rows are of one array of numbers, and one of targets, that fit.

        What has several inputs or targets, texts or no targets needs a network of the user's own.
        """
        name = type(self).__name__
        for data, of in zip((rows.x, rows.y), names, strict=True):
            if not isinstance(data, np.ndarray):
                raise SettingError(
                    f"{of} must be one array, as the networks of {name} take it, but got "
                    f"{describe(data)}: write a build function of your own for other data"
                )
        if is_text(rows.x):
            raise SettingError(
                f"{names[0]} must hold numbers, as the networks of {name} take them, but got "
                f"{describe(rows.x)}: write a build function of your own, with a "
                "keras.layers.TextVectorization"
            )
        self.check_data(rows.x, rows.y, names)

    def check_data(self, x: Array, y: Array, names: tuple[str, str] = ("x", "y")) -> None:
        """Raise SettingError unless examples and targets fit the family."""
        wanted, given = self.input_shape, x.shape[1:]
        fits = len(wanted) == len(given) and all(
            mine in (None, theirs) for mine, theirs in zip(wanted, given, strict=True)
        )
        if not fits:
            raise SettingError(
                f"{names[0]} must hold examples of the shape {wanted}, the builder's input_shape, "
                f"but its shape is {x.shape}"
            )
        self.target.check(y, names[1])

    def _standardisation(self, keras: Any) -> list[Any]:
        if self._mean_and_variance is None:
            return []
        mean, variance = self._mean_and_variance
        if len(mean) == 1:
            return [keras.layers.Normalization(axis=None, mean=mean[0], variance=variance[0])]
        return [keras.layers.Normalization(mean=mean, variance=variance)]

    def _checked_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        name = type(self).__name__
        fits = isinstance(shape, Sequence) and not isinstance(shape, str)
        if not fits or len(shape) not in self.shapes:
            wanted = " or ".join(self.shapes.values())
            raise SettingError(f"input_shape of {name} must be {wanted}, but got {shape!r}")
        for place, size in enumerate(shape):
            if not (size is None and self._may_vary(place)) and (integer(size) or 0) < 1:
                raise SettingError(
                    f"input_shape of {name} must hold whole numbers above 0, but got {shape!r}"
                )
        return tuple(None if size is None else int(size) for size in shape)

    def _may_vary(self, place: int) -> bool:
        """Say whether a side of the examples may be of any length."""
        return False


def _name(test: Any) -> str:
    return f"{type(test).__module__}.{type(test).__qualname__}"
