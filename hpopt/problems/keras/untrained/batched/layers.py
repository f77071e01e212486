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
    "Activation": Elementwise.from_activation,
    "AveragePooling1D": Pooling.from_layer,
    "AveragePooling2D": Pooling.from_layer,
    "BatchNormalization": BatchNormalised.from_layer,
    "Conv1D": Convolution.from_layer,
    "Conv2D": Convolution.from_layer,
    "Dense": Dense.from_layer,
    "ELU": Elementwise.from_elu,
    "Flatten": Reshaped.from_layer,
    "GRU": GRU.from_layer,
    "GlobalAveragePooling1D": GlobalPooling.from_layer,
    "GlobalAveragePooling2D": GlobalPooling.from_layer,
    "GlobalMaxPooling1D": GlobalPooling.from_layer,
    "GlobalMaxPooling2D": GlobalPooling.from_layer,
    "LSTM": LSTM.from_layer,
    "LayerNormalization": LayerNormalised.from_layer,
    "LeakyReLU": Elementwise.from_leaky_relu,
    "MaxPooling1D": Pooling.from_layer,
    "MaxPooling2D": Pooling.from_layer,
    "Normalization": Affine.from_normalization,
    "Permute": Permuted.from_layer,
    "ReLU": Elementwise.from_relu,
    "RepeatVector": Repeated.from_layer,
    "Rescaling": Affine.from_rescaling,
    "Reshape": Reshaped.from_layer,
    "SimpleRNN": SimpleRNN.from_layer,
    "Softmax": Elementwise.from_softmax,
    **dict.fromkeys(MERGED, Merged.from_layer),
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
        Identity.from_layer,
    ),
}
PRECISIONS = ("float32", "float64")


def batched_form(layer: Any) -> Form | None:
    """Return the batched form of a Keras layer; None where there is none."""
    from_layer = FORMS.get(type(layer).__name__)
    # A subclass of the user's may compute something else; low precision rounds otherwise.
    is_own = type(layer).__module__.startswith("keras.")
    if from_layer is None or not is_own or layer.dtype_policy.name not in PRECISIONS:
        return None
    return from_layer(layer)
