"""What runs where, since when, with its last report: for other processes, while it runs."""

import os
import socket
import sys
import threading
import time
from concurrent.futures import Executor, Future

import pytest

import hpopt
from hpopt.core import LiveFolder, evaluate, heartbeat_of
from hpopt.reports import words
from hpopt.storage.running import folder_beside
from hpopt.study import dispatch

from .conftest import wait_until
from .problems import Line, numbers

WATCHED = """
import pathlib, sys, time
import hpopt

folder, workers = pathlib.Path(sys.argv[1]), int(sys.argv[2])


class Reporting(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def evaluate(self, config, trial):
        step = 0
        while not (folder / "go").exists():
            step += 1
            trial.report(step, step * config["x"])
            time.sleep(0.02)
        return config["x"]


with hpopt.Study(Reporting(), "random", path=folder / "study.db", seed=1) as study:
    study.run(trials=2, workers=workers, progress=False)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_another_process_sees_what_runs(start_script, path, workers):
    driver = start_script(WATCHED, path.parent, workers, CUDA_VISIBLE_DEVICES="7")

    def running():
        return hpopt.Study.load(path).running if path.exists() else []

    began = time.time()
    assert wait_until(
        lambda: (
            sum(r.seen is not None and r.seen.step is not None for r in safely(running)) == workers
        )
    )
    found = running()
    assert [each.number for each in found] == list(range(workers))
    for each in found:
        seen = each.seen
        assert (seen.host, seen.gpu) == (socket.gethostname(), "7")
        assert (seen.pid == driver.pid) == (workers == 1)
        assert began - 1 <= each.since <= time.time()
        assert seen.value == pytest.approx(seen.step * each.solution.config["x"])
    assert len({each.seen.pid for each in found}) == workers
    first = found[0].seen.step
    assert wait_until(lambda: running()[0].seen.step > first)
    (path.parent / "go").touch()
    assert driver.wait(30) == 0
    assert running() == []
    assert not folder_beside(path).exists()


def safely(read):
    try:
        return read()
    except hpopt.HpoptError:
        return []


def test_a_killed_driver_leaves_what_it_ran_and_the_next_one_tidies_up(start_script, path):
    driver = start_script(WATCHED, path.parent, 2)
    assert wait_until(
        lambda: (
            path.exists()
            and folder_beside(path).exists()
            and len(list(folder_beside(path).iterdir())) == 2
        )
    )
    driver.kill()
    driver.wait()
    assert [each.number for each in hpopt.Study.load(path).running] == [0, 1]
    (path.parent / "go").touch()
    with hpopt.Study(
        hpopt.FunctionProblem(lambda c: c["x"], {"x": hpopt.Float(0, 1)}), path=path
    ) as study:
        assert numbers(study.run(trials=2, progress=False).trials) == [0, 1]
    assert not folder_beside(path).exists()


def test_what_was_asked_by_hand_is_running(path):
    with hpopt.Study(Line(), "random", path=path) as study:
        began = time.time()
        solution = study.ask()
        (found,) = study.running
        assert found.solution.config == solution.config
        assert began <= found.since <= time.time()
        assert found.seen is None
        study.tell(solution, 1.0)
        assert study.running == []


def test_in_memory_too():
    study = hpopt.Study(Line(), "random")
    solution = study.ask()
    (found,) = study.running
    assert (found.number, found.since, found.seen) == (solution.number, None, None)


def test_a_trial_that_was_killed_is_not_seen_any_more(path):
    class Hanging(Line):
        def evaluate(self, config, trial):
            if trial.number == 0:
                time.sleep(1000)
            return 0.0

    seen = []

    def look(study, trial):
        shown = [number for number in range(2) if heartbeat_of(str(folder_beside(path)), number)]
        seen.append((trial.number, trial.status, shown))

    hpopt.optimize(
        Hanging(),
        "random",
        trials=2,
        limits=hpopt.Limits(seconds=0.5),
        study=path,
        callbacks=[look],
        progress=False,
    )
    assert seen == [(0, "timeout", []), (1, "complete", [])]


def test_of_workers_far_away_the_executor_may_know_the_place(path, monkeypatch):
    """They do not see the study's folder, so their last reports are not known here."""
    monkeypatch.setattr(dispatch, "WHERE_SECONDS", 0.0)
    found = []

    class FarAway(Executor):
        workers = 2

        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.where = "tcp://far:1234"
            work = lambda: future.set_result(fn(*args, **kwargs | {"live": None}))  # noqa: E731
            threading.Timer(0.05 if args[1].number else 0.5, work).start()
            return future

    def look(study, trial):
        found.extend(study.running)

    with hpopt.Study(Line(), "random", path=path) as study:
        study.run(trials=3, executor=FarAway(), callbacks=[look], progress=False)
        assert study.running == []
    places = {(each.seen.host, each.seen.pid) for each in found if each.seen is not None}
    assert places == {("tcp://far:1234", 0)}
    assert words.running(next(each for each in found if each.seen))[-1] == "tcp://far:1234"


