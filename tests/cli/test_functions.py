"""A function with the space and the objectives of the run file; and objectives of a problem."""

import json

import pytest

from hpopt import Study
from hpopt.cli import ExitCode

FUNCTIONS = """
import hpopt


def error(config):
    layers = config["layers"]
    value = config["x"] + config.get("momentum", 0) + sum(config["weights"])
    return {"loss": value + len(layers), "size": sum(layer["units"] for layer in layers)}


def scaled(config, trial, scale=1.0):
    trial.report(0, 1.0)
    return scale * config["x"]


def needs(config, trial, scale):
    return scale * config["x"]


class Callable:
    def __call__(self, config):
        return config["x"]


ready = Callable()


def make(top):
    return hpopt.FunctionProblem(lambda config: top - config["x"], {"x": hpopt.Float(0, 1)})


class Plain(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def evaluate(self, config, trial):
        return {"accuracy": config["x"], "value": 0}


class Own(Plain):
    objectives = hpopt.Objective("accuracy", "maximize")


class Fixed(Plain):
    objectives = property(lambda self: hpopt.Objective())
"""

WHOLE = """
study = "all.db"
trials = 8
seed = 1
workers = 2
optimizer = "Random Search"
executor = "MP"
problem = "functions.py:error"

[objectives]
loss = "minimize"
size = "Maximise"

[space]
x = { type = "Float", low = 0.1, high = 10, log = true, default = 1.0 }
n = { type = "int", low = 8, high = 64, step = 8 }
o = { type = "ordinal", values = [1, 2, 4] }
opt = { type = "categorical", choices = ["adam", "sgd"] }
momentum = { type = "float", low = 0.0, high = 0.9, when = { opt = "sgd" } }
weights = { type = "vector", length = 3, low = -1, high = 1 }

[space.layers]
type = "sequence"
min_length = 1
max_length = 3
space.kind = { type = "Categorical", choices = ["conv", "dense"] }
space.units = { type = "integer", low = 1, high = 9 }
space.kernel = { type = "categorical", choices = [[3, 3], [5, 5]], when = { kind = "conv" } }
"""

X = '[space]\nx = { type = "float", low = 0, high = 1 }\n'


@pytest.fixture
def run(folder, hpopt):
    """Run a run file of this text."""
    (folder / "functions.py").write_text(FUNCTIONS)

    def perform(text, *options):
        (folder / "run.toml").write_text(text)
        return hpopt("run", "run.toml", *options)

    return perform


def test_a_function_with_every_kind_of_parameter(run, hpopt):
    code, _, _ = run(WHOLE)
    assert code == ExitCode.DONE
    record = Study.load("all.db")
    assert [(o.name, o.direction) for o in record.objectives] == [
        ("loss", "minimize"),
        ("size", "maximize"),
    ]
    assert len(record.trials) == 8
    assert all(trial.ok for trial in record.trials)
    assert {trial.config["opt"] for trial in record.trials} == {"adam", "sgd"}
    for trial in record.trials:
        assert ("momentum" in trial.config) == (trial.config["opt"] == "sgd")
        assert trial.config["n"] % 8 == 0
        assert len(trial.config["weights"]) == 3
        for layer in trial.config["layers"]:
            assert ("kernel" in layer) == (layer["kind"] == "conv")
    assert record.space["x"].default == 1.0
    assert record.header["optimizer"]["name"] == "random"
    assert hpopt("resume", "all.db", "--trials", 10)[0] == ExitCode.DONE
    assert len(Study.load("all.db").trials) == 10


@pytest.mark.parametrize(
    "problem",
    [
        '"functions.py:scaled"',
        '"functions:scaled"',
        '"functions.py:ready"',
        '{ function = "functions.py:scaled" }',
        '{ function = "functions.py:scaled", arguments = { scale = 3 } }',
        '{ class = "functions.py:needs", arguments = { scale = 3 } }',
        '{ function = "functions.py:needs", arguments = { scale = 3 } }',
    ],
)
def test_functions_of_a_config(run, problem):
    code, _, err = run(f'study = "f.db"\ntrials = 3\nproblem = {problem}\n' + X)
    assert code == ExitCode.DONE, err
    scale = 3 if "3" in problem else 1
    for trial in Study.load("f.db").trials:
        assert trial.values == {"value": scale * trial.config["x"]}


