"""What is optimised: a function, or the training of a Keras network."""

from typing import Any

from hpopt.problems.function import FunctionProblem

__all__ = ["Classifier", "FunctionProblem", "KerasProblem"]


def __getattr__(name: str) -> Any:
    """Give the Keras problems when they are asked for: who tunes a function never loads them."""
    if name in ("Classifier", "KerasProblem"):
        import hpopt.problems.keras

        return getattr(hpopt.problems.keras, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
