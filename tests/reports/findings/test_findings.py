import dataclasses

import numpy as np
import pytest

import hpopt
from hpopt import Objective, Outcome, Study, failed
from hpopt.core import STATUSES
from hpopt.problems import FunctionProblem
from hpopt.reports.findings import findings
from hpopt.reports.findings.configs import config_of
from hpopt.reports.reader import read_data
from hpopt.space import Vector
from reports.synthetic import made

SPACE = {"x": hpopt.Float(0, 1), "n": hpopt.Int(1, 9), "kind": hpopt.Categorical(["a", "b", "c"])}


def loss(config):
    return (config["x"] - 0.3) ** 2 + (0.5 if config["kind"] == "b" else 0.0)


def said(found):
    return " ".join(sentence for _, sentences in found.paragraphs() for sentence in sentences)


def study_of(outcomes, objectives=None, space=SPACE, **settings):
    """Make a study whose trials had these outcomes."""
    objectives = Objective("loss") if objectives is None else objectives
    problem = FunctionProblem(lambda c: 0, space, objectives=objectives)
    study = Study(problem, "random", seed=0, **settings)
    for outcome in outcomes:
        study.tell(study.ask(), outcome)
    return study


def test_the_parts_of_a_study_are_said_in_order():
    data = made(SPACE, loss, 120)
    found = findings(data)
    titles = [title for title, _ in found.paragraphs()]
    assert titles == [
        "The answer", "Is it finished?", "What mattered", "How", "The edges of the space",
        "What failed", "Time", "How to reproduce it",
    ]  # fmt: skip
    best = int(data.values["loss"].argmin())
    assert found.answer.trial == best
    assert set(found.answer.config) == {"x", "n", "kind"}
    assert found.answer.second != best
    assert all(one != other for one, other in found.answer.differences.values())
    kind = next(each for each in found.regions if each.name == "kind")
    assert kind.choices == ("a", "c")
    assert kind.worst == "b"
    assert kind.cost == pytest.approx(0.5, abs=0.15)
    x = next(each for each in found.regions if each.name == "x")
    assert x.low < 0.3 < x.high < 0.7
    assert "kind does best with a and c; with b" in said(found)
    assert findings(data).regions == found.regions


def test_it_is_the_right_way_up():
    low = findings(made(SPACE, loss, 60))
    high = findings(made(SPACE, lambda c: -loss(c), 60, direction="maximize"))
    assert low.answer.trial == high.answer.trial
    assert "highest loss" in said(high)
    assert "less." in high.answer.sentences[1]
    assert high.outlook.gain == pytest.approx(low.outlook.gain)


