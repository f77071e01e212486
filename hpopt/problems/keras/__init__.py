"""Networks in Keras 3, on any of its backends. Keras is imported by the first evaluation."""

from hpopt.problems.keras.batched import Networks
from hpopt.problems.keras.classifier import Classifier
from hpopt.problems.keras.layer_families import layer_families
from hpopt.problems.keras.mae_sampling import (
    Sampling,
    mae_random_sampling,
    sampling_of,
    truncated_normal_log_p,
)
from hpopt.problems.keras.problem import KerasProblem
from hpopt.problems.keras.sampling_problem import (
    MAERandomSampling,
    Sampled,
    first_filter,
    sample_all,
)
from hpopt.problems.keras.weight_search import WeightSearch

__all__ = [
    "Classifier",
    "KerasProblem",
    "MAERandomSampling",
    "Networks",
    "Sampled",
    "Sampling",
    "WeightSearch",
    "first_filter",
    "layer_families",
    "mae_random_sampling",
    "sample_all",
    "sampling_of",
    "truncated_normal_log_p",
]
