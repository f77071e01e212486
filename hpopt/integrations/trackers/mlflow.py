"""MLflow: a run for the study, and within it one for each trial."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from hpopt.errors import MissingExtraError
from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial, whole_steps

try:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag
except ImportError as error:
    raise MissingExtraError("mlflow", "mlflow", "Tracker('mlflow')") from error

T = TypeVar("T")

MOST_METRICS, MOST_PARAMS = 1000, 100  # of one call, as MLflow's REST API documents
MOST_CHARACTERS = 500  # of a value: what all stores of MLflow take
PARENT, STUDY, NUMBER, MARK = (
    "mlflow.parentRunId",
    "hpopt.study",
    "hpopt.trial",
    "hpopt.mark",
)
"""Tags: a child's parent is MLflow's own, the last one says that a trial is there whole."""

STRANGE = re.compile(r"[^\w.\- /]")  # in names of parameters and metrics


class MLflow(Backend):
    """Keep a run for the study, with the best values so far, and in it a run for each trial.

    A study that goes on is found by its identity, and goes on in the same run. The driver writes
    all runs; evaluations need not know MLflow.

    Parameters
    ----------
    experiment : str
        It is made where it is missing.
    tracking_uri : str, optional
        Of the server, or a folder; by default as MLflow is set up (``MLFLOW_TRACKING_URI``).
    """

    label: ClassVar[str] = "MLflow"

    def __init__(self, experiment: str = "hpopt", tracking_uri: str | None = None) -> None:
        self.experiment, self.tracking_uri = experiment, tracking_uri

    def open(self, study: TrackedStudy) -> Mapping[int, str]:
        """Find the run of the study, or make it; look which trials are in it."""
        self._study = study
        self._client = client = MlflowClient(self.tracking_uri)
        experiment = client.get_experiment_by_name(self.experiment)
        self._experiment = (
            client.create_experiment(self.experiment)
            if experiment is None
            else experiment.experiment_id
        )
        parents = self._runs(f"tags.`{STUDY}` = '{study.identity}'")
        found = next(iter(parents), None)
        self._parent = self._new_parent() if found is None else found.info.run_id
        self._best: dict[str, float] = {} if found is None else dict(found.data.metrics)
        client.update_run(self._parent, status="RUNNING")
        self._children: dict[int, str] = {}
        known: dict[int, str] = {}
        for run in self._runs(f"tags.`{PARENT}` = '{self._parent}'"):
            number = int(run.data.tags[NUMBER])
            self._children[number] = run.info.run_id
            if MARK in run.data.tags:
                known[number] = run.data.tags[MARK]
        return known

    def log(self, trial: TrackedTrial) -> None:
        """Write the run of a trial, in place of one that was cut off or is of an earlier try."""
        client = self._client
        if trial.number in self._children:
            client.delete_run(self._children.pop(trial.number))
        tags = {PARENT: self._parent, NUMBER: str(trial.number), "hpopt.status": trial.status}
        tags |= {} if trial.error is None else {"hpopt.error": trial.error[:MOST_CHARACTERS]}
        run = client.create_run(
            self._experiment, _milliseconds(trial.started), tags, run_name=trial.name
        ).info.run_id
        self._children[trial.number] = run
        params = [Param(_name(key), _text(value)) for key, value in trial.parameters.items()]
        params += [] if trial.fidelity is None else [Param("fidelity", f"{trial.fidelity:g}")]
        for part in _parts(params, MOST_PARAMS):
            client.log_batch(run, params=part)
        for some in _parts(list(_metrics(trial)), MOST_METRICS):
            client.log_batch(run, metrics=some)
        for path in trial.files:
            if path.is_file():  # else it was displaced by the weights of a better trial
                client.log_artifact(run, str(path))
        self._note_best(trial)
        client.log_batch(run, tags=[RunTag(MARK, trial.mark)])
        status = "FINISHED" if trial.ok else "FAILED"
        client.set_terminated(run, status, _milliseconds(trial.ended))

    def end(self, reason: str) -> None:
        """Note that the study's run is over, and why."""
        self._client.set_tag(self._parent, "hpopt.ended", reason[:MOST_CHARACTERS])
        self._client.set_terminated(self._parent, "FINISHED")

    def _new_parent(self) -> str:
        study = self._study
        run: str = self._client.create_run(
            self._experiment, tags={STUDY: study.identity}, run_name=study.name
        ).info.run_id
        settings = [Param(_name(key), _text(value)) for key, value in study.settings.items()]
        for part in _parts(settings, MOST_PARAMS):
            self._client.log_batch(run, params=part)
        return run

    def _note_best(self, trial: TrackedTrial) -> None:
        """Write to the study's run what the trial has improved, by the trial's number."""
        if not trial.ok:
            return
        now, metrics = _milliseconds(trial.ended), []
        for objective in self._study.objectives:
            name, value = _name(f"best {objective.name}"), trial.values.get(objective.name)
            if value is None:
                continue
            before = self._best.get(name)
            if before is None or objective.sign * value < objective.sign * before:
                self._best[name] = value
                metrics.append(Metric(name, value, now, trial.number))
        if metrics:
            self._client.log_batch(self._parent, metrics=metrics)

    def _runs(self, wanted: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self._client.search_runs([self._experiment], wanted, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _metrics(trial: TrackedTrial) -> Iterator[Metric]:
    for name, steps in trial.curves.items():
        last = len(steps) - 1
        for n, (step, value) in enumerate(whole_steps(steps)):
            moment = _milliseconds(trial.moment(n / last if last else 1.0))
            yield Metric(_name(f"curve/{name}"), value, moment, step)
    for name, value in trial.values.items():
        yield Metric(_name(name), value, _milliseconds(trial.ended), 0)


def _parts(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for place in range(0, len(items), most):
        yield items[place : place + most]


def _name(name: str) -> str:
    return STRANGE.sub("_", name)[:250]  # MLflow's own limit


def _text(value: Any) -> str:
    return str(value)[:MOST_CHARACTERS]


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
