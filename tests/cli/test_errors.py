"""What is wrong in a run file, an option or a study is said in one line, before anything runs."""

import pytest

from hpopt import Study, optimize
from hpopt.cli import ExitCode, main
from hpopt.problems import FunctionProblem
from hpopt.space import Float

WRONG = [
    ("trails = 5", "", "unknown key in the run file 'trails': did you mean 'trials'?"),
    ("timeuot = 5", "", "did you mean 'timeout'?"),
    ("", "clas = 1", "unknown key in [problem] 'clas': did you mean 'class'?"),
    ("", "arguments = { pase = 1 }", "did you mean 'pause'?"),
    ("", "arguments = 3", "arguments in [problem] must be a table"),
    ("", "[limits]\nsecond = 3", "unknown key in [limits] 'second': did you mean 'seconds'?"),
    ("", "[limits]\nmemory = 3", "memory must be at least 1 MB"),
    ("", "[space]\ny = { low = 1 }", "unknown parameter in [space] 'y'"),
    ("", "[space]\nx = { lwo = 1 }", "did you mean 'low'?"),
    ("", "[space]\nx = { low = 9 }", "parameter 'x': low <"),
    ("", "[space]\nx = 3", "parameter 'x' in [space] must be a table"),
    ("", '[space]\nx = { type = "flaot" }', "did you mean 'float'?"),
    ("", '[space]\nx = { type = "float", low = 1 }', "needs 'high'"),
    ("space = 3", "", "space must be a table ([space]), but got 3"),
    ("limits = 3", "", "limits must be a table"),
    ("plateau = 0", "", "a plateau must be an int of at least 1, but got 0"),
    ('target = "high"', "", "a target must be a number, but got 'high'"),
    ('timeout = "3 parsecs"', "", "timeout must be a number of seconds"),
    ("timeout = -1", "", "timeout must be a number of seconds of at least 0"),
    ("workers = 0", "", "workers must be an int of at least 1, but got 0"),
    ('executor = "fibres"', "", "unknown executor 'fibres'"),
    ('executor = "serial"\nworkers = 2', "", "executor='serial' must have one worker"),
    ("window = 0", "", "window must be an int of at least 1"),
    ('keep_paused = "much"', "", "keep_paused must be a number and one of B"),
    ("trials_per_gpu = 0", "", "trials_per_gpu must be an int of at least 1"),
    ('gpus = "some"', "", "gpus"),
    ("start = 3", "", "start must be a list of tables"),
    ('start = [{ x = 99, kind = "flat" }]', "", "[[start]] number 1: x must"),
    ('start = [{ y = 3, kind = "flat" }]', "", "unknown parameter 'y'"),
    ("start = [2020-01-01]", "", "start must be a number, text"),
    ("", "arguments = { top = 2020-01-01 }", "problem.arguments.top must be a number, text"),
    ("x = ", "", "run.toml must be TOML, but it is not"),
]


@pytest.mark.parametrize(("before", "after", "said"), WRONG)
def test_wrong_run_file(write_run, hpopt, tmp_path, before, after, said):
    code, out, err = hpopt("run", write_run(before, after))
    assert code == ExitCode.ERROR
    assert out == ""
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("hill.db*"))


