"""Weights & Biases (offline) and Trackio, where they are installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SEARCH = """
from integrations.trackers.problems import search
from hpopt.integrations.trackers import Tracker

if __name__ == "__main__":
    for trials in (2, 4):
        search(trials, "s.db", Tracker({tracker}), fails=())
    {then}
"""


def run(folder, tracker, then="pass"):
    """Run it as a program of its own: both keep services and folders for the whole process."""
    (folder / "program.py").write_text(SEARCH.format(tracker=tracker, then=then))
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}", "TRACKIO_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wandb(tmp_path):
    pytest.importorskip("wandb")
    run(tmp_path, "'wandb', project='hills', mode='offline'")
    ids = [path.name.rpartition("-")[2] for path in (tmp_path / "wandb").glob("offline-run-*")]
    assert len(ids) == len(set(ids)) == 4


def test_trackio(tmp_path):
    pytest.importorskip("trackio")
    then = "import trackio; print(*[r.name[-5:] for r in trackio.Api().runs('hills')])"
    said = run(tmp_path, "'trackio', project='hills'", then)
    assert said == "00000 00001 00002 00003\n"
