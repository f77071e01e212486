"""Many networks at once predict what the Keras model predicts with the same weights."""

import warnings

import numpy as np
import pytest

from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras.untrained.batched import Networks

from ...small import needs_keras, numbers, quiet

pytestmark = [needs_keras, quiet]

SERIES, ROW, IMAGE = (7, 3), (5,), (9, 8, 2)
N_EXAMPLES = 6
N_DRAWS = 4


def sequential(shape, *make):
    def build(k):
        return k.Sequential([k.layers.Input(shape), *(each(k.layers) for each in make)])

    return shape, build


def recurrent(kind, **settings):
    return sequential(
        SERIES,
        lambda layers: getattr(layers, kind)(4, return_sequences=True, **settings),
        lambda layers: getattr(layers, kind)(3, **settings),
        lambda layers: layers.Dense(2, activation="tanh"),
    )


def branches(keras):
    layers = keras.layers
    given = layers.Input(ROW)
    one = layers.Dense(3, activation="relu")(given)
    other = layers.Dense(3, activation="elu")(given)
    merged = [
        layers.Add()([one, other]),
        layers.Subtract()([one, other]),
        layers.Multiply()([one, other]),
        layers.Average()([one, other]),
        layers.Maximum()([one, other]),
        layers.Minimum()([one, other]),
    ]
    together = layers.Concatenate()([given, *merged])
    return keras.Model(given, layers.Dense(2)(layers.Dropout(0.5)(together)))


def frozen(keras):
    layers = keras.layers
    model = keras.Sequential([layers.Input(ROW), layers.Dense(4), layers.Dense(3), layers.Dense(1)])
    model.layers[1].trainable = False
    return model


def series_of_convolutions(**settings):
    return sequential(
        SERIES,
        lambda layers: layers.Conv1D(4, 3, **settings),
        lambda layers: layers.Conv1D(3, 2, padding="same", activation="silu"),
        lambda layers: layers.GlobalMaxPooling1D(),
    )


def images(padding, pooling="Max", **settings):
    return sequential(
        IMAGE,
        lambda layers: layers.Rescaling(1 / 255, offset=0.1),
        lambda layers: layers.Conv2D(4, (3, 2), padding=padding, activation="relu", **settings),
        lambda layers: layers.BatchNormalization(),
        lambda layers: getattr(layers, f"{pooling}Pooling2D")((2, 3), padding=padding),
        lambda layers: layers.SpatialDropout2D(0.2),
        lambda layers: layers.Conv2D(3, 2, padding="same", use_bias=False),
        lambda layers: layers.LeakyReLU(0.1),
        lambda layers: layers.Flatten(),
        lambda layers: layers.Dense(3, activation="softmax"),
    )


BATCHED = {
    "dense": sequential(
        ROW,
        lambda layers: layers.Dense(4, activation="sigmoid"),
        lambda layers: layers.GaussianNoise(1.0),
        lambda layers: layers.Dense(3, activation="softplus", use_bias=False),
        lambda layers: layers.Dense(2),
    ),
    "lstm": recurrent("LSTM"),
    "lstm, unusual": recurrent("LSTM", activation="elu", recurrent_activation="hard_sigmoid"),
    "lstm, backwards without bias": recurrent("LSTM", go_backwards=True, use_bias=False),
    "gru": recurrent("GRU"),
    "gru, reset before": recurrent("GRU", reset_after=False),
    "gru, without bias": recurrent("GRU", use_bias=False, activation="relu"),
    "simple": recurrent("SimpleRNN"),
    "simple, backwards": recurrent("SimpleRNN", go_backwards=True, activation="softsign"),
    "normalised series": sequential(
        SERIES,
        lambda layers: layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 0.0]),
        lambda layers: layers.LSTM(4, return_sequences=True),
        lambda layers: layers.LayerNormalization(),
        lambda layers: layers.Permute((2, 1)),
        lambda layers: layers.Dense(3, activation="selu"),
        lambda layers: layers.Reshape((2, 6)),
        lambda layers: layers.GlobalAveragePooling1D(),
        lambda layers: layers.RepeatVector(2),
        lambda layers: layers.Softmax(),
    ),
    "causal": series_of_convolutions(padding="causal", dilation_rate=2, activation="relu6"),
    "strided": series_of_convolutions(strides=2, use_bias=False),
    "pooled series": sequential(
        SERIES,
        lambda layers: layers.MaxPooling1D(3, strides=2, padding="same"),
        lambda layers: layers.Conv1D(4, 1, activation="hard_sigmoid"),
        lambda layers: layers.AveragePooling1D(2, padding="same"),
        lambda layers: layers.GlobalAveragePooling1D(keepdims=True),
        lambda layers: layers.ELU(0.5),
        lambda layers: layers.ReLU(),
        lambda layers: layers.Activation("exponential"),
    ),
    "images": images("valid"),
    "images, same": images("same", strides=2),
    "images, averaged": images("same", "Average"),
    "images, global": sequential(
        IMAGE,
        lambda layers: layers.Conv2D(4, 3, dilation_rate=2),
        lambda layers: layers.GlobalMaxPooling2D(),
        lambda layers: layers.Dense(1, activation="leaky_relu"),
    ),
    "branches": (ROW, branches),
    "frozen": (ROW, frozen),
}
GENERAL = {
    "bidirectional": sequential(
        SERIES, lambda layers: layers.Bidirectional(layers.LSTM(2)), lambda layers: layers.Dense(1)
    ),
    "unusual activation": sequential(ROW, lambda layers: layers.Dense(3, activation="gelu")),
    "separable": sequential(
        IMAGE,
        lambda layers: layers.SeparableConv2D(3, 2),
        lambda layers: layers.BatchNormalization(),
        lambda layers: layers.Flatten(),
        lambda layers: layers.Dense(1),
    ),
}


