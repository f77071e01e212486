import errno
import gc
import os
import sqlite3
import tempfile
import tracemalloc
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpopt.core.trial import Outcome, Solution, Trial
from hpopt.errors import SettingError, StudyError
from hpopt.storage import MemoryStorage, SQLiteStorage, open_storage, salvage
from hpopt.storage.connection import connect_to_read
from hpopt.storage.encoding import decode
from hpopt.storage.rows import ADDED
from hpopt.testing.storages import described, solution, trial

from .processes import run

NOBODY = 65534


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_open_storage_gives_the_storage_of_a_path(tmp_path):
    with open_storage(None) as storage:
        assert isinstance(storage, MemoryStorage)
    with open_storage(str(tmp_path / "study.db")) as storage:
        assert isinstance(storage, SQLiteStorage)
        assert storage.path == (tmp_path / "study.db").resolve()
    with pytest.raises(SettingError, match="path of a study file is wanted"):
        open_storage(None, "r")
    with pytest.raises(SettingError, match="mode must be 'w' or 'r', but got 'a'"):
        open_storage(tmp_path / "study.db", "a")


@pytest.mark.parametrize("name", ["study", "a study with ? # % & é.db", "-wal", "x.DB"])
def test_any_file_name_will_do(tmp_path, name):
    with SQLiteStorage(tmp_path / name) as storage:
        storage.append([trial(0)])
    with SQLiteStorage(tmp_path / name, "r") as storage:
        assert described(storage.trial(0)) == described(trial(0))
    assert names_in(tmp_path) == [name]


def test_a_relative_path_stays_the_same_file_when_the_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SQLiteStorage("study.db") as storage, SQLiteStorage("study.db", "r") as reader:
        monkeypatch.chdir("/")
        storage.append([trial(0)])
        assert reader.trial(0).number == 0
    assert names_in(tmp_path) == ["study.db"]


def test_closing_leaves_one_plain_file(tmp_path):
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        with SQLiteStorage(path, "r") as reader:
            reader.load()
            iterator = reader.trials()
            next(iterator)
            assert names_in(tmp_path) == [
                "study.db",
                "study.db-lock",
                "study.db-shm",
                "study.db-wal",
            ]
            storage.close()
            assert names_in(tmp_path) == ["study.db"]
            assert reader.count()["complete"] == 1
            assert list(iterator) == []
    assert names_in(tmp_path) == ["study.db"]


def test_a_reader_never_writes(tmp_path):
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
    before = path.read_bytes()
    with SQLiteStorage(path, "r") as reader:
        for write in (
            lambda: reader.append([trial(1)]),
            lambda: reader.started([solution(1)], 0),
            lambda: reader.write_header({}),
        ):
            with pytest.raises(StudyError, match="opened for reading"):
                write()
    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["study.db"]


def test_a_reader_in_the_middle_does_not_hold_up_the_writer(tmp_path):
    """A foreign program keeps a long read open, as a browser of databases does."""
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(number) for number in range(3)])
        with closing(sqlite3.connect(path, isolation_level=None)) as browser:
            browser.execute("BEGIN")
            assert browser.execute("SELECT COUNT(*) FROM trials").fetchone() == (3,)
            storage.append([trial(3)])
            assert browser.execute("SELECT COUNT(*) FROM trials").fetchone() == (3,)
            storage.close()
            browser.execute("COMMIT")
            assert browser.execute("SELECT COUNT(*) FROM trials").fetchone() == (4,)
    with SQLiteStorage(path) as storage:
        assert storage.count()["complete"] == 4
    assert names_in(tmp_path) == ["study.db"]


def test_a_forgotten_storage_is_closed(tmp_path):
    storage = SQLiteStorage(tmp_path / "study.db")
    storage.append([trial(0)])
    del storage
    gc.collect()
    assert names_in(tmp_path) == ["study.db"]


