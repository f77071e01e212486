"""Sweeps of Weights & Biases: what becomes of each part, and what is said of it."""

import json
import math

import pytest

from hpopt import Study
from hpopt.cli import ExitCode
from hpopt.cli.sweep import run_file_of_sweep
from hpopt.errors import SettingError, SpaceError, UnknownNameError

SCRIPT = """\
import argparse, json, os
parser = argparse.ArgumentParser()
for name in ("lr", "layers", "optimizer.momentum", "epochs"):
    parser.add_argument(f"--{name}", type=float)
parser.add_argument("--bias")
found = vars(parser.parse_args())
for step in range(3):
    print(json.dumps({"step": step, "val_loss": found["lr"] + 1 / (1 + step)}), flush=True)
with open(os.environ["WANDB_SWEEP_PARAM_PATH"]) as file:
    config = json.load(file)  # what fills wandb.config
assert config["lr"] == {"value": found["lr"]}
assert config["optimizer"] == {"value": {"momentum": found["optimizer.momentum"]}}
print(json.dumps({"val_loss": found["lr"], "bias": found["bias"], "epochs": found["epochs"]}))
"""

SWEEP = """\
program: train.py
project: demo
method: bayes
metric: {name: val_loss, goal: minimize}
run_cap: 3
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
  layers: {values: [2, 8, 4]}
  bias: {values: [true, false]}
  optimizer: {parameters: {momentum: {min: 0.0, max: 0.9}}}
  epochs: {value: 7}
early_terminate: {type: hyperband, min_iter: 3}
"""

yaml = pytest.importorskip("yaml")


def converted(tmp_path, text):
    return run_file_of_sweep(yaml.safe_load(text), tmp_path / "my.yaml")


def test_a_sweep_runs_as_it_is(folder, hpopt):
    (folder / "train.py").write_text(SCRIPT)
    (folder / "my.yaml").write_text(SWEEP)
    code, _, err = hpopt("run", "my.yaml", "--seed", 0, "--optimizer", "random")
    assert code == ExitCode.DONE, err
    assert "my.yaml: project: not used" in err
    assert 'it must print {"val_loss": ...} as JSON' in err
    record = Study.load("my.db")
    for trial in record.trials:
        assert trial.values["val_loss"] == trial.config["lr"]
        assert trial.values["epochs"] == trial.config["epochs"] == 7
        assert trial.info == {"bias": str(trial.config["bias"])}
        assert len(trial.curve) == 3
    assert hpopt("resume", "my.db", "--trials", 4)[0] == ExitCode.DONE


def test_what_a_sweep_becomes(tmp_path):
    content, notes = converted(tmp_path, SWEEP)
    assert content["problem"]["command"][0] == "/usr/bin/env"
    assert content["problem"]["command"][2:] == ["train.py", "{arguments}"]
    assert content["problem"]["arguments"] == "--{name}={value}"
    assert content["space"]["lr"] == {"type": "float", "low": 1e-4, "high": 0.1, "log": True}
    assert content["space"]["layers"] == {"type": "ordinal", "values": [2, 4, 8]}
    assert content["space"]["bias"] == {"type": "categorical", "choices": [True, False]}
    assert content["space"]["optimizer.momentum"] == {"type": "float", "low": 0.0, "high": 0.9}
    assert content["early_stopping"] == {"name": "halving", "low": 3.0, "reduction": 3.0}
    assert (content["study"], content["trials"]) == ("my.db", 3)
    assert content["optimizer"] == "bayesian"
    assert any("optimizer.momentum, each by itself" in note for note in notes)
    json.dumps(content)


E = math.e
RANGES = {
    "{min: 1, max: 5}": {"type": "int", "low": 1, "high": 5},
    "{min: 1, max: 5.5}": {"type": "float", "low": 1.0, "high": 5.5},
    "{min: 1e-3, max: 5.5}": {"type": "float", "low": 0.001, "high": 5.5},
    "{value: adam}": {"type": "categorical", "choices": ["adam"]},
    "{values: [a, b, a]}": {"type": "categorical", "choices": ["a", "b"]},
    "{values: [1, true]}": {"type": "categorical", "choices": [1, True]},
    "{distribution: log_uniform, min: -1, max: 1}": {
        "type": "float",
        "low": 1 / E,
        "high": E,
        "log": True,
    },
    "{distribution: inv_log_uniform, min: -1, max: 2}": {
        "type": "float",
        "low": E**-2,
        "high": E,
        "log": True,
    },
    "{distribution: inv_log_uniform_values, min: 1, max: 2}": {
        "type": "float",
        "low": 1.0,
        "high": 2.0,
        "log": True,
    },
    "{distribution: q_uniform, min: 0, max: 255, q: 8}": {
        "type": "int",
        "low": 0,
        "high": 256,
        "step": 8,
    },
    "{distribution: q_uniform, min: 0, max: 1, q: 0.1}": {
        "type": "float",
        "low": 0.0,
        "high": 1.0,
        "step": 0.1,
    },
    "{distribution: q_log_uniform_values, min: 8, max: 512}": {
        "type": "int",
        "low": 8,
        "high": 512,
        "log": True,
    },
    "{distribution: q_log_uniform_values, min: 8, max: 32, q: 8}": {
        "type": "ordinal",
        "values": [8, 16, 24, 32],
    },
    "{distribution: normal, mu: 1, sigma: 2}": {"type": "float", "low": -5.0, "high": 7.0},
    "{distribution: q_normal, mu: 10, sigma: 1}": {"type": "int", "low": 7, "high": 13},
    "{distribution: log_normal}": {"type": "float", "low": E**-3, "high": E**3, "log": True},
    "{distribution: beta}": {"type": "float", "low": 0.0, "high": 1.0},
    "{min: 2, max: 2}": {"type": "categorical", "choices": [2]},
}