HILL = 'problem = "hill_problem.py:Hill"'
USUAL = {
    "": "must say what to optimise",
    "problem = 3": "problem must be text or a table",
    "problem = { class = 3 }": "class in [problem] must be text",
    'problem = "hill_problem.py"': "must be 'file.py:Class' or 'module:Class'",
    'problem = "hill_problem.py:Hil"': "did you mean 'Hill'?",
    'problem = "hill_problem.py:number"': "must be a class of problems or a function",
    'problem = "hill_problem.py:hill"': "needs top",
    'problem = "hill_problem.py:objective"': "hpopt.FunctionProblem(function, space)",
    'problem = { class = "hill_problem.py:objective", arguments = { config = { x = 1 } } }': (
        "must give an hpopt.Problem, but gave a int"
    ),
    'problem = "gone.py:Hill"': "there is no",
    'problem = "gone_module:Hill"': "there is no 'gone_module'",
    HILL: "a run must have an end",
    "trials = -1\n" + HILL: "trials must be an int of at least 0",
    "trials = 1.5\n" + HILL: "trials must be an int of at least 0",
    "trials = 1\nseed = -1\n" + HILL: "seed must be",
    'trials = 1\nstudy = ""\n' + HILL: "study must be the path",
    'trials = 1\noptimizer = "gentic"\n' + HILL: "did you mean 'genetic'?",
    "trials = 1\noptimizer = {}\n" + HILL: "[optimizer] must have a name",
    'trials = 1\noptimizer = { name = "genetic", popultion = 3 }\n'
    + HILL: "did you mean 'population'?",
    'trials = 1\noptimizer = { name = "genetic", population = 1 }\n' + HILL: "population must be",
}


@pytest.mark.parametrize(("content", "said"), USUAL.items())
def test_wrong_run_file_from_scratch(problem, hpopt, tmp_path, content, said):
    (tmp_path / "run.toml").write_text(content)
    code, out, err = hpopt("run", "run.toml")
    assert (code, out, err.count("\n")) == (ExitCode.ERROR, "", 1)
    assert said in err
    assert not list(tmp_path.glob("*.db*"))


BROKEN = {
    "import hpopt\nimport no_such_thing\n": "ModuleNotFoundError: No module named 'no_such_thing'",
    "import hpopt\n\n\ndef f(:\n": "SyntaxError: invalid syntax",
    "x = 1\ny = 1 / 0\n": "ZeroDivisionError: division by zero",
    "import sys\nsys.exit(4)\n": "SystemExit: 4",
    "import hpopt\nspace = hpopt.Space({})\n": "SpaceError: a space must have",
}


@pytest.mark.parametrize(("text", "said"), BROKEN.items())
def test_a_problem_file_that_does_not_import(folder, hpopt, text, said):
    (folder / "broken.py").write_text(text)
    (folder / "run.toml").write_text('trials = 1\nproblem = "broken.py:Broken"\n')
    code, _, err = hpopt("run", "run.toml")
    assert code == ExitCode.ERROR
    assert "Traceback" not in err
    assert said in err
    assert f"{folder / 'broken.py'}, line {text.count(chr(10))}" in err


def test_a_problem_that_cannot_be_made_says_where(folder, hpopt):
    (folder / "unmakable.py").write_text(
        "import hpopt\n"
        "class Unmakable(hpopt.Problem):\n"
        '    space = hpopt.Space({"x": hpopt.Float(0, 1)})\n'
        "    def __init__(self):\n"
        "        open('no such file')\n"
        "    def evaluate(self, config, trial):\n"
        "        return 0\n"
        "class Spaceless(Unmakable):\n"
        "    space = None\n"
        "    def __init__(self):\n"
        "        pass\n"
        "class Fixed(Spaceless):\n"
        "    space = property(lambda self: Unmakable.space)\n"
        "class Abstract(hpopt.Problem):\n"
        "    pass\n"
    )
    said = {
        "Unmakable": "line 5: open('no such file')",
        "Spaceless": "Spaceless.space must be an hpopt.Space",
        "Abstract": "could not be made: TypeError",
    }
    for name, what in said.items():
        (folder / "run.toml").write_text(f'trials = 1\nproblem = "unmakable.py:{name}"\n')
        code, _, err = hpopt("run", "run.toml")
        assert (code, err.count("\n")) == (ExitCode.ERROR, 1)
        assert what in err
    (folder / "run.toml").write_text(
        'trials = 1\nproblem = "unmakable.py:Fixed"\nspace = { x = { low = 0.5 } }\n'
    )
    assert "make space an attribute" in hpopt("run", "run.toml")[2]
    (folder / "run.toml").write_text(
        'trials = 1\nproblem = "unmakable.py:Spaceless"\n'
        'space = { x = { type = "float", low = 0, high = 1 } }\n'
    )
    assert hpopt("run", "run.toml")[0] == ExitCode.DONE


