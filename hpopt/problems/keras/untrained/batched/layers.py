"""Which Keras layers have a batched form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hpopt.problems.keras.untrained.batched.convolution import Convolution, GlobalPooling, Pooling
from hpopt.problems.keras.untrained.batched.feedforward import (
    MERGED,
    Dense,
    Elementwise,
    Identity,
    Merged,
    Permuted,
    Repeated,
    Reshaped,
)
from hpopt.problems.keras.untrained.batched.form import Form
from hpopt.problems.keras.untrained.batched.normalisation import (
    Affine,
    BatchNormalised,
    LayerNormalised,
)
from hpopt.problems.keras.untrained.batched.recurrent import GRU, LSTM, SimpleRNN

FORMS: Mapping[str, Callable[[Any], Form | None]] = {
    "Activation": Elementwise.of_activation,
    "AveragePooling1D": Pooling.of,
    "AveragePooling2D": Pooling.of,
    "BatchNormalization": BatchNormalised.of,
    "Conv1D": Convolution.of,
    "Conv2D": Convolution.of,
    "Dense": Dense.of,
    "ELU": Elementwise.of_elu,
    "Flatten": Reshaped.of,
    "GRU": GRU.of,
    "GlobalAveragePooling1D": GlobalPooling.of,
    "GlobalAveragePooling2D": GlobalPooling.of,
    "GlobalMaxPooling1D": GlobalPooling.of,
    "GlobalMaxPooling2D": GlobalPooling.of,
    "LSTM": LSTM.of,
    "LayerNormalization": LayerNormalised.of,
    "LeakyReLU": Elementwise.of_leaky_relu,
    "MaxPooling1D": Pooling.of,
    "MaxPooling2D": Pooling.of,
    "Normalization": Affine.of_normalization,
    "Permute": Permuted.of,
    "ReLU": Elementwise.of_relu,
    "RepeatVector": Repeated.of,
    "Rescaling": Affine.of_rescaling,
    "Reshape": Reshaped.of,
    "SimpleRNN": SimpleRNN.of,
    "Softmax": Elementwise.of_softmax,
    **dict.fromkeys(MERGED, Merged.of),
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "SpatialDropout1D",
            "SpatialDropout2D",
        ),
        Identity.of,
    ),
}
PRECISIONS = ("float32", "float64")


def batched_form(layer: Any) -> Form | None:
    """Give the batched form of a Keras layer; None where there is none.

    A subclass of Keras' layers is not taken for one of them, nor is one that computes in low
    precision or has adapters.
    """
    of = FORMS.get(type(layer).__name__)
    is_own = type(layer).__module__.startswith("keras.")
    if of is None or not is_own or layer.dtype_policy.name not in PRECISIONS:
        return None
    return of(layer)
