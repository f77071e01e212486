"""Promise 8: a study file is data; and what it says is held against what is asked of it."""

import json
import marshal
import pickle
import shelve
import sqlite3
import sys
from contextlib import closing

import cloudpickle
import joblib
import pytest

import hpopt
from hpopt.errors import (
    StudyError,
    StudyFileError,
    StudyLockedError,
    StudyMismatchError,
    UnknownNameError,
)

from .conftest import wait_until
from .problems import ALSO_GOOD, KNOWN_GOOD, Line, Mixed, Small, essence, numbers

STRANGER = """
import hpopt

class Theirs(hpopt.Problem):
    space = hpopt.Space(
        {
            "x": hpopt.Int(0, 9),
            "shape": hpopt.Categorical([(1, 2), (3, 4)]),
            "layers": hpopt.Sequence(
                hpopt.Space({"n": hpopt.Int(1, 3)}, forbid=[lambda layer: layer["n"] == 2]), 1, 2
            ),
        },
        forbid=[lambda config: config["x"] == 5],
    )
    objectives = hpopt.Objective("height", "maximize")

    def evaluate(self, config, trial):
        return config["x"]

class Their(hpopt.Optimizer):
    def __init__(self, *, depth=3):
        self.depth = depth

    def _ask(self, number, n):
        rng = self.generator(number)
        return self.novel(rng.random((1, self.space.d)), rng, before=number)
"""


