"""A killed writer loses nothing, and another process reads meanwhile."""

import random
import sqlite3
import time
from contextlib import closing

import pytest

from hpopt.errors import StudyLockedError
from hpopt.storage import SQLiteStorage, writer_of

from .processes import WRITE_FOREVER, start


def kill_at_some_moment(process, rng):
    """Kill a writer at a random moment of its life, and give the numbers that it printed."""
    printed = []
    if rng.random() < 0.7:  # else perhaps while it opens, or makes, the file
        printed = process.stdout.readline().split()
        time.sleep(rng.uniform(0, 0.1))
    else:
        time.sleep(rng.uniform(0, 0.5))
    process.kill()
    output, errors = process.communicate()
    assert process.returncode == -9, errors
    whole_lines = output[: output.rfind("\n") + 1]
    return [int(number) for number in printed + whole_lines.split()]


def test_what_was_written_survives_a_kill_at_any_moment(tmp_path):
    path = tmp_path / "study.db"
    rng = random.Random()
    printed = []
    for _ in range(6):
        printed += kill_at_some_moment(start(WRITE_FOREVER, path), rng)
        if not path.exists():
            continue
        with SQLiteStorage(path) as storage:  # takes over the lock, which the kernel has freed
            journal = storage.load()
        numbers = [trial.number for trial in journal.trials]
        assert len(set(numbers)) == len(numbers)
        assert set(printed) <= set(numbers)
        assert len(journal.pending) <= 3
        for trial in journal.trials:
            assert trial.config["x"] == trial.number / 7
            assert trial.values == {"value": trial.number / 3}
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(set(printed)) == len(printed)
    assert len(printed) > 20


def test_readers_see_a_growing_whole_while_another_process_writes(tmp_path):
    path = tmp_path / "study.db"
    with start(WRITE_FOREVER, path) as process:
        try:
            process.stdout.readline()
            with SQLiteStorage(path, "r") as storage:
                n_seen = 0
                deadline = time.monotonic() + 1.0
                while time.monotonic() < deadline:
                    journal = storage.load()
                    assert len(journal.trials) >= n_seen
                    n_seen = len(journal.trials)
                    told = [trial.number for trial in journal.trials]
                    expected = [k for n in range(0, n_seen + 3, 3) for k in (n, n + 2, n + 1)]
                    assert told == expected[:n_seen]
                    assert storage.count()["complete"] >= n_seen
                    assert sum(1 for _ in storage.trials()) >= n_seen
                    # Reads its output, so that it never waits.
                    process.stdout.readline()
            assert writer_of(path).pid == process.pid
            with pytest.raises(StudyLockedError, match=f"written by process {process.pid} on"):
                SQLiteStorage(path)
        finally:
            process.kill()
            process.stdout.close()
    assert n_seen > 3
    assert writer_of(path) is None


def test_a_killed_study_can_be_read(tmp_path):
    path = tmp_path / "study.db"
    with start(WRITE_FOREVER, path) as process:
        process.stdout.readline()
        process.kill()
    with SQLiteStorage(path, "r") as storage:
        assert storage.trial(0).values == {"value": 0}
        assert next(storage.trials()).number == 0
