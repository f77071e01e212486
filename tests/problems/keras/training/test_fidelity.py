"""Folds and examples as the fidelity: how many of them a trial has, and what it goes on from."""

import numpy as np
import pytest

from hpopt.core import Fidelity
from hpopt.problems.keras.data.rows import checked_rows

from ..small import CONFIG, Quick, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]


class Sizes:
    """Callbacks that note the examples of each training: how many batches of one it has."""

    def __init__(self):
        self.batches = []

    def __call__(self, config, trial):
        import keras

        def begins(logs):
            self.batches.append(callback.params["steps"])

        callback = keras.callbacks.LambdaCallback(on_train_begin=begins)
        return [callback]


def test_folds_that_are_there_are_not_trained_again(tmp_path):
    sizes = Sizes()
    settings = {"folds": 2, "epochs": 1, "callbacks": sizes, "keep_weights": 2}
    problem = Quick(X, Y, fidelity="folds", **settings)
    assert problem.fidelity == Fidelity(1, 2, "folds")
    whole = tried(problem, tmp_path / "through")
    assert whole.ok, whole.traceback
    sizes.batches.clear()
    first = tried(problem, tmp_path / "study", fidelity=1)
    assert len(sizes.batches) == 1
    assert first.values["val_loss"] == whole.info["history"][0]["val_loss"][-1]
    last = tried(problem, tmp_path / "study", number=1, fidelity=2, after=0)
    assert len(sizes.batches) == 2
    assert (last.values, last.curve, last.info) == (whole.values, whole.curve, whole.info)
    assert [step for step, _ in last.curve] == [1, 2]
    models = [problem.load_model(CONFIG, tmp_path / name) for name in ("through/0", "study/1")]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_share_of_the_samples(tmp_path):
    sizes = Sizes()
    settings = {"epochs": 1, "callbacks": sizes}
    config = {**CONFIG, "batch_size": 8}
    problem = Quick(X, Y, fidelity=Fidelity(0.25, 1.0, "samples"), **settings)
    assert problem.fidelity == Fidelity(8, 32, "samples", resumes=False)
    assert Quick(X, Y, fidelity="samples").fidelity == Fidelity(3, 32, "samples", resumes=False)
    first = tried(problem, tmp_path, config, fidelity=8)
    assert first.ok, first.traceback
    last = tried(problem, tmp_path, config, number=1, fidelity=32, after=0)
    assert sizes.batches == [1, 4]
    assert [curve[0][0] for curve in (first.curve, last.curve)] == [8, 32]
    plain = tried(Quick(X, Y, **settings), tmp_path / "plain", config)
    assert last.values == plain.values


def test_whether_a_longer_trial_goes_on_is_declared():
    again = Fidelity(1, 9, "epochs", resumes=False)
    problems = [Quick(X, Y, fidelity=each) for each in ((1, 9), again)]
    assert [each.fidelity.resumes for each in problems] == [True, False]


def test_samples_of_folds_and_folds_of_repeats(tmp_path):
    sizes = Sizes()
    problem = Quick(X, Y, fidelity=Fidelity(10, 20, "samples"), folds=2, epochs=1, callbacks=sizes)
    assert tried(problem, tmp_path, {**CONFIG, "batch_size": 8}, fidelity=10).ok
    assert sizes.batches == [2, 2]
    repeated = Quick(X, Y, fidelity="folds", folds=2, repeats=2, epochs=1)
    assert repeated.fidelity == Fidelity(1, 4, "folds")


@pytest.mark.parametrize("is_split", [False, True])
def test_subsets_are_nested_and_stratified(is_split):
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    rows = checked_rows(np.arange(100)[:, None] * 1.0, np.random.default_rng(0).permutation(labels))
    if is_split:
        rows = rows.split(0.1, 0)[0]
    before = set()
    for n in (1, 10, 20, 45, len(rows) - 1, len(rows)):
        x, y = rows.subset(n).take(slice(None))
        assert len(y) == n
        assert (np.diff(x[:, 0]) > 0).all()
        assert before <= set(x[:, 0])
        before = set(x[:, 0])
        assert np.bincount(y, minlength=3) == pytest.approx(n * np.array([0.6, 0.3, 0.1]), abs=1)
    assert rows.subset(len(rows)) is rows


def test_subsets_of_numbers_spread_evenly():
    y = np.random.default_rng(0).permutation(64) / 64
    taken = np.sort(checked_rows(np.zeros((64, 1)), y).subset(16).take(slice(None))[1])
    assert np.diff(taken) == pytest.approx(1 / 16)
