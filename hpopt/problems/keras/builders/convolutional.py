"""Convolutional networks: modules of convolution, normalisation, activation, pooling, dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from hpopt.core.trial import Config
from hpopt.errors import SettingError
from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.builders.dense import (
    ACTIVATIONS,
    NORMALISATIONS,
    activation_layer,
    dense_layer,
    dense_layers,
    dropout_layers,
    normalisation_layers,
)
from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Ordinal, Parameter, Sequence, Space

Layer = Mapping[str, Any]
USUAL_ORDER = "CNAPD"  # normalisation before the activation: Ioffe and Szegedy 2015
POOLS = {"max": "MaxPooling2D", "average": "AveragePooling2D"}


def convolution_module() -> dict[str, Parameter]:
    """Return the parameters of a module: a convolution, and the layers around it.

    Its ``order`` has the letters of C(onvolution), N(ormalisation), A(ctivation), P(ooling),
    D(ropout); a missing letter leaves that layer out. Its ``type`` may also be ``"depthwise"``, or
    ``"none"`` for a module without a convolution. ``pool_stride`` may be added; without it pools do
    not overlap.
    """
    return {
        "type": Categorical(["convolution", "separable"]),
        "filters": Ordinal([8, 16, 32, 64, 128]),
        "kernel": Ordinal([1, 3, 5, 7]),
        "stride": Ordinal([1, 2]),
        "padding": Categorical(["same", "valid"]),
        "normalisation": Categorical(["none", *NORMALISATIONS]),
        "activation": Categorical(ACTIVATIONS),
        "pooling": Categorical(["none", *POOLS]),
        "pool": Ordinal([2, 3], when={"pooling": list(POOLS)}),
        "dropout": Float(0.0, 0.5, step=0.1),
        "order": Categorical([USUAL_ORDER, "CANPD", "CPNAD", "NACPD"]),
    }


class ConvolutionalBuilder(Builder):
    """Convolutional networks of images.

    Its space: ``convolutions``, a Sequence of 1 to 4 modules (`convolution_module`);
    ``reduction``, how the last image becomes a vector (``"flatten"``, or the ``"average"`` of each
    channel); ``dense``, a Sequence of 0 to 2 layers; the optimizer with its own parameters;
    ``batch_size``. Entries ``activation`` and ``dropout`` of the config itself hold for modules and
    layers without their own. Configs with a kernel or pool larger than the image that reaches it
    are never proposed.

    Parameters
    ----------
    input_shape : (int, int) or (int, int, int)
        Height, width, and channels.
    classes, outputs, space, activation, loss, metrics, augmentation, standardise
        As for `Builder`.

    Examples
    --------
    >>> builder = ConvolutionalBuilder(
    ...     (32, 32, 3),
    ...     classes=10,
    ...     space={"convolutions": Sequence({"filters": Int(16, 126), "kernel": Int(1, 8)}, 3, 3)},
    ...     augmentation=["flip", "shift"],
    ... )
    """

    shapes: ClassVar[Mapping[int, str]] = {2: "(height, width)", 3: "(height, width, channels)"}
    augmentations = ("flip", "shift", "rotation", "zoom", "contrast", "noise")

    @property
    def n_channels(self) -> int:
        """Images are standardised by their channels."""
        return 1 if len(self.input_shape) == 2 else super().n_channels

    @property
    def forbid(self) -> list[Callable[[Config], bool]]:
        """Forbid kernels and pools larger than the image that reaches them."""
        height, width = self.input_shape[:2]
        return [DoesNotFit(int(height or 1), int(width or 1))]

    def space_with(
        self,
        space: Space | Mapping[str, Parameter] | None,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> Space:
        """Return `Builder.space_with`, with the orders of modules checked."""
        made = super().space_with(space, parameters)
        modules = made.get("convolutions")
        order = modules.layer.get("order") if isinstance(modules, Sequence) else None
        for value in order.choices if isinstance(order, Categorical) else ():
            if not isinstance(value, str) or len({*value} & {*USUAL_ORDER}) < len(value):
                raise SettingError(
                    f"an order of modules must be different letters of {USUAL_ORDER!r}, but got "
                    f"{value!r}"
                )
        return made

    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters of the architecture, by name."""
        return {
            "convolutions": Sequence(convolution_module(), 1, 4),
            "reduction": Categorical(["flatten", "average"]),
            "dense": Sequence(dense_layer(), 0, 2),
        }

    def body(self, config: Config) -> list[Any]:
        """Return the modules, the reduction, and the dense layers."""
        layers = import_keras().layers
        average = config.get("reduction", "flatten") == "average"
        return [
            *convolution_layers(config.get("convolutions", ()), config),
            layers.GlobalAveragePooling2D() if average else layers.Flatten(),
            *dense_layers(config.get("dense", ()), config),
        ]

    def reshaping(self) -> list[Any]:
        """Add a channel axis to images without one."""
        without = len(self.input_shape) == 2
        return [import_keras().layers.Reshape((*self.input_shape, 1))] if without else []


