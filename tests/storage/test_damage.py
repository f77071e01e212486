"""What is no study, or only part of one, is said so and left as it is."""

import os
import random
import sqlite3
from contextlib import closing

import pytest

from hpopt.core.trial import Solution, Trial
from hpopt.errors import SettingError, StudyError, StudyFileError
from hpopt.storage import SQLiteStorage, salvage
from hpopt.testing.storages import described, solution, trial

N_TRIALS = 200


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "study.db"
    with SQLiteStorage(path) as storage:
        storage.write_header({"seed": 5})
        storage.started([solution(number) for number in range(N_TRIALS + 3)], 0)
        storage.append([trial(number) for number in range(N_TRIALS)])
    return path.read_bytes()


def text(path):
    path.write_text("number,config\n" + "1,x\n" * 1000)


def unicode_text(path):
    path.write_text("漢字" * 1000)


def random_bytes(path):
    path.write_bytes(random.Random(0).randbytes(5000))


def another_database(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users (name)")


def damaged_database(path):
    another_database(path)
    path.write_bytes(path.read_bytes()[:4096])


def header_only(path):
    path.write_bytes(b"SQLite format 3\0" + bytes(84))


NO_STUDIES = {
    text: "a text file, which begins with 'number,config",
    unicode_text: "a text file, which begins with '漢字",
    random_bytes: "a file of another kind, which begins with b'",
    another_database: r"another SQLite database \(its tables: users\)",
    damaged_database: "a damaged SQLite database",
    header_only: "a damaged SQLite database",
    lambda path: path.touch(): "an empty file",
    lambda path: path.mkdir(): "a folder",
    os.mkfifo: "no plain file",
}


@pytest.mark.parametrize("mode", ["w", "r"])
@pytest.mark.parametrize("make", NO_STUDIES, ids=list(NO_STUDIES.values()))
def test_what_is_no_study_is_named_and_left_alone(tmp_path, make, mode):
    path = tmp_path / "study.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StudyFileError, match=f"a study file is wanted, but .*{NO_STUDIES[make]}"):
        SQLiteStorage(path, mode)
    assert names_in(tmp_path) == ["study.db"]
    assert before is None or path.read_bytes() == before


def test_a_missing_file_cannot_be_read(tmp_path):
    with pytest.raises(StudyFileError, match=r"there is no .*nothing\.db"):
        SQLiteStorage(tmp_path / "nothing.db", "r")
    with pytest.raises(StudyFileError, match=r"there is no .*nothing\.db"):
        SQLiteStorage(tmp_path / "no folder" / "nothing.db", "r")
    assert names_in(tmp_path) == []


def test_a_missing_folder_is_made(tmp_path):
    with SQLiteStorage(tmp_path / "a" / "b" / "study.db") as storage:
        storage.append([trial(0)])
    assert (tmp_path / "a" / "b" / "study.db").is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StudyFileError, match="file cannot be made"):
        SQLiteStorage(tmp_path / "file" / "study.db")


@pytest.mark.parametrize("path", ["sqlite:///study.db", ":memory:", "", b"study.db"])
def test_a_path_must_be_that_of_a_file(path):
    with pytest.raises(SettingError, match="a study's path must be that of a file"):
        SQLiteStorage(path)


def test_a_newer_version_is_refused(tmp_path, whole):
    path = tmp_path / "study.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    for mode in ("w", "r"):
        with pytest.raises(StudyFileError, match="is of version 2: upgrade hpopt"):
            SQLiteStorage(path, mode)


def test_a_log_without_its_study_is_not_mixed_into_a_new_one(tmp_path):
    (tmp_path / "study.db-wal").write_bytes(b"the last trials of a study that was moved")
    with pytest.raises(StudyFileError, match="beside the log of another"):
        SQLiteStorage(tmp_path / "study.db")
    assert names_in(tmp_path) == ["study.db-wal"]


@pytest.mark.parametrize("mode", ["w", "r"])
def test_a_truncated_study_is_refused_at_any_length(tmp_path, whole, mode):
    path = tmp_path / "study.db"
    lengths = [0, 1, 15, 16, 99, 100, 101, 511, 512, 513, 4095, 4096, 4097, 8192, 12288]
    lengths += [*random.Random(0).sample(range(len(whole)), 25), len(whole) - 4096, len(whole) - 1]
    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(StudyFileError) as caught:
            SQLiteStorage(path, mode)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == whole[:length]
        assert names_in(tmp_path) == ["study.db"]