ONE = {"x": hpopt.Float(0, 1)}
BAD = {
    "nothing": ([], SPACE, "No trial has finished yet."),
    "failures only": ([failed(f"no {k}") for k in range(4)], SPACE, "All 4 trials failed"),
    "one parameter": ([{"loss": float(k % 7)} for k in range(25)], ONE, "The best of 25 trials"),
    "one trial": ([{"loss": 1.0}], SPACE, "The best of 1 trial with values is trial 0"),
    "constant": ([{"loss": 2.0}] * 25, SPACE, "All 25 values of loss are the same: 2."),
    "huge": ([{"loss": (-1) ** k * 1e300} for k in range(30)], SPACE, "-1e+300"),
    "bounds": ([{"loss": 1.0, "cost": 5.0}] * 3, SPACE, "None of 3 trials with values meets all"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_studies_get_useful_sentences(case):
    outcomes, space, expected = BAD[case]
    study = study_of(
        outcomes, space=space, constraints={"cost": ("<=", 1)} if case == "bounds" else None
    )
    found = findings(study)
    assert expected in said(found)
    assert "nan" not in said(found)
    assert "inf " not in said(found)


def test_hostile_text_is_quoted_in_short():
    study = study_of([failed("\x1b[2J<script>" + "x" * 10_000)] * 2 + [{"loss": 1.0}])
    found = findings(study)
    assert "\x1b" not in said(found)
    assert len(said(found)) < 3000


def test_failures_have_causes_regions_and_a_traceback():
    outcomes = [
        Outcome("failed", error="ValueError: too many", traceback="Traceback: here", seconds=2.0)
        if k % 3 == 0
        else Outcome("complete", {"loss": float(k)}, seconds=1.0)
        for k in range(60)
    ]
    study = study_of(outcomes)
    found = findings(study).failures
    assert (found.n, found.causes[0].n, found.causes[0].first) == (20, 20, 0)
    assert found.causes[0].traceback == "Traceback: here"
    assert found.causes[0].seconds == 40.0
    assert found.regions == ()
    assert findings(read_data(study)).failures.causes[0].traceback == ""


def test_settings_that_failures_go_with_are_found():
    data = made(SPACE, lambda c: np.nan if c["x"] > 0.8 and c["n"] > 2 else loss(c), 200)
    regions = findings(data).failures.regions
    assert [each.name for each in regions] == ["x"]
    assert regions[0].setting.startswith("is at least 0.8")
    assert regions[0].n_failed / regions[0].n > 0.6 > 0.1 > regions[0].others


def test_the_best_at_an_edge_is_said():
    found = findings(made(SPACE, lambda c: -c["x"] + (c["kind"] == "b"), 150)).limits
    assert [(each.name, each.end, each.limit) for each in found.edges] == [("x", "high", 1.0)]
    assert any("widen the range" in each for each in found.sentences)
    assert any("kind" in each for each in found.reasons)


def test_where_the_time_went():
    n = 40  # two workers, ten seconds each, then an hour of nothing
    starts = 1e9 + np.repeat(np.arange(n // 2), 2) * 10.0 + np.repeat([0, 3600], n // 2)
    status = np.where(np.arange(n) % 4 == 0, STATUSES.index("failed"), STATUSES.index("complete"))
    data = made(SPACE, loss, n, started=starts, seconds=np.full(n, 10.0), status=status)
    found = findings(data).times
    assert (found.wall, found.busy, found.failed) == (3800.0, 400.0, 100.0)
    assert (found.n_workers, found.utilisation, found.pauses) == (2, 1.0, 3600.0)
    assert "For 60 minutes nothing ran." in found.sentences
    assert any("25 %" in each for each in found.sentences)


def test_the_noise_is_known_from_repeats_from_folds_and_from_neighbours():
    twice = made({"n": hpopt.Int(1, 9)}, lambda c: float(c["n"]), 60)
    rng = np.random.default_rng(0)
    values = twice.values["loss"] + 0.1 * rng.standard_normal(60)
    noisy = dataclasses.replace(twice, values={"loss": values}, worth=values)
    answer = findings(noisy).answer
    assert answer.noise_from == "repeats"
    assert answer.noise == pytest.approx(0.1, rel=0.3)

    folds = [Outcome("complete", {"loss": 2.0}, info={"scores": [1.0, 2.0, 3.0]})]
    answer = findings(study_of(folds)).answer
    assert (answer.noise_from, answer.noise) == ("folds", pytest.approx(1 / 3**0.5))

    near = made({"x": hpopt.Float(0, 1)}, lambda c: 0.1 * rng.standard_normal(), 100)
    answer = findings(near).answer
    assert answer.noise_from == "neighbours"
    assert 0.03 < answer.noise < 0.2


def test_a_front_has_ends_and_a_bend():
    outcomes = [{"a": float(k), "b": float((9 - k) ** 2)} for k in range(10)] + [
        {"a": 20.0, "b": 90.0}
    ]
    front = findings(study_of(outcomes, (Objective("a"), Objective("b")))).front
    assert len(front.trials) == 10
    assert front.ends == {"a": 0, "b": 9}
    assert front.knee == study_of(outcomes, (Objective("a"), Objective("b"))).knee.number
    assert "bend" in " ".join(front.sentences)


def test_it_says_how_to_go_on(tmp_path):
    path = tmp_path / "it's.db"
    study = study_of([{"loss": 1.0}] * 3, path=path)
    recipe = findings(study).recipe
    assert recipe.seed == 0
    assert f"trials=53, seed=0, study={str(path)!r}" in recipe.python
    compile(recipe.python, "recipe", "exec")
    assert recipe.command == ""
    study.close()


def test_configs_come_back_from_columns():
    space = {
        **SPACE,
        "rate": hpopt.Float(1e-5, 1, log=True, when={"kind": ["a", "c"]}),
        "layers": hpopt.Sequence({"units": hpopt.Int(1, 512), "f": hpopt.Ordinal([1, 2])}, 1, 3),
        "weights": Vector(3, -1, 1),
    }
    study = study_of([{"loss": 1.0}] * 20, space=space)
    data = read_data(study)
    for row, trial in enumerate(study.trials):
        assert config_of(data, row) == trial.config


def test_short_waits_of_one_worker_are_not_said_to_be_work():
    n = 20  # ten seconds each, and five between them
    starts = 1e9 + np.arange(n) * 15.0
    found = findings(made(SPACE, loss, n, started=starts, seconds=np.full(n, 10.0))).times
    assert found.utilisation == pytest.approx(200 / 295)


def test_what_neighbours_differ_by_is_not_said_to_be_noise():
    answer = findings(made(SPACE, loss, 300)).answer
    assert answer.noise_from == "neighbours"
    assert not any("nobody can tell" in each for each in answer.sentences)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_what_more_trials_bring_is_not_beyond_what_shares_can_be(direction):
    losses = np.repeat([0.9, 0.5, 0.1, 0.05], 10)
    values = losses if direction == "minimize" else 1 - losses
    data = dataclasses.replace(
        made(SPACE, loss, 40),
        objectives=(Objective("loss", direction),),
        values={"loss": values},
        worth=losses,
    )
    assert findings(data).outlook.gain_high == pytest.approx(0.05)


def test_edges_and_narrowing_say_which_of_several_objectives_they_are_of():
    data = made(SPACE, lambda c: c["x"], 150)
    assert not any("by loss" in each for each in findings(data).limits.sentences)
    several = dataclasses.replace(
        data,
        objectives=(*data.objectives, Objective("size")),
        values={**data.values, "size": -data.values["loss"]},
    )
    found = findings(several).limits
    assert found.reasons
    assert all(each.startswith(("moves", "drops")) for each in found.reasons)
    assert all("by loss" in each for each in found.sentences)
