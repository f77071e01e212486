"""The optimizers of Keras as parameters of a space, and made of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpopt.problems.keras.session import import_keras
from hpopt.space import Categorical, Float, Parameter

OWN: Mapping[str, Mapping[str, Parameter]] = {
    "adam": {},
    "adamw": {"weight_decay": Float(1e-5, 1e-1, log=True)},
    "nadam": {},
    "rmsprop": {},
    "sgd": {"momentum": Float(0.0, 0.99), "nesterov": Categorical([False, True])},
}
"""What each optimizer has beside its learning rate. Any other optimizer of Keras works too."""

USUAL = ("adam", "rmsprop", "sgd")


def optimizer_parameters(
    names: tuple[str, ...] = USUAL, learning_rate: Parameter | None = None
) -> dict[str, Parameter]:
    """Give the parameters ``optimizer``, ``learning_rate``, and those that only some have.

    Parameters
    ----------
    names : tuple of str
        Among which to choose.
    learning_rate : Parameter, optional
        By default 0.0001 to 0.1 on a log scale.
    """
    parameters: dict[str, Parameter] = {
        "optimizer": Categorical(names),
        "learning_rate": learning_rate or Float(1e-4, 1e-1, log=True),
    }
    for name in names:
        for own, parameter in OWN.get(name, {}).items():
            data = {**parameter.to_json(), "when": {"optimizer": [name]}}
            parameters[own] = Parameter.from_json(own, data)
    return parameters


def make_optimizer(config: Mapping[str, Any]) -> Any:
    """Make the optimizer of a config: a keras.optimizers.Optimizer.

    What the config does not say is as Keras has it.
    """
    name = config.get("optimizer", USUAL[0])
    settings = [*OWN.get(name, ()), "learning_rate"]
    chosen = {setting: config[setting] for setting in settings if setting in config}
    return import_keras().optimizers.get({"class_name": name, "config": chosen})
