"""The example: its class and its run file agree, and a trial of it runs."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hpopt.cli.prepare import prepare
from hpopt.cli.run_file import RunFile

from .small import needs_keras, quiet, tried

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = [needs_keras, quiet]
EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def plan():
    return tomllib.loads((EXAMPLES / "digits.toml").read_text())


@pytest.fixture(scope="module")
def problem(plan):
    file, _, name = plan["problem"]["class"].partition(":")
    spec = importlib.util.spec_from_file_location("digits_example", EXAMPLES / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)(**plan["problem"]["arguments"])


def test_the_command_line_takes_its_run_file(plan):
    run_file = RunFile.read(EXAMPLES / "digits.toml")
    prepared = prepare(run_file)
    assert type(prepared.problem).__name__ == plan["problem"]["class"].partition(":")[2]


def test_all_images_are_used(problem):
    assert len(problem.training) + len(problem.validation) == 1797
    assert len(problem.validation) == 359
    assert problem.classes == list(range(10))


def test_its_space_is_varied_and_fits(problem):
    configs = problem.space.sample(50, seed=0)
    assert {len(config["convolutions"]) for config in configs} == {1, 2}
    assert {config["optimizer"] for config in configs} == {"adam", "rmsprop", "sgd"}


def test_a_trial_of_it_reads_digits(problem, tmp_path):
    config = {
        "convolutions": [{"filters": 16, "kernel": 3, "normalisation": "batch", "pooling": "max"}],
        "dense": [],
        **{"activation": "relu", "dropout": 0.0, "optimizer": "adam"},
        **{"learning_rate": 0.01, "batch_size": 64},
    }
    settings = problem.training_config
    problem.training_config = replace(settings, fit=settings.fit.of({"epochs": 3}))
    outcome = tried(problem, tmp_path, problem.space.validate(config))
    assert outcome.ok, outcome.traceback
    assert outcome.values["val_accuracy"] > 0.9
