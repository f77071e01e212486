"""``hpopt ask`` and ``hpopt tell``: a loop in any language, each step a process of its own."""

import io
import json
import threading
from pathlib import Path

import pytest

import hpopt as library
from hpopt.problems import ExternalProblem
from hpopt.study import Study

SPACE = """
[space]
heat = { type = "int", low = 150, high = 250 }
kind = { type = "categorical", choices = ["dark", "light"] }
"""


@pytest.fixture
def write(folder):
    """A run file for a study that is evaluated elsewhere."""

    def write(text="", space=SPACE):
        (folder / "oven.toml").write_text(
            f'seed = 1\noptimizer = {{ name = "genetic", population = 6 }}\n{text}\n{space}'
        )
        return "oven.toml"

    return write


@pytest.fixture
def ask(hpopt):
    """Ask, and give what was printed."""

    def ask(*arguments, study="oven.db"):
        code, out, err = hpopt("ask", study, *arguments)
        assert (code, err) == (0, "")
        return json.loads(out)

    return ask


@pytest.fixture
def tell(hpopt):
    def tell(*arguments, study="oven.db"):
        code, out, err = hpopt("tell", study, *arguments)
        assert (code, err) == (0, "")
        return json.loads(out)

    return tell


def error_of(err):
    return json.loads(err)["error"]


def value_of(config):
    return (config["heat"] - 200) ** 2 + (config["kind"] == "light")


class TestAsk:
    def test_what_it_prints(self, write, ask, folder):
        found = ask("--file", write())
        assert found.pop("config").keys() == {"heat", "kind"}
        assert 0 <= found.pop("seed") < 2**32
        assert found == {
            "number": 0,
            "fidelity": None,
            "fidelity_name": None,
            "directory": str(folder / "oven.db.files" / "0"),
            "previous": None,
        }

    def test_each_process_gets_another_one(self, write, ask):
        first = ask("--file", write())
        asked = [first, ask(), *ask("-n", 3), *ask("-n", 1)]
        assert [each["number"] for each in asked] == [0, 1, 2, 3, 4, 5]
        assert len({json.dumps(each["config"]) for each in asked}) == 6
        assert Study.load("oven.db").counts["pending"] == 6

    def test_it_gives_what_one_process_gives(self, write, ask, tell):
        write()
        found = []
        for _ in range(9):
            asked = ask("--file", "oven.toml")
            tell(asked["number"], value_of(asked["config"]))
            found.append(asked["config"])
        problem = ExternalProblem(Study.load("oven.db").space)
        study = Study(problem, library.GeneticAlgorithm(population=6), seed=1)
        for config in found:
            solution = study.ask()
            assert solution.config == config
            study.tell(solution, value_of(config))

    def test_again(self, write, ask, tell, hpopt):
        ask("--file", write("trials = 2"), "-n", 2)
        assert [each["number"] for each in ask("--again", "-n", 5)] == [0, 1]
        tell(0, 1.0)
        assert ask("--again")["number"] == 1
        tell(1, 1.0)
        assert hpopt("ask", "oven.db", "--again")[0] == 4

    def test_it_ends_as_the_run_file_says(self, write, ask, tell, hpopt):
        ask("--file", write("trials = 9\ntarget = 0.5\ntimeout = 0"))
        tell(0, 0.25)
        code, out, err = hpopt("ask", "oven.db")
        assert (code, out, error_of(err)["type"]) == (4, "", "ExhaustedError")
        assert "value reached 0.25" in error_of(err)["message"]

    def test_it_says_that_results_are_needed(self, write, ask, hpopt):
        ask("--file", write())
        asked = ask("-n", 100)
        assert len(asked) < 100
        code, _, err = hpopt("ask", "oven.db", "--wait", "0")
        assert (code, error_of(err)["type"]) == (5, "WaitingError")

    def test_it_waits_for_results(self, write, ask):
        ask("--file", write())
        n = len(ask("-n", 100))

        def tell_all():
            with Study(ExternalProblem(Study.load("oven.db").space), path="oven.db") as study:
                for number in range(n + 1):
                    study.tell(number, 1.0)

        thread = threading.Timer(0.2, tell_all)
        thread.start()
        assert ask("--wait", "20s")["number"] == n + 1
        thread.join()

    def test_a_study_of_a_run_goes_on(self, hpopt, write_run, ask, tell):
        hpopt("run", write_run())
        code, _, err = hpopt("ask", "hill.db")
        assert code == 4
        assert "12 trials are done" in error_of(err)["message"]
        hpopt("run", write_run(), "--trials", 13, "--study", "other.db")
        assert Study.load("other.db").counts["complete"] == 13

    def test_a_study_from_python_needs_no_file(self, ask, tell, folder):
        space = {"x": library.Float(0, 1), "k": library.Categorical([(1, 2), (3, 4)])}
        problem = ExternalProblem(
            library.Space(space, [{"k": [(1, 2)]}]),
            objectives={"loss": "minimize", "speed": "maximize"},
            constraints={"size": "<= 3"},
            fidelity=library.Fidelity(1, 9, "epochs"),
        )
        Study(problem, "hyperband", path="python.db", seed=3).close()
        asked = ask(study="python.db")
        assert asked["config"]["k"] == [3, 4]
        assert asked["fidelity_name"] == "epochs"
        assert 1 <= asked["fidelity"] <= 9
        found = tell(0, "loss=1", "speed=2", "size=9", study="python.db")
        assert found["values"] == {"loss": 1.0, "speed": 2.0, "size": 9.0}
        assert found["best"] is None
        ask(study="python.db")
        found = tell(1, '{"loss": 1, "speed": 2, "size": 1}', study="python.db")
        assert found["best"] == {"number": 1, "values": {"loss": 1.0, "speed": 2.0, "size": 1.0}}

    def test_the_run_file_may_have_a_fidelity(self, write, ask):
        fidelity = '[problem]\nfidelity = { low = 1, high = 9, name = "trays" }\n'
        Path("rungs.toml").write_text(f'optimizer = "asha"\n{fidelity}{SPACE}')
        asked = ask("--file", "rungs.toml")
        assert (asked["fidelity"], asked["fidelity_name"]) == (1.0, "trays")

    def test_it_goes_on_from_the_files_of_a_lower_fidelity(self, ask, tell, folder):
        problem = ExternalProblem(
            {"x": library.Float(0, 1)}, fidelity=library.Fidelity(1, 9, "epochs")
        )
        Study(problem, "asha", path="h.db", seed=3).close()
        previous = []
        for _ in range(5):
            asked = ask(study="h.db")
            if asked["previous"]:
                previous.append(asked["previous"]["fidelity"])
                assert asked["previous"]["fidelity"] < asked["fidelity"]
            place = Path(asked["directory"])
            place.mkdir(parents=True)
            (place / "weights").write_text("w")
            tell(asked["number"], asked["config"]["x"], study="h.db")
        assert previous