def test_a_function_that_makes_a_problem_still_does(run):
    text = 'study = "f.db"\ntrials = 3\n'
    text += 'problem = { class = "functions.py:make", arguments = { top = 7 } }\n'
    assert run(text + '[space]\nx = { type = "float", low = 3, high = 4 }\n')[0] == ExitCode.DONE
    assert all(3 <= trial.values["value"] <= 4 for trial in Study.load("f.db").trials)


def test_objectives_of_a_problem_without_any(run):
    text = 'study = "f.db"\ntrials = 3\nproblem = "functions.py:Plain"\n'
    assert run(text + '[objectives]\naccuracy = "max"\n')[0] == ExitCode.DONE
    record = Study.load("f.db")
    assert record.best.values["accuracy"] == max(t.values["accuracy"] for t in record.trials)
    text = text.replace("Plain", "Own").replace("f.db", "g.db")
    assert run(text + '[objectives]\naccuracy = "maximize"\n')[0] == ExitCode.DONE


PROBLEMS = {
    '{ function = "functions.py:scaled" }\n': "needs a [space] that defines its parameters",
    '{ function = "functions.py:Plain" }\n' + X: "but functions.py:Plain is the class Plain",
    '{ function = "functions.py:Plain", class = "functions.py:Plain" }\n': "has class and function",
    "{ function = 3 }\n" + X: "function in [problem] must be text, but got 3",
    '{ function = "functions.py:scaled", arguments = { scael = 1 } }\n' + X: "mean 'scale'?",
    '"functions.py:needs"\n' + X: "a run file has them in [problem.arguments]",
    '"functions.py:needs"\n': "needs a [space] in the run file",
    '"functions.py:scaled"\n[space]\nx = { low = 3 }': "[space] in the run file, each",
    '{ function = "functions.py:scaled" }\n[space]\nx = { low = 3 }': "x has no type: write x",
    '"functions.py:make"\n[space]\nx = { low = 0.5 }': "functions.py:make needs top: give it in [p",
    '"functions.py:scaled"\n' + X + "n = { low = 3 }": "'n' has no type",
    '"functions.py:scaled"\n[space]\nx = 3': "parameter 'x' must be a table with a type",
    '"functions.py:scaled"\n[space]\nx = [1, 2]': "parameter 'x' must be a table with a type",
    '"functions.py:scaled"\nspace = {}': "a space must have at least one parameter",
    '"functions.py:scaled"\n[space]\nx = { type = "boolean" }': "choices = [true, false]",
    '"functions.py:scaled"\n[space]\nx = { type = "flaot" }': "did you mean 'float'?",
    '"functions.py:scaled"\n[space]\nx = { type = 3 }': "unknown type of parameter 'x' '3'",
    '"functions.py:scaled"\n[space]\nx = { type = "sequence", space = 3, min_length = 1, '
    "max_length = 2 }": "a space must be a mapping, but got 3",
    '"functions.py:Plain"\n[objectives]\naccuracy = "up"': "unknown direction of 'accuracy' in [ob",
    '"functions.py:Plain"\n[objectives]\naccuracy = true': "at least one value and its direction",
    '"functions.py:Plain"\n[objectives]\na.b = "minimize"': "at least one value and its direction",
    '"functions.py:Plain"\n[objectives]': "objectives must name at least one value",
    '"functions.py:Plain"\nobjectives = "max"': "objectives must be a table ([objectives])",
    '"functions.py:Own"\n[objectives]\nvalue = "minimize"': "but Own has accuracy (maximize)",
    '"functions.py:Own"\n[objectives]\naccuracy = "minimize"': "but Own has accuracy (maximize)",
    '"functions.py:Fixed"\n[objectives]\naccuracy = "maximize"': "make objectives an attribute",
}


@pytest.mark.parametrize(("problem", "said"), PROBLEMS.items())
def test_what_is_wrong_is_said_in_one_line(run, folder, problem, said):
    code, out, err = run(f'study = "f.db"\ntrials = 3\nproblem = {problem}')
    assert (code, out, err.count("\n")) == (ExitCode.ERROR, "", 1)
    assert said.replace("x has", "'x' has") in err
    assert not list(folder.glob("*.db*"))


