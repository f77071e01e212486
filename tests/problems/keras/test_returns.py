"""What objectives that use Keras return, report and raise: tensors, a History, `hpopt.Stopped`."""

import numpy as np

import hpopt

from .small import CONFIG, Line, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]


def outcomes(function):
    problem = hpopt.FunctionProblem(function, {"x": hpopt.Int(0, 1)})
    return hpopt.optimize(problem, "random", trials=1, seed=0, progress=False).trials[0]


def tensors():
    import keras

    tensor = keras.ops.convert_to_tensor
    return [
        tensor(0.5),
        tensor([0.5]),
        tensor([[0.5]]),
        keras.Variable(0.5),
        keras.Variable([0.5]),
    ]


def test_a_tensor_of_one_element_is_a_number():
    for value in tensors():

        def reporting(config, trial, value=value):
            trial.report(value, value)
            return {"value": value, "extra": value}

        trial = outcomes(reporting)
        assert (trial.status, trial.error) == ("complete", None)
        assert trial.values == {"value": 0.5, "extra": 0.5}
        assert trial.curve == ((0.5, 0.5),)


def test_tensors_of_more_are_info_and_no_objective():
    import keras

    rows = keras.ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    assert outcomes(lambda config: {"value": 1, "rows": rows}).info == {"rows": [[1, 2], [3, 4]]}
    trial = outcomes(lambda config: rows)
    assert trial.status == "failed"
    assert trial.error.endswith("return one number, such as its mean")


def test_a_history_says_which_number_to_return():
    import keras

    def train(config):
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(X, Y, validation_split=0.5, verbose=0)

    trial = outcomes(train)
    assert trial.status == "failed"
    assert trial.error.endswith("such as history.history['val_loss'][-1]")


def test_stopped_may_be_raised_in_a_callback(tmp_path):
    def callbacks(config, trial):
        import keras

        class Ending(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 2:
                    raise hpopt.Stopped

        return [Ending()]

    problem = Line(X, Y, epochs=6, validation_split=0.5, callbacks=callbacks)
    outcome = tried(problem, tmp_path, CONFIG)
    assert (outcome.status, outcome.error) == ("stopped", None)
    assert len(outcome.curve) in (2, 3)
    reached = [value for _, value in outcome.curve]
    assert outcome.values["val_loss"] == min(reached)
    assert outcome.info["history"]["val_loss"] == reached
    assert np.isfinite(reached).all()
