import numpy as np
import pytest

import hpopt
from hpopt import Objective, Outcome, Study, failed
from hpopt.core import Solution, Trial
from hpopt.problems import FunctionProblem
from hpopt.reports.reader import Reader, read_data

LAYER = {"units": hpopt.Int(1, 512), "activation": hpopt.Categorical(["relu", "elu"])}
SPACE = {
    "rate": hpopt.Float(1e-4, 1, log=True),
    "batch": hpopt.Ordinal([16, 32, 64]),
    "kind": hpopt.Categorical(["a", None, (1, 2), 1.5]),
    "momentum": hpopt.Float(0, 0.9, when={"kind": "a"}),
    "layers": hpopt.Sequence(LAYER, 1, 3),
}
LOSS = Objective("loss")


def study_of(outcomes, objectives=LOSS, *, constraints=(), path=None, space=SPACE):
    """Make a study whose trials had these outcomes."""
    problem = FunctionProblem(lambda c: 0, space, objectives=objectives, constraints=constraints)
    study = Study(problem, "random", seed=0, path=path)
    for outcome in outcomes:
        study.tell(study.ask(), outcome)
    return study


def test_parameters_are_columns_of_numbers(tmp_path):
    study = study_of([{"loss": 1.0}] * 40, path=tmp_path / "named.db")
    data = read_data(Study.load(tmp_path / "named.db"))
    assert (data.name, len(data)) == ("named", 40)
    assert [each.name for each in data.columns] == [
        "rate", "batch", "kind", "momentum", "len(layers)",
        *(f"layers[{n}].{name}" for n in range(3) for name in ("units", "activation")),
    ]  # fmt: skip
    for row, trial in enumerate(study.trials):
        config = trial.config
        said = {each.name: each.label(each.values[row]) for each in data.columns}
        assert said["batch"] == str(config["batch"])
        assert (
            said["kind"] == {"a": "a", None: "null", (1, 2): "[1, 2]", 1.5: "1.5"}[config["kind"]]
        )
        assert (said["momentum"] != "") == ("momentum" in config)
        assert said["len(layers)"] == str(len(config["layers"]))
        for n in range(3):
            layer = config["layers"][n] if n < len(config["layers"]) else {"units": ""}
            assert said[f"layers[{n}].units"] == str(layer["units"])
    rate = data.column("rate")
    np.testing.assert_allclose(rate.values, [trial.config["rate"] for trial in study.trials])
    np.testing.assert_allclose(rate.unit, np.log(rate.values / 1e-4) / np.log(1e4))
    assert [each.is_always_active for each in data.columns] == [
        True, True, True, False, True, True, True, False, False, False, False,
    ]  # fmt: skip


