import json
import os
import shutil
import socket
import sqlite3
import sys

import pytest

from hpopt import Objective, Study, failed
from hpopt.errors import MissingExtraError, SettingError, StudyFileError
from hpopt.reports.dashboard import Dashboard, Settings, studies_of, watching
from hpopt.reports.dashboard.said import LEAST_SECONDS, pause_after

from ..browser import ABSENT, CHROMIUM, Browser
from .conftest import HOSTILE, serving, study_at, until


def versions(asker):
    return ",".join(f"{each['epoch']}.{each['version']}" for each in asker.data("data")["studies"])


def first(events, name):
    return next(data for found, data in events if found == name)


def test_a_trial_that_ends_is_told_at_once_with_the_best(tmp_path):
    with study_at(tmp_path / "s.db") as study, serving(tmp_path / "s.db") as asker:
        at = versions(asker)
        with asker.events(at) as events:
            assert first(events, "state")[0]["n"] == 5
            asked = study.ask()
            running = until(lambda: first(events, "state")[0]["running"])
            assert [each["number"] for each in running] == [5]
            study.tell(asked, {"loss": -3.0})
            told = first(events, "trials")
            assert (told["study"], told["packed"]["n"], told["packed"]["best"]) == (0, 1, 5)
            study.tell(study.ask(), {"loss": 9.0})
            assert first(events, "trials")["packed"]["best"] == 5
        # Whoever was away gets what has changed meanwhile; whoever knows nothing asks for all.
        with asker.events(at) as events:
            assert first(events, "trials")["packed"]["n"] == 2
        with asker.events("5.5") as events:
            assert first(events, "reload")["study"] == 0
        assert asker.data("state")[0]["writer"]


def test_words_come_once_somebody_looks_on(asked):
    with asked.events() as events:
        sections = first(events, "said")["sections"]
    assert "answer" in [each["id"] for each in sections]
    assert asked.data("data")["said"]["sections"]


def test_several_studies_and_objectives_side_by_side(tmp_path):
    two = [Objective("loss"), Objective("size", "maximize")]
    with study_at(tmp_path / "one.db") as one, study_at(tmp_path / "two.db", 3, two) as other:
        with serving(tmp_path / "one.db", tmp_path / "two.db", tmp_path / "one.db") as asker:
            data = asker.data("data")["studies"]
            assert [each["packed"]["name"] for each in data] == ["one", "two"]
            assert [each["packed"]["front"] for each in data] == [[], [0, 1, 2]]
            with asker.events(versions(asker)) as events:
                other.tell(other.ask(), {"loss": 0.0, "size": 99.0})
                told = first(events, "trials")
                assert (told["study"], told["packed"]["front"]) == (1, [3])
            assert 'id="compared"' in asker.ask()[2].decode()
            with asker.events() as events:
                assert first(events, "said")["sections"][0]["id"] == "compared"
        assert one.counts["complete"] == 5


def test_a_trials_page_has_all_of_it(tmp_path):
    with study_at(tmp_path / "s.db", 1) as study:
        study.tell(study.ask(), failed("</pre><script>alert(1)</script>\x1b[2J"))
        solution = study.ask()
    folder = tmp_path / "s.db.files" / "0"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "<b>.h5").write_bytes(b"12345")
    (folder / "secret").symlink_to("/etc/passwd")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    with serving(tmp_path / "s.db") as asker:
        found = asker.data("trials/0/0")
        assert json.loads(found["config"]).keys() >= {"rate", "layers"}
        assert (found["seed"] > 0, found["broken"], found["output"]) == (True, "", "")
        assert found["files"] == [["secret", "link"], ["up", "link"], ["weights/<b>.h5", "5 B"]]
        assert asker.data("trials/0/1")["error"] == "</pre><script>alert(1)</script>\\u001b[2J"
        for path in ("trials/0/2", "trials/0/3", "trials/1/0"):  # pending, and none
            status, _, body = asker.ask(path)
            assert status == 404
            assert json.loads(body)["error"]
        assert solution.number == 2


def test_a_folder_of_files_that_is_a_link_is_not_entered(tmp_path):
    study_at(tmp_path / "s.db", 1).close()
    (tmp_path / "elsewhere" / "0").mkdir(parents=True)
    (tmp_path / "elsewhere" / "0" / "private").touch()
    (tmp_path / "s.db.files").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with serving(tmp_path / "s.db") as asker:
        assert asker.data("trials/0/0")["files"] == []


def test_a_file_that_goes_and_comes_back_is_said_and_read_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE_SECONDS", 0.05)
    path = tmp_path / "s.db"
    study_at(path).close()
    study_at(tmp_path / "other.db", 8).close()
    with serving(path) as asker, asker.events(versions(asker)) as events:
        path.rename(tmp_path / "kept.db")
        until(lambda: "there is no" in first(events, "state")[0]["problem"])
        assert asker.data("data")["studies"][0]["packed"]["n"] == 5  # as it was known last
        connection = sqlite3.connect(tmp_path / "other.db")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        (tmp_path / "other.db").rename(path)
        until(lambda: "upgrade hpopt" in first(events, "state")[0]["problem"])
        path.unlink()
        study_at(path, 2).close()
        assert first(events, "reload")["study"] == 0
        assert asker.data("data")["studies"][0]["packed"]["n"] == 2


