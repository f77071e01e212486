import csv
import io
import json
import math
import re
from pathlib import Path

import pytest

import hpopt as library
from hpopt import Outcome, Study
from hpopt.cli import ExitCode, main
from hpopt.problems import FunctionProblem


@pytest.fixture
def study(write_run, hpopt):
    """A study of 12 trials, two of which failed."""
    assert hpopt("run", write_run(after="arguments = { fails = [2, 5] }"))[0] == ExitCode.DONE
    return "hill.db"


def test_alone_it_prints_its_help(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    for command in ("run", "resume", "show", "best", "export"):
        assert f"hpopt {command}" in out
    assert "exit codes" in out


@pytest.mark.parametrize("command", ["run", "resume", "show", "best", "export"])
def test_each_command_has_help_with_an_example(capsys, command):
    with pytest.raises(SystemExit) as exit:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert exit.value.code == 0
    assert f"  hpopt {command} digits" in out
    assert "exit codes" in out


def test_version(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--version"])
    assert exit.value.code == 0
    assert capsys.readouterr().out == f"hpopt {library.__version__}\n"


def test_show_has_the_best_and_the_state_of_the_rest(study, hpopt):
    code, out, err = hpopt("show", study, "--top", 3)
    assert (code, err) == (ExitCode.DONE, "")
    lines = out.splitlines()
    ranked = sorted(
        (t for t in Study.load(study).trials if t.ok), key=lambda t: -t.values["height"]
    )
    assert [line.split()[0] for line in lines[2:5]] == [str(t.number) for t in ranked[:3]]
    assert lines[5] == ""
    assert "10 complete, 2 failed" in out
    assert "trial 5    failed: ValueError: no value for 5" in out
    assert "none: no process is writing" in out
    assert "hill_problem.Hill: height (maximize)" in out
    assert "integer 1 to 100, log scale, only where kind is steep" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("name", ["FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"])
def test_nothing_but_a_terminal_gets_escape_codes(study, hpopt, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    commands = (("show",), ("show", "--follow"), ("show", "--trial", 2), ("best",), ("export",))
    for command in commands:
        _, out, err = hpopt(*command, study)
        assert "\x1b" not in out + err
    _, out, err = hpopt("resume", study, "--trials", 14)
    assert out.startswith("the best 5 of 14 trials")
    assert "\x1b" not in out + err


def test_show_while_it_runs_and_after_it_was_cut_off(folder, hpopt):
    problem = FunctionProblem(
        lambda config: 0, {"layers": library.Sequence({"units": library.Int(1, 9)}, 0, 2)}
    )
    with Study(problem, "random", path="own.db", seed=0) as study:
        asked = [study.ask() for _ in range(4)]
        assert "no trial has values yet" in hpopt("show", "own.db")[1]
        study.tell(asked[1], 1.0)
        study.tell(asked[3], library.failed("too\x1b[31m red"))
        out = hpopt("show", "own.db")[1]
    assert "the best 1 of 2 trials, the lowest value first" in out
    assert "running    2: 0, 2" in out
    assert "this process" in out
    assert "trial 3    failed: too red" in out
    assert re.search(r"layers +0 to 2 layers, each with\n +units +integer 1 to 9", out)
    assert "cut off    2: 0, 2" in hpopt("show", "own.db")[1]


def test_show_one_trial(study, hpopt):
    code, out, _ = hpopt("show", study, "--trial", 3)
    trial = Study.load(study).trial(3)
    assert code == ExitCode.DONE
    assert f"x     {trial.config['x']}" in out
    assert f"seed     {trial.solution.seed}" in out
    assert "curve (step, value)" in out
    assert "slope" in out
    assert "\x1b" not in out
    assert f"worker   {trial.worker}\n" in out
    assert "parents" not in out
    out = hpopt("show", study, "--trial", 2)[1]
    assert "error    ValueError: no value for 2" in out
    assert "Traceback (most recent call last)" in out
    assert 'raise ValueError(f"no value for {trial.number}")' in out
    code, _, err = hpopt("show", study, "--trial", 99)
    assert code == ExitCode.ERROR
    assert "the study has no such number" in err


def test_show_the_output_and_the_files_of_a_trial(write_run, hpopt, tmp_path):
    hpopt("run", write_run(), "--workers", 2)
    (tmp_path / "hill.db.files" / "4").mkdir(parents=True)
    out = hpopt("show", "hill.db", "--trial", 4)[1]
    assert out.endswith("output\nevaluating 4\n")
    assert "memory   " in out
    assert "hill.db.files/4" in out


def test_best_is_the_config_and_nothing_else(study, hpopt):
    code, out, err = hpopt("best", study)
    assert (code, err) == (ExitCode.DONE, "")
    assert json.loads(out) == Study.load(study).best.config


def test_best_of_nothing(write_run, hpopt):
    hpopt("run", write_run("fail_fast = 0\n", 'arguments = { fails = ["all"] }'))
    code, out, err = hpopt("best", "hill.db")
    assert (code, out) == (ExitCode.NO_VALUES, "")
    assert "no trial has any (12 failed" in err
    assert hpopt("show", "hill.db")[0] == ExitCode.DONE


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def test_export_as_json(study, hpopt):
    code, out, err = hpopt("export", study, "--json")
    assert (code, err) == (ExitCode.DONE, "")
    exported = json.loads(out, parse_constant=no_constant)
    trials = Study.load(study).trials
    assert len(exported) == 12
    for each, trial in zip(exported, trials, strict=True):
        assert each["number"] == trial.number
        assert each["config"] == trial.config
        assert each["status"] == trial.status
        assert each["seconds"] == trial.seconds
        assert each["seed"] == trial.solution.seed
        assert each["error"] == trial.error
        assert each["curve"] == [list(pair) for pair in trial.curve]
        assert each["values"].get("height") == trial.values.get("height")
        assert each["values"].get("odd") is None
    assert "odd" in exported[0]["values"]
    assert hpopt("export", study)[1] == out


def test_export_as_csv(study, hpopt):
    code, out, err = hpopt("export", study, "--csv")
    assert (code, err) == (ExitCode.DONE, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == [
        *("number", "status", "height", "slope", "odd"),
        *("config.x", "config.kind", "config.n", "started", "seconds", "memory"),
        *("worker", "generation", "parents", "error"),
    ]
    for row, trial in zip(rows, Study.load(study).trials, strict=True):
        assert int(row["number"]) == trial.number
        assert float(row["config.x"]) == trial.config["x"]
        assert row["config.n"] == str(trial.config.get("n", ""))
        assert row["height"] == str(trial.values.get("height", ""))
        assert row["error"] == (trial.error or "")


def test_csv_of_lists_and_of_values_with_the_names_of_columns(folder, hpopt):
    space = {"layers": library.Sequence({"units": library.Int(1, 9)}, 1, 2)}
    problem = FunctionProblem(lambda config: 0, space)
    with Study(problem, "random", path="own.db", seed=0) as study:
        asked = [study.ask(), study.ask()]
        study.tell(asked[0], {"value": 1.0, "seconds": 5.0})
        study.tell(asked[1], Outcome("complete", {"value": 2.0, "late": float("inf")}, seconds=1))
    rows = list(csv.DictReader(io.StringIO(hpopt("export", "own.db", "--csv")[1])))
    lengths = [len(each.config["layers"]) for each in asked]
    assert [int(row["config.len(layers)"]) for row in rows] == lengths
    for row, solution in zip(rows, asked, strict=True):
        units = [layer["units"] for layer in solution.config["layers"]]
        found = [row.get(f"config.layers[{n}].units", "") for n in range(2)]
        assert [int(each) for each in found if each] == units
    assert rows[0]["values.seconds"] == "5.0"
    assert float(rows[0]["seconds"]) < 5
    assert (rows[0]["late"], rows[1]["late"]) == ("", "inf")
    exported = json.loads(hpopt("export", "own.db")[1], parse_constant=no_constant)
    assert exported[1]["values"] == {"value": 2.0, "late": None}


def test_csv_of_names_that_are_no_utf8(folder, hpopt):
    problem = FunctionProblem(lambda config: 0, {"x": library.Float(0, 1)})
    with Study(problem, "random", path="own.db", seed=0) as study:
        study.tell(study.ask(), {"value": 1.0, "caf\udce9": 2.0})
        study.tell(study.ask(), Outcome("failed", error="there is no caf\udce9"))
    assert hpopt("export", "own.db", "--output", "own.csv")[0] == ExitCode.DONE
    rows = list(csv.DictReader(io.StringIO(Path("own.csv").read_text(encoding="utf-8"))))
    assert rows[0][r"caf\udce9"] == "2.0"
    assert rows[1]["error"] == r"there is no caf\udce9"


def test_what_is_no_number_is_shown_and_exported(folder, hpopt):
    problem = FunctionProblem(lambda config: 0, {"x": library.Float(0, 1)})
    with Study(problem, "random", path="own.db", seed=0) as study:
        study.tell(study.ask(), {"value": 1.0, "note": "hello", "rows": [1, {"a": math.nan}]})
        study.tell(study.ask(), {"value": 2.0, "info.note": 3.0})
    exported = json.loads(hpopt("export", "own.db")[1], parse_constant=no_constant)
    assert exported[0]["info"] == {"note": "hello", "rows": [1, {"a": None}]}
    assert exported[1]["info"] == {}
    rows = list(csv.DictReader(io.StringIO(hpopt("export", "own.db", "--csv")[1])))
    assert [row["info.note"] for row in rows] == ["hello", ""]
    assert json.loads(rows[0]["info.rows"]) == [1, {"a": None}]
    assert [row["values.info.note"] for row in rows] == ["", "3.0"]
    shown = hpopt("show", "own.db", "--trial", "0")[1]
    assert re.search(r"info +note +\"hello\"\n +rows +\[1, ", shown)
    assert "info" not in hpopt("show", "own.db", "--trial", "1")[1].replace("info.note", "")


def test_export_of_no_trials(folder, hpopt):
    problem = FunctionProblem(lambda config: 0, {"x": library.Float(0, 1)})
    Study(problem, path="own.db").close()
    assert json.loads(hpopt("export", "own.db")[1]) == []
    assert hpopt("export", "own.db", "--csv")[1] == (
        "number,status,value,config.x,started,seconds,memory,worker,generation,parents,error\n"
    )


def test_export_to_a_file(study, hpopt, tmp_path):
    code, out, _ = hpopt("export", study, "--csv", "--output", "out.csv")
    assert (code, out) == (ExitCode.DONE, "")
    assert (tmp_path / "out.csv").read_text() == hpopt("export", study, "--csv")[1]
    code, _, err = hpopt("export", study, "--output", "no/such/folder.csv")
    assert code == ExitCode.ERROR
    assert "No such file or directory" in err


def test_the_ending_of_the_file_says_the_form(study, hpopt, tmp_path):
    for name, form in (
        ("a.csv", "--csv"),
        ("a.CSV", "--csv"),
        ("a.json", "--json"),
        ("a", "--json"),
    ):
        assert hpopt("export", study, "--output", name)[0] == ExitCode.DONE
        assert (tmp_path / name).read_text() == hpopt("export", study, form)[1]
    assert hpopt("export", study, "--output", "b.txt", "--csv")[0] == ExitCode.DONE
    assert (tmp_path / "b.txt").read_text() == hpopt("export", study, "--csv")[1]


@pytest.mark.parametrize(
    "options",
    [
        ("--csv", "--output", "c.json"),
        ("--json", "--output", "c.csv"),
        ("--raw",),
        ("--output", "c.parquet"),
    ],
)
def test_an_ending_that_contradicts_the_option_is_an_error(study, hpopt, tmp_path, options):
    code, out, err = hpopt("export", study, *options)
    assert (code, out) == (ExitCode.ERROR, "")
    assert options[0] in err
    assert not list(tmp_path.glob("c.*"))


def test_csv_has_no_formulas_of_other_people(folder, hpopt):
    texts = ["=1+1", "+a", "-a", "@a", "\ta", "-5", "+1.5e-3", "a=1", ""]
    problem = FunctionProblem(lambda config: 0, {"text": library.Ordinal(texts)})
    with Study(problem, "grid", path="own.db") as study:
        for _ in texts:
            study.tell(study.ask(), {"value": -1.0, "=cmd()": -2.0})

    def column(*options):
        rows = list(csv.DictReader(io.StringIO(hpopt("export", "own.db", "--csv", *options)[1])))
        assert {row["value"] for row in rows} == {"-1.0"}
        assert {row["=cmd()" if options else "'=cmd()"] for row in rows} == {"-2.0"}
        return sorted(row["config.text"] for row in rows)

    assert column("--raw") == sorted(texts)
    assert column() == sorted(["'=1+1", "'+a", "'-a", "'@a", "'\ta", "-5", "+1.5e-3", "a=1", ""])


def test_export_does_not_write_over_the_study(study, hpopt, tmp_path):
    before = (tmp_path / study).read_bytes()
    for name in (study, tmp_path / study):
        code, _, err = hpopt("export", study, "--output", name)
        assert code == ExitCode.ERROR
        assert "another file than the study" in err
    assert (tmp_path / study).read_bytes() == before


def test_reading_never_runs_the_code_that_a_study_names(study, hpopt, problem):
    problem.write_text("raise SystemExit('the code was run')")
    for command in (("show",), ("best",), ("export",), ("export", "--csv"), ("show", "--top", "1")):
        assert hpopt(*command, study)[0] == ExitCode.DONE


@pytest.fixture
def front(folder):
    """A study of two objectives whose trials 0, 1 and 2 are on the front."""
    values = [{"loss": a, "size": b} for a, b in [(3, 1), (1, 3), (1.5, 1.5), (3, 3)]]
    problem = FunctionProblem(
        lambda config: None,
        {"x": library.Int(0, 9)},
        objectives={"loss": "minimize", "size": "minimize"},
    )
    with Study(problem, "random", path="front.db", seed=0) as study:
        for each in values:
            study.tell(study.ask(), each)
        return study.trials


def test_the_best_of_several_objectives_is_said_to_be_one_of_a_front(front, hpopt):
    code, out, err = hpopt("best", "front.db")
    assert (code, json.loads(out)) == (ExitCode.DONE, front[1].config)
    assert "the best by loss, one of a front of 3 trials: see hpopt best front.db --front" in err


def test_best_front_lists_the_front(front, hpopt):
    code, out, err = hpopt("best", "front.db", "--front")
    assert (code, err) == (ExitCode.DONE, "")
    assert json.loads(out) == [
        {"number": n, "values": front[n].values, "config": front[n].config} for n in (1, 2, 0)
    ]


def test_export_says_what_is_on_the_front(front, study, hpopt):
    on_front = [row["on_front"] for row in json.loads(hpopt("export", "front.db")[1])]
    assert on_front == [True, True, True, False]
    rows = list(csv.DictReader(io.StringIO(hpopt("export", "front.db", "--csv")[1])))
    assert [row["on_front"] for row in rows] == ["True", "True", "True", "False"]
    assert "on_front" not in hpopt("export", study)[1]


def test_bounds_of_a_run_file(write_run, hpopt):
    file = write_run(after='[constraints]\nslope = ["<=", 3]\n')
    code, out, err = hpopt("run", file)
    assert code == ExitCode.DONE
    trials = Study.load("hill.db").trials
    fine = {trial.number for trial in trials if trial.values["slope"] <= 3}
    rows = [line.split() for line in out.splitlines()[1:]]
    assert rows[0][:5] == ["trial", "height", "slope", "feasible", "seconds"]
    marks = [row[3] for row in rows[1:6]]
    assert marks == sorted(marks, reverse=True)
    assert all((int(row[0]) in fine) == (row[3] == "yes") for row in rows[1:6])
    assert (
        f"constraints  slope <= 3; met by {len(fine)} of 12 trials" in hpopt("show", "hill.db")[1]
    )
    best = max((t for t in trials if t.number in fine), key=lambda t: t.values["height"])
    assert json.loads(hpopt("best", "hill.db")[1]) == best.config
    worse = next(trial for trial in trials if trial.number not in fine)
    page = hpopt("show", "hill.db", "--trial", worse.number)[1]
    assert f"feasible  no: slope {worse.values['slope']:g} must be <= 3" in page
    exported = json.loads(hpopt("export", "hill.db")[1])
    assert {row["number"] for row in exported if row["feasible"]} == fine
    assert hpopt("resume", "hill.db", "--trials", 13)[0] == ExitCode.DONE
    code, _, err = hpopt("run", write_run(after='[constraints]\nslope = "<= 4"\n'))
    assert code == ExitCode.ERROR
    assert "constraints were slope <= 3 and are slope <= 4" in err


def test_with_nothing_feasible_the_nearest_are_shown(write_run, hpopt):
    code, out, err = hpopt("run", write_run(after='[constraints]\nslope = "<= 0"\n'))
    assert code == ExitCode.NO_VALUES
    assert out.startswith("the nearest 5 of 12 trials, of which none meets all constraints\n")
    assert "error: no trial meets all constraints yet; the nearest is trial" in err
    code, out, err = hpopt("best", "hill.db")
    assert (code, out) == (ExitCode.NO_VALUES, "")
    assert "(slope 1 must be <= 0)" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('slope = "< 3"', "the operator of a constraint must be '<=' or '>='"),
        ('slope = ["<=", nan]', "must be a finite number"),
        ("slope = 3", "must be an operator and a bound"),
    ],
)
def test_bounds_that_are_none_end_the_command(write_run, hpopt, text, said):
    code, _, err = hpopt("run", write_run(after=f"[constraints]\n{text}\n"))
    assert code == ExitCode.ERROR
    assert said in err