@pytest.mark.parametrize(("given", "expected"), RANGES.items())
def test_each_distribution(tmp_path, given, expected):
    text = "{program: a.py, method: random, metric: {name: loss}, parameters: {x: "
    text += given + "}}"
    found = converted(tmp_path, text)[0]["space"]["x"]
    assert {
        key: pytest.approx(value) if isinstance(value, float) else value
        for key, value in found.items()
    } == expected


COMMANDS = {
    '["${env}", "python3", "${program}", "${args_no_boolean_flags}"]': (
        ["/usr/bin/env", "python3", "a b.py", "{arguments}"],
        "--{name}={value}",
        True,
    ),
    '["./${program}", "-x", "${args_no_hyphens}"]': (
        ["./a b.py", "-x", "{arguments}"],
        "{name}={value}",
        None,
    ),
    '["run", "--json", "${args_json}", "${args_json_file}", "${envvar:HOME}/d", "{a}"]': (
        ["run", "--json", "{json}", "{config}", "{env:HOME}/d", "{{a}}"],
        "",
        None,
    ),
}


@pytest.mark.parametrize(("command", "expected"), COMMANDS.items())
def test_macros_of_commands(tmp_path, command, expected):
    text = "{program: a b.py, method: grid, metric: {name: loss, goal: maximize}, "
    text += f"command: {command}, parameters: {{x: {{values: [1, 2]}}}}}}"
    content, _ = converted(tmp_path, text)
    problem = content["problem"]
    assert (problem["command"], problem["arguments"], problem.get("flags")) == expected
    assert content["objectives"] == {"loss": "maximize"}
    assert content["optimizer"] == "grid"


A, X = "metric: {name: a}", "parameters: {x: {value: 1}}"
WRONG = {
    X: "metric must name what is optimised",
    A: "parameters of a sweep must be a table",
    f"{A}, paramters: {{}}": "did you mean 'parameters'?",
    f"{X}, metric: {{name: a, goal: up}}": "unknown goal in metric",
    f"{X}, metric: {{name: a, targt: 3}}": "did you mean 'target'?",
    f"{A}, parameters: {{x: {{}}}}": "must have value, values, or min and max",
    f"{A}, parameters: {{x: {{min: low, max: 3.0}}}}": "must be a number, but got 'low'",
    f"{A}, parameters: {{x: {{mn: 1}}}}": "did you mean 'min'?",
    f"{A}, parameters: {{x: 3}}": "must be a table, but got 3",
    f"{A}, {X}, early_terminate: {{type: hyperband}}": "must have min_iter, or max_iter and s",
    f"{A}, {X}, early_terminate: {{type: envelope}}": "must have type: hyperband",
    f'{A}, {X}, command: ["${{arg}}"]': "did you mean 'args'?",
    f'{A}, {X}, command: ["${{args}}", "${{args_no_hyphens}}"]': "must have one macro",
    f"{A}, {X}, run_cap: 0": "run_cap must be an int of at least 1",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_what_cannot_be_mapped_is_said(tmp_path, text, said):
    with pytest.raises((SettingError, SpaceError, UnknownNameError)) as caught:
        converted(tmp_path, f"{{program: a.py, method: random, {text}}}")
    assert said in str(caught.value)


def test_a_run_file_may_be_yaml_too(folder, hpopt):
    text = "trials: 2\nproblem: {command: 'echo {x}'}\nspace: {x: {type: int, low: 1, high: 9}}\n"
    (folder / "run.yml").write_text(text)
    assert hpopt("run", "run.yml", "--quiet")[0] == ExitCode.DONE
    (folder / "run.yml").write_text("a: [")
    code, _, err = hpopt("run", "run.yml")
    assert (code, err.count("\n")) == (ExitCode.ERROR, 1)
    assert "must be YAML, but it is not" in err
    assert "(at line 1, column 5): correct it" in err
    (folder / "run.yml").write_text("")
    assert "must hold a YAML mapping, but holds nothing: 'hpopt init'" in hpopt("run", "run.yml")[2]
