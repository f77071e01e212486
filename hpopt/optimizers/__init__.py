"""The search strategies, by class and by name.

A class is imported when it is first used; ``__init__.pyi`` lists them for readers of types.
"""

from hpopt.core import Optimizer
from hpopt.optimizers.registry import BY_NAME, STRATEGIES, make_optimizer

__all__ = ["BY_NAME", "make_optimizer", *STRATEGIES]


def __getattr__(name: str) -> type[Optimizer]:
    """Import the class of a strategy (PEP 562)."""
    if name not in STRATEGIES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = BY_NAME[STRATEGIES[name]]
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *STRATEGIES})
