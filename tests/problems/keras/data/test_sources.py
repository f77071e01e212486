"""Where examples come from: arrays, folds, datasets, a series, functions of a config."""

import numpy as np
import pytest

from hpopt.core import Objective
from hpopt.errors import ProblemError, SettingError
from hpopt.problems.keras import DenseBuilder, KerasProblem, RecurrentBuilder
from hpopt.problems.keras.data.feeding import first_batch, is_dataset, len_of
from hpopt.problems.keras.data.rows import Rows
from hpopt.problems.keras.data.source_choice import make_source
from hpopt.problems.time_series import TimeSeries
from hpopt.space import Int, Sequence, Space

from ..small import EAGER, Line, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet, *EAGER]
SERIES = TimeSeries(np.sin(np.arange(80.0)), validation=0.25, test=0)
UNITS = Space({"units": Int(1, 8)})
SMALL = {"recurrent": Sequence({"units": Int(2, 3)}, 1, 1)}


def dataset(n=40, workers=1):
    """Return a dataset that changes as it is used."""
    import keras

    class Shrinking(keras.utils.PyDataset):
        """Its first targets are right, those after an epoch are not."""

        right = True

        def __len__(self):
            return n // 8

        def __getitem__(self, index):
            rows = slice(8 * index, 8 * index + 8)
            return X[rows], Y[rows] if self.right else Y[rows] + 100

        def on_epoch_end(self):
            self.right = False

    return Shrinking()


class TestFolds:
    @pytest.mark.parametrize("k", [2, 3, 7])
    def test_each_row_is_left_out_once_and_classes_are_even(self, k):
        y = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [20, 10, 5]))
        folds = Rows(np.arange(35), y).folds(k, seed=0)
        aside = np.concatenate([rows.numbers for _, rows in folds])
        assert sorted(aside) == list(range(35))
        for rest, out in folds:
            assert sorted([*rest.numbers, *out.numbers]) == list(range(35))
            counts = np.bincount(y[out.numbers], minlength=3)
            assert (abs(counts - np.array([20, 10, 5]) / k) <= 1).all()

    def test_too_many_folds_are_said(self):
        with pytest.raises(SettingError, match="at most the number of examples, 40, but got 41"):
            Line(X, Y, folds=41)

    def test_a_trial_has_the_mean_of_its_folds(self, tmp_path):
        problem = Line(X, Y, epochs=2, folds=3)
        outcome = tried(problem, tmp_path)
        assert outcome.status == "complete", outcome.traceback
        assert problem.load_model({"units": 4}, tmp_path / "0").count_params() == 21
        alone = []
        for number in range(3):
            one = Line(X, Y, epochs=2)
            one.source.splits = [problem.source.splits[number]]
            one.source.n_splits = 1
            alone.append(one)
        first = tried(alone[0], tmp_path, number=1)
        assert outcome.curve[0] == (2.0, first.values["val_loss"])
        assert [step for step, _ in outcome.curve] == [2, 4, 6]
        assert outcome.curve[-1][1] == outcome.values["val_loss"]
        assert outcome.values["val_loss_std"] > 0
        assert outcome.values["epochs"] == 2

    def test_repeats_have_seeds_of_their_own(self, tmp_path):
        outcome = tried(Line(X, Y, epochs=1, repeats=2), tmp_path)
        single = tried(Line(X, Y, epochs=1), tmp_path, number=1)
        assert outcome.curve[0][1] == single.values["val_loss"]
        assert outcome.values["val_loss_std"] > 0
        assert tried(Line(X, Y, epochs=1, repeats=2), tmp_path).values == outcome.values

    def test_a_rule_may_end_it_between_folds(self, tmp_path):
        outcome = tried(Line(X, Y, epochs=1, folds=3), tmp_path, rule=lambda curve: True)
        assert outcome.status == "stopped"
        assert len(outcome.curve) == 1


class TestDatasets:
    def test_each_trial_finds_a_dataset_as_it_was(self, tmp_path):
        problem = Line(dataset(), space=UNITS, epochs=1, validation_data=(X[:5], Y[:5]))
        first = tried(problem, tmp_path)
        assert first.ok, first.traceback
        assert tried(problem, tmp_path, number=1).values == first.values
        assert problem.estimate_memory({"units": 4}).total > 0
        with pytest.raises(ProblemError, match="examples must be arrays"):
            problem.training  # noqa: B018

    def test_a_tensorflow_dataset(self, tmp_path):
        tf = pytest.importorskip("tensorflow")
        data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
        problem = Line(data, space=UNITS, epochs=1, objectives="loss")
        outcome = tried(problem, tmp_path)
        assert outcome.ok, outcome.traceback
        assert is_dataset(data)
        assert len_of(data) == 5

        def made(config):
            return tf.data.Dataset.from_tensor_slices((X, Y)).batch(config["batch_size"])

        problem = Line(made, epochs=1, validation_data=lambda config: (X, Y))
        assert tried(problem, tmp_path).values["val_loss"] > 0

    def test_its_first_batch_is_checked(self):
        class Broken(type(dataset())):
            def __getitem__(self, index):
                return X[:8] * np.nan, Y[:8]

        with pytest.raises(SettingError, match="the inputs of a batch must be finite"):
            first_batch(Broken())
        wide = DenseBuilder((4,), outputs=1)
        with pytest.raises(SettingError, match=r"examples of the shape \(4,\)"):
            KerasProblem(dataset(), build=wide, objectives="loss")


class TestSeries:
    def test_windows_follow_the_look_back(self, tmp_path):
        builder = RecurrentBuilder((None, 1), outputs=1, space=SMALL)
        problem = KerasProblem(SERIES, build=builder, epochs=1)
        assert problem.objectives == (Objective("val_loss"),)
        config = {"look_back": 3, "recurrent": [{"units": 2, "cell": "simple"}], "dense": []}
        config |= {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 16}
        outcome = tried(problem, tmp_path, config)
        assert outcome.ok, outcome.traceback
        training, validation, _ = problem.source.split({"look_back": 7}, 0)
        assert training.x.shape == (60 - 7, 7, 1)
        assert validation.x.shape == (20, 7, 1)

    def test_a_look_back_longer_than_the_series_is_said(self):
        builder = RecurrentBuilder((None, 1), outputs=1, space={"look_back": Int(2, 61)})
        with pytest.raises(SettingError, match="look_back=61"):
            KerasProblem(SERIES, build=builder)

    def test_a_look_back_must_be_chosen(self):
        with pytest.raises(SettingError, match="no parameter 'look_back'"):
            KerasProblem(SERIES, build=RecurrentBuilder((5, 1), outputs=1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"x": lambda config: (X, Y), "y": Y}, "y must be left out"),
        ({"x": lambda config: X, "y": None}, "must return a pair of arrays"),
        ({"x": lambda config: (X, Y[:3]), "y": None}, "of the same length"),
        ({"x": lambda config: (X, Y), "y": None, "folds": 3}, "folds needs arrays"),
        ({"folds": 3, "validation_data": (X, Y)}, "exclude one another"),
        ({"folds": 1}, "folds must be an int of at least 2"),
        ({"repeats": 0}, "repeats must be an int"),
    ],
)
def test_what_does_not_go_together_is_said(settings, message):
    with pytest.raises(SettingError, match=message):
        Line(**{"x": X, "y": Y, "objectives": "loss", **settings})


def test_a_function_alone_has_no_validation():
    source = make_source(lambda config: (X, Y), None, Space({"a": Int(1, 2)}))
    assert not source.is_validated
    assert len(source.split({}, 0).training) == 40
