"""Problems: a function, a command, fits of an estimator, the training of a Keras network."""

from typing import Any

from hpopt.problems.external import ExternalProblem
from hpopt.problems.function import FunctionProblem

__all__ = [
    "Classifier",
    "CommandProblem",
    "ExternalProblem",
    "FunctionProblem",
    "KerasProblem",
    "SklearnProblem",
]


def __getattr__(name: str) -> Any:
    # On demand: a search of a function never imports the other problems.
    if name in ("Classifier", "KerasProblem"):
        import hpopt.problems.keras

        return getattr(hpopt.problems.keras, name)
    if name == "CommandProblem":
        from hpopt.problems.command import CommandProblem

        return CommandProblem
    if name == "SklearnProblem":
        from hpopt.problems.sklearn import SklearnProblem

        return SklearnProblem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
