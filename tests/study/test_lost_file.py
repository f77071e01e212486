"""A run whose study file is deleted, replaced or moved goes on, says so, and has a whole result."""

import logging
import os
import shutil
import threading

import pytest

import hpopt
from hpopt.errors import StudyWarning
from hpopt.problems import FunctionProblem
from hpopt.progress import ProgressDisplay

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted")

N = 40


class Listener(ProgressDisplay):
    def __init__(self):
        self.said, self.ended = [], False

    def show(self, snapshot):
        pass

    def say(self, message):
        self.said.append(message)

    def end(self, snapshot, reason):
        self.ended = True


@pytest.fixture
def problem():
    return FunctionProblem(lambda config: config["x"] ** 2, {"x": hpopt.Float(-5, 5)})


@pytest.fixture
def path(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "study.db"


@pytest.fixture
def usual(problem):
    """What the search gives when nothing happens."""
    result = hpopt.optimize(problem, "random", trials=N, seed=0, progress=False)
    return [trial.config for trial in result.trials]


def delete(path):
    path.unlink()


def replace(path):
    path.with_name("new").write_text("something else")
    path.with_name("new").replace(path)


def delete_folder(path):
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("change", [delete, replace, delete_folder])
def test_a_run_goes_on_and_its_result_is_whole(path, problem, usual, change, workers):
    def after(study, trial):
        if trial.number == 10:
            change(path)

    listener = Listener()
    with hpopt.Study(problem, "random", path=path, seed=0) as study:
        result = study.run(
            trials=N, progress=listener, callbacks=[after], workers=workers, executor="threads"
        )
        where = study.path
    (said,) = listener.said
    assert str(path) in said
    assert listener.ended
    if change is delete_folder:
        assert "in memory" in said
        assert where is None
    else:
        assert where == path.with_name("study.rescued.db")
        assert str(where) in said
        with hpopt.Study(problem, path=where) as study:
            assert study.counts["complete"] == N
    assert [trial.config for trial in result.trials] == usual
    assert result.best.values["value"] == min(trial.values["value"] for trial in result.trials)
    assert result.counts["complete"] == N
    assert f"{N} trials" in repr(result)


def test_a_run_without_a_display_says_it_in_the_log(path, problem, caplog):
    with caplog.at_level(logging.WARNING, logger="hpopt"):
        result = hpopt.optimize(
            problem, "random", trials=N, seed=0, study=path, progress=False,
            callbacks=[lambda study, trial: trial.number == 5 and path.unlink()],
        )  # fmt: skip
    assert len(result.trials) == N
    assert "the study goes on in" in caplog.text


def test_a_loop_of_ones_own_is_warned(path, problem, monkeypatch):
    monkeypatch.setattr("hpopt.storage.sqlite.LOOK_SECONDS", 0.0)
    with hpopt.Study(problem, "random", path=path, seed=0) as study:
        study.tell(study.ask(), 1.0)
        path.unlink()
        with pytest.warns(StudyWarning, match="is no longer there: nothing is lost"):
            solution = study.ask()
        study.tell(solution, 2.0)
        assert study.path == path.with_name("study.rescued.db")
    assert [t.values["value"] for t in hpopt.Study.load(study.path).trials] == [1.0, 2.0]


def test_long_evaluations_do_not_hide_a_loss(path, problem):
    """It is noticed while an evaluation runs, as its file is looked for between."""
    noticed = []

    class Deleting(Listener):
        def say(self, message):
            noticed.append(message)

    def evaluate(config):
        path.unlink(missing_ok=True)
        for _ in range(600):
            if noticed:
                return 1.0
            pause.wait(0.05)
        return 0.0

    pause = threading.Event()
    slow = FunctionProblem(evaluate, {"x": hpopt.Float(0, 1)})
    result = hpopt.optimize(
        slow, "random", trials=1, study=path, executor="threads", workers=1, progress=Deleting()
    )
    assert result.best.values["value"] == 1.0
