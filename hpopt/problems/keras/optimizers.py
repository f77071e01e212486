"""The optimizers of Keras: parameters of a space, and the optimizer of a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Parameter

OWN: Mapping[str, tuple[Parameter, tuple[str, ...]]] = {
    "momentum": (Float(0.0, 0.99), ("sgd",)),
    "nesterov": (Categorical([False, True]), ("sgd",)),
    "weight_decay": (Float(1e-5, 1e-1, log=True), ("adamw",)),
    "rho": (Float(0.8, 0.999), ("adadelta",)),
    "learning_rate_power": (Float(-1.0, -0.1), ("ftrl",)),
    "beta_1": (Float(0.8, 0.99), ()),
    "beta_2": (Float(0.9, 0.9999), ()),
    "epsilon": (Float(1e-8, 1e-1, log=True), ()),
    "amsgrad": (Categorical([False, True]), ()),
    "centered": (Categorical([False, True]), ()),
    "clipnorm": (Float(0.1, 10.0, log=True), ()),
    "clipvalue": (Float(0.01, 1.0, log=True), ()),
    "global_clipnorm": (Float(0.1, 10.0, log=True), ()),
    "use_ema": (Categorical([False, True]), ()),
    "ema_momentum": (Float(0.9, 0.999), ()),
}
"""Settings beside the learning rate, and the optimizers that have each of them by default."""

USUAL = ("adam", "rmsprop", "sgd")


def optimizer_parameters(
    names: Sequence[str] = USUAL,
    learning_rate: Parameter | None = None,
    own: Sequence[str] | None = None,
) -> dict[str, Parameter]:
    """Return the parameters ``optimizer``, ``learning_rate``, and those that only some have.

    Parameters
    ----------
    names : sequence of str
        Any optimizers of Keras.
    learning_rate : Parameter, optional
        By default 0.0001 to 0.1, on a log scale.
    own : sequence of str, optional
        Further settings, for all optimizers that have them: ``["beta_1"]``. By default
        momentum and Nesterov for sgd, weight decay for adamw, rho for adadelta.
    """
    parameters: dict[str, Parameter] = {
        "optimizer": Categorical(names),
        "learning_rate": learning_rate or Float(1e-4, 1e-1, log=True),
    }
    for setting, (parameter, bringing) in OWN.items():
        having = [
            name
            for name in names
            if (name in bringing if own is None else setting in own and _has(name, setting))
        ]
        if having:
            # Active only with these optimizers, so no strategy searches it for others.
            data = {**parameter.to_json(), "when": {"optimizer": having}}
            parameters[setting] = Parameter.from_json(setting, data)
    return parameters


def make_optimizer(config: Mapping[str, Any]) -> Any:
    """Return the keras.optimizers.Optimizer of a config; what it leaves out is Keras' default."""
    name = config.get("optimizer", USUAL[0])
    settings = [*OWN, "learning_rate"]
    chosen = {setting: config[setting] for setting in settings if setting in config}
    return import_keras().optimizers.get({"class_name": name, "config": chosen})


# Of Keras 3: settings that some of its optimizers lack.
NOT_FOR_ALL: Mapping[str, tuple[str, ...]] = {
    "momentum": ("sgd", "rmsprop"),
    "nesterov": ("sgd",),
    "rho": ("adadelta", "rmsprop"),
    "learning_rate_power": ("ftrl",),
    "beta_1": ("adam", "adamw", "adamax", "nadam", "lion", "lamb"),
    "beta_2": ("adam", "adamw", "adamax", "nadam", "lion", "lamb"),
    "epsilon": ("adam", "adamw", "adamax", "nadam", "adadelta", "adagrad", "rmsprop", "lamb"),
    "amsgrad": ("adam", "adamw"),
    "centered": ("rmsprop",),
}


def _has(name: str, setting: str) -> bool:
    # What is not listed, all of them have.
    return name in NOT_FOR_ALL.get(setting, (name,))