def test_where_nothing_can_be_written_nothing_else_changes(tmp_path):
    """On a machine without the study's folder, or on a full disk."""
    solution = hpopt.RandomSearch().bind(Line(), seed=0).ask()[0]
    live = LiveFolder(str(tmp_path / "nowhere"), driver=-1)
    assert evaluate(Line(), solution, live=live).status == "complete"
    assert not (tmp_path / "nowhere").exists()
    assert heartbeat_of(str(tmp_path / "nowhere"), 0) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_link_in_the_place_of_the_folder_is_replaced_and_not_followed(path, tmp_path, executor):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "0").write_text("of somebody else")
    folder_beside(path).symlink_to(elsewhere)
    were_links = []

    def look(study, trial):
        were_links.append((folder_beside(path).is_symlink(), folder_beside(path).is_dir()))

    hpopt.optimize(
        Line(), "random", trials=2, executor=executor, study=path, callbacks=[look], progress=False
    )
    assert were_links == [(False, True)] * 2
    assert not os.path.lexists(folder_beside(path))
    assert {file.name: file.read_text() for file in elsewhere.iterdir()} == {
        "0": "of somebody else"
    }


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_comes_later_is_not_followed_either(tmp_path, monkeypatch):
    monkeypatch.setattr("hpopt.core.heartbeat._kept", [])
    solution = hpopt.RandomSearch().bind(Line(), seed=0).ask()[0]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "0").write_text("of somebody else")
    linked, planted = tmp_path / "linked", tmp_path / "planted"
    linked.symlink_to(elsewhere)
    planted.mkdir()
    (planted / "0").symlink_to(elsewhere / "0")
    for folder in (linked, planted):
        live = LiveFolder(str(folder), driver=-1)
        assert evaluate(Line(), solution, live=live).status == "complete"
        live.place(0, "far")
    LiveFolder(str(linked), driver=-1).forget(0)
    assert {file.name: file.read_text() for file in elsewhere.iterdir()} == {
        "0": "of somebody else"
    }


def test_where_something_else_has_the_folders_name_it_stays(path):
    folder_beside(path).write_text("of somebody else")
    result = hpopt.optimize(Line(), "random", trials=1, study=path, progress=False)
    assert result.trials[0].ok
    assert folder_beside(path).read_text() == "of somebody else"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_and_a_file_without_end_do_not_hold_up_a_reader(tmp_path):
    os.mkfifo(tmp_path / "0")
    (tmp_path / "1").write_text(f"[1, {'1' * 10_000}")
    assert heartbeat_of(str(tmp_path), 0) is None
    assert heartbeat_of(str(tmp_path), 1) is None


@pytest.mark.parametrize(
    "content", ["", "[1, 2", "[]", "{}", "[0, 1, 2]", "null", '[0, 1, "a", "b", "now"]']
)
def test_half_a_file_is_no_heartbeat(tmp_path, content):
    (tmp_path / "0").write_text(content)
    assert heartbeat_of(str(tmp_path), 0) is None


def test_short_evaluations_in_the_driver_write_nothing(tmp_path):
    class Reporting(Line):
        def evaluate(self, config, trial):
            trial.report(1, 2.0)
            assert list(tmp_path.iterdir()) == []
            return 0.0

    solution = hpopt.RandomSearch().bind(Line(), seed=0).ask()[0]
    live = LiveFolder(str(tmp_path), driver=os.getpid())
    assert evaluate(Reporting(), solution, live=live).status == "complete"


def test_one_file_serves_the_evaluations_of_a_worker(tmp_path, monkeypatch):
    monkeypatch.setattr("hpopt.core.heartbeat._kept", [])
    folders = [tmp_path / "first", tmp_path / "second"]
    seen = []

    class Looking(Line):
        def evaluate(self, config, trial):
            where = folders[trial.number // 2]
            files = [file for folder in folders for file in folder.iterdir()]
            seen.append((trial.number, len(files), heartbeat_of(str(where), trial.number).number))
            return 0.0

    for solution in hpopt.RandomSearch().bind(Line(), seed=0).ask(4):
        folder = folders[solution.number // 2]
        folder.mkdir(exist_ok=True)
        folders[1].mkdir(exist_ok=True)
        live = LiveFolder(str(folder), driver=-1)
        assert evaluate(Looking(), solution, live=live).status == "complete"
        assert heartbeat_of(str(folder), solution.number) is None
    assert seen == [(number, 1, number) for number in range(4)]
