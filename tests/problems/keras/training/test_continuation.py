"""A trial that goes on from an earlier one's state ends as if it had trained through."""

import numpy as np

from hpopt.problems.keras import DenseBuilder, KerasProblem, schedule_parameters
from hpopt.problems.keras.training.continuation import StateFiles, save_state, state_files
from hpopt.space import Categorical, Float, Int, Sequence

from ..small import CONFIG, Line, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]


class Counting:
    """Callbacks that count the epochs that were trained."""

    def __init__(self):
        self.epochs = []

    def __call__(self, config, trial):
        import keras

        count = self.epochs.append
        return [keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: count(epoch))]


def noisy(counting, **settings):
    """Everything that has a state: dropout, batch statistics, momentum, a schedule, a seed."""
    builder = DenseBuilder(
        (3,),
        outputs=1,
        augmentation=["noise"],
        space={
            "dense": Sequence(
                {
                    "units": Int(2, 9),
                    "normalisation": Categorical(["batch"]),
                    "dropout": Float(0, 0.5),
                },
                1,
                1,
            ),
            **schedule_parameters(["cosine"]),
        },
    )
    settings = {"fidelity": (1, 6), **settings}
    return KerasProblem(X, Y, build=builder, callbacks=counting, **settings)


NOISY = {
    "dense": [{"units": 6, "normalisation": "batch", "dropout": 0.3}],
    **{"noise": 0.1, "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.8, "nesterov": True},
    **{"schedule": "cosine", "final_rate": 0.1, "warmup": 0.2, "batch_size": 16},
}


def test_continuing_equals_training_through(tmp_path):
    counting = Counting()
    problem = noisy(counting, keep_weights=3)
    config = problem.space.validate(NOISY)
    through = tried(problem, tmp_path / "through", config, fidelity=6)
    assert through.ok, through.traceback
    assert counting.epochs == [0, 1, 2, 3, 4, 5]
    counting.epochs.clear()
    for number, fidelity in enumerate([1, 3, 6]):
        last = tried(problem, tmp_path / "study", config, number=number, fidelity=fidelity)
    assert counting.epochs == [0, 1, 2, 3, 4, 5]
    assert last.values == through.values
    assert last.curve == through.curve
    models = [
        problem.load_model(config, folder)
        for folder in (tmp_path / "through/0", tmp_path / "study/2")
    ]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(ours, theirs)
    assert not list(tmp_path.glob("*/*/training-*"))


def test_another_config_or_seed_begins_anew(tmp_path):
    counting = Counting()
    problem = Line(X, Y, fidelity=(1, 3), callbacks=counting)
    tried(problem, tmp_path, fidelity=1)
    tried(problem, tmp_path, number=1, fidelity=2, seed=8)
    tried(problem, tmp_path, {**CONFIG, "units": 3}, number=2, fidelity=2)
    assert counting.epochs == [0, 0, 1, 0, 1]


def test_folds_are_continued_each_by_itself(tmp_path):
    counting = Counting()
    problem = Line(X, Y, fidelity=(1, 3), folds=2, callbacks=counting)
    through = tried(problem, tmp_path / "through", fidelity=3)
    counting.epochs.clear()
    tried(problem, tmp_path / "study", fidelity=1)
    last = tried(problem, tmp_path / "study", number=1, fidelity=3)
    assert counting.epochs == [0, 0, 1, 2, 1, 2]
    assert last.values == through.values


def test_what_patience_has_ended_is_not_taken_up(tmp_path):
    counting = Counting()
    problem = Line(X, Y, fidelity=(1, 9), patience=1, callbacks=counting)
    problem.learning_rate = 0.0
    first = tried(problem, tmp_path, fidelity=4)
    assert first.values["epochs"] == 2
    counting.epochs.clear()
    again = tried(problem, tmp_path, number=1, fidelity=9)
    assert not counting.epochs
    assert again.values == first.values
    assert again.curve == first.curve


def test_a_damaged_state_is_not_used(tmp_path):
    counting = Counting()
    problem = Line(X, Y, fidelity=(1, 3), callbacks=counting)
    tried(problem, tmp_path, fidelity=1)
    (tmp_path / "0" / "training-0.npz").write_bytes(b"PK nonsense")
    assert tried(problem, tmp_path, number=1, fidelity=2).ok
    (tmp_path / "1" / "training-0.json").write_text("{")
    assert tried(problem, tmp_path, number=2, fidelity=2).ok
    assert counting.epochs == [0, 0, 1, 0, 1]


def test_what_belongs_to_a_state(tmp_path):
    class Model:
        variables = ()

        class optimizer:
            variables = ()

    for run in (0, 11):
        save_state(StateFiles.of(tmp_path, run, {"a": 1}, 1), Model, None, 2, {})
    (tmp_path / "training.log").write_text("mine")
    (tmp_path / "model.weights.h5").write_text("kept")
    names = sorted(path.name for path in state_files(tmp_path))
    assert names == [f"training-{run}.{end}" for run in (0, 11) for end in ("json", "npz")]
