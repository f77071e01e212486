"""Following a training: the best epoch, patience, stopping and divergence, without Keras."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from hpopt.core import Objective
from hpopt.core.handle import TrialHandle
from hpopt.errors import ProblemError, SettingError, UnknownNameError
from hpopt.problems.keras.backend import seed_epoch
from hpopt.problems.keras.training.fit import FitSettings, Monitor

LOSS = (Objective("val_loss", "minimize"),)
ACCURACY = (Objective("val_accuracy", "maximize"),)


class Model:
    stop_training = False
    epoch = 0

    def get_weights(self):
        return [self.epoch]


def followed(values, objectives=LOSS, *, name="val_loss", early_stopping=None, **settings):
    """Run a training that reports these values, and give its monitor, model and trial."""
    trial = TrialHandle(0, 0, early_stopping=early_stopping)
    monitor, model = Monitor(objectives, trial, **settings), Model()
    for value in values:
        model.epoch += 1
        monitor.epoch_ended(model, {"loss": 1.0, name: value, "epoch": model.epoch})
        if model.stop_training:
            break
    return monitor, model, trial


def test_the_best_epoch_counts():
    monitor, model, trial = followed([3, 1, 2], keep_weights=True)
    assert (monitor.best_epoch, monitor.n_epochs) == (2, 3)
    assert monitor.best == {"loss": 1.0, "val_loss": 1.0, "epoch": 2.0}
    assert monitor.weights == [2]
    assert trial.curve == [(1.0, 3.0), (2.0, 1.0), (3.0, 2.0)]
    assert not model.stop_training


def test_what_is_maximised_is_reported_as_it_is():
    monitor, _, trial = followed([0.5, 0.9, 0.8], ACCURACY, name="val_accuracy")
    assert monitor.best_epoch == 2
    assert [value for _, value in trial.curve] == [0.5, 0.9, 0.8]


def test_the_first_of_equal_epochs_is_best():
    assert followed([1, 1, 1])[0].best_epoch == 1


def test_weights_are_kept_only_when_asked():
    assert followed([2, 1])[0].weights is None


@pytest.mark.parametrize(
    ("patience", "n_epochs"), [(None, 7), (1, 3), (2, 4), (3, 7), (4, 7), (9, 7)]
)
def test_patience_ends_after_so_many_epochs_without_a_better(patience, n_epochs):
    monitor, _, _ = followed([3, 2, 2, 2, 1, 2, 2], patience=patience)
    assert monitor.n_epochs == n_epochs


def test_a_rule_stops_it():
    monitor, model, trial = followed([3, 2, 1], early_stopping=lambda curve: len(curve) == 2)
    assert model.stop_training
    assert monitor.n_epochs == 2
    assert trial.stopped


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_divergence_ends_it(value):
    monitor, model, trial = followed([3, value, 1])
    assert monitor.diverged
    assert model.stop_training
    assert monitor.n_epochs == 2
    assert trial.curve == [(1.0, 3.0)]


def test_a_nan_loss_is_divergence_whatever_the_metric():
    monitor, model = Monitor(ACCURACY, TrialHandle(0, 0)), Model()
    monitor.epoch_ended(model, {"loss": math.nan, "val_accuracy": 0.1})
    assert monitor.diverged


def test_an_unknown_objective_names_those_there_are():
    with pytest.raises(UnknownNameError, match="'val_acc': did you mean 'val_accuracy'") as caught:
        followed([1], (Objective("val_acc", "maximize"),), name="val_accuracy")
    assert {"loss", "val_accuracy", "parameters"} <= set(caught.value.known)


def test_an_objective_that_does_not_change_is_not_followed():
    objectives = (Objective("parameters"), *LOSS)
    assert followed([3, 1, 2], objectives)[0].best_epoch == 2
    assert followed([3, 1, 2], objectives[:1])[0].best_epoch == 2


def test_metrics_of_several_numbers_are_left_out():
    monitor, model = Monitor(LOSS, TrialHandle(0, 0)), Model()
    monitor.epoch_ended(model, {"val_loss": 1.0, "by_class": np.zeros(3), "f1": np.array([0.5])})
    assert monitor.best == {"val_loss": 1.0, "f1": 0.5}
    by_class = Monitor((Objective("by_class", "maximize"),), TrialHandle(0, 0))
    with pytest.raises(ProblemError, match=r"reports 3, one a class: .*average='macro'"):
        by_class.epoch_ended(model, {"val_loss": 1.0, "by_class": np.zeros(3)})


def test_all_that_is_reported_is_kept_by_epoch():
    monitor, model = Monitor(LOSS, TrialHandle(0, 0)), Model()
    for epoch in (1.0, 2.0):
        monitor.epoch_ended(model, {"val_loss": epoch, "mae": 2 * epoch})
    assert monitor.history == {"val_loss": [1.0, 2.0], "mae": [2.0, 4.0]}
    again = Monitor(LOSS, TrialHandle(0, 0))
    again.resume(monitor.to_json(), None)
    again.epoch_ended(model, {"val_loss": 3.0, "mae": 6.0})
    assert again.history == {"val_loss": [1.0, 2.0, 3.0], "mae": [2.0, 4.0, 6.0]}


def test_objectives_that_others_add_are_not_missed():
    monitor, model = (
        Monitor((Objective("latency"), *LOSS), TrialHandle(0, 0), is_lenient=True),
        Model(),
    )
    for loss in (2.0, 1.0, 3.0):
        monitor.epoch_ended(model, {"val_loss": loss})
    assert monitor.best_epoch == 2


def test_config_and_fidelity_win_over_the_schedule():
    schedule = FitSettings(epochs=10, batch_size=32)
    assert schedule.of({"units": 3}) == schedule
    assert schedule.of({"epochs": 4, "batch_size": 8}) == FitSettings(4, 8)
    assert schedule.of({}, 3) == FitSettings(3, 32)


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"epochs": 2.5},
        {"epochs": True},
        {"batch_size": 0},
        {"batch_size": "8"},
        {"patience": 0},
        {"class_weight": [1, 2]},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(SettingError, match=next(iter(settings))):
        FitSettings(**{"epochs": 1, "batch_size": 1, **settings})


def test_what_pytorch_draws_in_an_epoch_follows_from_its_number(monkeypatch):
    seeds = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(manual_seed=seeds.append))
    for backend in ("torch", "jax"):
        keras = SimpleNamespace(backend=SimpleNamespace(backend=lambda name=backend: name))
        for seed, epoch in ((7, 0), (7, 1), (8, 1), (7, 1)):
            seed_epoch(keras, seed, epoch)
    assert len(seeds) == 4
    assert seeds[1] == seeds[3]
    assert len(set(seeds)) == 3
