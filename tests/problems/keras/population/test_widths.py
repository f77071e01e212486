"""A narrow network inside a wide one trains as it does alone."""

import numpy as np
import pytest

from hpopt.problems.keras.population.narrow_dropout import can_draw
from hpopt.problems.keras.population.width_layers import ACTIVATIONS, keeps_zero
from hpopt.problems.keras.population.widths import placed, taken, widening_of
from hpopt.problems.keras.session import import_keras
from hpopt.problems.keras.sharing.numbers import OPTIMIZERS, own_variables

keras = import_keras()
layers, optimizers = keras.layers, keras.optimizers
IS_JAX = keras.backend.backend() == "jax"
WIDTHS = {3: 8, 5: 8, 6: 8, 8: 8, 11: 12}

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 4, 4, 2)).astype("float32")
Y = (X.sum(axis=(1, 2, 3)) > 0).astype("int32")


def dense(*units, activation="relu", between=(), shape=(4, 4, 2)):
    made = [layers.Input(shape), layers.Flatten()]
    for n in units:
        made += [layers.Dense(n), *(make() for make in between), layers.Activation(activation)]
    return keras.Sequential([*made, layers.Dense(2, activation="softmax")])


def convolutional():
    return keras.Sequential(
        [
            layers.Input((4, 4, 2)),
            layers.Conv2D(3, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(negative_slope=0.1),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(5, 2, depth_multiplier=2, padding="same", activation="elu"),
            layers.DepthwiseConv2D(2, padding="same", activation="tanh"),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dense(6, "gelu", kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.Dense(2, activation="softmax"),
        ]
    )


def functional():
    inputs = keras.Input((4, 4, 2))
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 2, activation="silu")(inputs))
    outputs = layers.Dense(2, activation="softmax")(layers.Dense(11, "selu")(hidden))
    return keras.Model(inputs, outputs)


def compiled(model, optimizer):
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=not IS_JAX)
    return model


def inside(model, widths=None):
    """Return the widening of a model, and the wide model with its arrays."""
    widening = widening_of(model, WIDTHS if widths is None else widths)
    wide, inputs = widening.wide_model(model)
    for variable, positions in zip(inputs, widening.positions, strict=True):
        variable.assign(positions)
    for variable, array, axes in zip(
        own_variables(wide), arrays(model), widening.axes, strict=True
    ):
        variable.assign(placed(array, axes))
    return widening, wide


def arrays(owner):
    return [np.array(keras.ops.copy(variable)) for variable in own_variables(owner)]


DROPS = [lambda: layers.Dropout(0.4, seed=3)]
TRAINED = {
    "dense": lambda: compiled(dense(3, 11, activation="gelu"), optimizers.AdamW(1e-2)),
    "clipped": lambda: compiled(dense(5, 5), optimizers.Lamb(1e-2, global_clipnorm=0.1)),
    "convolutional": lambda: compiled(
        convolutional(), optimizers.SGD(0.05, momentum=0.9, use_ema=True)
    ),
    "functional": lambda: compiled(functional(), optimizers.RMSprop(1e-3, clipnorm=0.1)),
}


@pytest.mark.parametrize("kind", [*TRAINED, *(["dropout"] if IS_JAX else [])])
def test_trains_as_alone(kind):
    keras.utils.set_random_seed(1)
    made = TRAINED.get(kind) or (lambda: compiled(dense(3, 6, between=DROPS), optimizers.SGD(0.1)))
    alone = made()
    widening, wide = inside(alone)
    start = arrays(alone)
    for begin in (0, 8, 16):
        batch = X[begin : begin + 8], Y[begin : begin + 8]
        assert wide.train_on_batch(*batch) == pytest.approx(alone.train_on_batch(*batch), abs=1e-5)
    assert any(not np.array_equal(a, b) for a, b in zip(start, arrays(alone), strict=True))
    slots = widening.axes_of_slots(wide, wide.optimizer)
    n_outside = 0
    for owners, all_axes in [
        ((alone, wide), widening.axes),
        ((alone.optimizer, wide.optimizer), slots),
    ]:
        for own, its, axes in zip(*map(arrays, owners), all_axes, strict=True):
            assert taken(its, axes) == pytest.approx(own, abs=2e-4)
            assert np.array_equal(its, placed(taken(its, axes), axes))  # nothing leaks
            n_outside += its.size - own.size
    assert n_outside > 0
    assert wide.predict_on_batch(X) == pytest.approx(alone.predict_on_batch(X), abs=1e-4)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_no_optimizer_moves_what_is_outside(name):
    optimizer = getattr(optimizers, name)(0.01, weight_decay=0.1, clipnorm=0.5)
    alone = compiled(dense(3, shape=(4,)), optimizer)
    widening, wide = inside(alone)
    for _ in range(2):
        logs = (
            alone.train_on_batch(X[:8, 0, :, 0], Y[:8]),
            wide.train_on_batch(X[:8, 0, :, 0], Y[:8]),
        )
        assert logs[0] == pytest.approx(logs[1], abs=1e-5)
    for owner, all_axes in (
        (wide, widening.axes),
        (wide.optimizer, widening.axes_of_slots(wide, wide.optimizer)),
    ):
        for array, axes in zip(arrays(owner), all_axes, strict=True):
            outside = array - placed(taken(array, axes), axes)
            # What an accumulator begins with stays.
            assert not outside.any() or name == "Adagrad"


