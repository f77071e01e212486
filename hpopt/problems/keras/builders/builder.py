"""A family of networks: its space, its outputs, and the compiled network of a config."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from hpopt.checks import integer
from hpopt.core.objective import Objective
from hpopt.core.trial import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.builders.augmentation import Augmentation
from hpopt.problems.keras.builders.targets import Target
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.structures import Array, describe, fits_shape, is_text
from hpopt.problems.keras.optimizers import OWN, make_optimizer, optimizer_parameters
from hpopt.problems.keras.schedules import SCHEDULE_PARAMETERS
from hpopt.problems.keras.session import import_keras
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
"""Parameters that a space of any family may have: they are of the training."""


BATCH_SIZE = Ordinal([16, 32, 64, 128])


class Builder(ABC):
    """A family of networks: subclass it, write `parameters` and `body`.

    Parameters
    ----------
    input_shape : tuple of int
        Of one example.
    classes : int, at least 2, optional
        The number of classes of a classifier, with softmax, sparse categorical cross-entropy and
        ``accuracy``. Targets are the numbers of classes, from 0.
    outputs : int or tuple of int, optional
        Or how many numbers are predicted for an example, with a linear output, mean squared error
        and ``mae``. One of `classes` and `outputs` must be given.
    space : Space or mapping of str to Parameter, optional
        Parameters that replace those of the same name, or that are of the training (``epochs``,
        ``weight_decay``, ``schedule`` …). A Space replaces all of them; those it lacks keep Keras'
        defaults.
    activation, loss : str or callable, optional
        Of the output, instead of the usual ones.
    metrics : sequence of str, or callable, optional
        Names; or a function that returns new keras.metrics for each network.
    augmentation : sequence of str, or callable, optional
        Names of random changes in training, each a parameter: ``"flip"``, ``"shift"``,
        ``"rotation"``, ``"zoom"``, ``"contrast"``, ``"noise"``. Or a function of a config that
        returns new keras.layers.
    standardise : bool
        Scale the inputs to mean 0 and variance 1 inside the network, by the training examples.

    Attributes
    ----------
    space : Space
        Networks with impossible shapes are never proposed.
    """

    shapes: ClassVar[Mapping[int, str]]
    """The ranks of examples that the family takes, with the shape of each in words."""
    augmentations: ClassVar[tuple[str, ...]] = ("noise",)
    """The named augmentations that suit its examples."""

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
        """Return the parameters of the architecture, by name."""

    @abstractmethod
    def body(self, config: Config) -> list[Any]:
        """Return the keras.layers between the inputs and the output."""

    @property
    def forbid(self) -> list[Callable[[Config], bool]]:
        """Return predicates of impossible configs."""
        return []

    @property
    def n_channels(self) -> int:
        """How many channels are standardised separately."""
        return int(self.input_shape[-1] or 1)

    @property
    def objective(self) -> Objective:
        """``val_accuracy`` for classes, else ``val_loss``."""
        return self.target.objective

    def space_with(
        self,
        space: Space | Mapping[str, Parameter] | None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> Space:
        """Return the family's space with changes, or a given Space that forbids impossible configs.

        Parameters
        ----------
        space : Space or mapping of str to Parameter, optional
        parameters : mapping of str to Parameter, optional
            Those of the architecture, in place of the method `parameters`.

        Raises
        ------
        UnknownNameError
            A change is of an unknown parameter.
        SpaceError
            No parameter is left.
        """
        if isinstance(space, Space):
            # A Space that comes from this builder has them already.
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
        """Return a copy whose networks standardise by the mean and variance of these examples."""
        if not self.standardise:
            return self
        # The given builder stays as it is: it may serve several problems.
        new = copy.copy(self)
        new._mean_and_variance = rows.mean_and_variance(self.n_channels)
        return new

    def build(self, config: Config) -> Any:
        """Return the compiled keras.Model of a config."""
        model = self.network(config)
        self.compile(model, config)
        return model

    def network(self, config: Config) -> Any:
        """Return the network of a config, not compiled."""
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
        """Return the shape of an example for the network of a config."""
        return self.input_shape

    def reshaping(self) -> list[Any]:
        """Return the layers that reshape an example for the others."""
        return []

    @property
    def is_all_known(self) -> bool:
        """Whether its networks have no code of the user, so that they need not be tried."""
        is_ours = type(self).__module__.startswith("hpopt.")
        return is_ours and self.target.is_usual and self.augmentation.function is None

    def check_rows(self, rows: Rows, names: tuple[str, str] = ("x", "y")) -> None:
        """Raise SettingError unless rows hold one array of numbers and one of targets that fit."""
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
        if not fits_shape(self.input_shape, x.shape[1:]):
            raise SettingError(
                f"{names[0]} must hold examples of the shape {self.input_shape}, the builder's "
                f"input_shape, but its shape is {x.shape}"
            )
        self.target.check(y, names[1])

    def _standardisation(self, keras: Any) -> list[Any]:
        if self._mean_and_variance is None:
            return []
        mean, variance = self._mean_and_variance
        # One mean for all numbers of an example, in which all axes are of the image.
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
        return False  # no axis of unknown length


def _name(test: Any) -> str:
    return f"{type(test).__module__}.{type(test).__qualname__}"
