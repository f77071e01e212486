"""Networks in Keras 3, on any of its backends. Keras is imported by the first evaluation."""

from hpopt.problems.keras.classifier import Classifier
from hpopt.problems.keras.problem import KerasProblem

__all__ = ["Classifier", "KerasProblem"]
