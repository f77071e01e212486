"""A trial that goes on from an earlier one's state ends as if it had trained through."""

import numpy as np

from hpopt.problems.keras import DenseBuilder, KerasProblem, schedule_parameters
from hpopt.problems.keras.training.continuation import (
    State,
    StateFile,
    read_state,
    save_state,
    state_files,
)
from hpopt.space import Categorical, Float, Int, Sequence

from ..small import CONFIG, Quick, X, Y, needs_keras, quiet, tried

pytestmark = [needs_keras, quiet]


class Counting:
    """Callbacks that count the epochs that were trained."""

    def __init__(self):
        self.epochs = []

    def __call__(self, config, trial):
        import keras

        count = self.epochs.append
        return [keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: count(epoch))]


def continued(problem, folder, config=CONFIG, *, fidelities):
    """Evaluate a config at one fidelity after the other, and return the last outcome."""
    for number, fidelity in enumerate(fidelities):
        after = number - 1 if number else None
        last = tried(problem, folder, config, number=number, fidelity=fidelity, after=after)
    return last


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


class Watched(Quick):
    """With callbacks of Keras that count, and change what is trained."""

    def __init__(self, **settings):
        self.rates = []
        super().__init__(X, Y, callbacks=self.callbacks_of, **settings)

    def callbacks_of(self, config, trial):
        import keras

        def epoch_ended(epoch, logs):
            self.rates.append(float(np.asarray(optimizer().learning_rate)))

        watch = keras.callbacks.LambdaCallback(on_epoch_end=epoch_ended)
        optimizer = lambda: watch.model.optimizer  # noqa: E731
        return [
            keras.callbacks.ReduceLROnPlateau(patience=2, min_delta=100.0, factor=0.5),
            keras.callbacks.EarlyStopping("loss", restore_best_weights=True, patience=6),
            watch,
        ]


def test_what_callbacks_count_goes_on(tmp_path):
    problem = Watched(fidelity=(1, 5))
    through = tried(problem, tmp_path / "through")
    assert through.ok, through.traceback
    rates = problem.rates.copy()
    assert len({*rates}) > 2
    problem.rates.clear()
    last = continued(problem, tmp_path / "study", fidelities=[2, 5])
    assert problem.rates == rates
    assert last.values == through.values


def test_what_a_callback_has_ended_is_not_taken_up(tmp_path):
    import keras

    counting = Counting()

    def callbacks(config, trial):
        stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=1e9)
        return [*counting(config, trial), stop]

    problem = Quick(X, Y, fidelity=(1, 9), callbacks=callbacks)
    first = tried(problem, tmp_path, fidelity=4)
    assert counting.epochs == [0, 1]
    again = tried(problem, tmp_path, number=1, fidelity=9, after=0)
    assert counting.epochs == [0, 1]
    assert (again.values, again.curve, again.status) == (first.values, first.curve, "complete")


def test_another_config_or_seed_begins_anew(tmp_path):
    counting = Counting()
    problem = Quick(X, Y, fidelity=(1, 3), callbacks=counting)
    tried(problem, tmp_path, fidelity=1)
    tried(problem, tmp_path, number=1, fidelity=2, seed=8, after=0)
    tried(problem, tmp_path, {**CONFIG, "units": 3}, number=2, fidelity=2, after=0)
    assert counting.epochs == [0, 0, 1, 0, 1]


def test_folds_are_continued_each_by_itself(tmp_path):
    counting = Counting()
    problem = Quick(X, Y, fidelity=(1, 3), folds=2, callbacks=counting)
    through = tried(problem, tmp_path / "through", fidelity=3)
    assert {step for step, _ in through.curve} == {3}
    counting.epochs.clear()
    tried(problem, tmp_path / "study", fidelity=1)
    last = tried(problem, tmp_path / "study", number=1, fidelity=3, after=0)
    assert counting.epochs == [0, 0, 1, 2, 1, 2]
    assert last.values == through.values
    assert last.curve == through.curve
    # Those below the highest fidelity are the study's to remove.
    assert {path.parent.name for path in tmp_path.glob("study/*/training-*")} == {"0"}


def test_what_failed_or_was_stopped_leaves_no_state(tmp_path):
    stopped = tried(Quick(X, Y, fidelity=(1, 3)), tmp_path, fidelity=2, rule=lambda curve: True)
    assert stopped.status == "stopped"

    class Failing(Quick):
        def evaluate(self, config, trial):
            super().evaluate(config, trial)
            raise RuntimeError("later")

    problem = Failing(X, Y, fidelity=(1, 3), keep_weights=0)
    assert tried(problem, tmp_path, number=1, fidelity=2).status == "failed"
    assert not list(tmp_path.glob("*/training-*"))


def test_what_patience_has_ended_is_not_taken_up(tmp_path):
    counting = Counting()
    problem = Quick(X, Y, fidelity=(1, 9), patience=1, callbacks=counting)
    problem.learning_rate = 0.0
    first = tried(problem, tmp_path, fidelity=4)
    assert first.values["epochs"] == 2
    assert first.info["reached"] == 9  # so no strategy continues it
    assert "reached" not in tried(problem, tmp_path / "early", fidelity=1).info
    counting.epochs.clear()
    again = tried(problem, tmp_path, number=1, fidelity=9, after=0)
    assert not counting.epochs
    assert again.values == first.values
    assert again.curve == first.curve


def test_a_damaged_state_is_not_used(tmp_path):
    counting = Counting()
    problem = Quick(X, Y, fidelity=(1, 3), callbacks=counting)
    tried(problem, tmp_path, fidelity=1)
    state = tmp_path / "0" / "training-0.npz"
    whole = state.read_bytes()
    for damaged in (b"PK nonsense", b"", whole[:900], whole[:-30]):
        state.write_bytes(damaged)
        assert read_state(StateFile.of(tmp_path / "0", 0, CONFIG, 7)) is None
    assert tried(problem, tmp_path, number=1, fidelity=2, after=0).ok
    assert counting.epochs == [0, 0, 1]


def test_what_belongs_to_a_state(tmp_path):
    for run in (0, 11):
        save_state(StateFile.of(tmp_path, run, {"a": 1}, 1), State(2, [np.ones(3)], None, {}))
    (tmp_path / "training.log").write_text("mine")
    (tmp_path / "model.weights.h5").write_text("kept")
    names = sorted(path.name for path in state_files(tmp_path))
    assert names == ["training-0.npz", "training-11.npz"]
