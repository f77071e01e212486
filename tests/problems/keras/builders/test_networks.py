"""The networks that builders make of configs."""

import numpy as np
import pytest

from hpopt.problems.keras import (
    ConvolutionalBuilder,
    DenseBuilder,
    RecurrentBuilder,
)
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.optimizers import make_optimizer

from ..small import needs_keras, numbers, quiet

pytestmark = [needs_keras, quiet]
rng = np.random.default_rng(0)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("builder", "shape", "out"),
    [
        (ConvolutionalBuilder((6, 5), classes=3), (6, 5), (3,)),
        (
            ConvolutionalBuilder(
                (9, 6, 3), classes=2, augmentation=["flip", "shift", "rotation", "zoom", "contrast"]
            ),
            (9, 6, 3),
            (2,),
        ),
        (DenseBuilder((4,), outputs=2, augmentation=["noise"]), (4,), (2,)),
        (DenseBuilder((4, 3), classes=2), (4, 3), (2,)),
        (RecurrentBuilder((7, 3), outputs=(2, 3)), (7, 3), (2, 3)),
        (RecurrentBuilder((None, 3), outputs=1), (None, 3), (1,)),
    ],
)
def test_sampled_configs_make_compiled_models(builder, shape, out):
    for config in builder.space.sample(3, seed=1):
        model = builder.build(config)
        assert model.compiled
        steps = config.get("look_back", shape[0])
        assert model.input_shape == (None, steps, *shape[1:])
        assert model.output_shape == (None, *out)
        assert builder.network(config).count_params() == model.count_params()


def test_the_module_says_what_is_in_it_and_in_which_order():
    builder = ConvolutionalBuilder((12, 12, 1), classes=2)
    config = {
        "convolutions": [
            {
                **{"type": "convolution", "filters": 8, "kernel": 5, "padding": "valid"},
                **{"normalisation": "batch", "activation": "elu", "pooling": "max", "pool": 2},
                **{"dropout": 0.25, "order": "CNAPD"},
            },
            {
                **{"type": "separable", "filters": 4, "kernel": 3, "stride": 2},
                **{"normalisation": "layer", "activation": "tanh", "order": "NAC"},
            },
            {"type": "depthwise", "kernel": 1, "pooling": "average", "pool": 2, "order": "PCA"},
        ],
        "reduction": "average",
        "dense": [{"units": 7, "activation": "relu", "normalisation": "none", "dropout": 0.0}],
    }
    model = builder.build(config)
    assert kinds(model) == [
        *("Conv2D", "BatchNormalization", "Activation", "MaxPooling2D", "Dropout"),
        *("LayerNormalization", "Activation", "SeparableConv2D"),
        *("AveragePooling2D", "DepthwiseConv2D", "Activation"),
        *("GlobalAveragePooling2D", "Dense", "Activation", "Dense", "Activation"),
    ]
    first, separable = model.layers[0], model.layers[7]
    assert (first.filters, first.kernel_size, first.padding) == (8, (5, 5), "valid")
    assert not first.use_bias
    assert separable.use_bias
    assert separable.strides == (2, 2)
    assert model.layers[4].rate == 0.25
    assert model.layers[10].activation.__name__ == "relu"


def test_the_config_holds_for_layers_that_say_nothing():
    builder = DenseBuilder((4,), classes=2)
    model = builder.build(
        {"dense": [{"units": 3}, {"units": 2, "dropout": 0.0}], "activation": "elu", "dropout": 0.5}
    )
    assert kinds(model) == [
        *("Dense", "Activation", "Dropout", "Dense", "Activation"),
        *("Dense", "Activation"),
    ]
    assert model.layers[1].activation.__name__ == "elu"


def test_recurrent_layers_feed_one_another():
    builder = RecurrentBuilder((None, 2), outputs=1)
    config = {
        "look_back": 5,
        "recurrent": [
            {"cell": "lstm", "units": 3, "bidirectional": True},
            {"cell": "gru", "units": 4, "dropout": 0.2},
            {"cell": "simple", "units": 5},
        ],
    }
    model = builder.build(config)
    assert kinds(model) == ["Bidirectional", "GRU", "SimpleRNN", "Dense"]
    assert [layer.output.shape for layer in model.layers] == [
        *((None, 5, 6), (None, 5, 4), (None, 5), (None, 1)),
    ]


def test_no_layers_is_a_linear_model():
    model = DenseBuilder((28, 28), classes=10).build({})
    assert kinds(model) == ["Flatten", "Dense", "Activation"]
    assert model.count_params() == 28 * 28 * 10 + 10


def test_inputs_are_standardised_by_the_examples():
    x = rng.normal(5, 3, size=(500, 6, 4, 2)) * [1, 10]
    builder = ConvolutionalBuilder((6, 4, 2), classes=2).fitted(Rows(x, np.zeros(500)))
    model = builder.build({"convolutions": [{"filters": 2}]})
    seen = numbers(model.layers[0](x.astype("float32")))
    assert seen.mean(axis=(0, 1, 2)) == pytest.approx([0, 0], abs=1e-3)
    assert seen.std(axis=(0, 1, 2)) == pytest.approx([1, 1], abs=1e-3)
    plain = ConvolutionalBuilder((6, 4, 2), classes=2, standardise=False)
    assert plain.fitted(Rows(x, np.zeros(500))) is plain


@pytest.mark.parametrize(("shape", "n_channels"), [((4,), 4), ((6, 5), 1), ((6, 5, 3), 3)])
def test_mean_and_variance_are_of_each_channel(shape, n_channels):
    x = rng.integers(0, 256, size=(2500, *shape), dtype="uint8")
    chosen = np.arange(0, 2500, 2)
    mean, variance = Rows(x, x[:, 0], chosen).mean_and_variance(n_channels)
    columns = x[chosen].reshape(-1, n_channels)
    assert mean == pytest.approx(columns.mean(axis=0))
    assert variance == pytest.approx(columns.var(axis=0))


@pytest.mark.parametrize(
    ("config", "kind", "settings"),
    [
        (
            {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.5, "nesterov": True},
            "SGD",
            {"momentum": 0.5, "nesterov": True},
        ),
        ({"optimizer": "adam", "learning_rate": 0.1, "clipnorm": 1.0}, "Adam", {"clipnorm": 1.0}),
        ({"optimizer": "lion", "learning_rate": 0.1}, "Lion", {}),
        ({"learning_rate": 0.1, "weight_decay": 0.5}, "Adam", {"weight_decay": 0.5}),
    ],
)
def test_the_config_says_the_optimizer(config, kind, settings):
    optimizer = make_optimizer(config)
    assert type(optimizer).__name__ == kind
    settings_kept = optimizer.get_config()
    assert settings_kept["learning_rate"] == pytest.approx(0.1)
    assert {name: settings_kept[name] for name in settings} == settings


def test_outputs_may_have_their_own_loss_and_metrics():
    import keras

    builder = DenseBuilder(
        (4,),
        outputs=1,
        activation="sigmoid",
        loss="binary_crossentropy",
        metrics=lambda: [keras.metrics.AUC(name="auc")],
    )
    models = [builder.build({}), builder.build({})]
    x, y = np.zeros((4, 4)), np.array([0, 1, 0, 1])
    for model in models:
        assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == {"loss", "auc"}
