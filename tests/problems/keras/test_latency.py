"""Timing calls, and the batches that a network is timed on."""

import numpy as np
import pytest

from hpopt.problems.keras.backend import prediction_of
from hpopt.problems.keras.data.feeding import input_batch
from hpopt.problems.keras.data.rows import checked_rows
from hpopt.problems.keras.latency import LEAST, MOST, SECONDS, WARM_UP, Latency, time_calls

from .small import CONFIG, Line, X, Y, needs_keras, quiet


class Clock:
    """Time that passes only in calls: as many seconds as given, the last ones again and again."""

    def __init__(self, *seconds):
        self.seconds, self.now, self.n_calls = seconds, 0.0, 0

    def __call__(self):
        return self.now

    def call(self):
        self.now += self.seconds[min(self.n_calls, len(self.seconds) - 1)]
        self.n_calls += 1


def test_the_first_calls_do_not_count():
    clock = Clock(*[9.0] * WARM_UP, 0.25)
    assert time_calls(clock.call, clock) == [0.25] * LEAST
    assert clock.n_calls == WARM_UP + LEAST


@pytest.mark.parametrize(
    ("seconds", "n_calls"), [(2**-20, MOST), (SECONDS / 64, 64), (SECONDS, LEAST)]
)
def test_fast_calls_are_made_more_often(seconds, n_calls):
    clock = Clock(seconds)
    assert len(time_calls(clock.call, clock)) == n_calls


def test_one_that_is_saved_is_of_its_batch(tmp_path):
    latency = Latency(0.25, 0.125, 0.2, 30, 8)
    latency.save(tmp_path)
    assert Latency.saved(tmp_path, 8) == latency
    assert Latency.saved(tmp_path, 1) is None
    assert Latency.saved(tmp_path / "nowhere", 8) is None
    for damaged in ("", "[]", "{}", "3"):
        (tmp_path / "latency.json").write_text(damaged)
        assert Latency.saved(tmp_path, 8) is None


@needs_keras
def test_a_batch_has_the_first_examples_again_and_again():
    rows = checked_rows(X[:3], Y[:3])
    assert (input_batch(rows, 2) == X[:2]).all()
    assert (input_batch(rows, 7) == X[[0, 1, 2, 0, 1, 2, 0]]).all()
    named = checked_rows({"a": X[:3], "b": Y[:3]}, Y[:3])
    assert {name: part.shape for name, part in input_batch(named, 5).items()} == {
        **{"a": (5, 3), "b": (5,)}
    }


@needs_keras
def test_a_batch_of_a_dataset():
    import keras

    class Dataset(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return (X[:4], {"b": Y[:4]}), Y[:4]

    first, second = input_batch(Dataset(), 6)
    assert (first == X[[0, 1, 2, 3, 0, 1]]).all()
    assert second["b"].shape == (6,)


@needs_keras
@quiet
@pytest.mark.parametrize("is_eager", [False, True])
def test_a_network_predicts_what_it_is_timed_on(is_eager):
    import keras

    model = Line.build(Line, CONFIG)
    model.run_eagerly = is_eager
    predict = prediction_of(keras, model, X[:5])
    assert np.allclose(predict(), model.predict_on_batch(X[:5]), atol=1e-6)
