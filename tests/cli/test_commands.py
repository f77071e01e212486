"""Run files with a command: from the file to the best config, and what is wrong with one."""

import json

import pytest

from hpopt import Study
from hpopt.cli import ExitCode

SCRIPT = """
x=0; n=1
for argument in "$@"; do
  case "$argument" in --x=*) x="${argument#*=}";; --n=*) n="${argument#*=}";; esac
done
echo "{\\"step\\": 1, \\"loss\\": $x}"
echo "{\\"loss\\": $x, \\"size\\": $n}"
"""

RUN = """
study = "c.db"
trials = 4
seed = 1
optimizer = "random"

[problem]
command = "sh train.sh --x={x} {arguments}"
arguments = "--{name}={value}"

[objectives]
loss = "minimize"

[constraints]
size = "<= 3"

[space]
x = { type = "float", low = -1, high = 1 }
n = { type = "int", low = 1, high = 4 }
"""


@pytest.fixture
def run(folder, hpopt):
    (folder / "train.sh").write_text(SCRIPT)

    def perform(text, *options):
        (folder / "run.toml").write_text(text)
        return hpopt("run", "run.toml", *options)

    return perform


def test_a_command_is_searched_and_gone_on_with(run, hpopt, folder):
    code, _, err = run(RUN)
    assert code == ExitCode.DONE, err
    record = Study.load("c.db")
    for trial in record.trials:
        assert trial.values == {"loss": trial.config["x"], "size": trial.config["n"]}
        assert trial.curve == ((1.0, trial.config["x"]),)
    assert hpopt("resume", "c.db", "--trials", 5)[0] == ExitCode.DONE
    assert len(Study.load("c.db").trials) == 5
    config = json.loads((folder / "c.db.files" / "0" / "config.json").read_text())
    assert config == record.trials[0].config
    _, out, _ = hpopt("show", "c.db", "--trial", 0)
    assert '{"loss": ' in out  # what it printed
    code, _, err = run(RUN.replace("--x={x}", "-v --x={x}"), "--trials", 6)
    assert "goes on with other command" in err


def test_fidelity_exit_codes_and_environment(run):
    text = """
    study = "f.db"
    trials = 3
    seed = 1
    optimizer = { name = "asha", reduction = 3 }
    [problem]
    command = "echo $HPOPT_FIDELITY; test {x} = a || exit $CODE"
    shell = true
    fidelity = { low = 1, high = 3, name = "epochs" }
    exit_codes = { 9 = "invalid" }
    environment = { CODE = "9" }
    [space]
    x = { type = "categorical", choices = ["a", "b"] }
    """
    code, _, err = run(text, "--fail-fast", "0")
    assert code == ExitCode.DONE, err
    for trial in Study.load("f.db").trials:
        if trial.config["x"] == "a":
            assert trial.values == {"value": trial.solution.fidelity}
        else:
            assert trial.status == "invalid"


X = '[space]\nx = { type = "float", low = 0, high = 1 }\n'
WRONG = {
    'command = "echo {x}"\n': "a command needs a [space] that defines its parameters",
    'command = "echo {y}"\n' + X: "unknown field in the command 'y'",
    'command = "echo"\n' + X: "[problem]: every parameter must get into the command",
    'command = "nosuchprogram {x}"\n' + X: "[problem]: a command must begin with a program",
    "command = 3\n" + X: "[problem]: a command must be text or a list of words",
    'command = "echo {x}"\nclas = "x"\n' + X: "unknown key in [problem] 'clas'",
    'command = "echo {x}"\nclass = "x"\n' + X: "must have one of class, function, command",
    'comand = "echo {x}"\n' + X: "did you mean 'command'?",
    'command = "echo {x}"\nfidelity = 3\n' + X: "fidelity in [problem] must be a table",
    'command = "echo {x}"\nfidelity = {low=1,high=2,nam="x"}\n' + X: "did you mean 'name'?",
    'command = "echo {x}"\nenvironment = 3\n' + X: "environment in [problem] must be a table",
    'command = "echo {x}"\nfolder = "no"\n' + X: "[problem]: folder must be a folder",
    'command = "echo {x}"\ngrace = "long"\n' + X: "[problem]: grace must be a positive number",
    'command = "echo {x}"\n[space]\nx = { low = 3 }': "where a command has no space of its own",
}


@pytest.mark.parametrize(("problem", "said"), WRONG.items())
def test_what_is_wrong_is_said_in_one_line(run, folder, problem, said):
    code, out, err = run(f'study = "w.db"\ntrials = 3\n[problem]\n{problem}')
    assert (code, out, err.count("\n")) == (ExitCode.ERROR, "", 1)
    assert said in err
    assert not list(folder.glob("*.db*"))


def test_a_script_that_fails_ends_the_run_with_its_words(run):
    text = 'trials = 9\n[problem]\ncommand = ["sh", "-c", "echo no data >&2; exit 3", "{x}"]\n' + X
    code, _, err = run(text)
    assert code == ExitCode.NO_VALUES
    assert "the command ended with exit code 3: no data" in err
    assert "as 3 trials failed alike" in err


def test_it_runs_in_the_folder_of_the_run_file(run, hpopt, folder, monkeypatch):
    run(RUN.replace("trials = 4", "trials = 1"))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    code, _, err = hpopt("run", "../run.toml", "--study", "d.db")
    assert code == ExitCode.DONE, err
