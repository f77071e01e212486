"""TensorBoard's folders, read back record by record."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard")

from tensorboard.compat.proto import event_pb2
from tensorboard.plugins.hparams import metadata

from hpopt.errors import UnknownNameError
from hpopt.integrations.trackers import Tracker
from hpopt.integrations.trackers.tensorboard import MARK

from .problems import search


def records_of(folder):
    """Give the events of a folder; TensorBoard's own reader would import TensorFlow."""
    (path,) = folder.glob("events.out.tfevents.*")
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield event_pb2.Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def scalars_of(folder):
    found = {}
    for event in records_of(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def session_of(folder):
    contents = {
        value.tag: value.metadata.plugin_data.content
        for event in records_of(folder)
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME
    }
    return (
        metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG]),
        metadata.parse_session_end_info_plugin_data(contents[metadata.SESSION_END_INFO_TAG]),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of five trials, the last two of which ran when the study went on."""
    folder = tmp_path_factory.mktemp("tensorboard")
    for trials in (3, 5):
        result = search(trials, folder / "s.db", Tracker("tensorboard", folder=folder / "runs"))
    (study,) = (folder / "runs").iterdir()
    return sorted(study.iterdir()), result.trials


def test_a_folder_for_each_trial(runs):
    folders, trials = runs
    assert [folder.name for folder in folders] == [f"trial-{n:05}" for n in range(5)]
    for folder, trial in zip(folders, trials, strict=True):
        assert (folder / MARK).exists()
        assert (folder / "model.weights.h5").read_text() == f"weights of {trial.number}"


def test_values_and_curves(runs):
    for folder, trial in zip(*runs, strict=True):
        found = scalars_of(folder)
        curve = [(step, pytest.approx(value)) for step, value in trial.curve]
        assert found.pop("curves/loss") == curve
        expected = {name: [(0, pytest.approx(value))] for name, value in trial.values.items()}
        assert found == expected


def test_parameters_are_those_that_are_active(runs):
    for folder, trial in zip(*runs, strict=True):
        start, end = session_of(folder)
        assert start.hparams["x"].number_value == trial.config["x"]
        assert start.hparams["kind"].string_value == trial.config["kind"]
        assert ("n" in start.hparams) == (trial.config["kind"] == "steep")
        assert ("layers.1.units" in start.hparams) == (len(trial.config["layers"]) == 2)
        assert end.status == (1 if trial.ok else 2)


def test_a_folder_that_was_cut_off_is_written_anew(tmp_path):
    tracker = Tracker("tensorboard", folder=tmp_path / "runs")
    result = search(2, tmp_path / "s.db", tracker)
    (study,) = (tmp_path / "runs").iterdir()
    (study / "trial-00001" / MARK).unlink()
    (study / "trial-00000" / MARK).write_text("{")
    Tracker("tensorboard", folder=tmp_path / "runs").log(result)
    for folder in study.iterdir():
        assert len(list(folder.glob("events.*"))) == 1
        assert '"number"' in (folder / MARK).read_text()


def test_a_misspelt_setting_is_said():
    with pytest.raises(UnknownNameError, match=r"setting of tracker .*did you mean 'folder'"):
        Tracker("tensorboard", foldr="runs")


def test_tensorflow_is_not_imported():
    code = (
        "import sys; from hpopt.integrations.trackers import Tracker; Tracker('tensorboard'); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == 0
