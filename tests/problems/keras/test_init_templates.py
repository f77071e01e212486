"""The Keras problems that ``hpopt init`` writes can be made."""

import sys

import pytest

from hpopt.cli import main
from hpopt.cli.prepare import prepare
from hpopt.cli.run_file import RunFile


@pytest.mark.parametrize(("template", "name"), [("keras", "high"), ("builtin", "values")])
def test_a_run_takes_them_as_they_are(template, name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"{template}_written.toml"
    assert main(["init", str(path), "--template", template]) == 0
    problem = prepare(RunFile.read(path)).problem  # a network of one's own is tried once
    changed = "learning_rate" if template == "keras" else "batch_size"
    given = RunFile.read(path).content["space"][changed][name]
    assert getattr(problem.space[changed], name) in (given, tuple(given) if name == "values" else 0)
    assert [objective.name for objective in problem.objectives] == ["val_accuracy"]