def test_the_error_says_how_much_is_left_and_salvage_saves_it(tmp_path, whole):
    path, saved = tmp_path / "study.db", tmp_path / "saved.db"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(StudyFileError, match=r"and (\d+) of its trials can still") as caught:
        SQLiteStorage(path)
    assert "hpopt.storage.salvage" in str(caught.value)
    n_saved = salvage(path, saved)
    assert f"and {n_saved} of its trials" in str(caught.value)
    assert N_TRIALS / 3 < n_saved < N_TRIALS
    with SQLiteStorage(saved) as storage:
        assert storage.header() == {"seed": 5}
        found = [described(each) for each in storage.load().trials]
        numbers = [each.number for each in storage.load().trials]
        assert found == [described(trial(number)) for number in numbers]
        assert len(set(numbers)) == n_saved
        storage.append([trial(1000)])
        assert storage.load().trials[-1].number == 1000


def test_salvage_reads_on_both_sides_of_the_damage(tmp_path, whole):
    path = tmp_path / "study.db"
    middle = len(whole) // 2 // 4096 * 4096
    path.write_bytes(whole[:middle] + bytes(4096) + whole[middle + 4096 :])
    with pytest.raises(StudyFileError, match="is damaged"):
        SQLiteStorage(path)
    assert N_TRIALS - 20 < salvage(path, tmp_path / "saved.db") < N_TRIALS
    with SQLiteStorage(tmp_path / "saved.db") as storage:
        journal = storage.load()
        numbers = [each.number for each in journal.trials]
        assert numbers[0] == 0
        assert numbers[-1] == N_TRIALS - 1
        assert [each.number for each in journal.pending] == [N_TRIALS, N_TRIALS + 1, N_TRIALS + 2]


def test_salvage_copies_a_sound_study_whole(tmp_path, whole):
    (tmp_path / "study.db").write_bytes(whole)
    assert salvage(tmp_path / "study.db", tmp_path / "saved.db") == N_TRIALS
    with (
        SQLiteStorage(tmp_path / "study.db", "r") as one,
        SQLiteStorage(tmp_path / "saved.db", "r") as other,
    ):
        assert [described(each) for each in one.trials()] == [
            described(each) for each in other.trials()
        ]
        assert one.load() == other.load()


def test_salvage_overwrites_nothing_and_needs_a_header(tmp_path, whole):
    path = tmp_path / "study.db"
    path.write_bytes(whole)
    with pytest.raises(SettingError, match="nothing may be where"):
        salvage(path, path)
    path.write_bytes(whole[:1500])
    with pytest.raises(StudyFileError, match="go back to a copy"):
        salvage(path, tmp_path / "saved.db")
    assert names_in(tmp_path) == ["study.db"]


def test_damage_anywhere_is_an_error_of_ours_or_none(tmp_path, whole):
    """Whatever bytes change, nothing of SQLite's or of the decoding gets through."""
    path = tmp_path / "study.db"
    rng = random.Random(1)
    n_refused = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 10, 1000])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            with SQLiteStorage(path, "r") as storage:
                storage.header()
                storage.load()
                list(storage.trials())
                storage.count()
        except StudyError as error:
            assert str(path) in str(error) or "trial" in str(error)
            n_refused += 1
    assert 10 < n_refused < 60


def test_a_damaged_row_is_named(tmp_path, whole):
    path = tmp_path / "study.db"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE trials SET config = '{' WHERE number = 7")
        connection.commit()
    with SQLiteStorage(path, "r") as storage:
        with pytest.raises(StudyFileError, match="its trial 7 is damaged"):
            storage.load()
        assert storage.trial(8).number == 8


def test_what_is_no_plain_data_is_refused_and_changes_nothing(tmp_path):
    with SQLiteStorage(tmp_path / "study.db") as storage:
        bad = Solution(1, {"x": object()}, solution(1).point, 0)
        with pytest.raises(SettingError, match="a study keeps plain data"):
            storage.started([solution(0), bad], 0)
        with pytest.raises(SettingError, match="a study keeps plain data"):
            storage.append([trial(0), Trial(bad, trial(1).outcome)])
        assert storage.count()["pending"] == 0
        assert storage.load().trials == ()


def test_a_file_that_vanishes_is_missed(tmp_path, whole):
    path = tmp_path / "study.db"
    path.write_bytes(whole)
    with SQLiteStorage(path, "r") as storage:
        path.unlink()
        with pytest.raises(StudyError, match=r"there is no .*study\.db now"):
            storage.load()
