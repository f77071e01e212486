import json
import os
import threading

import pytest

from hpopt.errors import StudyError, StudyLockedError
from hpopt.storage import SQLiteStorage, lock, writer_of
from hpopt.storage.lock import WriterLock, lock_path
from hpopt.testing.storages import trial

from .processes import run, start

TRY_TO_WRITE = """
from hpopt.errors import StudyLockedError
try:
    SQLiteStorage(sys.argv[1]).close()
    print("opened")
except StudyLockedError as error:
    print(error)
"""

HOLD = """
from pathlib import Path
from hpopt.storage.lock import WriterLock
held = WriterLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    return (tmp_path / "study.db").resolve()


def test_a_second_writer_of_this_process_is_refused(path):
    held = WriterLock(path)
    with pytest.raises(StudyLockedError, match=f"by this process, {os.getpid()} on .* since 2"):
        WriterLock(path)
    held.release()
    WriterLock(path).release()


def test_a_writer_of_another_process_is_refused_and_told_what_to_do(path):
    with SQLiteStorage(path) as storage:
        message = run(TRY_TO_WRITE, path)
        assert f"{path} is being written by process {os.getpid()} on" in message
        assert "wait until it has ended, or open the study for reading" in message
        storage.append([trial(0)])
    assert run(TRY_TO_WRITE, path) == "opened\n"


def test_readers_of_this_process_do_not_free_the_lock(path):
    """POSIX would free it when any descriptor of the lock file is closed here."""
    with SQLiteStorage(path) as storage:
        storage.append([trial(0)])
        with SQLiteStorage(path, "r") as reader:
            reader.load()
        assert writer_of(path).pid == os.getpid()
        with pytest.raises(StudyLockedError):
            SQLiteStorage(path)
        assert "is being written by" in run(TRY_TO_WRITE, path)


def test_paths_that_are_one_file_are_one_study(path, monkeypatch):
    other = path.parent / "links"
    other.mkdir()
    with SQLiteStorage(path):
        (other / "link.db").symlink_to(path)
        (path.parent / "folder").symlink_to(path.parent, target_is_directory=True)
        monkeypatch.chdir(other)
        for name in ("link.db", "../study.db", "../folder/study.db", str(path)):
            assert writer_of(name).pid == os.getpid()
            with pytest.raises(StudyLockedError):
                SQLiteStorage(name)
    with SQLiteStorage("link.db") as storage:
        storage.append([trial(0)])
    assert [each.name for each in other.iterdir()] == ["link.db"]
    with SQLiteStorage(path, "r") as storage:
        assert storage.count()["complete"] == 1


def test_the_lock_of_a_killed_process_is_taken_over(path):
    with start(HOLD, path) as process:
        assert process.stdout.readline() == "locked\n"
        assert json.loads(lock_path(path).read_text())["pid"] == process.pid
        assert writer_of(path).pid == process.pid
        with pytest.raises(StudyLockedError, match=f"by process {process.pid} on"):
            WriterLock(path)
        process.kill()
        # At once, as a script would that kills and resumes.
        held = WriterLock(path)
    assert json.loads(lock_path(path).read_text())["pid"] == os.getpid()
    held.release()


@pytest.mark.parametrize("content", ["", "{", "no JSON", "[]", '{"pid": 1}', "x" * 10_000])
def test_a_lock_file_that_nobody_holds_means_nothing(path, content):
    lock_path(path).write_text(content)
    assert writer_of(path) is None
    held = WriterLock(path)
    assert writer_of(path).pid == os.getpid()
    held.release()
    assert not lock_path(path).exists()


def test_an_unsigned_lock_is_held_all_the_same(path):
    with start(HOLD, path) as process:
        process.stdout.readline()
        lock_path(path).write_text("")
        with pytest.raises(StudyLockedError, match="an unknown host"):
            WriterLock(path)
        process.communicate("\n")


def test_releasing_twice_does_not_free_the_next_holder(path):
    first = WriterLock(path)
    first.release()
    second = WriterLock(path)
    first.release()
    assert lock_path(path).exists()
    with pytest.raises(StudyLockedError):
        WriterLock(path)
    second.release()
    assert writer_of(path) is None


def test_a_lock_file_that_was_replaced_is_not_removed(path):
    """Somebody deleted our lock file, and another writer has made a new one."""
    held = WriterLock(path)
    lock_path(path).unlink()
    lock_path(path).write_text("another's")
    held.release()
    assert lock_path(path).read_text() == "another's"


def test_one_of_many_threads_gets_it(path):
    winners, losers = [], []
    start_together = threading.Barrier(8)

    def take():
        start_together.wait()
        try:
            winners.append(WriterLock(path))
        except StudyLockedError as error:
            losers.append(error)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(winners), len(losers)) == (1, 7)
    winners[0].release()


def test_two_processes_never_hold_it_at_once(path):
    """They take and release it many times; the file is made and removed under their feet."""
    code = """
from pathlib import Path
from hpopt.errors import StudyLockedError
from hpopt.storage.lock import WriterLock
path, inside = Path(sys.argv[1]), Path(sys.argv[1] + "-inside")
n_taken = 0
while n_taken < 150:
    try:
        held = WriterLock(path)
    except StudyLockedError:
        continue
    inside.mkdir()  # fails where another is inside
    inside.rmdir()
    held.release()
    n_taken += 1
print(n_taken)
"""
    processes = [start(code, path) for _ in range(3)]
    results = [process.communicate(timeout=120) for process in processes]
    assert results == [("150\n", "")] * 3
    assert list(path.parent.iterdir()) == []


def test_a_lock_file_that_cannot_be_made_is_explained(path):
    lock_path(path).mkdir()
    with pytest.raises(StudyError, match=r"must allow a lock file, but .* choose another folder"):
        WriterLock(path)
    assert writer_of(path) is None


def test_nobody_writes_what_is_not_there(tmp_path):
    assert writer_of(tmp_path / "no folder" / "study.db") is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanishes_before_it_is_locked_is_made_again(path, monkeypatch):
    """The last holder removes it between our opening and locking it: we would lock nothing."""
    original = lock._try_to_lock
    vanished = []

    def vanish_once(descriptor, **options):
        if not vanished:
            vanished.append(lock_path(path).unlink())
        return original(descriptor, **options)

    monkeypatch.setattr(lock, "_try_to_lock", vanish_once)
    held = WriterLock(path)
    assert vanished
    monkeypatch.undo()
    assert "is being written by" in run(TRY_TO_WRITE, path)
    held.release()
