"""Networks in Keras 3, on any of its backends. Keras is imported when a network is first built."""

from hpopt.problems.keras.builders.builder import Builder
from hpopt.problems.keras.builders.convolutional import ConvolutionalBuilder, convolution_module
from hpopt.problems.keras.builders.dense import DenseBuilder, dense_layer
from hpopt.problems.keras.builders.recurrent import RecurrentBuilder, recurrent_layer
from hpopt.problems.keras.classifier import Classifier
from hpopt.problems.keras.memory_estimate import MemoryEstimate, memory_of
from hpopt.problems.keras.optimizers import optimizer_parameters
from hpopt.problems.keras.problem import KerasProblem
from hpopt.problems.keras.schedules import schedule_parameters
from hpopt.problems.keras.untrained.batched import Networks
from hpopt.problems.keras.untrained.mae_sampling import (
    Sampling,
    mae_random_sampling,
    sampling_of,
    truncated_normal_log_p,
)
from hpopt.problems.keras.untrained.sampling_problem import MAERandomSampling
from hpopt.problems.keras.untrained.screening import (
    Sampled,
    first_filter,
    layer_families,
    sample_all,
)
from hpopt.problems.keras.untrained.weight_search import WeightSearch

__all__ = [
    "Builder",
    "Classifier",
    "ConvolutionalBuilder",
    "DenseBuilder",
    "KerasProblem",
    "MAERandomSampling",
    "MemoryEstimate",
    "Networks",
    "RecurrentBuilder",
    "Sampled",
    "Sampling",
    "WeightSearch",
    "convolution_module",
    "dense_layer",
    "first_filter",
    "layer_families",
    "mae_random_sampling",
    "memory_of",
    "optimizer_parameters",
    "recurrent_layer",
    "sample_all",
    "sampling_of",
    "schedule_parameters",
    "truncated_normal_log_p",
]
