"""Hyper-parameter optimization for models that are expensive to evaluate.

A strategy's class, and `CommandProblem`, are imported when they are first used; ``__init__.pyi``
lists them for readers of types.
"""

from hpopt import early_stopping, optimizers, problems, stopping
from hpopt._version import __version__
from hpopt.core import (
    Constraint,
    Fidelity,
    Objective,
    Optimizer,
    Outcome,
    Problem,
    Solution,
    Trial,
    TrialHandle,
    failed,
)
from hpopt.errors import HpoptError, Stopped
from hpopt.executors import Limits
from hpopt.optimizers.registry import STRATEGIES as _STRATEGIES
from hpopt.problems import FunctionProblem
from hpopt.space import Categorical, Float, Int, Normal, Ordinal, Sequence, Space
from hpopt.study import Result, Study, optimize

__all__ = [
    "Categorical",
    "CommandProblem",
    "Constraint",
    "Fidelity",
    "Float",
    "FunctionProblem",
    "HpoptError",
    "Int",
    "Limits",
    "Normal",
    "Objective",
    "Optimizer",
    "Ordinal",
    "Outcome",
    "Problem",
    "Result",
    "Sequence",
    "Solution",
    "Space",
    "Stopped",
    "Study",
    "Trial",
    "TrialHandle",
    "__version__",
    "early_stopping",
    "failed",
    "optimize",
    "stopping",
    *_STRATEGIES,
]


def __getattr__(name: str) -> type[Optimizer | Problem]:
    """Import a class that is imported when it is used (PEP 562)."""
    if name not in (*_STRATEGIES, "CommandProblem"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: type[Optimizer | Problem]
    found = getattr(optimizers if name in _STRATEGIES else problems, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_STRATEGIES, "CommandProblem"})
