"""MAE random sampling: the paper's figures, the loop that it stands for, and its settings."""

import math

import numpy as np
import pytest

from hpopt.errors import ProblemError, SettingError, UnknownNameError
from hpopt.problems.keras import (
    Networks,
    layer_families,
    mae_random_sampling,
    sampling_of,
    truncated_normal_log_p,
)

from ..small import needs_keras, quiet

pytestmark = [needs_keras, quiet]

WAVE = np.sin(2 * np.pi * np.arange(60) / 10)
X = np.lib.stride_tricks.sliding_window_view(WAVE, 4)[:-1, :, None]
Y = WAVE[4:]


@pytest.fixture(scope="module")
def model():
    import keras

    return keras.Sequential(
        [
            keras.layers.Input((4, 1)),
            keras.layers.LSTM(3),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )


def classifier(n_classes):
    import keras

    kind = "softmax" if n_classes > 1 else "sigmoid"
    return keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dense(n_classes, activation=kind)]
    )


def predictions(model, x, draws, seed):
    networks = Networks(model)
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((draws, networks.n_weights), dtype=np.float32)
    return networks.predict(weights, x)


class TestLogP:
    def test_the_paper_prints_it(self):
        found = truncated_normal_log_p(0.81072833698353519, 0.1104613706995357)
        assert found == pytest.approx(-29.906005813483684, abs=1e-13)
        assert type(found) is float

    def test_arrays_are_taken_at_once(self):
        found = truncated_normal_log_p([0.8, 0.5], [0.1, 0.0], threshold=0.02, upper=3.0)
        assert found.shape == (2,)
        assert found[1] == -np.inf

    @pytest.mark.parametrize(
        "wrong",
        [
            {"std": -0.1},
            {"threshold": 0},
            {"lower": 2.0},
            {"upper": math.inf},
            {"threshold": math.nan},
        ],
    )
    def test_what_is_wrong_is_said(self, wrong):
        with pytest.raises(SettingError, match="but got"):
            truncated_normal_log_p(**{"mean": 0.8, "std": 0.1} | wrong)


class TestSampling:
    def test_it_is_what_a_loop_over_the_model_gives(self, model):
        """The same weights in the Keras model, one draw after another."""
        kept = model.get_weights()
        sampling = mae_random_sampling(model, X, Y, draws=5, seed=3)
        rng = np.random.default_rng(3)
        n_weights = sum(weight.size for weight in kept)
        errors = []
        for _ in range(5):
            vector = rng.standard_normal(n_weights, dtype=np.float32)
            parts = np.split(vector, np.cumsum([weight.size for weight in kept])[:-1])
            model.set_weights([p.reshape(w.shape) for p, w in zip(parts, kept, strict=True)])
            errors.append(np.abs(model.predict(X, verbose=0)[:, 0] - Y).mean())
        model.set_weights(kept)
        np.testing.assert_allclose(sampling.samples, errors, atol=1e-5)
        assert sampling.mean == pytest.approx(np.mean(errors), abs=1e-5)
        assert sampling.std == pytest.approx(np.std(errors), abs=1e-5)
        assert sampling.log_p == truncated_normal_log_p(sampling.mean, sampling.std)
        assert sampling.p == math.exp(sampling.log_p)

    def test_the_model_stays_as_it_is(self, model):
        before = model.get_weights()
        mae_random_sampling(model, X, Y, draws=2)
        for mine, theirs in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)

    def test_the_same_seed_draws_the_same(self, model):
        one, two, other = (
            mae_random_sampling(model, X, Y, draws=4, seed=seed).samples for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(one, two)
        assert (one != other).all()

    def test_a_longer_sample_begins_as_a_shorter_one(self, model, monkeypatch):
        from hpopt.problems.keras.untrained import mae_sampling

        monkeypatch.setattr(mae_sampling, "AT_ONCE", 200)
        short, long = (mae_random_sampling(model, X, Y, draws).samples for draws in (4, 30))
        np.testing.assert_allclose(long[:4], short, rtol=1e-6)
        monkeypatch.undo()
        whole = mae_random_sampling(model, X, Y, 30).samples
        np.testing.assert_allclose(long, whole, rtol=1e-6)

    def test_networks_may_be_given(self, model):
        networks = Networks(model)
        one = mae_random_sampling(networks, X, Y, 3).samples
        np.testing.assert_array_equal(one, mae_random_sampling(model, X, Y[:, None], 3).samples)

    def test_its_moments_are_those_of_many_draws_of_a_loop(self, model):
        """By the plain formula on predictions of other draws: equal within sampling error."""
        sampling = mae_random_sampling(model, X, Y, draws=2000, seed=0)
        errors = np.abs(predictions(model, X, 2000, seed=99)[..., 0] - Y).mean(axis=1)
        standard_error = math.hypot(sampling.std, errors.std()) / math.sqrt(2000)
        assert abs(sampling.mean - errors.mean()) < 4 * standard_error
        assert sampling.std == pytest.approx(errors.std(), rel=0.15)


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "formula"),
        [
            ("mse", lambda p: ((p - Y) ** 2).mean(axis=1)),
            ("rmse", lambda p: np.sqrt(((p - Y) ** 2).mean(axis=1))),
            (lambda y, p: np.abs(p[..., 0] - y).max(axis=1), lambda p: np.abs(p - Y).max(axis=1)),
        ],
    )
    def test_other_errors(self, model, error, formula):
        samples = mae_random_sampling(model, X, Y, 4, 1, error=error).samples
        np.testing.assert_allclose(samples, formula(predictions(model, X, 4, 1)[..., 0]), rtol=1e-4)

    @pytest.mark.parametrize("n_classes", [1, 3])
    def test_the_error_rate_of_classes(self, n_classes):
        rng = np.random.default_rng(0)
        x, labels = rng.normal(size=(40, 2)), rng.integers(0, max(n_classes, 2), 40)
        network = classifier(n_classes)
        predicted = predictions(network, x, 6, 1)
        classes = predicted.argmax(-1) if n_classes > 1 else predicted[..., 0] > 0.5
        expected = (classes != labels).mean(axis=1)
        shapes = [labels, labels[:, None]] + [np.eye(3)[labels]] * (n_classes > 1)
        for y in shapes:
            found = mae_random_sampling(network, x, y, 6, 1, error="error_rate").samples
            np.testing.assert_allclose(found, expected)

    def test_numbers_too_large_are_no_error(self):
        """An infinite error tells nothing of the architecture: its log p is the worst."""
        import keras

        network = keras.Sequential(
            [keras.layers.Input((2,)), keras.layers.Dense(1, activation="exponential")]
        )
        x = np.full((3, 2), 1e4)
        sampling = mae_random_sampling(network, x, np.zeros(3), 20)
        assert not np.isfinite(sampling.samples).all()
        assert (sampling.p, sampling.log_p) == (0.0, -math.inf)


