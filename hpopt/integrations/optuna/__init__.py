"""Optuna: hpopt's strategies as its sampler, and studies from and to it."""

from hpopt.errors import MissingExtraError

try:
    import optuna  # noqa: F401
except ImportError as error:
    raise MissingExtraError("optuna", "optuna", "hpopt.integrations.optuna") from error

from hpopt.integrations.optuna.exporting import to_optuna
from hpopt.integrations.optuna.importing import from_optuna
from hpopt.integrations.optuna.sampler import HpoptSampler

__all__ = ["HpoptSampler", "from_optuna", "to_optuna"]
