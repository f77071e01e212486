"""Trials on all that `fit` takes: several arrays, weights, texts, x alone, generators."""

import threading

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

import hpopt
from hpopt.errors import ProblemError, SettingError, TransferError
from hpopt.problems.keras import Classifier, DenseBuilder, KerasProblem, MAERandomSampling
from hpopt.space import Int, Space

from .small import X, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]

SPACE = Space({"units": Int(2, 4)})
CONFIG = {"units": 2}
LABEL = (X[:, 0] > 0).astype("float32")
TABLE = X[:, :2].astype("float64")
NONE = np.zeros(len(X))


def two_inputs(config):
    import keras

    image = keras.layers.Input((3,), name="image")
    table = keras.layers.Input((2,), name="table")
    joined = keras.layers.Concatenate()([image, table])
    model = keras.Model([image, table], keras.layers.Dense(1, activation="sigmoid")(joined))
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


def two_outputs(config):
    import keras

    image = keras.layers.Input((3,))
    label = keras.layers.Dense(1, activation="sigmoid", name="label")(image)
    model = keras.Model(image, [label, keras.layers.Dense(2, name="table")(image)])
    model.compile("sgd", {"label": "binary_crossentropy", "table": "mse"}, run_eagerly=True)
    return model


def autoencoder(config):
    import keras

    model = keras.Sequential(
        [keras.layers.Input((3,)), keras.layers.Dense(config["units"]), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    return model


def problem(x, y=None, build=two_inputs, **settings):
    return KerasProblem(x, y, build=build, space=SPACE, **{"epochs": 1, **settings})


DICT = {"image": X, "table": TABLE}


@pytest.mark.parametrize(
    ("x", "y", "build", "settings"),
    [
        ([X, TABLE], LABEL, two_inputs, {"validation_data": ((X[:9], TABLE[:9]), LABEL[:9])}),
        (DICT, LABEL, two_inputs, {"class_weight": {0: 1.0, 1: 2.0}}),
        (X, [LABEL, TABLE], two_outputs, {"objectives": "val_label_loss"}),
        (X, {"label": LABEL, "table": TABLE}, two_outputs, {"validation_split": 0.5}),
        (X, X, autoencoder, {}),
    ],
    ids=["list", "dict", "targets", "dict_of_targets", "autoencoder"],
)
def test_several_arrays_are_trained_on(x, y, build, settings, tmp_path):
    outcome = tried(problem(x, y, build, **settings), tmp_path, CONFIG)
    assert outcome.ok, outcome.traceback
    assert outcome.values["val_loss"] > 0
    assert outcome.info["history"]["val_loss"] == [outcome.values["val_loss"]]


def test_groups_are_folds_of_several_inputs(tmp_path):
    made = problem(DICT, LABEL, folds=GroupKFold(2), groups=np.arange(40) % 4)
    outcome = tried(made, tmp_path, CONFIG)
    assert [step for step, _ in outcome.curve] == [1, 2]
    assert [len(history["val_accuracy"]) for history in outcome.info["history"]] == [1, 1]
    assert made.load_model(CONFIG, tmp_path / "0").count_params() == 6


@pytest.mark.parametrize(
    ("settings", "loss", "val_loss"),
    [
        ({"sample_weight": NONE}, 0, 0),
        ({"validation_data": (X[:9], (LABEL[:9], TABLE[:9]), NONE[:9])}, 1, 0),
        ({"sample_weight": [NONE, NONE]}, 0, 0),
        ({"sample_weight": {"table": NONE, "label": NONE}}, 0, 0),
        ({"sample_weight": {"table": NONE, "label": NONE + 1}}, 1, 1),
    ],
)
def test_sample_weights_count(settings, loss, val_loss, tmp_path):
    outcome = tried(problem(X, (LABEL, TABLE), two_outputs, **settings), tmp_path, CONFIG)
    assert outcome.ok, outcome.traceback
    assert (outcome.values["loss"] > 0, outcome.values["val_loss"] > 0) == (loss, val_loss)


def one_layer():
    """Return a class of models, as Keras is imported by its tests only."""
    import keras

    class OneLayer(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    return OneLayer


def test_a_model_with_a_loss_of_its_own_needs_no_targets(tmp_path):
    def own(config):
        import keras

        class Own(one_layer()):
            def call(self, x):
                y = super().call(x)
                self.add_loss(keras.ops.mean((y - x) ** 2))
                return y

        model = Own()
        model.compile("sgd")
        return model

    outcome = tried(problem(X, None, own), tmp_path, CONFIG)
    assert outcome.values["val_loss"] > 0
    with pytest.raises(SettingError, match=r"y must be given, .* a loss \(mse\) .* give y=x"):
        problem(X, None, autoencoder)


def test_a_training_step_of_ones_own_is_called_as_fit_does(tmp_path):
    def own(config):
        import keras

        class Own(one_layer()):
            def train_step(self, data):
                x, y = data
                return {"first_loss": keras.ops.mean((self(x) - y) ** 2)}

        model = Own()
        model.compile("sgd")
        return model

    settings = {"build": own, "validation_split": 0}
    outcome = tried(problem(X, X, objectives="first_loss", **settings), tmp_path, CONFIG)
    assert outcome.values["first_loss"] > 0
    with pytest.raises(SettingError, match="did you mean 'first_loss'"):
        problem(X, X, objectives="last_loss", **settings)


def test_texts_are_vectorised(tmp_path):
    texts = np.array(["good", "bad film"] * 20)

    def build(config):
        import keras

        words = keras.layers.TextVectorization(output_mode="multi_hot")
        words.adapt(["good", "bad", "film"])
        model = keras.Sequential(
            [keras.layers.Input((1,), dtype="string"), words, keras.layers.Dense(1)]
        )
        model.compile("sgd", "mse")
        return model

    outcome = tried(problem(texts, LABEL, build), tmp_path, CONFIG)
    assert outcome.ok, outcome.traceback
    with pytest.raises(SettingError, match="x must hold numbers, as the networks of DenseBuilder"):
        Classifier(texts[:, None], LABEL)


def batches(config):
    """Yield 5 batches of 8 examples once."""
    for start in range(0, 40, 8):
        rows = slice(start, start + 8)
        yield [X[rows], TABLE[rows]], LABEL[rows]


STEPS = {"steps_per_epoch": 5, "validation_data": batches, "validation_steps": 5}


class TestGenerators:
    def test_each_epoch_and_each_trial_has_all_batches(self, tmp_path):
        made = problem(batches, epochs=3, **STEPS)
        outcome = tried(made, tmp_path, CONFIG)
        assert outcome.values["epochs"] == 3
        assert tried(made, tmp_path, CONFIG, number=1).values == outcome.values

    def test_a_trial_that_goes_on_has_the_batches_after(self, tmp_path):
        steps = {**STEPS, "steps_per_epoch": 2}
        whole = tried(problem(batches, fidelity=(1, 3), **steps), tmp_path / "a", CONFIG)
        made = problem(batches, fidelity=(1, 3), **steps)
        first = tried(made, tmp_path / "b", CONFIG, fidelity=1.0)
        second = tried(made, tmp_path / "b", CONFIG, number=1, fidelity=3.0, after=0)
        assert first.curve == whole.curve[:1]
        assert second.curve == whole.curve

    def test_each_batch_is_made_once_and_validation_begins_anew(self, tmp_path):
        made = {"x": [], "validation": []}

        def counted(name):
            def numbered(config):
                for number, batch in enumerate(batches(config)):
                    made[name].append(number)
                    yield batch

            return numbered

        settings = {**STEPS, "x": counted("x"), "validation_data": counted("validation")}
        problem_made = problem(epochs=3, **{**settings, "steps_per_epoch": 3})
        for numbers in made.values():
            numbers.clear()
        assert tried(problem_made, tmp_path, CONFIG).ok
        assert made == {"x": [0, 1, 2, 3, 4, 0, 1, 2, 3], "validation": [0, 1, 2, 3, 4] * 3}

    @pytest.mark.parametrize(
        ("x", "settings", "message"),
        [
            (batches({}), {}, "x must be a function that makes the generator, .* got a generator"),
            (batches, {}, "steps_per_epoch must be given where the function for x returns a gen"),
            (batches, {"steps_per_epoch": 0}, "steps_per_epoch must be an int"),
            (lambda: batches(0), {}, "must be a function of a config, but <lambda> cannot be call"),
            (
                lambda config: iter(()),
                {"steps_per_epoch": 1},
                "the generator for x must yield batches, but yields none",
            ),
            (
                lambda config: iter([DICT]),
                {"steps_per_epoch": 1},
                r"batches of x must be tuples \(x, y\) .*, but got \{'image': ndarray \(40, 3\)",
            ),
            (
                batches,
                {"steps_per_epoch": 5, "space": {"units": Int(1, 2), "batch_size": Int(2, 4)}},
                "the function for x does not read it",
            ),
        ],
    )
    def test_what_is_wrong_is_an_error_at_once(self, x, settings, message):
        with pytest.raises(SettingError, match=message):
            KerasProblem(x, build=two_inputs, **{"objectives": "loss", "space": SPACE, **settings})

    @pytest.mark.parametrize(
        "size", [lambda config: config["batch_size"], lambda config: dict(config)["batch_size"]]
    )
    def test_a_batch_size_that_is_read_may_be_searched(self, size):
        def made(config):
            yield [X[: size(config)], TABLE[: size(config)]], LABEL[: size(config)]

        space = {"batch_size": Int(2, 4)}
        assert KerasProblem(
            made, build=two_inputs, space=space, objectives="loss", steps_per_epoch=1
        )


class TestDatasets:
    def dataset(self):
        tf = pytest.importorskip("tensorflow")
        return tf.data.Dataset.from_tensor_slices(((X, TABLE), LABEL)).batch(8)

    def test_it_cannot_be_sent_to_workers_but_made_there(self):
        for settings in (
            {"x": self.dataset(), "objectives": "loss"},
            {"x": lambda config: self.dataset(), "validation_data": self.dataset()},
        ):
            with pytest.raises(TransferError, match=r"=lambda config: dataset\(\), or use one"):
                hpopt.optimize(problem(**settings), "random", trials=2, workers=2)

    def test_one_that_repeats_needs_steps(self, tmp_path):
        endless = self.dataset().repeat()
        with pytest.raises(SettingError, match="steps_per_epoch must be given where x is a datas"):
            problem(endless, objectives="loss")
        made = problem(endless, objectives="loss", steps_per_epoch=2)
        assert tried(made, tmp_path, CONFIG).ok

    def test_its_objectives_are_checked_without_reading_it(self):
        def read(*_):
            raise AssertionError("it was read")

        tf = pytest.importorskip("tensorflow")
        data = self.dataset().map(lambda x, y: (x, tf.py_function(read, [y], y.dtype)))
        data = data.map(lambda x, y: (x, tf.ensure_shape(y, [None])))
        with pytest.raises(SettingError, match="did you mean 'accuracy'"):
            problem(data, objectives="acc")

    def test_what_cannot_be_copied_says_so(self):
        import keras

        class Locked(keras.utils.PyDataset):
            def __init__(self):
                super().__init__()
                self.lock = threading.Lock()

        with pytest.raises(SettingError, match=r"a Locked must be copied .*=lambda config: data"):
            problem(Locked(), objectives="loss")

    def test_a_builder_has_no_batch_size_to_search(self):
        data = self.dataset().map(lambda x, y: (x[0], y))
        made = KerasProblem(data, build=DenseBuilder((3,), outputs=1), objectives="loss")
        assert "learning_rate" in made.space
        assert "batch_size" not in made.space

    def test_a_batch_size_that_it_ignores(self):
        space = {"units": Int(1, 2), "batch_size": Int(2, 4)}
        with pytest.raises(SettingError, match="batch_size is a parameter of the space, but x is"):
            KerasProblem(self.dataset(), build=two_inputs, space=space, objectives="loss")


@pytest.mark.parametrize(
    ("x", "y", "settings", "error", "message"),
    [
        (DICT, LABEL, {"class_weight": {0: 1}, "sample_weight": NONE}, SettingError, "exclude one"),
        (
            X,
            (LABEL, TABLE),
            {"class_weight": {0: 1}, "build": two_outputs},
            SettingError,
            "sample_w",
        ),
        (DICT, LABEL, {"groups": NONE}, SettingError, "write folds=sklearn"),
        (DICT, LABEL, {"steps_per_epoch": 3}, SettingError, "for datasets and generators"),
        (batches, None, {"sample_weight": NONE}, SettingError, "sample_weight needs arrays"),
        ({"image": X, "tble": TABLE}, LABEL, {}, ProblemError, "Expected the following keys"),
        (lambda config: 1 / 0, None, {}, ProblemError, r"division by zero \(test_inputs\.py, lin"),
    ],
)
def test_what_does_not_fit_is_an_error_at_once(x, y, settings, error, message):
    with pytest.raises(error, match=message) as caught:
        problem(x, y, **{"objectives": "loss", **settings})
    assert len(str(caught.value)) < 700


def test_builders_and_sampling_take_one_array():
    with pytest.raises(SettingError, match=r"its shape is \[\(40, 3\), \(40, 2\)\]: with a build"):
        Classifier([X, TABLE], LABEL)
    assert Classifier(DICT, LABEL, build=two_inputs, space=SPACE, objectives="val_loss")
    with pytest.raises(SettingError, match="x must be one array, as the networks of DenseBuilder"):
        KerasProblem({"image": X}, LABEL, build=DenseBuilder((3,), outputs=1))
    with pytest.raises(SettingError, match="x must be one array of numbers for networks to be"):
        MAERandomSampling.before(problem(DICT, LABEL))
