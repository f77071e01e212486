"""Random changes of examples in training, so that a network sees more of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hpopt.checks import one_of
from hpopt.core.trial import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Parameter

PARAMETERS: Mapping[str, Parameter] = {
    "flip": Categorical(["none", "horizontal", "horizontal_and_vertical"]),
    "shift": Float(0.0, 0.2),
    "rotation": Float(0.0, 0.1),
    "zoom": Float(0.0, 0.2),
    "contrast": Float(0.0, 0.5),
    "noise": Float(0.0, 0.3),
}
"""Shift is a share of the sides, rotation a share of the full turn, noise the standard deviation of
numbers added to standardised inputs."""

LAYERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "flip": lambda layers, mode: layers.RandomFlip(mode),
    "shift": lambda layers, most: layers.RandomTranslation(most, most),
    "rotation": lambda layers, most: layers.RandomRotation(most),
    "zoom": lambda layers, most: layers.RandomZoom(most),
    "contrast": lambda layers, most: layers.RandomContrast(most),
}


class Augmentation:
    """The layers of a config that change examples in training; `fitting` are the possible names."""

    def __init__(
        self,
        wanted: Sequence[str] | Callable[[Config], Sequence[Any]] | None,
        fitting: tuple[str, ...],
    ) -> None:
        self.names: tuple[str, ...] = ()
        self.function = wanted if callable(wanted) else None
        if wanted is None or callable(wanted):
            return
        if isinstance(wanted, str) or not isinstance(wanted, Sequence):
            raise SettingError(
                "augmentation must be a list of names, or a function of a config that returns "
                f"layers, but got {wanted!r}"
            )
        for name in wanted:
            one_of("augmentation", name, fitting)
        self.names = tuple(wanted)

    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters of the named ones."""
        return {name: PARAMETERS[name] for name in self.names}

    def before(self, config: Config) -> list[Any]:
        """Return the layers before standardisation."""
        layers = import_keras().layers
        if self.function is not None:
            return list(self.function(config))
        return [
            make(layers, config[name])
            for name, make in LAYERS.items()
            if config.get(name) not in (None, "none", 0.0)
        ]

    def after(self, config: Config) -> list[Any]:
        """Return the layers after standardisation."""
        noise = config.get("noise")
        return [import_keras().layers.GaussianNoise(noise)] if noise else []
