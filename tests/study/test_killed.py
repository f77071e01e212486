"""Promise 3: a driver that is killed at any instant loses nothing, and repeats nothing."""

import os
import random
import time
import uuid
from pathlib import Path

import pytest
from halving import Curves, TwoRungs
from problems.keras.small import Quick, X, Y, needs_keras, quiet

import hpopt

from .conftest import marked_processes, wait_until
from .drivers import KILLED, PAUSING, TRAINING
from .problems import KNOWN_GOOD, Mixed, essence, numbers, stored

N_KILLS = 12
N_TRIALS = 200


class Drivers:
    """Drivers of one study, one after the other, in processes that can be told by a mark."""

    def __init__(self, start_script, folder, program=KILLED, n_trials=N_TRIALS):
        self.path, self.log = folder / "study.db", folder / "log"
        self.log.touch()
        self.mark = uuid.uuid4().hex
        temporary = folder / "temporary"
        temporary.mkdir()
        self._parent = start_script(
            program,
            self.path,
            self.log,
            n_trials,
            MARK=self.mark,
            TMPDIR=str(temporary),
            OPENBLAS_NUM_THREADS="1",
        )

    def start(self):
        """Start the next driver, and give its process id."""
        return int(self._tell_parent())

    def end(self):
        """Wait for its end, and give its status."""
        return int(self._tell_parent())

    def _tell_parent(self):
        self._parent.stdin.write("next\n")
        self._parent.stdin.flush()
        answer = self._parent.stdout.readline()
        assert answer, self._parent.stderr.read()
        return answer

    def evaluated(self):
        """Give the numbers that evaluations were begun for, in order."""
        return [int(line.split()[0]) for line in Path(self.log).read_text().splitlines()]


def at_some_moment(drivers, rng):
    """Wait for a random moment: while a driver starts, or after its first evaluations."""
    n_wanted = len(drivers.evaluated()) + rng.randint(1, 5)
    seconds = rng.uniform(0, 0.5) if rng.random() < 0.4 else 20
    wait_until(lambda: len(drivers.evaluated()) >= n_wanted, seconds)
    time.sleep(rng.uniform(0, 0.02))


def killed(drivers, rng):
    """Kill a driver at some moment, return how it ended: nothing finished is lost or repeated."""
    finished = set(numbers(stored(drivers.path)))
    n_before = len(drivers.evaluated())
    driver = drivers.start()
    at_some_moment(drivers, rng)
    os.kill(driver, 9)
    ended = drivers.end()
    assert not finished & set(drivers.evaluated()[n_before:])
    assert finished <= set(numbers(stored(drivers.path)))
    return ended


def test_killed_at_many_moments(start_script, tmp_path):
    drivers = Drivers(start_script, tmp_path)
    rng = random.Random(os.urandom(8))
    n_cut_off = 0
    for _ in range(N_KILLS):
        assert killed(drivers, rng) == 9
        now = numbers(stored(drivers.path))
        assert len(set(now)) == len(now)
        n_cut_off += len(set(drivers.evaluated()) - set(now)) > 0
    assert n_cut_off > 0  # else nothing was in flight when it was killed, and little is proven

    finished = set(numbers(stored(drivers.path)))
    n_before = len(drivers.evaluated())
    drivers.start()
    assert drivers.end() == 0
    assert sorted({*drivers.evaluated()[n_before:], *finished}) == list(range(N_TRIALS))
    assert not finished & set(drivers.evaluated()[n_before:])
    unkilled = hpopt.optimize(
        Mixed(),
        hpopt.GeneticAlgorithm(population=8),
        trials=N_TRIALS,
        seed=11,
        start=[KNOWN_GOOD],
        progress=False,
    )
    assert essence(stored(drivers.path)) == essence(unkilled.trials)
    assert wait_until(lambda: len(marked_processes(drivers.mark)) == 1)  # the parent itself


@pytest.mark.parametrize(
    ("optimizer", "n_trials", "n_kills"),
    [("TwoRungs()", 60, 6), ("hpopt.ASHA(reduction=2)", 40, 4)],
)
def test_killed_while_trials_are_paused_and_continued(
    start_script, tmp_path, optimizer, n_trials, n_kills
):
    program = PAUSING.replace("TwoRungs()", optimizer)
    drivers = Drivers(start_script, tmp_path, program, n_trials)
    rng = random.Random(os.urandom(8))
    for _ in range(n_kills):
        killed(drivers, rng)
    drivers.start()
    assert drivers.end() == 0
    made = eval(optimizer, {"hpopt": hpopt, "TwoRungs": TwoRungs})
    unkilled = hpopt.optimize(
        Curves(), made, trials=n_trials, seed=11, window=2, workers=2, progress=False
    )
    trials = stored(drivers.path)
    assert essence(trials) == essence(unkilled.trials)
    assert [trial.curve for trial in trials] == [trial.curve for trial in unkilled.trials]
    # What has been continued has no folder any more, and all else has one.
    latest = {t.solution.seed: t.number for t in sorted(trials, key=lambda t: t.solution.fidelity)}
    folders = {int(path.name) for path in Path(f"{drivers.path}.files").iterdir()}
    assert folders == {*latest.values()}


@needs_keras
@quiet
def test_killed_while_keras_trainings_are_paused_and_continued(start_script, tmp_path):
    # Seconds, as each driver tries a network first; benchmarks/soak.py kills thirty of them.
    n_trials = 8
    drivers = Drivers(start_script, tmp_path, TRAINING, n_trials)
    rng = random.Random(os.urandom(8))
    for _ in range(2):
        killed(drivers, rng)
    drivers.start()
    assert drivers.end() == 0
    unkilled = hpopt.optimize(
        Quick(X, Y, fidelity=(1, 4), keep_weights=0),
        hpopt.ASHA(reduction=2),
        trials=n_trials,
        seed=11,
        progress=False,
    )
    trials = stored(drivers.path)
    assert essence(trials) == essence(unkilled.trials)
    assert [trial.curve for trial in trials] == [trial.curve for trial in unkilled.trials]
    latest = {trial.solution.seed: trial for trial in trials}
    assert len(latest) < n_trials  # some have been continued
    paused = {trial.number for trial in latest.values() if trial.solution.fidelity < 4}
    states = Path(f"{drivers.path}.files").glob("*/*")
    assert {(int(path.parent.name), path.name) for path in states} == {
        (number, "training-0.npz") for number in paused
    }
