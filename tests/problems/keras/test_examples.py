"""The examples: their images come from where they say, and a trial of each runs."""

import importlib
import io
import sys

import numpy as np
import pytest

from .small import EAGER, needs_keras, quiet, tried
from .test_digits import EXAMPLES

pytestmark = [needs_keras, quiet, *EAGER]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def without_data(monkeypatch):
    monkeypatch.delenv("HPOPT_DATA", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.syspath_prepend(EXAMPLES)
    yield
    for name in ("images", "mnist", "cifar10", "cat_vs_noncat", "parking", "sine_wave"):
        sys.modules.pop(name, None)


def pictures(n, *shape):
    return RNG.integers(0, 256, (n, *shape), dtype=np.uint8), RNG.integers(0, 10, n)


def written(path, shape):
    """Write a file as keras.datasets keeps it."""
    arrays = [*pictures(9, *shape), *pictures(4, *shape)]
    np.savez(path, **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)))
    return arrays


class TestImages:
    @pytest.mark.parametrize("folder", ["", "images"])
    @pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28)), ("cifar10", (32, 32, 3))])
    def test_they_come_from_the_folder(self, name, shape, folder, tmp_path, monkeypatch, capsys):
        (tmp_path / folder).mkdir(exist_ok=True)
        arrays = written(tmp_path / folder / f"{name}.npz", shape)
        monkeypatch.setenv("HPOPT_DATA", str(tmp_path))
        (x, y), (x_test, y_test) = getattr(importlib.import_module("images"), name)()
        for mine, theirs in zip((x, y, x_test, y_test), arrays, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert f"{name}.npz (HPOPT_DATA)" in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["mnist", "cifar10"])
    def test_or_from_keras(self, name, monkeypatch, capsys):
        import keras

        x, y = pictures(3, 2, 2)
        both = (x, y[:, None]), (x, y[:, None])
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: both)
        training, _ = getattr(importlib.import_module("images"), name)()
        assert training[1].tolist() == y.tolist()
        assert f"keras.datasets.{name}" in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["mnist", "cifar10"])
    def test_without_network_it_says_how_to_get_them(self, name, monkeypatch):
        import keras

        def fail():
            raise Exception("URL fetch failure")  # as Keras does

        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", fail)
        with pytest.raises(SystemExit, match=rf"URL fetch .* set HPOPT_DATA .*{name}\.npz"):
            getattr(importlib.import_module("images"), name)()

    def test_cats_are_in_the_folder_only(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HPOPT_DATA", str(tmp_path))
        with pytest.raises(SystemExit, match=r"train_catvnoncat\.h5 must be in the folder"):
            importlib.import_module("images").cat_vs_noncat()

    def test_packed_ones_are_unpacked(self, tmp_path, monkeypatch):
        image = pytest.importorskip("PIL.Image")
        x, y = pictures(2, 32, 32, 3)
        packed = []
        for picture in x:
            file = io.BytesIO()
            image.fromarray(picture).save(file, "webp", lossless=True, exact=True)
            packed.append(file.getvalue())
        offsets = np.cumsum([0, *map(len, packed)])
        for part in (*(f"train_{k}" for k in range(1, 6)), "test"):
            webp = np.frombuffer(b"".join(packed), np.uint8)
            np.savez(tmp_path / f"cifar10_{part}.npz", webp=webp, offsets=offsets, labels=y)
        monkeypatch.setenv("HPOPT_DATA", str(tmp_path))
        training, test = importlib.import_module("images").cifar10()
        assert len(training[0]) == 10
        np.testing.assert_array_equal(test[0], x)
        np.testing.assert_array_equal(test[1], y)


def test_mnist(tmp_path):
    example = importlib.import_module("mnist")
    problem = example.digits(pictures(60, 28, 28), 60, epochs=1)
    assert len(problem.validation) == 10
    lengths = {len(config["dense"]) for config in problem.space.sample(40, seed=0)}
    assert lengths == {0, 1, 2, 3, 4}
    outcome = tried(problem, tmp_path, example.NO_HIDDEN_LAYER)
    assert outcome.ok, outcome.traceback
    assert outcome.values["parameters"] == 784 * 10 + 10


class TestCifar10:
    def test_the_network_of_menndl_is_that_of_caffe(self):
        example = importlib.import_module("cifar10")
        problem = example.Menndl(*pictures(20, 32, 32, 3))
        assert problem.build(example.CAFFE).count_params() == 145_578  # as Caffe says
        assert problem.space["kernel1"].size == 8
        assert problem.space["filters3"].size == 111

    def test_the_spaces_are_as_large_as_the_paper_says(self):
        example = importlib.import_module("cifar10")
        assert example.TABLE_3.size == 3072
        # The paper's count has the three widths of a border in it that its tables leave out.
        assert example.TABLES_1_AND_2.size * 3 == 15_116_544

    def test_a_trial_of_it(self, tmp_path):
        example = importlib.import_module("cifar10")
        problem = example.ThreeConvolutions(
            *pictures(20, 32, 32, 3), stride=2, dropout=0.3, space=example.TABLES_1_AND_2, epochs=1
        )
        config = problem.space.sample(1, seed=0)[0] | {"activation": "lrelu"}
        outcome = tried(problem, tmp_path, config)
        assert outcome.ok, outcome.traceback
        assert 0 <= outcome.values["val_accuracy"] <= 1

    def test_its_strategies_are_there(self):
        example = importlib.import_module("cifar10")
        assert set(example.STRATEGIES) == {"random", "genetic", "memetic", "narrowing"}
        assert all(make(10) is not None for make in example.STRATEGIES.values())


class TestCatVsNoncat:
    """Its network is its own; Keras' is the oracle."""

    @pytest.fixture
    def images(self):
        x = RNG.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
        x[::2] //= 4  # what is dark is a cat
        return (x, np.arange(20) % 2), (x[:6], np.arange(6) % 2)

    def test_a_trial_of_it(self, images, tmp_path):
        example = importlib.import_module("cat_vs_noncat")
        problem = example.CatOrNot(5, images)
        assert problem.space.size == 5**5
        assert example.CatOrNot(4, images).space.size == 5**4
        best = {"iterations": 500, "learning_rate": 0.0078, "units1": 30, "units2": 10, "units3": 6}
        outcome = tried(problem, tmp_path, best)
        assert outcome.values["accuracy"] > 0.5

    def test_it_learns_from_coordinates_what_keras_learns_from_pixels(self, images):
        import keras

        example = importlib.import_module("cat_vs_noncat")
        problem = example.CatOrNot(4, images)
        layers = problem.new_layers([5, 3], seed=2)
        x, x_test = (part.reshape(len(part), -1) / 255 for part, _ in images)
        basis, _ = np.linalg.qr(np.concatenate([x, x_test]).T)
        model = keras.Sequential([keras.layers.Input(x.shape[1:])])
        for (weights, bias), activation in zip(layers, ("relu", "relu", "sigmoid"), strict=True):
            model.add(keras.layers.Dense(len(bias), activation=activation))
            kernel = basis @ weights if len(model.layers) == 1 else weights
            model.layers[-1].set_weights([kernel, bias])
        model.compile(keras.optimizers.SGD(0.05), loss="binary_crossentropy")
        model.fit(x, problem.y, batch_size=len(x), epochs=30, shuffle=False, verbose=0)
        for _ in range(30):
            example.descend(layers, problem.x, problem.y, 0.05)
        *_, output = example.activations(layers, problem.x_test)
        predicted = model.predict(x_test, verbose=0)
        np.testing.assert_allclose(1 / (1 + np.exp(-output)), predicted, atol=1e-4)
        assert np.ptp(predicted) > 0.05


def test_parking(tmp_path):
    example = importlib.import_module("parking")
    path = tmp_path / "mine.csv"
    rows = [f"day {n},{np.sin(n):.4f},{np.cos(n):.4f},{n % 7}" for n in range(80)]
    path.write_text("\n".join(["date,a,b,weekday", *rows]))
    series = example.read([path])
    assert len(series.features) == 3
    assert len(series.targets) == 2
    problem = example.network(series, quick=True, epochs=1)
    outcome = tried(problem, tmp_path, problem.space.sample(1, seed=0)[0])
    assert outcome.ok, outcome.traceback
    with pytest.raises(SystemExit, match=r"must be in the folder that HPOPT_DATA names"):
        example.read([])
    values = np.array([[5, 1, 8.0], [5, 1, 8.5], [7, 1, 8.5], [7, 2, 8.5]])
    assert example.without_repeats(values, ["a", "weekday", "time"]).tolist() == [
        [5, 1, 8.0],
        [5, 1, 8.5],
        [7, 2, 8.5],
    ]
    assert len(example.without_repeats(values, ["a", "b", "time"])) == 4


def test_sine_wave(capsys):
    example = importlib.import_module("sine_wave")
    example.sample_the_papers_network()
    printed = capsys.readouterr().out
    assert "by our formula: -29.906005813484" in printed
    assert example.test_windows({"look_back": 17}).x.shape == (20, 17, 1)