@pytest.mark.parametrize("name", ["numbers", "json", "scipy", "this", "sklearn", "a.b"])
def test_a_problem_file_whose_name_is_taken(folder, hpopt, name):
    (folder / f"{name}.py").write_text("x = 1")
    (folder / "run.toml").write_text(f'trials = 1\nproblem = "{name}.py:Hill"\n')
    code, _, err = hpopt("run", "run.toml")
    assert code == ExitCode.ERROR
    assert "rename the file" in err


def test_debug_shows_the_traceback_too(folder, hpopt):
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "run.toml").write_text('trials = 1\nproblem = "broken.py:Broken"\n')
    for arguments in (("--debug", "run", "run.toml"), ("run", "run.toml", "--debug")):
        code, _, err = hpopt(*arguments)
        assert code == ExitCode.ERROR
        assert "Traceback" in err
        assert err.splitlines()[-1].startswith("error: broken.py must be importable")


@pytest.mark.parametrize("name", ["run.ini", "study.db", "run"])
def test_a_run_file_of_another_kind(folder, hpopt, name):
    (folder / name).touch()
    code, _, err = hpopt("run", name)
    assert code == ExitCode.ERROR
    assert "must be .toml, .json or .yaml" in err


def test_run_files_that_cannot_be_read(folder, hpopt):
    (folder / "list.json").write_text("[1]")
    (folder / "broken.json").write_text('{"trials": 1,}')
    (folder / "latin.toml").write_bytes('study = "é"'.encode("latin-1"))
    (folder / "folder.toml").mkdir()
    said = {
        "no.toml": "No such file",
        "list.json": "must hold a JSON object, but holds list",
        "broken.json": "must be JSON, but it is not",
        "latin.toml": "must be UTF-8 text",
        "folder.toml": "Is a directory",
    }
    for name, what in said.items():
        code, _, err = hpopt("run", name)
        assert (code, err.count("\n")) == (ExitCode.ERROR, 1)
        assert what in err


@pytest.mark.parametrize("command", [("show",), ("best",), ("export", "--csv"), ("resume",)])
def test_files_that_are_no_studies(folder, hpopt, command):
    (folder / "text.db").write_text("no study\n" * 1000)
    (folder / "empty.db").touch()
    said = {"gone.db": "there is no", "text.db": "study", "empty.db": "an empty file"}
    for name, what in said.items():
        code, out, err = hpopt(*command, name)
        assert (code, out) == (ExitCode.ERROR, "")
        assert what in err
    assert sorted(path.name for path in folder.iterdir()) == ["empty.db", "text.db"]


def test_a_study_that_differs_says_in_what(write_run, hpopt):
    hpopt("run", write_run())
    said = {
        ("--seed", 4): "seed was 3 and is 4",
        ("--optimizer", "grid"): "optimizer was 'random' and is 'grid'",
    }
    for options, what in said.items():
        code, _, err = hpopt("run", write_run(), *options)
        assert code == ExitCode.ERROR
        assert what in err
    code, _, err = hpopt("run", write_run(after="[space]\nx = { low = -1 }"))
    assert code == ExitCode.ERROR
    assert "x was Float(-5.0, 5.0) and is Float(-1.0, 5.0)" in err
    assert "--learn-from hill.db" in err
    assert Study.load("hill.db").header["run"]["content"].get("space") is None


