"""The callback and its thread, with a backend that notes what it is told."""

import threading
import time

import pytest

import hpopt
from hpopt.errors import SettingError, StudyWarning, UnknownNameError
from hpopt.integrations.trackers import Backend, Tracker
from hpopt.integrations.trackers.sender import Sender
from hpopt.integrations.trackers.tracked import (
    TrackedStudy,
    TrackedTrial,
    plain_name,
    rows_of,
    whole_steps,
)

from .problems import Hills, search


class Notes(Backend):
    """Keep what comes, as a server does that outlives its clients."""

    label = "Notes"

    def __init__(self, away=0):
        self.trials, self.studies, self.ends, self.log_calls = {}, [], [], []
        self.away = away  # so many calls of `log` fail
        self.threads = set()

    def open(self, study):
        self.studies.append(study)
        return {number: trial.mark for number, trial in self.trials.items()}

    def log(self, trial):
        self.threads.add(threading.current_thread().name)
        if self.away:
            self.away -= 1
            raise ConnectionError("nobody is there")
        self.log_calls.append(trial.number)
        self.trials[trial.number] = trial

    def end(self, reason):
        self.ends.append(reason)


def test_each_trial_comes_once_and_in_order(tmp_path):
    notes = Notes()
    search(5, tmp_path / "s.db", Tracker(notes))
    assert notes.log_calls == [0, 1, 2, 3, 4]
    assert notes.ends == ["5 trials are done"]
    assert notes.threads == {"hpopt-tracker"}


def test_what_is_told_of_a_trial(tmp_path):
    notes = Notes()
    result = search(5, tmp_path / "s.db", Tracker(notes))
    (study,) = notes.studies
    assert (study.name, study.settings["optimizer"], study.settings["seed"]) == ("s", "random", "0")
    for trial in result.trials:
        told = notes.trials[trial.number]
        assert told.status == trial.status
        assert told.values == trial.values
        assert told.parameters["x"] == trial.config["x"]
        assert ("n" in told.parameters) == (trial.config["kind"] == "steep")
        assert told.parameters["layers.length"] == len(trial.config["layers"])
        assert told.parameters["layers.0.units"] == trial.config["layers"][0]["units"]
        assert told.curves == {"loss": [(step, value) for step, value in trial.curve]}
        assert [path.read_text() for path in told.files] == [f"weights of {trial.number}"]
        assert told.ended == pytest.approx(trial.started + trial.seconds)
    assert not notes.trials[3].ok
    assert "no value" in notes.trials[3].error


def test_a_study_that_goes_on_doubles_nothing(tmp_path):
    notes, path = Notes(), tmp_path / "s.db"
    search(3, path, Tracker(notes))
    search(5, path, Tracker(notes))
    assert notes.log_calls == [0, 1, 2, 3, 4]
    assert notes.studies[0] == notes.studies[1]


def test_what_ran_without_it_is_told_too(tmp_path):
    notes, path = Notes(), tmp_path / "s.db"
    hpopt.optimize(Hills(), "random", trials=3, seed=0, study=path, progress=False)
    search(4, path, Tracker(notes))
    assert notes.log_calls == [0, 1, 2, 3]


def test_a_trial_that_is_retried_is_told_again(tmp_path):
    notes, path = Notes(), tmp_path / "s.db"
    search(5, path, Tracker(notes))
    search(5, path, Tracker(notes), retry_failed=True, fails=())
    assert notes.log_calls == [0, 1, 2, 3, 4, 3]
    assert notes.trials[3].ok


def test_a_study_in_memory():
    notes = Notes()
    search(5, None, Tracker(notes))
    assert sorted(notes.trials) == [0, 1, 2, 3, 4]
    assert notes.trials[0].files == ()


def test_a_study_that_ended_long_ago(tmp_path):
    path = tmp_path / "s.db"
    result = hpopt.optimize(Hills(), "random", trials=4, seed=0, study=path, progress=False)
    for source in (result, hpopt.Study.load(path)):
        notes = Notes()
        Tracker(notes).log(source)
        assert notes.log_calls == [0, 1, 2, 3]


