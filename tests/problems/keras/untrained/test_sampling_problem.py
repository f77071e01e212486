"""Searches without training: architectures by their sampling, and the weights themselves."""

import numpy as np
import pytest

import hpopt
from hpopt.core import Solution, evaluate, evaluate_together
from hpopt.errors import ConfigError, ProblemError, SettingError
from hpopt.problems.keras import (
    Classifier,
    KerasProblem,
    MAERandomSampling,
    WeightSearch,
    first_filter,
    layer_families,
    mae_random_sampling,
    sample_all,
)
from hpopt.problems.keras.untrained import sampling_problem
from hpopt.problems.time_series import TimeSeries
from hpopt.space import Int, Sequence, Space
from hpopt.testing import ProblemContract

from ..small import Line, X, Y, needs_keras, quiet

pytestmark = [needs_keras, quiet]

SERIES = TimeSeries(np.sin(2 * np.pi * np.arange(60) / 10), scaling=None, validation=0)
SPACE = Space({"look_back": Int(2, 6), "layers": Sequence({"cells": Int(1, 4)}, 1, 2)})


def build(config):
    import keras

    cells = [layer["cells"] for layer in config["layers"]]
    return keras.Sequential(
        [
            keras.layers.Input((config["look_back"], 1)),
            *(keras.layers.SimpleRNN(size, return_sequences=True) for size in cells[:-1]),
            keras.layers.SimpleRNN(cells[-1]),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )


def data(config):
    return SERIES.windows(config["look_back"], "test")


def problem(**settings):
    return MAERandomSampling(build, data, SPACE, **({"draws": 5} | settings))


def dense(n_outputs=1, activation="tanh"):
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(4, activation="tanh"),
            layers.Dense(n_outputs, activation),
        ]
    )


def compiled(model):
    model.compile("sgd", loss="mae")
    return model


class TestSamplingContract(ProblemContract):
    def make(self):
        return problem()


class TestWeightsContract(ProblemContract):
    def make(self):
        return WeightSearch(dense(), X, np.tanh(Y))


class TestMAERandomSampling:
    def test_a_trial_is_the_sampling_of_its_network(self):
        config = {"look_back": 3, "layers": [{"cells": 2}, {"cells": 3}]}
        outcome = evaluate(problem(), Solution(0, config, np.empty(0), 7))
        expected = mae_random_sampling(build(config), *data(config), draws=5, seed=7)
        assert outcome.values["log_p"] == pytest.approx(expected.log_p)
        assert outcome.values["mean"] == pytest.approx(expected.mean)
        assert outcome.values["parameters"] == build(config).count_params()
        assert problem().sample(config, seed=7).log_p == pytest.approx(expected.log_p)

    def test_it_is_searched(self):
        result = hpopt.optimize(problem(), "mu_plus_lambda", trials=12, seed=0, progress=False)
        values = [trial.values["log_p"] for trial in result.trials]
        assert len(values) == 12
        assert result.best.values["log_p"] == max(values) > min(values)

    @pytest.mark.parametrize("n_threads", [1, 2])
    def test_a_batch_gives_what_each_alone_gives(self, n_threads, monkeypatch):
        """Also with one that fails in it, and one that only Keras itself can call."""

        def sometimes(config):
            if config["look_back"] == 3:
                raise RuntimeError("no such network")
            model = build(config)
            if config["look_back"] == 4:
                import keras

                model = keras.Sequential([*model.layers, keras.layers.UnitNormalization()])
            return model

        monkeypatch.setattr(sampling_problem, "available_threads", lambda: n_threads)
        several = MAERandomSampling(sometimes, data, SPACE, draws=5)
        solutions = [
            Solution(
                number, {"look_back": look_back, "layers": [{"cells": 2}]}, np.empty(0), number
            )
            for number, look_back in enumerate([2, 3, 4, 5])
        ]
        together = evaluate_together(several, solutions)
        alone = [evaluate(several, solution) for solution in solutions]
        assert [dict(each.values) for each in together] == [dict(each.values) for each in alone]
        assert [each.status for each in together] == ["complete", "failed", "complete", "complete"]
        assert "no such network" in together[1].error

    def test_a_search_in_batches_is_the_search_one_by_one(self):
        def essence(**settings):
            options = {"trials": 6, "seed": 0, "progress": False}
            found = hpopt.optimize(problem(**settings), "genetic", **options)
            return [(trial.config, dict(trial.values)) for trial in found.trials]

        assert essence() == essence(max_batch=1)

    def test_what_cannot_be_built_is_one_failed_trial(self):
        def broken(config):
            raise RuntimeError("no such cell")

        outcome = evaluate(
            MAERandomSampling(broken, data, SPACE),
            Solution(0, SPACE.sample(1, seed=0)[0], np.empty(0), 7),
        )
        assert outcome.status == "failed"
        assert "no such cell" in outcome.error

    @pytest.mark.parametrize(
        ("arguments", "settings", "error"),
        [
            ((build, (X, Y[:5]), SPACE), {}, SettingError),
            ((build, (X,), SPACE), {}, SettingError),
            ((build, (X, np.full(40, np.nan)), SPACE), {}, SettingError),
            ((build, data, SPACE), {"draws": 0}, SettingError),
            ((build, data, SPACE), {"error": "nonsense"}, SettingError),
            ((build, data, SPACE), {"max_batch": 0}, SettingError),
            (("build", data, SPACE), {}, ProblemError),
            ((lambda config: None, data, SPACE), {}, ProblemError),
            ((lambda config: dense(), data, SPACE), {}, SettingError),
            ((build, data, {**SPACE, "look_back": Int(70, 80)}), {}, SettingError),
            ((build, data, {}), {}, hpopt.errors.SpaceError),
        ],
    )
    def test_bad_input_is_said_before_the_first_trial(self, arguments, settings, error):
        with pytest.raises(error, match=r"must|unknown"):
            MAERandomSampling(*arguments, **settings)