def test_a_study_made_from_python_says_how_to_go_on(folder, hpopt):
    problem = FunctionProblem(lambda config: config["x"], {"x": Float(0, 1)})
    optimize(problem, "random", trials=2, study="python.db", progress=False)
    code, _, err = hpopt("resume", "python.db")
    assert code == ExitCode.ERROR
    assert "hpopt.optimize(problem, study='python.db', trials=...)" in err
    assert hpopt("show", "python.db")[0] == ExitCode.DONE


def test_resume_when_the_problem_is_gone(write_run, hpopt, problem, folder):
    run = write_run()
    hpopt("run", run)
    problem.rename(folder / "moved.py")
    code, _, err = hpopt("resume", "hill.db")
    assert code == ExitCode.ERROR
    assert f"there is no {problem}" in err


def test_resume_when_the_folder_is_gone(write_run, hpopt, folder):
    (folder / "place").mkdir()
    (folder / "place" / "hill_problem.py").write_text((folder / "hill_problem.py").read_text())
    run = write_run(name="place/run.toml")
    assert hpopt("run", run)[0] == ExitCode.DONE
    (folder / "place").rename(folder / "other")
    code, _, err = hpopt("resume", "hill.db")
    assert code == ExitCode.ERROR
    assert "hpopt run run.toml --study hill.db" in err


def test_a_study_that_is_being_written(write_run, hpopt):
    hpopt("run", write_run())
    problem = FunctionProblem(lambda config: config["x"], {"x": Float(0, 1)})
    with Study(problem, path="mine.db"):
        code, _, err = hpopt("run", write_run(), "--study", "mine.db")
        assert code == ExitCode.ERROR
        assert "is being written by this process" in err
        assert "this process" in hpopt("show", "mine.db")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("rnu", "x.toml"),
        ("run",),
        ("run", "x.toml", "--trials", "many"),
        ("run", "x.toml", "--workers", "all"),
        ("run", "x.toml", "--tri", "3"),
        ("show", "x.db", "--top", "0"),
        ("show", "x.db", "--top", "1", "--trial", "1"),
        ("export", "x.db", "--csv", "--json"),
    ],
)
def test_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert "usage: hpopt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "command", "said"),
    [
        ("resume x.db --seed 3", "resume", "keeps the seed that it began with; begin another one"),
        ("resume x.db --optimizer=tpe", "resume", "--optimizer=tpe (a study keeps the optimizer"),
        ("resume --seed 3", "resume", "hpopt run FILE --seed ... --study OTHER.db"),
        ("run x.toml --sed 3", "run", "unrecognized arguments: --sed 3 (did you mean --seed?)"),
        ("show x.db --tpo 3", "show", "(did you mean --top?)"),
        ("show x.db extra", "show", "unrecognized arguments: extra\n"),
        ("best x.db --csv", "best", "unrecognized arguments: --csv"),
        ("best", "best", "the following arguments are required: STUDY"),
        ("--debug export x.db --csvv", "export", "(did you mean --csv?)"),
    ],
)
def test_wrong_usage_shows_the_usage_of_the_command(capsys, arguments, command, said):
    with pytest.raises(SystemExit) as exit:
        main(arguments.split())
    assert exit.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"usage: hpopt {command} [-h]")
    assert f"hpopt {command}: error: " in err
    assert said in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--trials", "-1"), "trials must be an int of at least 0, but got -1"),
        (("--workers", "0"), "workers must be an int of at least 1, but got 0"),
        (("--timeout", "soon"), "but got 'soon'"),
        (("--timeout", "-3"), "but got -3"),
        (("--seed", "-3"), "seed must be an int of at least 0, but got -3"),
        (("--optimizer", "grdi"), "did you mean 'grid'?"),
        (("--study", "sqlite://x"), "a study's path must be that of a file"),
    ],
)
def test_wrong_options(write_run, hpopt, tmp_path, options, said):
    code, _, err = hpopt("run", write_run(), *options)
    assert (code, err.count("\n")) == (ExitCode.ERROR, 1)
    assert said in err
    assert not list(tmp_path.glob("*.db*"))