class TestTell:
    @pytest.mark.parametrize(
        ("words", "values"),
        [
            (["-1e-05"], {"value": -1e-05}),
            (["-.5"], {"value": -0.5}),
            (["value=3", "size=2"], {"value": 3.0, "size": 2.0}),
            (['{"value": 3, "note": "a=b"}'], {"value": 3.0}),
            (["7"], {"value": 7.0}),
            (["--wait", "3", "7"], {"value": 7.0}),
        ],
    )
    def test_values(self, write, ask, tell, words, values):
        ask("--file", write())
        found = tell(0, *words)
        best = {"number": 0, "values": values}
        assert found == {
            "number": 0, "status": "complete", "values": values, "error": None, "best": best,
        }  # fmt: skip

    def test_from_stdin(self, write, ask, tell, monkeypatch):
        ask("--file", write())
        monkeypatch.setattr("sys.stdin", io.StringIO('{"value": 2.5, "note": "dark"}\n'))
        assert tell(0, "-")["values"] == {"value": 2.5}
        assert Study.load("oven.db").trial(0).outcome.info == {"note": "dark"}

    def test_failures(self, write, ask, tell):
        ask("--file", write(), "-n", 2)
        found = tell(0, "--failed", "the power went off")
        assert (found["status"], found["error"]) == ("failed", "the power went off")
        assert found["best"] is None
        assert tell(1, "nan")["status"] == "invalid"

    def test_reports_and_early_stopping(self, write, ask, tell):
        rule = '{ name = "threshold", bound = 5.0 }'
        write(f"early_stopping = {rule}")
        ask("--file", "oven.toml", "-n", 2)
        assert tell(0, "--step", 1, "3") == {"number": 0, "step": 1.0, "stop": False}
        assert tell(0, "--step", 2, "9")["stop"] is True
        found = tell(0)
        assert (found["status"], found["values"]) == ("stopped", {"value": 9.0})
        tell(1, "4", "--step", 1)
        assert tell(1, "--stopped")["values"] == {"value": 4.0}
        trials = Study.load("oven.db").trials
        assert [trial.curve for trial in trials] == [((1.0, 3.0), (2.0, 9.0)), ((1.0, 4.0),)]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (
                (7, "1"),
                "number 7 was never asked of this study: tell one that is pending, which are 0",
            ),
            ((0, "x"), "VALUE must be a number, NAME=VALUE pairs or JSON, but got 'x'"),
            ((0, "1", "2"), "VALUE must be one number, NAME=VALUE pairs or JSON, but got '1 2'"),
            ((0, '{"a":' * 9999), "VALUE must be a number, NAME=VALUE pairs or JSON"),
            ((0, "[1]"), "VALUE must be a number or an object, but got '[1]'"),
            (
                (0, "loss=1"),
                "['value'], but got ['loss']: give a number for each, as {\"value\": ...}",
            ),
            ((0,), "tell wants a number"),
            ((0, "1", "--failed", "no"), "--failed must have no VALUE"),
            ((0, "--step", 1), "--step must have a VALUE"),
            ((0, "--step", "nan", "1"), "a finite number as step"),
        ],
    )
    def test_what_is_wrong_changes_nothing(self, write, ask, hpopt, arguments, said):
        ask("--file", write())
        code, out, err = hpopt("tell", "oven.db", *arguments)
        assert (code, out) == (1, "")
        assert said in error_of(err)["message"]
        assert Study.load("oven.db").counts["pending"] == 1

    def test_twice(self, write, ask, tell, hpopt):
        ask("--file", write())
        tell(0, 1)
        code, _, err = hpopt("tell", "oven.db", 0, 1)
        assert (code, error_of(err)["type"]) == (1, "SettingError")
        said = "number 0 has been told already: nothing is pending, so ask first"
        assert error_of(err)["message"].endswith(said)

    def test_what_no_wait_is(self, hpopt, capsys):
        with pytest.raises(SystemExit):
            hpopt("ask", "oven.db", "--wait", "soon")
        assert "as 90s, 15m, 2h, but got 'soon'" in capsys.readouterr().err


