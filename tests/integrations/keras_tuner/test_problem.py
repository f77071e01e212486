"""A build of KerasTuner's is a problem."""

import numpy as np
import pytest

import hpopt
from hpopt.errors import ProblemError, StudyWarning, UnknownNameError

keras = pytest.importorskip("keras", reason="Keras is not installed")

from hpopt.integrations.keras_tuner import from_build  # noqa: E402

# Keras' own, with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.linspace(0, 1, 24).reshape(12, 2)
Y = X.sum(axis=1)


def network(units, rate):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(units)])
    model.add(keras.layers.Dense(1))
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse", run_eagerly=True)
    return model


class Model:
    """A HyperModel as KerasTuner's users write it."""

    def build(self, hp):
        return network(hp.Int("units", 2, 3), hp.Float("rate", 0.01, 0.1, sampling="log"))

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch", [4, 12]), epochs=2, **kwargs)


def test_it_is_trained_as_its_config_says():
    problem = from_build(Model(), X, Y, space={"rate": hpopt.Float(0.01, 0.05, default=0.02)})
    assert [*problem.space] == ["units", "rate", "batch_size"]
    assert problem.space["rate"].high == 0.05
    assert problem.training_config.fit.epochs == 2
    study = hpopt.Study(problem, "random", seed=0, start=[{}])
    (trial,) = study.run(trials=1, progress=False).trials
    assert trial.config == {"units": 2, "rate": 0.02, "batch_size": 4}
    assert trial.values["parameters"] == 3 * 2 + 3
    assert trial.values["epochs"] == 2


def test_what_goes_wrong_in_build_is_said():
    def build(hp):
        units = hp.Int("units", 2, 40)
        if hp.Boolean("deep"):
            raise ValueError("not yet")
        return network(units if units != 7 else hp.Int("other", 2, 3), 0.1)

    with pytest.warns(StudyWarning, match="builds .* raised an error.*'deep': True.*not yet"):
        problem = from_build(build, X, Y, epochs=1)
    values = {"units": 7, "deep": False}
    with pytest.raises(ProblemError, match=r"asks for 'other' with .*'units': 7.*also="):
        problem.build(values)
    with pytest.raises(ProblemError, match="must be a function of hp"):
        from_build(Model, X, Y)


def test_what_is_wrong_in_also_is_said():
    def build(hp):
        return network(hp.Int("units", 2, 3), 0.1)

    with pytest.raises(UnknownNameError, match="in also 'unit': did you mean 'units'"):
        from_build(build, X, Y, also=[{"unit": 3}])
    with pytest.raises(ProblemError, match=r"also must be a list of mappings .* got {'units': 3}"):
        from_build(build, X, Y, also={"units": 3})