def test_a_storage_is_closed_when_the_interpreter_ends(tmp_path):
    run("storage = SQLiteStorage(sys.argv[1]); storage.append([trial(0)])", tmp_path / "study.db")
    assert names_in(tmp_path) == ["study.db"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_leaves_its_parents_study_alone(tmp_path):
    code = """
import warnings
warnings.simplefilter("ignore")
storage = SQLiteStorage(sys.argv[1])
storage.append([trial(0)])
child = os.fork()
if child == 0:
    storage.close()
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
assert os.path.exists(sys.argv[1] + "-lock")
storage.append([trial(1)])
print(storage.count()["complete"])
"""
    assert run(code, tmp_path / "study.db") == "2\n"
    assert names_in(tmp_path) == ["study.db"]


def test_the_log_stays_short_while_somebody_reads_on(tmp_path):
    path = tmp_path / "study.db"
    long = Outcome("complete", {"value": 1.0}, traceback="x" * 8000)
    with SQLiteStorage(path) as storage, SQLiteStorage(path, "r") as reader:
        storage.append([Trial(solution(number), long) for number in range(1000, 2000)])
        iterator = reader.trials()
        for number in range(1000):
            storage.append([Trial(solution(number), long)])
            if number % 5 == 0:
                next(iterator)
        assert path.with_name("study.db-wal").stat().st_size < 2**24


def test_memory_does_not_grow_with_the_study(tmp_path):
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        for number in range(0, 8000, 2000):
            storage.append([small_trial(number + k, 1000) for k in range(2000)])
        tracemalloc.start()
        n_trials = sum(1 for _ in storage.trials())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert n_trials == 8000
    assert peak < 8000 * 1000 / 3


def small_trial(number, n_characters):
    config = {"x": "x" * n_characters}
    return Trial(Solution(number, config, np.zeros(2), 0), Outcome("complete", {"value": 0.0}))


def test_a_full_disk_loses_nothing_and_ends_when_there_is_room(tmp_path):
    """SQLite itself limits the file: the error is the one of a full disk."""
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        storage.started([solution(1), solution(2)], 1)
        (n_pages,) = storage._file.connection.execute("PRAGMA page_count").fetchone()
        storage._file.connection.execute(f"PRAGMA max_page_count = {n_pages}")
        big = Trial(solution(1), Outcome("failed", traceback="x" * 100_000))
        with pytest.raises(StudyError, match=r"disk with room, .*no trial that was written before"):
            storage.append([big])
        with pytest.raises(StudyError, match="disk with room"):
            storage.append([trial(2), big])
        assert [each.number for each in storage.load().trials] == [0]
        assert [each.number for each in storage.load().pending] == [1, 2]
        storage._file.connection.execute("PRAGMA max_page_count = 1000000")
        storage.append([big, trial(2)])
        assert [each.number for each in storage.load().trials] == [0, 1, 2]


def test_a_write_that_the_system_refuses_loses_nothing(tmp_path):
    """The system refuses to let files grow: a real failure of a write to the log."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        limit = path.with_name("study.db-wal").stat().st_size + 20_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(StudyError, match="then resume the study"):
                for number in range(1, 100):
                    n_told = number
                    storage.append([trial(number)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [each.number for each in storage.load().trials] == list(range(n_told))
        storage.append([trial(n_told)])
    with SQLiteStorage(path, "r") as storage:
        assert [each.number for each in storage.load().trials] == list(range(n_told + 1))


def test_a_new_study_that_finds_no_room_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(StudyError, match="needs a disk with room"):
            SQLiteStorage(tmp_path / "study.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names_in(tmp_path) == []


def test_another_programs_transaction_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("hpopt.storage.connection.TIMEOUT", 0.1)
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        with closing(sqlite3.connect(path, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            with pytest.raises(StudyError, match="another program has locked"):
                storage.append([trial(0)])
            shell.execute("ROLLBACK")
        storage.append([trial(0)])
        assert storage.count()["complete"] == 1


@contextmanager
def read_only(folder):
    """Let nothing in a folder be written; root, who may always, becomes nobody meanwhile."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(NOBODY)
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def folder():
    """Give a folder that anybody can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_study_can_be_read_where_nothing_can_be_written(folder):
    path = folder / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
    with read_only(folder):
        with SQLiteStorage(path, "r") as reader:
            assert described(reader.trial(0)) == described(trial(0))
        with pytest.raises(
            StudyError, match="choose another folder, or open the study for reading"
        ):
            SQLiteStorage(path)
        with pytest.raises(StudyError, match="folder"):
            SQLiteStorage(folder / "new.db")
    assert names_in(folder) == ["study.db"]


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_running_study_can_be_read_where_nothing_can_be_written(folder):
    path = folder / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        with read_only(folder), SQLiteStorage(path, "r") as reader:
            assert reader.trial(0).number == 0
            storage.append([trial(1)])
            assert reader.count()["complete"] == 2


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_log_that_cannot_be_read_in_place_is_explained(folder):
    path = folder / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        copies = [path.read_bytes(), path.with_name("study.db-wal").read_bytes()]
    (folder / "copy.db").write_bytes(copies[0])
    (folder / "copy.db-wal").write_bytes(copies[1])
    with read_only(folder), pytest.raises(StudyError, match="copy both files"):
        SQLiteStorage(folder / "copy.db", "r")
    with SQLiteStorage(folder / "copy.db", "r") as reader:
        assert reader.trial(0).number == 0


def test_a_disk_that_fails_to_flush_is_reported(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("hpopt.storage.open_file.FLUSH_SECONDS", 0.01)
    with SQLiteStorage(tmp_path / "study.db") as storage:
        monkeypatch.setattr("hpopt.storage.open_file.flush", fail)
        with pytest.raises(StudyError, match=r"must reach the disk, but .* check the disk"):
            for number in range(100_000):
                storage.append([trial(number)])
        monkeypatch.undo()
        n_trials = storage.count()["complete"]
        assert [each.number for each in storage.trials()] == list(range(n_trials))


def as_of_version_0_1_0(path):
    """Write a study file without what came later."""
    with SQLiteStorage(path) as storage:
        storage.write_header({"seed": 3})
        storage.started([solution(number) for number in range(4)], 0)
        storage.append([trial(0, "stopped"), trial(1, "failed")])
    with closing(sqlite3.connect(path)) as connection:
        for name in ADDED:
            connection.execute(f"ALTER TABLE trials DROP COLUMN {name}")
        connection.commit()


def columns_of(path):
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(trials)")]


def test_a_file_of_0_1_0_is_read_as_it_is(tmp_path):
    path = tmp_path / "study.db"
    as_of_version_0_1_0(path)
    before = path.read_bytes()
    with SQLiteStorage(path, "r") as storage:
        assert [described(each) for each in storage.trials()] == [
            described(without_additions(trial(0, "stopped"))),
            described(without_additions(trial(1, "failed"))),
        ]
        assert [each.number for each in storage.observations()] == [0, 1]
        assert [each.number for each in storage.load().pending] == [2, 3]
        assert storage.trial(0).info == {}
        assert storage.count()["stopped"] == 1
    assert path.read_bytes() == before


def test_a_file_of_0_1_0_is_written_on(tmp_path):
    path = tmp_path / "study.db"
    as_of_version_0_1_0(path)
    with SQLiteStorage(path, "r") as reader:
        assert reader.trial(0).info == {}
        with SQLiteStorage(path) as storage:
            storage.append([trial(2)])
            assert storage.trial(2).info == trial(2).info != {}
            assert reader.trial(2).info == trial(2).info
            storage.append([trial(5)])
            assert described(storage.trial(5)) == described(trial(5))
            assert described(reader.trial(5)) == described(trial(5))
    assert columns_of(path)[-len(ADDED) :] == [*ADDED]
    with SQLiteStorage(path) as storage:
        assert [each.info for each in storage.observations()][:3] == [{}, {}, trial(2).info]


def test_a_file_that_lacks_some_of_the_later_columns_is_read_and_written_on(tmp_path):
    """As hpopt wrote it after 0.1.0, or as it is where adding them was cut off."""
    path = tmp_path / "study.db"
    with SQLiteStorage(path) as storage:
        storage.append([trial(3)])
    change(path, "DROP COLUMN worker", "DROP COLUMN generation")
    known = trial(3)
    left = replace(
        known,
        solution=replace(known.solution, generation=None),
        outcome=replace(known.outcome, worker=None),
    )
    with SQLiteStorage(path, "r") as reader:
        assert described(reader.trial(3)) == described(left)
    with SQLiteStorage(path) as storage:
        storage.append([trial(4)])
        assert [described(each) for each in storage.trials()] == [
            described(left),
            described(trial(4)),
        ]


def change(path, *what):
    with closing(sqlite3.connect(path)) as connection:
        for each in what:
            connection.execute(f"ALTER TABLE trials {each}")
        connection.commit()


def without_additions(known):
    return replace(
        known,
        solution=replace(known.solution, generation=None, parents=()),
        outcome=replace(known.outcome, info={}, worker=None),
    )


def test_a_file_of_0_1_0_is_salvaged(tmp_path):
    as_of_version_0_1_0(tmp_path / "study.db")
    assert salvage(tmp_path / "study.db", tmp_path / "saved.db") == 2
    with SQLiteStorage(tmp_path / "saved.db", "r") as storage:
        assert [described(each) for each in storage.observations()] == [
            described(without_additions(trial(0, "stopped"))),
            described(without_additions(trial(1, "failed"))),
        ]


def test_a_reader_that_opened_before_the_column_was_added_reads_what_it_holds(tmp_path):
    """A writer may add it between the reader's look and its query."""
    path = tmp_path / "study.db"
    as_of_version_0_1_0(path)
    with closing(connect_to_read(path)) as connection:
        with SQLiteStorage(path) as storage:
            storage.append([trial(2)])
        query = "SELECT info FROM trials WHERE number = 2"
        assert "naïve" in decode(connection.execute(query).fetchone()[0])["note"]