def widths_of(made, optimizer=None):
    model = keras.Sequential([layers.Input((4, 4, 2)), *made, layers.Dense(2)])
    model.compile(optimizer or optimizers.SGD(0.1), "mse")
    found = widening_of(model, WIDTHS)
    return [] if found is None else [*found.widths.values()]


def test_only_widths_that_others_have_may_be_wider():
    assert widths_of([layers.Flatten(), layers.Dense(4), layers.Dense(3)]) == [8]
    assert widths_of([layers.Dense(3), layers.GaussianNoise(0.1), layers.Dense(5)]) == [8]


EXCLUDED = {
    "sigmoid": lambda: [layers.Dense(3, "sigmoid")],
    "softmax": lambda: [layers.Dense(3), layers.Softmax()],
    "threshold": lambda: [layers.Dense(3), layers.ReLU(negative_slope=0.1, threshold=0.5)],
    "layer normalisation": lambda: [layers.Dense(3), layers.LayerNormalization()],
    "over an axis of the image": lambda: [layers.Dense(3), layers.BatchNormalization(axis=1)],
    "noise": lambda: [layers.Dense(3), layers.GaussianNoise(0.1)],
    "shared masks": lambda: [layers.Dense(3), layers.Dropout(0.1, noise_shape=(None, 1, 1, 3))],
    "l1": lambda: [layers.Dense(3, kernel_regularizer="l1")],
    "orthogonal": lambda: [layers.Dense(3, kernel_regularizer="orthogonal_regularizer")],
    "constraint": lambda: [layers.Dense(3, kernel_constraint="unit_norm")],
    "groups": lambda: [layers.Conv2D(8, 2), layers.Conv2D(4, 2, groups=4)],
    "reshape": lambda: [layers.Dense(3), layers.Reshape((4, 12))],
    "recurrent": lambda: [layers.Dense(3), layers.Reshape((4, 12)), layers.SimpleRNN(3)],
    "nested": lambda: [layers.Dense(3), keras.Sequential([layers.Dense(3)])],
}


@pytest.mark.parametrize("kind", EXCLUDED)
def test_where_it_would_change_a_network_it_keeps_its_widths(kind):
    assert widths_of(EXCLUDED[kind]()) == []


@pytest.mark.parametrize(
    "optimizer", [optimizers.Ftrl(), optimizers.Adafactor(), optimizers.Adam(epsilon=0.0)]
)
def test_optimizers_that_would_change_what_is_outside(optimizer):
    assert widths_of([layers.Dense(3)], optimizer) == []


def test_a_network_with_a_branch_keeps_its_widths():
    inputs = keras.Input((4,))
    hidden = layers.Dense(3)(inputs)
    outputs = layers.Dense(2)(layers.Concatenate()([hidden, layers.Dense(3)(hidden)]))
    assert widening_of(compiled(keras.Model(inputs, outputs), optimizers.SGD(0.1)), WIDTHS) is None


@pytest.mark.parametrize("make", [dense, lambda *units, **_: functional()])
def test_networks_of_other_widths_have_equal_configs(make):
    def config(*units, **settings):
        keras.utils.clear_session(free_memory=False)
        model = compiled(make(*units, **settings), optimizers.SGD(0.1))
        return widening_of(model, WIDTHS).config_of(model)

    assert config(3, 5) == config(6, 8)
    if make is dense:
        assert config(3, 5) != config(3, 11)
        assert config(3, 5) != config(3, 5, activation="elu")
        assert config(3, 5) != config(3, 4)


# Older versions of Keras lack some.
@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if hasattr(keras.activations, n)])
def test_activations_keep_zero(name):
    activation = keras.activations.get(name)
    assert keeps_zero(activation)
    ends = keras.ops.convert_to_numpy(activation(keras.ops.array([-1e-4, 0.0, 1e-4])))
    assert ends[1] == 0.0
    assert abs(ends).max() < 1e-3


def test_other_functions_are_not_known():
    assert not keeps_zero(keras.activations.sigmoid)
    assert not keeps_zero(lambda x: x)


@pytest.mark.skipif(not IS_JAX, reason="only JAX draws each number by its place")
def test_draws_are_those_of_the_narrow_network():
    assert can_draw()