def inputs(shape, n=N_EXAMPLES):
    return np.random.default_rng(0).normal(size=(n, *shape)).astype("float32")


def drawn(networks, n_draws=N_DRAWS, seed=1):
    return np.random.default_rng(seed).normal(size=(n_draws, networks.n_weights))


def by_keras(model, networks, vector, x):
    """Predict with one vector of weights, put into the model."""
    kept = model.get_weights()
    for variable, stack in zip(model.trainable_weights, networks.stacks(vector[None]), strict=True):
        variable.assign(stack[0])
    predicted = numbers(model(x, training=False))
    model.set_weights(kept)
    return predicted


def assert_exact(shape, build, route):
    import keras

    model = build(keras)
    for variable in model.non_trainable_weights:  # moving statistics as after some training
        if "moving" in variable.path:
            variable.assign(np.linspace(0.5, 2, variable.shape[0]))
    x = inputs(shape)
    networks = Networks(model)
    assert networks.route == route
    weights = drawn(networks)
    predictions = networks.predict(weights, x)
    before = model.get_weights()
    expected = np.stack([by_keras(model, networks, vector, x) for vector in weights])
    assert predictions.shape == expected.shape
    np.testing.assert_allclose(predictions, expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(predictions, axis=0).max() > 1e-3  # the draws differ
    for mine, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", BATCHED)
def test_layers_with_a_batched_form(name):
    import keras

    # Keras on PyTorch counts what it adds at the border.
    averages_margins = name in ("pooled series", "images, averaged")
    is_compiled = averages_margins and keras.backend.backend() == "torch"
    assert_exact(*BATCHED[name], "compiled" if is_compiled else "batched")


@pytest.mark.parametrize("name", GENERAL)
def test_any_other_model_is_compiled(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own, while it traces
        assert_exact(*GENERAL[name], "compiled")


def small_model():
    import keras

    return BATCHED["dense"][1](keras)


def test_blocks_make_no_difference(monkeypatch):
    """Few draws and few examples at a time, in several threads, give what one block gives."""
    from hpopt.problems.keras.untrained.batched import networks as module

    networks = Networks(small_model())
    x, weights = inputs(ROW, 50), drawn(networks, 23)
    whole = networks.predict(weights, x)
    monkeypatch.setattr(module, "AT_ONCE", 200)
    monkeypatch.setattr(module, "FEWEST", 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    np.testing.assert_allclose(networks.predict(weights, x), whole, rtol=1e-6, atol=1e-6)
    means = np.concatenate(list(networks.over(weights, x, lambda some: some.mean(axis=(1, 2)))))
    np.testing.assert_allclose(means, whole.mean(axis=(1, 2)), rtol=1e-5)


def test_a_model_is_compiled_once_as_long_as_it_is_the_same():
    import keras

    model = GENERAL["unusual activation"][1](keras)
    x = inputs(ROW)
    networks = Networks(model)
    predicted = networks.predict(drawn(networks), x)
    again = Networks(model)
    assert again._compute is networks._compute
    np.testing.assert_array_equal(again.predict(drawn(again), x), predicted)
    model.add(keras.layers.Dense(2))
    changed = Networks(model)
    assert changed._compute is not networks._compute
    model.layers[-1].trainable = False
    frozen = Networks(model)
    assert frozen.n_weights == networks.n_weights < changed.n_weights
    weights = drawn(frozen)
    expected = [by_keras(model, frozen, vector, x) for vector in weights]
    np.testing.assert_allclose(frozen.predict(weights, x), expected, rtol=1e-5, atol=1e-5)


def test_many_draws_of_a_compiled_model_are_those_of_few(monkeypatch):
    import keras

    from hpopt.problems.keras import backend

    model = GENERAL["unusual activation"][1](keras)
    networks = Networks(model)
    weights, x = drawn(networks, 9), inputs(ROW)
    few = networks.predict(weights, x)
    monkeypatch.setattr(backend, "MANY", 5)
    np.testing.assert_allclose(networks.predict(weights, x), few, rtol=1e-6)


def test_a_subclass_of_a_layer_is_not_taken_for_it():
    import keras

    class Doubled(keras.layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    model = keras.Sequential([keras.layers.Input(ROW), Doubled(2)])
    networks = Networks(model)
    assert networks.route == "compiled"
    weights, x = drawn(networks, 1), inputs(ROW)
    np.testing.assert_allclose(
        networks.predict(weights, x)[0],
        by_keras(model, networks, weights[0], x),
        rtol=1e-5,
        atol=1e-5,
    )


def test_a_model_with_two_inputs():
    import keras

    one, other = keras.layers.Input(ROW, name="one"), keras.layers.Input((2,), name="other")
    together = keras.layers.Concatenate()([one, other])
    model = keras.Model([one, other], keras.layers.Dense(1)(together))
    networks = Networks(model)
    x = inputs(ROW), inputs((2,))
    weights = drawn(networks, 2)
    expected = [by_keras(model, networks, vector, x) for vector in weights]
    np.testing.assert_allclose(networks.predict(weights, x), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(SettingError, match="has 2 inputs, but x is one array"):
        networks.predict(weights, x[0])


def test_a_model_of_the_users_own_is_built_by_some_inputs():
    import keras

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs) ** 2

    x = inputs(ROW)
    with pytest.raises(ProblemError, match="must have weights to draw"):
        Networks(Mine())
    networks = Networks(Mine(), x)
    assert (networks.route, networks.n_weights) == ("compiled", 12)
    assert networks.predict(drawn(networks), x).min() >= 0


def test_a_model_with_two_outputs_is_refused():
    import keras

    given = keras.layers.Input(ROW)
    model = keras.Model(given, [keras.layers.Dense(1)(given), keras.layers.Dense(2)(given)])
    networks = Networks(model)
    with pytest.raises(ProblemError, match=r"must have one output, but .* has 2"):
        networks.predict(drawn(networks), inputs(ROW))


def test_what_does_not_fit_is_said():
    networks = Networks(small_model())
    weights, x = drawn(networks), inputs(ROW)
    with pytest.raises(SettingError, match=rf"\(draws, {networks.n_weights}\), but got \(4, 3\)"):
        networks.predict(weights[:, :3], x)
    with pytest.raises(SettingError, match=r"shape \(n, 5\), as the model's input"):
        networks.predict(weights, x[:, :4])
    x[2, 0] = np.nan
    with pytest.raises(SettingError, match="x must be finite, but 1 of its 6 rows"):
        networks.predict(weights, x)
    with pytest.raises(ProblemError, match=r"must be a keras\.Model, but got str"):
        Networks("model")


def test_they_are_picklable():
    import cloudpickle
    import keras

    x = inputs(ROW)
    for name, (_, build) in {"dense": BATCHED["dense"], **GENERAL}.items():
        if name in ("dense", "unusual activation"):
            networks = Networks(build(keras))
            weights = drawn(networks)
            predicted = networks.predict(weights, x)
            sent = cloudpickle.loads(cloudpickle.dumps(networks))
            np.testing.assert_allclose(sent.predict(weights, x), predicted, rtol=1e-6)