class TestErrors:
    def test_no_study(self, hpopt, folder):
        code, out, err = hpopt("ask", "none.db")
        assert (code, out) == (1, "")
        assert "hpopt ask none.db --file run.toml" in error_of(err)["message"]
        assert not (folder / "none.db").exists()

    def test_a_run_file_of_nothing(self, write, hpopt, folder):
        code, _, err = hpopt("ask", "o.db", "--file", write(space=""))
        assert code == 1
        assert "oven.toml must have a [space]" in error_of(err)["message"]
        assert not (folder / "o.db").exists()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('optimizer = { name = "grid", resolution = { no = 3 } }', "resolution"),
            ("[[start]]\nheat = 3\n", "[[start]] number 1"),
            ('keep_paused = "much"', "keep_paused"),
            ('learn_from = "none.db"', "none.db"),
            ('early_stopping = "medain"', "did you mean 'median'"),
        ],
    )
    def test_a_wrong_run_file_makes_no_study(self, hpopt, folder, text, said):
        Path("o.toml").write_text(f"{text}\n{SPACE}")
        code, _, err = hpopt("ask", "o.db", "--file", "o.toml")
        assert (code, said in error_of(err)["message"]) == (1, True)
        assert not (folder / "o.db").exists()

    def test_another_run_file(self, write, ask, hpopt):
        ask("--file", write())
        code, _, err = hpopt("ask", "oven.db", "--file", write(space=SPACE.replace("250", "300")))
        assert (code, error_of(err)["type"]) == (1, "StudyMismatchError")

    def test_a_study_that_taught_nothing_is_said_once(self, write, ask, tell, hpopt):
        ask("--file", write(space=SPACE.replace("heat", "fire")))
        tell(0, 1)
        arguments = ("ask", "new.db", "--file", write('learn_from = "oven.db"'))
        assert "learned 0 of 1 trials" in json.loads(hpopt(*arguments)[2])["warning"]
        assert hpopt(*arguments)[2] == ""

    def test_it_is_not_run(self, write, hpopt):
        code, _, err = hpopt("run", write("trials = 1"))
        assert (code, "must say what to optimise" in err) == (1, True)

    def test_one_that_runs_meanwhile(self, write, ask, hpopt):
        ask("--file", write())
        with Study(ExternalProblem(Study.load("oven.db").space), path="oven.db"):
            code, _, err = hpopt("tell", "oven.db", 0, 1, "--wait", "0")
        assert (code, error_of(err)["type"]) == (1, "StudyLockedError")


def test_it_waits_until_another_process_has_written(write, ask):
    ask("--file", write())
    study = Study(ExternalProblem(Study.load("oven.db").space), path="oven.db")
    closing = threading.Timer(0.2, study.close)
    closing.start()
    assert ask()["number"] == 1
    closing.join()
