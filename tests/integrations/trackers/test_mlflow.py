"""MLflow, where it is installed: a run for the study, and one in it for each trial."""

import pytest

pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy", reason="mlflow-skinny has no store of its own to test with")

from mlflow import MlflowClient

from hpopt.errors import StudyWarning
from hpopt.integrations.trackers import Tracker

from .problems import search

pytestmark = pytest.mark.filterwarnings("ignore")


def runs_of(uri):
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("hills")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "hpopt.study" in run.data.tags]
    children = {int(run.data.tags["hpopt.trial"]): run for run in runs if run is not parent}
    assert len(children) == len(runs) - 1
    return client, parent, children


def test_runs_of_a_study_that_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for trials, more in [(3, {}), (5, {}), (5, {"retry_failed": True, "fails": ()})]:
        tracker = Tracker("mlflow", experiment="hills", tracking_uri=uri)
        result = search(trials, tmp_path / "s.db", tracker, **more)
    client, parent, children = runs_of(uri)
    assert parent.info.run_name == "s"
    assert parent.info.status == "FINISHED"
    assert parent.data.params["optimizer"] == "random"
    assert parent.data.metrics["best loss"] == result.best.values["loss"]
    assert sorted(children) == [0, 1, 2, 3, 4]
    for trial in result.trials:
        run = children[trial.number]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.metrics["loss"] == trial.values["loss"]
        assert ("n" in run.data.params) == (trial.config["kind"] == "steep")
        history = client.get_metric_history(run.info.run_id, "curve/loss")
        assert [(each.step, each.value) for each in history] == list(trial.curve)
        assert [file.path for file in client.list_artifacts(run.info.run_id)] == [
            "model.weights.h5"
        ]


def test_a_server_that_is_away(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker("mlflow", tracking_uri="http://127.0.0.1:9")
    with pytest.warns(StudyWarning, match="MLflow cannot be told"):
        result = search(3, tmp_path / "s.db", tracker)
    assert len(result.trials) == 3