class TestListing:
    def test_a_family_is_sampled_one_by_one(self):
        configs = (
            {"look_back": 2, "layers": [{"cells": cells} for cells in hidden]}
            for hidden in layer_families((1, 2), (1, 100), pace=3)
        )
        found = sample_all(problem(), configs)
        first, second = next(found), next(found)
        assert [each.config["layers"] for each in (first, second)] == [
            [{"cells": 1}],
            [{"cells": 4}],
        ]
        assert np.isfinite([first.log_p, second.log_p]).all()

    def test_one_that_cannot_be_sampled_is_the_worst(self):
        configs = [{"look_back": 99, "layers": [{"cells": 1}]}]
        (only,) = sample_all(problem(), configs)
        assert only.log_p == -np.inf


class TestFirstFilter:
    def test_the_best_of_many_are_kept(self):
        kept = first_filter(problem(), 5, 3, seed=1)
        all_of_them = first_filter(problem(), 5, 5, seed=1)
        assert kept == all_of_them[:3]
        values = [each.log_p for each in all_of_them]
        assert values == sorted(values, reverse=True)
        assert len({str(each.config) for each in all_of_them}) == len(all_of_them)

    def test_it_stands_before_a_training_problem(self):
        training = Line(X, Y, epochs=1)
        promising = first_filter(MAERandomSampling.before(training, draws=5), 5, 2)
        start = [each.config for each in promising]
        result = hpopt.optimize(training, trials=2, start=start, seed=0, progress=False)
        assert [trial.config for trial in result.trials] == start

    def test_a_series_is_cut_as_the_config_says(self):
        space = {"look_back": Int(2, 6), "cells": Int(1, 4)}
        training = KerasProblem(
            TimeSeries(np.sin(2 * np.pi * np.arange(60) / 10), validation=0.2),
            build=lambda config: compiled(build(config | {"layers": [{"cells": config["cells"]}]})),
            space=space,
            epochs=1,
        )
        filtering = MAERandomSampling.before(training, draws=4)
        config = {"look_back": 4, "cells": 2}
        x, y = training.source.series.windows(4, "validation")
        expected = mae_random_sampling(training.build(config), x, y, 4, 3)
        assert filtering.sample(config, 3).mean == pytest.approx(expected.mean)
        assert len(first_filter(filtering, 4, 2)) == 2

    def test_a_dataset_is_refused(self):
        import keras

        class Batches(keras.utils.PyDataset):
            def __len__(self):
                return 2

            def __getitem__(self, place):
                return X[:8], Y[:8, None]

        training = KerasProblem(
            Batches(), build=lambda _: compiled(dense()), space={"a": Int(1, 2)}, objectives="loss"
        )
        with pytest.raises(ProblemError, match=r"arrays or a series .* but has a dataset"):
            MAERandomSampling.before(training)

    def test_it_knows_classes(self):
        labels = (Y > 1).astype(int)
        filtering = MAERandomSampling.before(Classifier(X, labels), error="error_rate", draws=5)
        (best,) = first_filter(filtering, 3, 1)
        assert 0 <= best.values["mean"] <= 1

    def test_what_is_wrong_is_said(self):
        with pytest.raises(SettingError, match="n_kept <= n_sampled must hold"):
            first_filter(problem(), 2, 3)
        with pytest.raises(ProblemError, match="must be a KerasProblem"):
            MAERandomSampling.before(problem())