class DoesNotFit:
    """A predicate of configs with a kernel or a pool larger than the image that reaches it.

    A class, not a lambda, so that a space with it can be pickled.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    name : str
        The parameter that holds the modules.
    """

    def __init__(self, height: int, width: int, name: str = "convolutions") -> None:
        self.height, self.width, self.name = height, width, name

    def __call__(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config is impossible."""
        # The shorter side is the first that is too small.
        side = min(self.height, self.width)
        for module in config.get(self.name, ()):
            for letter in module.get("order", USUAL_ORDER):
                size, stride, valid = _window(module, letter)
                if size > side:
                    return True
                side = (side - size) // stride + 1 if valid else -(-side // stride)
        return False


def _window(module: Layer, letter: str) -> tuple[int, int, bool]:
    """Return side, stride and whether it needs no padding, of a kernel or pool."""
    if letter == "C" and module.get("type", "convolution") != "none":
        valid = module.get("padding", "same") == "valid"
        return module.get("kernel", 3), module.get("stride", 1), valid
    if letter == "P" and module.get("pooling", "none") != "none":
        pool = module.get("pool", 2)
        return pool, module.get("pool_stride", pool), True
    return 1, 1, True


def convolution_layers(modules: Iterable[Layer], config: Config) -> list[Any]:
    """Return the keras.layers of modules, each in its own order."""
    parts: Mapping[str, Callable[[Layer, Config], list[Any]]] = {
        "C": lambda module, _: _convolution(module),
        "N": lambda module, _: normalisation_layers(module),
        "A": lambda module, config: [activation_layer(module, config)],
        "P": lambda module, _: _pooling(module),
        "D": dropout_layers,
    }
    return [
        layer
        for module in modules
        for letter in module.get("order", USUAL_ORDER)
        for layer in parts[letter](module, config)
    ]


def _convolution(module: Layer) -> list[Any]:
    layers = import_keras().layers
    kind = module.get("type", "convolution")
    normalised = module.get("normalisation", "none") != "none"
    settings = {
        "kernel_size": module.get("kernel", 3),
        "strides": module.get("stride", 1),
        "padding": module.get("padding", "same"),
        # A normalisation right behind it would subtract a bias again.
        "use_bias": not (normalised and "CN" in module.get("order", USUAL_ORDER)),
    }
    if kind == "none":
        return []
    if kind == "depthwise":
        return [layers.DepthwiseConv2D(**settings)]
    kinds = {"convolution": layers.Conv2D, "separable": layers.SeparableConv2D}
    return [kinds[kind](module["filters"], **settings)]


def _pooling(module: Layer) -> list[Any]:
    kind = module.get("pooling", "none")
    if kind == "none":
        return []
    pool = module.get("pool", 2)
    make = getattr(import_keras().layers, POOLS[kind])
    return [make(pool, strides=module.get("pool_stride", pool))]