class TestAway:
    def test_it_is_said_once_and_the_rest_comes_at_the_end(self, tmp_path):
        notes = Notes(away=1)
        with pytest.warns(StudyWarning, match="Notes cannot be told .*nobody is there") as said:
            result = search(5, tmp_path / "s.db", Tracker(notes))
        assert len(said) == 1
        assert len(result.trials) == 5
        assert sorted(notes.trials) == [0, 1, 2, 3, 4]

    def test_what_it_lacks_comes_when_the_study_goes_on(self, tmp_path):
        notes, path = Notes(away=10**6), tmp_path / "s.db"
        with pytest.warns(StudyWarning) as said:
            result = search(3, path, Tracker(notes))
        assert [str(each.message).partition(" (")[0] for each in said] == [
            "Notes cannot be told",
            "Notes could not be told all of the study s: it will be when the study goes on with "
            "this tracker, or by Tracker(...).log(study)",
        ]
        assert result.reason == "3 trials are done"
        notes.away = 0
        search(4, path, Tracker(notes))
        assert notes.log_calls == [0, 1, 2, 3]

    def test_one_that_is_slow_does_not_hold_the_search(self, tmp_path):
        notes, gate = Notes(), threading.Event()
        notes.log = lambda trial: gate.wait(20)
        with pytest.warns(StudyWarning, match="could not be told all"):
            result = search(4, tmp_path / "s.db", Tracker(notes, patience=0.05))
        gate.set()
        assert len(result.trials) == 4


def test_one_tracker_for_one_study_after_the_other(tmp_path):
    notes = Notes()
    tracker = Tracker(notes)
    search(2, tmp_path / "a.db", tracker)
    notes.trials.clear()
    hpopt.optimize(
        Hills(), "random", trials=2, seed=7, study=tmp_path / "b.db", callbacks=[tracker],
        progress=False,
    )  # fmt: skip
    assert len({study.identity for study in notes.studies}) == 2
    assert notes.ends == ["2 trials are done"] * 2


def test_a_loop_of_ones_own(tmp_path):
    notes = Notes()
    tracker = Tracker(notes)
    with hpopt.Study(Hills(), "random", seed=0, path=tmp_path / "s.db") as study:
        for _ in range(2):
            solution = study.ask()
            tracker(study, study.tell(solution, {"loss": 1.0}))
    tracker.close()
    tracker.close()
    assert (notes.log_calls, notes.ends) == ([0, 1], ["closed"])


def test_after_a_failure_it_is_left_alone_for_a_minute():
    notes, past = Notes(away=1), []
    sender = Sender(notes, TrackedStudy("1", "s", (), {}), lambda: iter(past))
    for number in range(3):
        past.append(trial_of(number))
        sender.send(past[-1])
        time.sleep(0.02)  # it has time to be tried, but must not be
    assert notes.trials == {}
    assert sender.failures() == ["ConnectionError: nobody is there"]
    assert sender.end("done", 20)
    sender.close()
    assert sorted(notes.trials) == [0, 1, 2]
    assert sender.failures() == []


def trial_of(number):
    moment = float(number)
    return TrackedTrial(
        number, "complete", True, {}, {"loss": 1.0}, {}, moment, moment, None, None, (), "mark"
    )


@pytest.mark.parametrize(
    ("backend", "settings", "said"),
    [
        ("tensorbord", {}, "did you mean 'tensorboard'"),
        (3, {}, "backend must be one of .* or a Backend, but got 3"),
        (Notes(), {"folder": "x"}, "settings must be given to the backend"),
        (Notes(), {"artifacts": "*.h5"}, "artifacts must be a list of patterns"),
        (Notes(), {"patience": -1}, "patience must be"),
    ],
)
def test_wrong_arguments(backend, settings, said):
    with pytest.raises((SettingError, UnknownNameError), match=said):
        Tracker(backend, **settings)


def test_a_path_is_no_study():
    with pytest.raises(SettingError, match=r"got 'digits.db': write tracker.log\(hpopt.Study.load"):
        Tracker(Notes()).log("digits.db")


class TestNames:
    def test_of_parameters(self):
        assert plain_name("layers[12].units") == "layers.12.units"
        assert plain_name("len(layers)") == "layers.length"
        assert plain_name("layers[0].len(heads)") == "layers.0.heads.length"

    def test_steps(self):
        assert whole_steps([(1.0, 5.0), (3.0, 4.0)]) == [(1, 5.0), (3, 4.0)]
        assert whole_steps([(0.5, 5.0), (1.5, 4.0)]) == [(1, 5.0), (2, 4.0)]

    def test_folds_and_histories(self):
        class Folds(Hills):
            def evaluate(self, config, trial):
                for step, value in [(1, 2.0), (1, 4.0), (2, 1.0)]:
                    trial.report(step, value)
                history = {"loss": [9, 9], "accuracy": [0.5, 0.75], "note": "x"}
                return {"loss": 1.0, "history": history}

        notes = Notes()
        hpopt.optimize(Folds(), "random", trials=1, callbacks=[Tracker(notes)], progress=False)
        told = notes.trials[0]
        assert told.curves == {
            "loss": [(1.0, 3.0), (2.0, 1.0)],
            "accuracy": [(1, 0.5), (2, 0.75)],
        }
        assert list(rows_of(told)) == [
            (1, {"curve/accuracy": 0.5, "curve/loss": 3.0}),
            (2, {"curve/accuracy": 0.75, "curve/loss": 1.0}),
        ]
