"""A trial that is lost goes on from its last checkpoint, and ends as if it had never been."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from hpopt.errors import StudyWarning
from hpopt.problems.keras.training.checkpoints import Interval

from ..small import Quick, X, Y, needs_keras, quiet, tried
from .test_continuation import NOISY, Counting, noisy

pytestmark = [needs_keras, quiet]


class Dying(Counting):
    """Callbacks that end the process, as it were, in an epoch of a training; and count epochs."""

    def __init__(self):
        super().__init__()
        self.dies_in = None

    def __call__(self, config, trial):
        import keras

        def dies(epoch, logs):
            if len(self.epochs) == self.dies_in:
                raise KeyboardInterrupt

        return [*super().__call__(config, trial), keras.callbacks.LambdaCallback(on_epoch_end=dies)]


def dies(problem, dying, folder, *arguments, epoch, **settings):
    """Evaluate a config until an epoch is trained (counted over all trainings)."""
    dying.epochs.clear()
    dying.dies_in = epoch
    with pytest.raises(KeyboardInterrupt):
        tried(problem, folder, *arguments, **settings)
    dying.epochs.clear()
    dying.dies_in = None


def test_it_goes_on_with_the_same_values(tmp_path):
    dying = Dying()
    settings = {"fidelity": (1, 6), "keep_weights": 2}
    problem = noisy(dying, checkpoint_every=1, **settings)
    config = problem.space.validate(NOISY)
    # With callbacks of the user too, so that no compiled step is shared: its digits are others.
    through = tried(noisy(Counting(), **settings), tmp_path / "through", config)
    assert through.ok, through.traceback
    tried(problem, tmp_path / "study", config, fidelity=2)
    dies(problem, dying, tmp_path / "study", config, number=1, after=0, epoch=3)
    assert [path.name for path in (tmp_path / "study/1").iterdir()] == ["training-0.npz"]
    again = tried(problem, tmp_path / "study", config, number=1, after=0)
    assert dying.epochs == [4, 5]
    assert (again.values, again.curve, again.info) == (through.values, through.curve, through.info)
    models = [problem.load_model(config, tmp_path / name) for name in ("through/0", "study/1")]
    for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(ours, theirs)
    assert not list(tmp_path.glob("study/1/training-*"))


def test_finished_folds_are_not_trained_again(tmp_path):
    dying = Dying()
    problem = Quick(X, Y, folds=2, epochs=2, callbacks=dying, checkpoint_every=1, keep_weights=0)
    through = tried(problem, tmp_path / "through")
    dies(problem, dying, tmp_path, epoch=4)
    again = tried(problem, tmp_path)
    assert dying.epochs == [1]
    assert (again.values, again.curve) == (through.values, through.curve)
    assert not list(tmp_path.glob("0/training-*"))


def test_what_was_not_recorded_any_more_is_there_as_it_was(tmp_path):
    counting = Counting()
    problem = Quick(X, Y, fidelity=(1, 9), callbacks=counting)
    first = tried(problem, tmp_path, fidelity=2)
    assert tried(problem, tmp_path, fidelity=2).values == first.values
    assert counting.epochs == [0, 1]
    tried(problem, tmp_path, number=1, fidelity=3, after=0)
    assert counting.epochs == [0, 1, 2]


KILLED = """
import os, sys
sys.path[:0] = sys.argv[2:3]
import hpopt
from problems.keras.small import X, Y, Quick
from problems.keras.training.test_checkpoints import Stopping

problem = Quick(X, Y, epochs=5, callbacks=Stopping(), checkpoint_every=1)
hpopt.optimize(problem, "random", trials=1, seed=3, study=sys.argv[1], progress=False)
"""


class Stopping:
    """Callbacks that kill their process in the fourth epoch, unless it has begun there."""

    def __call__(self, config, trial):
        import keras

        begun = []

        def begins(epoch, logs):
            begun.append(epoch)
            if epoch == 3 and begun[0] == 0:
                os.kill(os.getpid(), 9)

        return [keras.callbacks.LambdaCallback(on_epoch_begin=begins)]


def test_a_run_that_is_killed(tmp_path):
    import hpopt

    study, tests = tmp_path / "study.db", Path(__file__).parents[3]
    command = [sys.executable, "-c", KILLED, str(study), str(tests)]
    # The output is not read: TensorFlow says a lot on standard error.
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert [path.name for path in Path(f"{study}.files/0").iterdir()] == ["training-0.npz"]
    counting = Counting()
    problem = Quick(X, Y, epochs=5, callbacks=counting, checkpoint_every=1)
    with pytest.warns(StudyWarning, match="callbacks"):
        result = hpopt.optimize(problem, "random", trials=1, seed=3, study=study, progress=False)
    assert counting.epochs == [3, 4]
    plain = hpopt.optimize(Quick(X, Y, epochs=5), "random", trials=1, seed=3, progress=False)
    assert result.best.values == plain.best.values
    assert result.best.curve == plain.best.curve


def test_a_full_disk_is_said_and_the_trial_goes_on(tmp_path, monkeypatch, capsys):
    from hpopt.problems.keras.training import checkpoints

    def full(file, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_state", full)
    outcome = tried(Quick(X, Y, epochs=2, checkpoint_every=1), tmp_path)
    assert outcome.ok, outcome.traceback
    assert "its training could not be saved: [Errno 28] No space" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "interval", "is_over"),
    [
        (3, Interval(epochs=3), [(2, 1e6, False), (3, 0, True)]),
        ("5 min", Interval(seconds=300), [(99, 299, False), (1, 300, True)]),
        ("1h30m", Interval(seconds=5400), []),
        (timedelta(seconds=90), Interval(seconds=90), []),
    ],
)
def test_intervals(given, interval, is_over):
    assert Interval.of(given) == interval
    for epochs, seconds, expected in is_over:
        assert interval.is_over(epochs, seconds) is expected
