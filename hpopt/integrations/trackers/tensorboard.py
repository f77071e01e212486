"""TensorBoard: a folder for each trial, with its hyper-parameters for the HParams page.

The events are written by TensorBoard's own writer of records, so that TensorFlow is not imported.
https://github.com/tensorflow/tensorboard/blob/master/tensorboard/plugins/hparams/plugin_data.proto
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from hpopt.checks import expanded
from hpopt.errors import MissingExtraError
from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial, whole_steps

try:
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise MissingExtraError("tensorboard", "tensorboard", "Tracker('tensorboard')") from error

MARK = "hpopt.json"
"""In the folder of each trial: which one it is, written last."""


class TensorBoard(Backend):
    """Write a folder of events for each trial: ``tensorboard --logdir FOLDER`` shows them.

    The page *HParams* has the parameters, of each trial only the active ones, with the values.
    *Time series* has the curves, under ``curves/``. Artifacts are copied into the trial's folder.

    Parameters
    ----------
    folder : path
        Each study gets a folder in it.
    """

    label: ClassVar[str] = "TensorBoard"

    def __init__(self, folder: str | os.PathLike[str] = "runs") -> None:
        self.folder = Path(expanded(folder))

    def open(self, study: TrackedStudy) -> Mapping[int, str]:
        """Make the study's folder, and look which trials are in it."""
        self._study, self._folder = study, self.folder / f"{study.name}-{study.identity[:8]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        known: dict[int, str] = {}
        for path in self._folder.glob(f"trial-*/{MARK}"):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                known[int(found["number"])] = str(found["mark"])
            except (ValueError, TypeError, KeyError):  # it is written again
                continue
        return known

    def log(self, trial: TrackedTrial) -> None:
        """Write the folder of a trial anew."""
        folder = self._folder / trial.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        name = f"events.out.tfevents.{int(trial.started):010}.{socket.gethostname()}.{os.getpid()}"
        with (folder / name).open("wb") as stream:
            writer = RecordWriter(stream)
            for event in _events(trial, self._study):
                writer.write(event.SerializeToString())
        for path in trial.files:
            if path.is_file():  # else it was displaced by the weights of a better trial
                shutil.copy2(path, folder / path.name)
        text = json.dumps({"number": trial.number, "mark": trial.mark})
        (folder / MARK).write_text(text, encoding="utf-8")


def _events(trial: TrackedTrial, study: TrackedStudy) -> Iterator[Any]:
    first = event_pb2.Event(wall_time=trial.started, file_version="brain.Event:2")
    first.source_metadata.writer = "hpopt"
    yield first
    start = plugin_data_pb2.SessionStartInfo(
        group_name=trial.name, start_time_secs=trial.started, model_uri=study.identity
    )
    for name, value in trial.parameters.items():
        _set(start.hparams[name], value)
    data = plugin_data_pb2.HParamsPluginData(session_start_info=start)
    yield _of_plugin(metadata.SESSION_START_INFO_TAG, data, trial.started)
    for name, steps in trial.curves.items():
        last = len(steps) - 1
        for n, (step, value) in enumerate(whole_steps(steps)):
            moment = trial.moment(n / last if last else 1.0)
            yield _scalar(f"curves/{name}", value, moment, step)
    for name, value in trial.values.items():
        yield _scalar(name, value, trial.ended, 0)
    status = api_pb2.STATUS_SUCCESS if trial.ok else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=trial.ended)
    data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    yield _of_plugin(metadata.SESSION_END_INFO_TAG, data, trial.ended)


def _set(target: Any, value: Any) -> None:
    if isinstance(value, bool):  # before numbers, as a bool is one
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    else:
        target.string_value = str(value)


def _of_plugin(tag: str, data: Any, moment: float) -> Any:
    summary = summary_pb2.Summary()
    summary.value.add(
        tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR
    )
    return event_pb2.Event(wall_time=moment, summary=summary)


def _scalar(tag: str, value: float, moment: float, step: int) -> Any:
    summary = summary_pb2.Summary()
    summary.value.add(tag=tag, simple_value=value)
    return event_pb2.Event(wall_time=moment, step=step, summary=summary)