OUTCOMES = {
    "one objective": ([{"loss": float((7 * k) % 23)} for k in range(60)], LOSS, ()),
    "maximised": (
        [{"gain": float((7 * k) % 23)} for k in range(30)],
        Objective("gain", "maximize"),
        (),
    ),
    "a front": (
        [{"a": float((7 * k) % 23), "b": float((5 * k) % 29)} for k in range(1200)],
        (Objective("a"), Objective("b", "maximize")),
        (),
    ),
    "bounds": (
        [{"loss": float((7 * k) % 23), "cost": float(k % 5)} for k in range(60)],
        LOSS,
        {"cost": ("<=", 1)},
    ),
    "nothing feasible": (
        [{"loss": 1.0, "cost": float(k)} for k in range(2, 6)],
        LOSS,
        {"cost": ("<=", 1)},
    ),
    "stopped ones": (
        [Outcome(("complete", "stopped")[k % 2], {"loss": float(k % 7)}) for k in range(20)],
        LOSS,
        (),
    ),
    "failures only": ([failed(f"no {k}") for k in range(4)], LOSS, ()),
    "nothing": ([], LOSS, ()),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_it_ranks_as_the_study_does(case):
    outcomes, objectives, constraints = OUTCOMES[case]
    study = study_of(outcomes, objectives, constraints=constraints, space={"x": hpopt.Float(0, 1)})
    data = read_data(study)
    numbers = data.numbers[data.order]
    assert list(numbers) == [each.number for each in study.ranking.top(study.trials, 10_000)]
    assert set(data.numbers[data.on_front]) == {each.number for each in study.front}
    feasible = study.top(1)
    assert (None if data.best is None else data.numbers[data.best]) == (
        feasible[0].number if feasible else None
    )
    assert data.counts() == {k: n for k, n in study.counts.items() if n}
    if feasible and len(study.objectives) == 1:
        name = study.objectives[0].name
        assert data.best_so_far[-1] == feasible[0].values[name]


def test_errors_that_differ_in_numbers_are_one_cause():
    outcomes = [failed(f"ValueError: {k} is not {k / 7:.3f}") for k in range(30)]
    outcomes += [failed("ValueError: 1 is not 2", status="timeout"), {"loss": 1.0}]
    data = read_data(study_of(outcomes))
    assert [(each.status, each.first) for each in data.causes] == [("failed", 0), ("timeout", 30)]
    assert list(np.bincount(data.cause + 1)) == [1, 30, 1]
    hostile = [failed("".join(chr(97 + int(d)) for d in str(k))) for k in range(1500)]
    assert len(read_data(study_of(hostile)).causes) == 200 + 1


def test_a_study_of_anybodys_has_no_more_metrics_than_are_looked_at():
    data = read_data(study_of([{"loss": 1.0, f"m{k}": 2.0} for k in range(300)]))
    assert len(data.values) == 41
    assert np.isnan(data.values["m3"]).sum() == 299
    assert np.isfinite(data.values["loss"]).all()


def test_it_knows_generation_parents_and_worker(tmp_path):
    path = tmp_path / "s.db"
    outcomes = [Outcome("complete", {"loss": float(k)}, worker=f"m:{k % 2}") for k in range(3)]
    study = study_of([*outcomes, {"loss": 5.0}], path=path)
    bred = Solution(9, study.trials[0].config, np.zeros(1), 1, None, 2, (3, 1))
    study._state.storage.append([Trial(bred, outcomes[1])])
    data = read_data(Study.load(path))
    assert list(data.generations) == [-1, -1, -1, -1, 2]
    assert data.parents == {9: (3, 1)}
    assert [*data.workers] == [0, 1, 0, -1, 1]
    assert data.worker_names == ("m:0", "m:1")


def test_what_is_new_is_read_alone(tmp_path):
    path = tmp_path / "s.db"
    study = study_of([{"loss": float(k)} for k in range(5)], path=path)
    waiting = study.ask()
    reader = Reader(Study.load(path))
    assert reader.update() == [0, 1, 2, 3, 4]
    assert reader.update() == []
    study.tell(study.ask(), {"loss": -1.0, "late": 3.0})
    assert reader.update() == [6]
    study.tell(waiting, {"loss": 7.0})
    assert reader.update() == [5]
    study.tell(study.ask(), {"loss": 8.0})
    assert reader.update(7) == [7]
    data, anew = reader.data(), read_data(study)
    assert list(data.numbers) == list(anew.numbers) == list(range(8))
    for name, values in anew.values.items():
        np.testing.assert_array_equal(data.values[name], values)
    for mine, other in zip(data.columns, anew.columns, strict=True):
        np.testing.assert_array_equal(mine.values, other.values)


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_is_below_the_first_number_is_read_the_next_time(tmp_path, in_memory):
    study = study_of(
        [{"loss": float(k)} for k in range(5)], path=None if in_memory else tmp_path / "s.db"
    )
    reader = Reader(study)
    reader.update()
    waiting = [study.ask() for _ in range(4)]
    for k in (3, 0, 2):
        study.tell(waiting[k], {"loss": 1.0})
        assert [each.number for each in study.running_from(7)] == [
            each.number for each in study.running if each.number >= 7
        ]
    assert reader.update(7) == [7, 8]
    assert reader.update(7) == []
    assert reader.update() == [5]
    assert reader.update() == []
    assert len(reader) == len(study.trials)
    some = reader.data([8, 2, 99, 2])
    assert some.numbers.tolist() == [2, 8]
    assert some.values["loss"].tolist() == [2.0, 1.0]
    assert some.columns[0].values.tolist() == [study.trial(n).config["rate"] for n in (2, 8)]


def test_a_continued_trial_takes_its_own_place():
    study = study_of([{"loss": float(k)} for k in range(4)])
    reader = Reader(study)
    reader.update()
    storage = study._state.storage
    old = storage.trial(1)
    storage.reopen([1])
    assert reader.update() == []
    storage.append([type(old)(old.solution, Outcome("complete", {"loss": -5.0}))])
    assert reader.update() == [1]
    data = reader.data()
    assert list(data.numbers) == [0, 1, 2, 3]
    assert data.values["loss"][1] == -5
    assert data.best == 1
