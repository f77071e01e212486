"""A study file that is deleted, replaced, moved or linked while it is written loses nothing."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

from hpopt.storage import SQLiteStorage, writer_of
from hpopt.testing.storages import described, solution, trial

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted")

N = 60


@pytest.fixture
def path(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "study.db"


@pytest.fixture
def storage(path, monkeypatch):
    """A storage that is being written, which looks after its file at each write."""
    monkeypatch.setattr("hpopt.storage.sqlite.LOOK_SECONDS", 0.0)
    with SQLiteStorage(path) as storage:
        storage.write_header({"seed": 5})
        storage.started([solution(number) for number in range(N + 1)], 0)
        storage.append([trial(number) for number in range(N - 1)])
        assert storage.watch() == []
        yield storage


def names_in(folder):
    return sorted(each.name for each in folder.iterdir())


def other_study(path):
    """Make another study beside one."""
    other = path.with_name("other.db")
    with SQLiteStorage(other) as storage:
        storage.append([trial(1000)])
    return other


def check_whole(where, n=N):
    """Everything that was told is in a file, and it can go on."""
    with SQLiteStorage(where) as storage:
        assert storage.header() == {"seed": 5}
        found = [described(each) for each in storage.trials()]
        assert found == [described(trial(number)) for number in range(n)]
        assert storage.pending_numbers() == list(range(n, N + 1))
        storage.append([trial(n)])
    with closing(sqlite3.connect(where)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def delete(path):
    path.unlink()


def delete_all(path):
    for each in path.parent.iterdir():
        each.unlink()


def replace(path):
    other_study(path).replace(path)


def replace_by_a_copy(path):
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def rename(path):
    path.rename(path.with_name("renamed.db"))


@pytest.mark.parametrize("change", [delete, delete_all, replace, replace_by_a_copy, rename])
def test_a_file_that_is_gone_is_saved_beside(storage, path, change):
    change(path)
    before = path.read_bytes() if path.exists() else None
    storage.append([trial(N - 1)])
    saved = path.with_name("study.rescued.db")
    (said,) = storage.watch()
    what = "is no longer there" if before is None else "has been replaced by another file"
    assert said == (f"the study file {path} {what}: nothing is lost, the study goes on in {saved}")
    assert storage.location == saved
    assert storage.watch() == []
    assert [each.number for each in storage.trials()] == list(range(N))
    assert writer_of(saved) is not None
    assert writer_of(path) is None
    assert not path.with_name("study.db-wal").exists()  # of ours, which is no other file's
    storage.close()
    check_whole(saved)
    if before is not None:
        assert path.read_bytes() == before


def test_it_is_noticed_without_a_write(storage, path):
    path.unlink()
    assert len(storage.watch()) == 1
    assert storage.location == path.with_name("study.rescued.db")


def test_a_look_costs_nothing_most_of_the_time(path, monkeypatch):
    monkeypatch.setattr("hpopt.storage.sqlite.LOOK_SECONDS", 1000.0)
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        with monkeypatch.context() as patch:
            patch.setattr("hpopt.storage.sqlite.rescued", None)
            storage.append([trial(1)])
            assert storage.watch() == []


def test_what_is_there_is_not_overwritten_and_a_second_loss_is_saved_too(storage, path):
    taken = path.with_name("study.rescued.db")
    taken.write_text("somebody's")
    path.unlink()
    storage.append([trial(N - 1)])
    second = path.with_name("study.rescued-2.db")
    assert storage.location == second
    second.unlink()
    storage.append([trial(N)])
    assert storage.location == path.with_name("study.rescued-3.db") or not second.exists()
    assert len(storage.watch()) == 2
    assert taken.read_text() == "somebody's"
    assert [each.number for each in storage.trials()] == list(range(N + 1))


def test_a_loss_after_the_last_look_is_noticed_when_the_storage_is_closed(path):
    with SQLiteStorage(path) as storage:
        storage.write_header({"seed": 5})
        storage.append([trial(0)])
        path.unlink()
    with SQLiteStorage(path.with_name("study.rescued.db")) as saved:
        assert [each.number for each in saved.trials()] == [0]


def test_what_is_deleted_after_the_last_look_and_write_stays_so(storage, path):
    storage.watch(ended=True)
    path.unlink()
    storage.close()
    assert not list(path.parent.glob("*.db"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells where an open file is")
def test_it_goes_on_where_its_folder_was_moved_to(storage, path):
    moved = path.parent.with_name("elsewhere")
    path.parent.rename(moved)
    storage.append([trial(N - 1)])
    (said,) = storage.watch()
    assert said.endswith(f"has been moved: it goes on in {moved / 'study.db'}")
    assert storage.location == moved / "study.db"
    assert writer_of(moved / "study.db") is not None
    storage.close()
    assert names_in(moved) == ["study.db"]
    check_whole(moved / "study.db")


def test_without_its_folder_it_goes_on_in_memory(storage, path):
    shutil.rmtree(path.parent)
    storage.append([trial(N - 1)])
    (said,) = storage.watch()
    assert said.startswith(f"the study file {path} is no longer there, and cannot be saved beside")
    assert said.endswith("it goes on in memory, and ends with this process")
    assert storage.location is None
    storage.append([trial(N)])
    assert [each.number for each in storage.trials()] == list(range(N + 1))
    assert storage.header() == {"seed": 5}
    assert storage.watch(ended=True) == []
    assert not path.parent.exists()


def test_what_is_in_memory_is_saved_at_the_end_where_it_can_be(storage, path):
    shutil.rmtree(path.parent)
    storage.append([trial(N - 1)])
    storage.watch()
    path.parent.mkdir()
    (said,) = storage.watch(ended=True)
    saved = path.with_name("study.rescued.db")
    assert said == f"the study that was in memory is saved in {saved}, and goes on there"
    storage.close()
    check_whole(saved)


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_log_that_is_deleted_is_made_anew(storage, path, ending):
    log = path.with_name(path.name + ending)
    log.unlink()
    storage.append([trial(N - 1)])
    (said,) = storage.watch()
    assert (
        said == f"the log of the study {path} was deleted: nothing is lost, it has been made anew"
    )
    assert log.exists()
    with SQLiteStorage(path, "r") as reader:
        assert [each.number for each in reader.trials()] == list(range(N))
    storage.close()
    check_whole(path)


def test_a_second_name_is_said_once(storage, path):
    os.link(path, path.with_name("second.db"))
    storage.append([trial(N - 1)])
    (said,) = storage.watch()
    assert f"the study file {path} has 2 names (hard links)" in said
    storage.append([trial(N)])
    assert storage.watch() == []
    assert storage.location == path


def test_a_full_disk_leaves_memory(storage, path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    path.unlink()
    monkeypatch.setattr("hpopt.storage.open_file.flush", full)
    storage.append([trial(N - 1)])
    (said,) = storage.watch()
    assert "No space left on device" in said
    assert storage.location is None
    assert names_in(path.parent) == []
    assert len(list(storage.trials())) == N
