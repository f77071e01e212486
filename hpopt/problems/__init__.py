"""Problems: a function, a command, or the training of a Keras network."""

from typing import Any

from hpopt.problems.external import ExternalProblem
from hpopt.problems.function import FunctionProblem

__all__ = ["Classifier", "CommandProblem", "ExternalProblem", "FunctionProblem", "KerasProblem"]


def __getattr__(name: str) -> Any:
    # On demand: a search of a function never imports the Keras problems.
    if name in ("Classifier", "KerasProblem"):
        import hpopt.problems.keras

        return getattr(hpopt.problems.keras, name)
    if name == "CommandProblem":
        from hpopt.problems.command import CommandProblem

        return CommandProblem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
