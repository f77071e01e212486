"""KerasTuner: its build functions as problems. KerasTuner itself need not be installed."""

from hpopt.integrations.keras_tuner.hyperparameters import HyperParameters
from hpopt.integrations.keras_tuner.problem import from_build

__all__ = ["HyperParameters", "from_build"]