class TestSettings:
    def test_an_initialiser_draws_each_weight_by_itself(self, model):
        import keras

        uniform = keras.initializers.RandomUniform(-0.1, 0.1)
        one = mae_random_sampling(model, X, Y, 5, 1, initializer=uniform)
        assert 0 < one.std < 0.1
        assert len(set(one.samples)) == 5
        again = mae_random_sampling(model, X, Y, 3, 1, initializer=uniform)
        np.testing.assert_allclose(one.samples[:3], again.samples, rtol=1e-6)
        by_name = mae_random_sampling(model, X, Y, 3, 1, initializer="glorot_uniform")
        assert by_name.std > 0

    def test_equal_draws_have_no_deviation(self, model):
        sampling = mae_random_sampling(model, X, Y, 3, initializer="zeros")
        assert sampling.std == 0
        assert sampling.mean == pytest.approx(np.abs(Y).mean())
        assert (sampling.p, sampling.log_p) == (0.0, -math.inf)

    def test_the_fit_may_be_that_of_greatest_likelihood(self):
        samples = np.random.default_rng(0).normal(0.1, 0.3, 3000)
        samples = samples[samples > 0]  # a normal of this mean and deviation, cut
        moments, likelihood = sampling_of(samples), sampling_of(samples, fit="likelihood")
        assert (moments.location, moments.scale) == (moments.mean, moments.std)
        assert likelihood.mean == moments.mean
        true = truncated_normal_log_p(0.1, 0.3)
        assert abs(likelihood.log_p - true) < 0.1 < abs(moments.log_p - true)

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"draws": 0}, "draws must be an int of at least 1"),
            ({"seed": -1}, "seed must be an int of at least 0"),
            ({"threshold": 0.0}, "lower < threshold must hold"),
            ({"bounds": (2, 0)}, "lower < upper"),
            ({"bounds": 2}, "bounds must be a pair of numbers"),
            ({"fit": "best"}, "fit must be 'moments' or 'likelihood'"),
            ({"error": 3}, "error must be one of"),
            ({"error": lambda y, p: 0.0}, "one number a draw, shape"),
            ({"initializer": "nonsense"}, "initializer must be one of Keras"),
            ({"initializer": "orthogonal"}, r"cannot draw .*bias of shape \(12,\)"),
            ({"x": X[:9]}, "of the same length, but got 9 and 56"),
            ({"y": np.zeros((56, 2))}, r"y must have the shape of the predictions, \(56, 1\)"),
            ({"y": np.full(56, np.nan)}, "y must be finite"),
            ({"fit": "likelihood", "bounds": (0.0, 0.1)}, "give larger bounds"),
        ],
    )
    def test_what_is_wrong_is_said(self, model, settings, said):
        with pytest.raises(SettingError, match=said):
            mae_random_sampling(**{"model": model, "x": X, "y": Y, "draws": 3} | settings)

    def test_an_unknown_error_is_said(self, model):
        with pytest.raises(UnknownNameError, match="did you mean 'mae'"):
            mae_random_sampling(model, X, Y, error="maee")

    def test_what_is_no_model_is_said(self):
        with pytest.raises(ProblemError, match=r"must be a keras\.Model"):
            mae_random_sampling(None, X, Y)


class TestFamilies:
    def test_all_sizes_are_listed(self):
        found = list(layer_families((1, 2), (2, 6), pace=4))
        assert found == [[2], [6], [2, 2], [2, 6], [6, 2], [6, 6]]
        assert sum(1 for _ in layer_families((1, 3), (1, 10))) == 10 + 100 + 1000

    def test_the_largest_is_left_out_where_the_pace_misses_it(self):
        assert list(layer_families((1, 1), (1, 8), pace=3)) == [[1], [4], [7]]

    def test_they_are_never_all_built(self):
        assert next(iter(layer_families((20, 20), (1, 100)))) == [1] * 20

    @pytest.mark.parametrize(
        "arguments", [((2, 1), (1, 2)), ((1, 2), (3, 2)), ((0, 2), (1, 2)), (1, (1, 2))]
    )
    def test_what_is_wrong_is_said_at_once(self, arguments):
        with pytest.raises(SettingError, match="but got"):
            layer_families(*arguments)
        with pytest.raises(SettingError, match="pace"):
            layer_families(pace=0)
