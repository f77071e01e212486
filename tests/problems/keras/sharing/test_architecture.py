"""The architecture of a model: what is equal, what differs, and what cannot share a step."""

import numpy as np
import pytest

from hpopt.problems.keras.sharing.architecture import are_plain
from hpopt.problems.keras.sharing.models import SharingFailedError, TracedModels

from ..small import needs_keras, quiet
from .networks import Networks, build

pytestmark = [needs_keras, quiet]

ROWS = Networks("plain").training


def key_of(model, rows=ROWS):
    return TracedModels().ready(model, rows, [], 6)[1]


def network(
    units=4, rate=0.2, activation="relu", optimizer=None, loss=None, shape=(6, 6, 1), **compiled
):
    import keras

    layers = keras.layers
    keras.utils.clear_session()
    model = keras.Sequential(
        [
            layers.Input(shape),
            layers.Flatten(),
            layers.Dense(units, activation=activation, **compiled.pop("dense", {})),
            layers.Dropout(rate, seed=compiled.pop("seed", None)),
            *compiled.pop("more", ()),
            layers.Dense(3, activation="softmax"),
        ]
    )
    loss = loss or "categorical_crossentropy"
    model.compile(optimizer or keras.optimizers.SGD(0.1, 0.9), loss, **compiled)
    return model


def test_numbers_and_seeds_make_no_difference():
    import keras

    key = key_of(network())
    assert key is not None
    assert key_of(network(rate=0.4, seed=3)) == key
    assert key_of(network(optimizer=keras.optimizers.SGD(0.3, 0.5))) == key


def test_all_else_is_another_architecture():
    import keras

    l2 = keras.regularizers.L2
    frozen = network()
    frozen.layers[1].trainable = False
    models = [
        network(),
        network(units=5),
        network(rate=0.0),
        network(activation="tanh"),
        network(dense={"use_bias": False}),
        network(dense={"kernel_regularizer": l2(0.1)}),
        network(dense={"kernel_regularizer": l2(0.1), "bias_regularizer": l2(0.1)}),
        network(optimizer=keras.optimizers.SGD(0.3)),
        network(optimizer=keras.optimizers.SGD(0.3, 0.9, nesterov=True)),
        network(optimizer=keras.optimizers.SGD(0.3, 0.9, clipnorm=0.3)),
        network(optimizer=keras.optimizers.Adam(0.3)),
        network(loss="kl_divergence"),
        network(metrics=["accuracy"]),
        network(loss_weights=[0.5]),
        frozen,
    ]
    keys = [key_of(model) for model in models]
    assert None not in keys
    assert len({*keys}) == len(keys)
    # One regularizer of two layers, where the other model has two.
    both = l2(0.1)
    shared = network(dense={"kernel_regularizer": both, "bias_regularizer": both})
    assert key_of(shared) not in keys


def relu(x):
    """Not Keras' own, which has the name too."""
    return x * 0.5


class TestWhatCannotShare:
    def test_functions_of_the_user(self):
        import keras

        lambdas = [keras.layers.Lambda(lambda x: x)]
        assert key_of(network(activation=relu)) is None
        assert key_of(network(more=lambdas)) is None
        assert key_of(network(loss=lambda y, p: (y - p) ** 2)) is None
        assert key_of(network(metrics=[relu])) is None
        assert key_of(network(optimizer=keras.optimizers.SGD(lambda: 0.1))) is None
        patched = network()
        patched.train_step = lambda data: {}
        assert key_of(patched) is None

    def test_classes_of_the_user(self):
        import keras

        class Own(keras.layers.Dense):
            pass

        class Model(keras.Sequential):
            pass

        class Penalty(keras.regularizers.L2):
            pass

        class Optimizer(keras.optimizers.SGD):
            pass

        assert key_of(network(more=[Own(3)])) is None
        assert key_of(network(more=[keras.layers.TimeDistributed(Own(3))][:0])) is not None
        assert key_of(network(dense={"kernel_regularizer": Penalty(0.1)})) is None
        assert key_of(network(optimizer=Optimizer(0.1))) is None
        own = Model([keras.layers.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
        own.compile("sgd", "mse")
        assert key_of(own) is None

    def test_state_that_no_variable_holds(self):
        import keras

        learned = keras.layers.Normalization()
        learned.adapt(np.arange(8.0).reshape(2, 4))
        assert key_of(network(more=[learned])) is None
        given = keras.layers.Normalization(mean=[1.0] * 4, variance=[2.0] * 4)
        assert key_of(network(more=[given])) is not None
        excluding = keras.optimizers.AdamW(0.1)
        excluding.exclude_from_weight_decay(var_names=["bias"])
        assert key_of(network(optimizer=excluding)) is None

    def test_settings(self):
        assert key_of(network(run_eagerly=True)) is None

    def test_callbacks(self):
        import keras

        class Own(keras.callbacks.Callback):
            pass

        assert are_plain([keras.callbacks.EarlyStopping(), keras.callbacks.TerminateOnNaN()])
        for each in (Own(), keras.callbacks.LambdaCallback()):
            assert not are_plain([each])
            assert TracedModels().ready(network(), ROWS, [each], 6)[1] is None


def test_the_last_used_are_held(monkeypatch):
    monkeypatch.setattr("hpopt.problems.keras.sharing.models.MOST_MODELS", 2)
    models = TracedModels()
    first, second = (models.ready(network(units=units), ROWS, [], 6) for units in (1, 2))
    assert models.ready(network(units=1), ROWS, [], 6)[0] is first[0]
    models.ready(network(units=3), ROWS, [], 6)
    assert models.ready(network(units=1), ROWS, [], 6)[0] is first[0]
    assert models.ready(network(units=2), ROWS, [], 6)[0] is not second[0]
    models.limit(100)  # bytes
    assert not models._traced
    large, key = models.ready(network(units=9), ROWS, [], 6)
    assert key is not None
    assert large.count_params() * 4 > 100
    assert not models._traced


def test_what_is_refused(capsys):
    models = TracedModels()
    key = models.ready(network(), ROWS, [], 6)[1]
    models.refuse(key, ValueError("no"))
    assert models.ready(network(), ROWS, [], 6)[1] is None
    assert models.ready(network(units=5), ROWS, [], 6)[1] is not None
    assert "ValueError: no" in capsys.readouterr().out


def test_another_keras_is_said_once(monkeypatch, capsys):
    def missing(model):
        raise AttributeError("_flatten_layers")

    monkeypatch.setattr("hpopt.problems.keras.sharing.models.layers_within", missing)
    models = TracedModels()
    with pytest.raises(SharingFailedError):
        models.ready(network(), ROWS, [], 6)
    assert models.ready(network(), ROWS, [], 6)[1] is None
    assert capsys.readouterr().out.count("AttributeError: _flatten_layers") == 1


def test_numbers_are_no_weights():
    models = TracedModels()
    fresh = build("dense", Networks("dense").config(0.5))
    n = len(fresh.weights)
    model, _ = models.ready(fresh, ROWS, [], 6)
    assert len(model.get_weights()) == n
    assert len(models._traced) == 1