@pytest.fixture
def stranger(path, tmp_path, start_script):
    """The study of somebody whose problem, forbidden configs and strategy are not here."""
    module = tmp_path / "strangers_module.py"
    module.write_text(STRANGER)
    code = (
        "import sys, hpopt, strangers_module as s; "
        "hpopt.optimize(s.Theirs(), s.Their(), trials=6, seed=3, study=sys.argv[1])"
    )
    process = start_script(code, path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    module.unlink()
    return path


def refuse(*arguments, **options):
    raise AssertionError("a study file must never be unpickled")


class TestData:
    def test_a_study_is_read_without_its_problem_and_without_unpickling(
        self, stranger, monkeypatch
    ):
        for module, names in [
            (pickle, ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler")),
            (cloudpickle, ("load", "loads")),
            (joblib, ("load",)),
            (marshal, ("load", "loads")),
            (shelve, ("open",)),
        ]:
            for name in names:
                monkeypatch.setattr(module, name, refuse)
        for name in ("eval", "exec"):
            monkeypatch.setattr(f"builtins.{name}", refuse)
        record = hpopt.Study.load(stranger)
        assert numbers(record.trials) == list(range(6))
        assert record.best.values["height"] == max(t.values["height"] for t in record.trials)
        assert all(isinstance(trial.config["shape"], tuple) for trial in record.trials)
        assert record.trial(2).config == record.trials[2].config
        assert record.header["problem"] == "strangers_module.Theirs"
        assert record.header["optimizer"]["settings"] == {"depth": 3}
        assert record.objectives == (hpopt.Objective("height", "maximize"),)
        assert list(record.space) == ["x", "shape", "layers"]
        assert "strangers_module" not in sys.modules

    def test_every_text_in_a_study_file_is_json_or_plain(self, path):
        hpopt.optimize(Mixed(), "genetic", trials=5, study=path, progress=False)
        with closing(sqlite3.connect(path)) as connection:
            (header,) = connection.execute("SELECT header FROM study").fetchone()
            rows = connection.execute("SELECT config, metrics, point FROM trials").fetchall()
        assert isinstance(json.loads(header), dict)
        for config, metrics, point in rows:
            assert isinstance(json.loads(config), dict)
            assert isinstance(json.loads(metrics), dict)
            assert len(point) == 8 * Mixed.space.d

    def test_going_on_needs_what_cannot_be_stored(self, stranger, tmp_path):
        with pytest.raises(StudyMismatchError, match=r"strangers_module\.Their: give it again"):
            hpopt.Study(like_theirs(), path=stranger)


def like_theirs():
    """Give a problem of the stranger's space."""
    problem = Line()
    problem.objectives = hpopt.Objective("height", "maximize")
    layer = hpopt.Space({"n": hpopt.Int(1, 3)}, forbid=[lambda layer: layer["n"] == 2])
    problem.space = hpopt.Space(
        {
            "x": hpopt.Int(0, 9),
            "shape": hpopt.Categorical([(1, 2), (3, 4)]),
            "layers": hpopt.Sequence(layer, 1, 2),
        },
        forbid=[lambda config: config["x"] == 5],
    )
    return problem


class TestMismatch:
    @pytest.fixture
    def begun(self, path):
        options = {"seed": 4, "start": [KNOWN_GOOD], "study": path, "progress": False}
        hpopt.optimize(Mixed(), hpopt.GeneticAlgorithm(population=6), trials=3, **options)
        return path

    def changed(self, **changes):
        problem = Mixed()
        problem.space = hpopt.Space({**Mixed.space, **changes})
        return problem

    def refused(self, path, problem, *words, **options):
        with pytest.raises(StudyMismatchError) as raised:
            hpopt.optimize(problem, trials=9, study=path, progress=False, **options)
        for word in (*words, str(path), "can only go on as it began"):
            assert word in str(raised.value)
        assert numbers(hpopt.Study.load(path).trials) == [0, 1, 2]

    def test_of_the_space(self, begun):
        problem = self.changed(batch=hpopt.Ordinal([16, 32]))
        self.refused(begun, problem, "but batch lost the values 64, 128.")

    def test_of_a_parameter_that_is_new(self, begun):
        said = "but more is new.", "; give more a default= for that"
        self.refused(begun, self.changed(more=hpopt.Int(1, 2)), *said)
        with pytest.raises(StudyMismatchError) as raised:
            hpopt.Study(self.changed(more=hpopt.Int(1, 2, default=1)), path=begun)
        assert "default=" not in str(raised.value)

    def test_of_another_space_altogether(self, begun):
        self.refused(begun, Line(), "x is new", "rate was removed")
        self.refused(begun, Line(), "x is new", start=[{"x": 1.0}])

    def test_of_a_lists_layers(self, begun):
        layers = hpopt.Sequence({"units": hpopt.Int(1, 16)}, 1, 3)
        said = "but layers.kind was removed; layers."
        self.refused(begun, self.changed(layers=layers), said)
        fields = dict(Mixed.space["layers"].layer)
        for default in (None, 2):
            more = {**fields, "more": hpopt.Int(1, 2, default=default)}
            with pytest.raises(StudyMismatchError) as raised:
                hpopt.Study(self.changed(layers=hpopt.Sequence(more, 1, 3)), path=begun)
            assert "layers.more is new" in str(raised.value)
            assert ("give layers.more a default=" in str(raised.value)) == (default is None)

    def test_of_what_is_forbidden(self, begun):
        problem = Mixed()
        problem.space = hpopt.Space(dict(Mixed.space), forbid=[{"batch": 16}])
        self.refused(begun, problem, "forbid is", "'batch': [16]", "but was {}")

    def test_of_the_seed(self, begun):
        self.refused(begun, Mixed(), "seed was 4 and is 5", seed=5)

    def test_of_the_objectives(self, begun):
        problem = Mixed()
        problem.objectives = hpopt.Objective("value", "maximize")
        self.refused(
            begun,
            problem,
            "and are [['value', 'maximize']]",
            "objectives were [['value', 'minimize']]",
        )

    def test_of_the_fidelity(self, begun):
        problem = Mixed()
        problem.fidelity = hpopt.Fidelity(1, 9)
        self.refused(begun, problem, "fidelity was none and is 1 to 9 epochs")

    def test_of_the_optimizer(self, begun):
        self.refused(begun, Mixed(), "optimizer was 'genetic' and is 'random'", optimizer="random")

    def test_of_its_settings(self, begun):
        optimizer = hpopt.GeneticAlgorithm(population=7)
        self.refused(
            begun, Mixed(), "population of the optimizer was 6 and is 7", optimizer=optimizer
        )

    def test_of_the_start(self, begun):
        self.refused(begun, Mixed(), "start is [{", "but was [{", start=[ALSO_GOOD])

    def test_of_several_things_at_once(self, begun):
        self.refused(
            begun, self.changed(more=hpopt.Int(1, 2)), "more is new; seed was 4 and is 5", seed=5
        )

    def test_a_changed_space_says_how_to_keep_what_was_found(self, begun):
        said = f"another study file that learns from it: learn_from={str(begun)!r} (--learn-from"
        self.refused(begun, self.changed(more=hpopt.Int(1, 2)), said)
        with pytest.raises(StudyMismatchError) as raised:
            hpopt.Study(Mixed(), path=begun, seed=5)
        assert "learn_from" not in str(raised.value)

    def test_an_unknown_optimizer_is_still_unknown(self, begun):
        with pytest.raises(UnknownNameError, match="did you mean 'genetic'"):
            hpopt.Study(Mixed(), "genetik", path=begun)

    def test_what_is_the_same_goes_on(self, begun):
        result = hpopt.optimize(
            self.changed(),
            hpopt.GeneticAlgorithm(population=6),
            trials=4,
            seed=4,
            start=[dict(KNOWN_GOOD)],
            study=begun,
            progress=False,
        )
        assert len(result.trials) == 4


@pytest.mark.parametrize(
    "forbid",
    [
        [{"kernel": [(3, 3)], "batch": [16, 32]}],
        [lambda config: config["batch"] == 16],
        [{"kernel": [(3, 5)]}, lambda config: config["batch"] == 16],
    ],
)
def test_a_study_of_forbidden_configs_goes_on(path, forbid):
    class Forbidding(Mixed):
        space = hpopt.Space(
            {
                **Mixed.space,
                "layers": hpopt.Sequence(
                    hpopt.Space(
                        {"units": hpopt.Int(1, 16)},
                        forbid=[lambda layer: layer["units"] == 3, {"units": [4, 5]}],
                    ),
                    1,
                    3,
                ),
            },
            forbid=forbid,
        )

    for trials in (3, 6):
        result = hpopt.optimize(
            Forbidding(), "random", trials=trials, study=path, seed=1, progress=False
        )
    assert essence(result.trials) == essence(
        hpopt.optimize(Forbidding(), "random", trials=6, seed=1, progress=False).trials
    )
    assert essence(hpopt.Study.load(path).trials) == essence(result.trials)


RUNNING = """
import pathlib, sys, time
import hpopt

class Slow(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def evaluate(self, config, trial):
        print(trial.number, flush=True)
        sys.stdin.readline()
        return config["x"]

hpopt.optimize(Slow(), "random", trials=4, study=sys.argv[1], progress=False)
print("done", flush=True)
"""


def test_a_study_is_read_while_another_process_runs_it(path, start_script):
    process = start_script(RUNNING, path)
    for number in range(4):
        assert process.stdout.readline() == f"{number}\n"
        record = hpopt.Study.load(path)
        assert numbers(record.trials) == list(range(number))
        assert record.counts == {
            **dict.fromkeys(record.counts, 0),
            "complete": number,
            "pending": 1,
        }
        assert len(record.top(1)) == min(number, 1)
        if number == 2:
            with pytest.raises(StudyLockedError, match=rf"being written by process {process.pid}"):
                hpopt.Study(Line(), path=path)
        process.stdin.write("\n")
        process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    assert wait_until(lambda: record.counts["complete"] == 4)


class TestOpening:
    def test_one_study_writes_a_file(self, path):
        with hpopt.Study(Line(), "random", path=path) as study:
            with pytest.raises(StudyLockedError, match="this process"):
                hpopt.Study(Line(), "random", path=path)
            with pytest.raises(StudyLockedError, match="this process"):
                hpopt.optimize(Line(), "random", trials=1, study=path, progress=False)
            study.run(trials=2, progress=False)
        with hpopt.Study(Line(), path=path) as study:
            assert len(study.trials) == 2

    def test_a_refused_study_does_not_keep_the_file(self, path):
        hpopt.optimize(Line(), "random", trials=1, study=path, progress=False)
        with pytest.raises(StudyMismatchError):
            hpopt.Study(Small(), path=path)
        assert len(hpopt.optimize(Line(), trials=2, study=path, progress=False).trials) == 2

    def test_bad_input_makes_no_file(self, path):
        with pytest.raises(UnknownNameError):
            hpopt.Study(Line(), "genetik", path=path)
        with pytest.raises(hpopt.HpoptError, match="seed"):
            hpopt.Study(Line(), seed=-1, path=path)
        assert not path.exists()

    def test_a_study_that_had_no_time_to_begin_begins(self, path):
        with pytest.raises(hpopt.HpoptError):
            hpopt.Study(Line(), start=[{"y": 1}], path=path)
        if path.exists():
            with pytest.raises(StudyFileError, match="still empty"):
                hpopt.Study.load(path)
        assert len(hpopt.optimize(Line(), trials=1, study=path, progress=False).trials) == 1

    def test_a_closed_study_says_so(self, path):
        study = hpopt.Study(Line(), "random", path=path)
        result = study.run(trials=2, progress=False)
        study.close()
        study.close()
        for use in (study.ask, lambda: study.run(trials=1), lambda: study.best):
            with pytest.raises(StudyError, match="closed"):
                use()
        assert len(result.trials) == 2

    def test_load_wants_a_study(self, path):
        with pytest.raises(StudyError, match="no "):
            hpopt.Study.load(path)
        with pytest.raises(StudyError, match="must exist"):
            hpopt.Study.load(path, Line())
        assert not path.exists()
        path.write_text("not a study")
        with pytest.raises(StudyFileError, match="text file"):
            hpopt.Study.load(path)

    def test_load_with_a_problem_goes_on(self, path):
        hpopt.optimize(Line(), "random", trials=2, study=path, progress=False)
        with hpopt.Study.load(path, Line()) as study:
            assert study.optimizer.name == "random"
            assert len(study.run(trials=2, progress=False).trials) == 4

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"format": 99, "hpopt": "9.1"}, "has format 99 (written by hpopt 9.1): upgrade"),
            ({"space": {"parameters": [["x", {"type": "spline"}]]}}, "cannot be understood"),
            ({"space": 3}, "cannot be understood"),
            ({"objectives": [["a", "sideways"]]}, "cannot be understood"),
            ({"seed": None}, None),
        ],
    )
    def test_a_header_that_is_not_ours_says_so(self, path, change, said):
        hpopt.optimize(Line(), "random", trials=1, study=path, progress=False)
        with closing(sqlite3.connect(path)) as connection, connection:
            (header,) = connection.execute("SELECT header FROM study").fetchone()
            header = {**json.loads(header), **change}
            if said is None:
                del header["seed"]
            connection.execute("UPDATE study SET header = ?", (json.dumps(header),))
        for use in (lambda: hpopt.Study.load(path), lambda: hpopt.Study(Line(), path=path)):
            with pytest.raises(StudyFileError) as raised:
                use()
            assert (said or "has one without ['seed']") in str(raised.value)

    def test_the_file_stays_where_it_was_made(self, path, monkeypatch, tmp_path):
        monkeypatch.chdir(path.parent)
        (path.parent / "elsewhere").mkdir()
        study = hpopt.Study(Line(), "random", path="study.db")
        result = study.run(trials=1, progress=False)
        record = hpopt.Study.load("study.db")
        monkeypatch.chdir("elsewhere")
        study.run(trials=1, progress=False)
        study.close()
        assert len(record.trials) == len(result.trials) == 2

    def test_what_is_about_a_study_is_kept_in_its_header(self, path):
        with hpopt.Study(Line(), "random", path=path, about={"who": ["me"]}):
            pass
        assert hpopt.Study.load(path).header["who"] == ["me"]
        for other in (path, None):
            with pytest.raises(hpopt.HpoptError, match=r"names of the header .* \['seed'\]"):
                hpopt.Study(Line(), "random", path=other, about={"seed": 3})