class TestWeightSearch:
    def test_its_error_is_that_of_the_model_with_these_weights(self):
        search = WeightSearch(dense(), X, Y, error="mse")
        config = search.space.sample(1, seed=0)[0]
        values = search.evaluate(config, None)
        model = search.assign(dense(), config)
        expected = ((model.predict(X, verbose=0)[:, 0] - Y) ** 2).mean()
        assert values == {"mse": pytest.approx(expected, rel=1e-5)}

    def test_a_batch_gives_what_each_alone_gives(self):
        search = WeightSearch(dense(), X, Y)
        configs = search.space.sample(9, seed=0)
        together = search.evaluate_batch(configs, [None] * 9)
        alone = [search.evaluate(config, None) for config in configs]
        for mine, theirs in zip(together, alone, strict=True):
            assert mine["mae"] == pytest.approx(theirs["mae"], rel=1e-5)

    @pytest.mark.parametrize("optimizer", ["random", "genetic", "differential_evolution"])
    def test_strategies_run_on_it_many_networks_at_a_time(self, optimizer, monkeypatch):
        search = WeightSearch(dense(), X, np.tanh(Y), bound=2)
        sizes = []
        whole = WeightSearch.evaluate_batch
        monkeypatch.setattr(
            WeightSearch,
            "evaluate_batch",
            lambda self, configs, trials: (
                sizes.append(len(configs)) or whole(self, configs, trials)
            ),
        )
        result = hpopt.optimize(search, optimizer, trials=150, seed=0, progress=False)
        assert all(trial.outcome.ok for trial in result.trials)
        first = min(trial.values["mae"] for trial in result.trials[:10])
        assert result.best.values["mae"] < first
        assert sum(sizes) == 150
        assert len(sizes) < 30

    def test_thousands_of_weights(self):
        import keras

        model = keras.Sequential(
            [keras.layers.Input((3,)), keras.layers.Dense(700, "relu"), keras.layers.Dense(1)]
        )
        search = WeightSearch(model, X, Y)
        assert search.space.d == 3501
        result = hpopt.optimize(search, "genetic", trials=40, seed=0, progress=False)
        assert len(result.best.config["weights"]) == 3501

    def test_bad_input_is_said_before_the_first_trial(self):
        with pytest.raises(SettingError, match="y must have the shape of the predictions"):
            WeightSearch(dense(2), X, Y)
        with pytest.raises(SettingError, match="bound must be a positive number"):
            WeightSearch(dense(), X, Y, bound=0)
        with pytest.raises(SettingError, match="max_batch"):
            WeightSearch(dense(), X, Y, max_batch=0)
        with pytest.raises(ConfigError, match="must have trainable weights of the shapes"):
            search = WeightSearch(dense(), X, Y)
            search.assign(dense(2), search.space.sample(1)[0])
