"""A copy of a study that was made while it was written is whole, or what is missing is said."""

import shutil

import pytest

import hpopt
from hpopt.errors import StudyFileError, StudyWarning
from hpopt.problems import FunctionProblem
from hpopt.storage import SQLiteStorage, lacks_log
from hpopt.testing.storages import trial


def names_in(folder):
    return sorted(each.name for each in folder.iterdir())


@pytest.fixture
def problem():
    return FunctionProblem(lambda config: config["x"], {"x": hpopt.Float(0, 1)})


@pytest.fixture
def copy(tmp_path, problem):
    """A copy of the file alone, and what was told when it was made."""
    (tmp_path / "copy").mkdir()

    def make(n, *, with_log=False, checkpoint=False):
        target = tmp_path / "copy" / "study.db"
        with hpopt.Study(problem, "random", path=tmp_path / "study.db", seed=0) as study:
            for number in range(n):
                study.tell(study.ask(), float(number))
            if checkpoint:
                study._state.storage._file.connection.execute("PRAGMA wal_checkpoint(FULL)")
                study.tell(study.ask(), 5.0)
            shutil.copy(tmp_path / "study.db", target)
            if with_log:
                shutil.copy(tmp_path / "study.db-wal", tmp_path / "copy")
        return target

    return make


def test_a_copy_with_its_log_is_whole(copy):
    path = copy(5, with_log=True)
    assert not lacks_log(path)
    assert len(hpopt.Study.load(path).trials) == 5


@pytest.mark.parametrize("again", [False, True])
def test_a_copy_without_its_log_and_without_trials_is_named(copy, problem, again):
    path = copy(5)
    before = path.read_bytes()
    for _ in range(1 + again):
        for read in (lambda: hpopt.Study.load(path), lambda: hpopt.Study(problem, path=path)):
            with pytest.raises(StudyFileError, match=r"without its log study\.db-wal") as caught:
                read()
            assert "copy both files" in str(caught.value)
    assert names_in(path.parent) == ["study.db"]
    assert path.read_bytes() == before


def test_a_copy_that_may_lack_the_last_trials_says_so(copy, problem):
    path = copy(5, checkpoint=True)
    assert lacks_log(path)
    assert len(hpopt.Study.load(path).trials) == 5
    assert names_in(path.parent) == ["study.db"]
    with hpopt.Study(problem, path=path) as study:
        with pytest.warns(StudyWarning, match="may lack its last trials"):
            study.ask()
        study.ask()
    assert not lacks_log(path)


def test_a_copy_that_is_damaged_names_the_log_that_is_missing(copy):
    path = copy(50, checkpoint=True)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(StudyFileError, match=r"is damaged .*without its log study\.db-wal"):
        hpopt.Study.load(path)


def test_a_study_that_was_closed_lacks_nothing(tmp_path):
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        assert not lacks_log(path)
    assert not lacks_log(path)
    assert not lacks_log(tmp_path / "nothing.db")
    with SQLiteStorage(path) as storage:
        assert storage.watch() == []
