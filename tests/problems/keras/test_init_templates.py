"""The Keras problems that ``hpopt init`` writes can be made."""

import sys

import pytest

from hpopt.cli import main
from hpopt.cli.prepare import prepare
from hpopt.cli.run_file import RunFile

CHANGED = {
    "keras": lambda space: space["learning_rate"].high == 0.01,
    "builtin": lambda space: list(space["batch_size"].values) == [32, 64, 128],
}


@pytest.mark.parametrize("template", CHANGED)
def test_a_run_takes_them_as_they_are(template, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"{template}_written.toml"
    assert main(["init", str(path), "--template", template]) == 0
    problem = prepare(RunFile.read(path)).problem  # a network of one's own is tried once
    assert CHANGED[template](problem.space)
    assert [objective.name for objective in problem.objectives] == ["val_accuracy"]
