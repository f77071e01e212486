"""Trials as flat rows: one definition for CSV and for pandas."""

import csv
import datetime
import io

import pytest

import hpopt
from hpopt.cli.export import write_csv
from hpopt.core import Outcome
from hpopt.space import Vector

LAYER = {"units": hpopt.Int(1, 512), "activation": hpopt.Categorical(["relu", "elu"])}
SPACE = {
    "layers": hpopt.Sequence(LAYER, 1, 9),
    "rate": hpopt.Float(1e-4, 1, log=True),
    "kind": hpopt.Categorical(["a", "b"]),
    "n": hpopt.Int(1, 9, when={"kind": "a"}),
    "always": hpopt.Int(1, 9),
    "flag": hpopt.Categorical([True, False]),
    "maybe": hpopt.Categorical([True, False], when={"kind": "a"}),
    "shape": hpopt.Categorical([(3, 3), "valid"]),
    "batch": hpopt.Ordinal([16, 32]),
    "pair": Vector(2, 0, 1),
    "long": Vector(40, 0, 1),
}
START = [
    {"kind": "a", "layers": [{"units": 8, "activation": "relu"}]},
    {"kind": "b", "layers": [{"units": 4, "activation": "elu"}, {"units": 2, "activation": "elu"}]},
]


@pytest.fixture
def study():
    problem = hpopt.FunctionProblem(lambda config: config["rate"], SPACE)
    study = hpopt.Study(problem, "random", seed=0, start=START)
    began = 1.7e9 + 0.123456
    outcome = Outcome("complete", {"value": 0.1, "n": 1.0}, started=began, seconds=1 / 3, memory=5)
    study.tell(study.ask(), outcome)
    study.tell(study.ask(), hpopt.failed("no"))
    return study


def test_types_are_those_of_the_parameters(study):
    pytest.importorskip("pandas", reason="needs pandas")
    frame = study.to_pandas()
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    expected = {
        "number": "int64",
        "value": "float64",
        "n": "float64",
        "config.len(layers)": "int64",
        "config.layers[0].units": "int64",
        "config.layers[1].units": "Int64",
        "config.rate": "float64",
        "config.n": "Int64",
        "config.always": "int64",
        "config.flag": "bool",
        "config.maybe": "boolean",
        "config.shape": "object",
        "config.batch": "int64",
        "config.pair[1]": "float64",
        "config.long": "object",
        "started": "datetime64[ns, UTC]",
        "seconds": "float64",
        "memory": "Int64",
        "generation": "Int64",
    }
    assert {name: types[name] for name in expected} == expected
    assert types["config.kind"] in ("object", "str", "string")
    assert "config.layers[2].units" not in types
    trials = study.trials
    assert frame["config.layers[1].units"].tolist()[1] == 2
    assert frame["config.shape"].tolist() == [trial.config["shape"] for trial in trials]
    assert frame["config.long"].tolist() == [trial.config["long"] for trial in trials]
    assert abs(frame["started"][0].timestamp() - trials[0].started) < 1e-6
    assert frame["status"].tolist() == ["complete", "failed"]
    assert frame["error"].tolist()[1] == "no"


def test_csv_has_the_same_columns_with_all_digits(study):
    stream = io.StringIO()
    write_csv(study, stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    pytest.importorskip("pandas", reason="needs pandas")
    assert list(rows[0]) == list(study.to_pandas().columns)
    first, second = rows
    assert float(first["seconds"]) == 1 / 3
    assert float(first["config.rate"]) == study.trials[0].config["rate"]
    began = datetime.datetime.fromisoformat(first["started"])
    assert began.timestamp() == pytest.approx(study.trials[0].started, abs=1e-6)
    assert began.tzinfo is not None
    assert (second["memory"], second["config.n"], second["error"]) == ("", "", "no")


@pytest.mark.parametrize("started", [1e300, -5.0, 1e11])
def test_times_beyond_the_calendar_are_none(started):
    pytest.importorskip("pandas", reason="needs pandas")
    problem = hpopt.FunctionProblem(lambda config: 0, {"x": hpopt.Float(0, 1)})
    study = hpopt.Study(problem, "random", seed=0)
    study.tell(study.ask(), Outcome("complete", {"value": 1.0}, started=started))
    assert study.to_pandas()["started"].isna().all()
    write_csv(study, io.StringIO())


def test_a_study_without_trials_has_its_columns():
    pytest.importorskip("pandas", reason="needs pandas")
    problem = hpopt.FunctionProblem(lambda config: 0, {"x": hpopt.Int(0, 1)})
    frame = hpopt.Study(problem, "random", seed=0).to_pandas()
    assert frame.empty
    assert str(frame.dtypes["config.x"]) == "int64"
