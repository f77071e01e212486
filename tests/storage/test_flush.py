import threading
import time

import pytest

from hpopt.storage import SQLiteStorage, open_file
from hpopt.storage.open_file import Flusher
from hpopt.testing.storages import trial


@pytest.fixture
def flushed(monkeypatch):
    """Give the list of (path, size) that are flushed, and be told of each."""
    calls, event, original = [], threading.Event(), open_file.flush

    def watched(path):
        original(path)
        calls.append((path, path.stat().st_size))
        event.set()

    monkeypatch.setattr(open_file, "flush", watched)
    monkeypatch.setattr(open_file, "FLUSH_SECONDS", 0.1)
    return calls, event


def test_what_is_written_is_flushed_soon_and_only_then(tmp_path, flushed):
    calls, event = flushed
    log = (tmp_path / "study.db-wal").resolve()
    with SQLiteStorage(tmp_path / "study.db") as storage:
        time.sleep(2 * open_file.FLUSH_SECONDS)
        assert calls == []
        for number in range(2):
            storage.append([trial(number)])
            assert event.wait(30)
            event.clear()
            assert calls[-1] == (log, log.stat().st_size)
        time.sleep(2 * open_file.FLUSH_SECONDS)
        assert len(calls) == 2


def test_the_interval_keeps_the_promise_of_a_second():
    assert 0 < open_file.FLUSH_SECONDS <= 0.5


def test_closing_does_not_wait_for_the_interval(tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "FLUSH_SECONDS", 1000)
    flusher = Flusher(tmp_path / "file")
    flusher.touch()
    flusher.close()
    assert not flusher._thread.is_alive()


def test_a_file_that_is_gone_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(open_file, "FLUSH_SECONDS", 0.001)
    flusher = Flusher(tmp_path / "file")
    flusher.touch()
    time.sleep(0.1)
    flusher.close()
    flusher.check()


def test_closing_just_when_the_wait_for_it_times_out_ends_the_thread(tmp_path):
    flusher = Flusher(tmp_path / "file")
    reached = threading.Event()

    class LateEvent(threading.Event):
        """Its wait times out just as it is set, as it may in any run."""

        def wait(self, timeout=None):
            reached.set()
            super().wait()
            while not flusher._dirty.is_set():
                time.sleep(0.001)
            return False

    flusher._closing = LateEvent()
    flusher.touch()
    assert reached.wait(30)
    closer = threading.Thread(target=flusher.close, daemon=True)
    closer.start()
    closer.join(30)
    assert not closer.is_alive()