def test_a_changed_space_goes_on_in_another_file_that_learns(run, hpopt):
    text = 'study = "f.db"\ntrials = 6\noptimizer = "random"\nproblem = "functions.py:scaled"\n'
    run(text + X)
    more = X + 'dropout = { type = "float", low = 0, high = 0.5, default = 0.0 }\n'
    code, _, err = run(text + more)
    assert code == ExitCode.ERROR
    assert "but dropout is new" in err
    assert "--learn-from f.db on the command line" in err
    code, _, err = run(text + more, "--study", "g.db", "--learn-from", "f.db")
    assert code == ExitCode.DONE
    assert "learned 6 of 6 trials of f.db; filled by the default: 6 × dropout" in err
    run(text + X + 'dropout = { type = "float", low = 0, high = 0.5 }\n')
    code, _, err = run(
        'learn_from = "f.db"\n' + text + more.replace(", default = 0.0", ""), "--study", "h.db"
    )
    assert "give dropout a default=… to keep these" in err
    known = json.loads(hpopt("export", "g.db")[1])
    assert {0.0} != {trial["config"]["dropout"] for trial in known}


FITTED = """
import hpopt


class Fitted(hpopt.Problem):
    space = hpopt.Space({"x": hpopt.Float(0, 1)})

    def __init__(self, epochs):
        self.epochs = epochs

    def fingerprint(self):
        return {"epochs": str(self.epochs)}

    def evaluate(self, config, trial):
        return config["x"]
"""


def test_other_epochs_in_the_same_file_are_one_line(run, folder, hpopt):
    (folder / "fitted.py").write_text(FITTED)
    text = 'study = "f.db"\ntrials = {}\n[problem]\nclass = "fitted.py:Fitted"\n'
    assert "warning" not in run(text.format(3) + "arguments.epochs = 5\n")[2]
    code, _, err = run(text.format(4) + "arguments.epochs = 9\n", "--quiet")
    assert code == ExitCode.DONE
    assert err.startswith("hpopt: warning: the study f.db goes on with other epochs: its trials")
    assert err.count("\n") == 1
    assert "warning" not in run(text.format(5) + "arguments.epochs = 9\n")[2]
    assert "warning" not in hpopt("resume", "f.db", "--trials", 6)[2]


def test_other_arguments_of_a_problem_without_a_fingerprint_too(run, hpopt):
    text = 'study = "f.db"\ntrials = {}\n[problem]\nfunction = "functions.py:scaled"\n'
    assert "warning" not in run(text.format(0) + X)[2]
    assert "warning" not in run(text.format(3) + "arguments.scale = 2.0\n" + X)[2]
    _, _, err = run(text.format(4) + "arguments.scale = 3.0\n" + X)
    assert (
        "hpopt: warning: the study f.db goes on with other arguments of the problem (scale):" in err
    )
    assert "warning" not in run(text.format(5) + "arguments.scale = 3.0\n" + X)[2]
    assert "warning" not in hpopt("resume", "f.db", "--trials", 6)[2]
    assert "(scale)" in run(text.format(7) + X)[2]


def test_a_function_may_have_a_fidelity(hpopt, folder):
    (folder / "spends.py").write_text("def spends(config, trial):\n    return trial.fidelity\n")
    (folder / "run.toml").write_text(
        'study = "s.db"\ntrials = 6\noptimizer = "asha"\nseed = 0\n[problem]\n'
        'function = "spends.py:spends"\nfidelity = { low = 1, high = 3 }\n'
        '[space]\nx = { type = "float", low = 0, high = 1 }\n'
    )
    assert hpopt("run", "run.toml")[0] == 0
    assert {trial.values["value"] for trial in Study.load("s.db").trials} == {1.0, 3.0}


def test_a_problem_has_a_fidelity_of_its_own(write_run, hpopt):
    path = write_run(after="fidelity = { low = 1, high = 3 }\n")
    code, _, err = hpopt("run", path)
    assert (code, "fidelity in [problem] must go with a function" in err) == (1, True)