def test_another_study_copied_over_the_file_is_read_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "WHOLE_SECONDS", 0.0)
    monkeypatch.setattr(watching, "PATIENCE_SECONDS", 0.05)
    path = tmp_path / "s.db"
    study_at(path).close()
    study_at(tmp_path / "other.db", 8, Objective("gain")).close()
    watch = watching.Watch(path, lambda: Study.load(path))
    watch.look()
    epoch = watch.epoch
    until(lambda: watch.look() or watch._times is not None)
    shutil.copyfile(tmp_path / "other.db", path)
    until(lambda: watch.look() and watch.epoch != epoch)
    assert watch.edition().packed["metrics"] == ["gain"]


def test_a_page_opened_later_gets_an_edition_and_what_came_after_it(tmp_path):
    with study_at(tmp_path / "s.db", 100) as study:
        watch = watching.Watch(tmp_path / "s.db", lambda: Study.load(tmp_path / "s.db"))
        watch.look()
        known = watch.edition()
        study.tell(study.ask(), {"loss": -1.0})
        watch.look()
        assert watch.edition() is known
        assert watch.changes(known.epoch, known.version)["n"] == 1
        for _ in range(5):
            study.tell(study.ask(), {"loss": 5.0})
        watch.look()
        newer = watch.edition()
        assert (newer.packed["n"], newer.packed["best"]) == (106, 100)
        assert watch.changes(known.epoch, known.version)["n"] == 6  # pages that are open still
        assert watch.changes(newer.epoch, newer.version)["n"] == 0
        assert watch.changes(newer.epoch + 1, 0) is None


def test_the_best_is_found_again_where_it_is_evaluated_again(tmp_path):
    with study_at(tmp_path / "s.db") as study:
        watch = watching.Watch(tmp_path / "s.db", lambda: Study.load(tmp_path / "s.db"))
        watch.look()
        assert watch.best == 4
        storage = study._state.storage
        old = storage.trial(4)
        storage.reopen([4])
        storage.append([type(old)(old.solution, failed("no"))])
        watch._next_whole = 0.0
        watch.look()
        assert watch.best == 3


def test_nothing_is_written_where_a_study_lies(tmp_path):
    study_at(tmp_path / "s.db").close()
    before = (tmp_path / "s.db").read_bytes()
    with serving(tmp_path / "s.db") as asker:
        asker.data("data")
        asker.data("trials/0/1")
        assert os.listdir(tmp_path) == ["s.db"]  # noqa: PTH208
    assert (tmp_path / "s.db").read_bytes() == before


def test_what_cannot_be_served_is_said_before_anything_is(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    with pytest.raises(StudyFileError, match="there is no"), serving(path):
        pass
    study_at(path).close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(SettingError, match="must be free"),
            serving(path, port=taken.getsockname()[1]),
        ):
            pass
    for port in (-1, 70_000):
        with pytest.raises(SettingError, match="port must be between"), serving(path, port=port):
            pass
    with pytest.raises(SettingError, match="of 1 to 8 studies"):
        Dashboard({}, Settings(port=0))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"needs uvicorn.*hpopt\[dashboard\]"):
        Dashboard(studies_of([path], Study.load), Settings(port=0))


@pytest.mark.skipif(CHROMIUM is None, reason=ABSENT)
def test_a_browser_sees_a_trial_arrive_and_runs_no_text_of_the_study(tmp_path):
    with (
        study_at(tmp_path / "s.db") as study,
        serving(tmp_path / "s.db") as asker,
        Browser() as page,
    ):
        page.open(asker.dashboard.url)
        page.wait_for("document.documentElement.dataset.shown")
        assert page.evaluate("hpopt.state.study.n") == 5
        study.tell(study.ask(), {"loss": -7.0})
        page.wait_for("hpopt.state.study.n === 6")
        assert page.evaluate("hpopt.state.study.best") == 5
        page.wait_for("document.querySelector('#now').textContent.includes('6 trials finished')")
        page.evaluate("location.hash = '#trial-0-5'")
        page.wait_for("document.querySelector('dialog[open]')?.textContent.includes('-7')")
        names = page.evaluate("hpopt.state.study.columns.map((each) => each.name)")
        assert HOSTILE in names
        assert page.complaints() == []


def test_what_is_said_first_does_not_stand_for_minutes():
    assert pause_after(9.0, is_first=True) == LEAST_SECONDS
    assert pause_after(9.0, is_first=False) == 180.0
    assert pause_after(0.01, is_first=False) == LEAST_SECONDS
