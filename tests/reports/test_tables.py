import io
import json
import re

import pytest

import hpopt
from hpopt import Objective, Outcome, Study
from hpopt.errors import SettingError
from hpopt.problems import FunctionProblem
from hpopt.reports import best_trials, summary, trial_page, write

LAYER = {"units": hpopt.Int(1, 512), "activation": hpopt.Categorical(["relu", "elu"])}
SPACE = {
    "layers": hpopt.Sequence(LAYER, 4, 6),
    "rate": hpopt.Float(1e-4, 1, log=True),
    "batch": hpopt.Ordinal([16, 32, 64]),
    "many": hpopt.Categorical(range(20)),
    "momentum": hpopt.Float(0, 0.9, step=0.1, when={"batch": [16, 32]}),
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def text_of(renderable):
    stream = io.StringIO()
    write(renderable, stream)
    return stream.getvalue()


LOSS = Objective("loss")


def told(outcomes, objectives=LOSS, space=SPACE):
    """Make a study in memory whose trials had these outcomes."""
    study = Study(FunctionProblem(lambda config: 0, space, objectives=objectives), "random", seed=0)
    for outcome in outcomes:
        study.tell(study.ask(), outcome)
    return study


def test_rows_are_in_the_order_of_the_first_objective():
    study = told([{"loss": loss} for loss in (3.0, 0.5, 2.0, 0.5)])
    lines = text_of(summary(study, top=3)).splitlines()
    assert lines[0] == "the best 3 of 4 trials, the lowest loss first"
    assert [line.split()[:2] for line in lines[2:5]] == [["1", "0.5"], ["3", "0.5"], ["2", "2"]]
    most = told([{"gain": g} for g in (3.0, 0.5)], objectives=Objective("gain", "maximize"))
    assert "the highest gain first" in text_of(summary(most))
    assert text_of(summary(most)).splitlines()[2].split()[:2] == ["0", "3"]


def test_where_nobody_looks_on_nothing_is_cut_wrapped_or_coloured(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("FORCE_COLOR", "1")
    study = told([{"loss": 1.0}])
    out = text_of(summary(study))
    assert "\x1b" not in out
    assert json.dumps(study.trials[0].config) in out.splitlines()[2]
    assert all(line == line.rstrip() for line in out.split("\n"))
    assert out.endswith("\n")


def test_a_terminal_gets_colours(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    study = told([{"loss": 1.0}])
    write(best_trials(study.trials, study.objectives), stream)
    assert "\x1b[1m" in stream.getvalue()


def test_several_objectives_have_a_column_each_and_a_front():
    objectives = (Objective("loss"), Objective("seconds"))
    values = [(1, 9), (2, 2), (3, 3), (4, 1), (5, 1)]
    study = told([{"loss": a, "seconds": b} for a, b in values], objectives)
    title, heads, *rows = text_of(summary(study)).splitlines()
    assert title == "the front: 3 of 5 trials, which no trial dominates, the lowest loss first"
    assert heads.split() == ["trial", "loss", "seconds", "seconds", "config"]
    assert [row.split()[:3] for row in rows[:3]] == [
        ["0", "1", "9"],
        ["1", "2", "2"],
        ["3", "4", "1"],
    ]
    assert rows[3] == ""
    assert "front      3 trials; knee: trial 1; hypervolume 22 from the worst values" in rows


def test_a_long_front_is_shown_from_end_to_end():
    objectives = (Objective("loss"), Objective("speed", "maximize"))
    outcomes = [{"loss": k % 7 + k / 1000, "speed": k} for k in range(2000)]
    outcomes += [{"loss": 10.0 + k, "speed": 3000 + k} for k in range(100)]
    study = told(outcomes, objectives, {"x": hpopt.Float(0, 1)})
    lines = text_of(summary(study)).splitlines()
    front = sorted(study.front, key=lambda trial: trial.values["loss"])
    assert lines[0].startswith(
        f"the front: {len(front)} of 2100 trials, which no trial dominates; 20"
    )
    shown = [int(line.split()[0]) for line in lines[2 : lines.index("")]]
    assert len(shown) == 20
    assert set(shown) < {trial.number for trial in front}
    assert (shown[0], shown[-1]) == (front[0].number, front[-1].number)
    few = text_of(summary(study, top=2)).splitlines()
    assert [int(line.split()[0]) for line in few[2:4]] == [shown[0], shown[-1]]
    assert few[4] == ""


def test_what_ended_early_for_a_bound_is_near_but_no_error():
    problem = hpopt.FunctionProblem(
        lambda config: 0.0, {"x": hpopt.Float(0, 1)}, constraints={"size": "<= 1"}
    )
    study = hpopt.Study(problem, "random", seed=0)
    for size in (3.0, 2.0):
        study.tell(study.ask(), hpopt.Outcome("infeasible", {"size": size}))
    lines = text_of(summary(study)).splitlines()
    assert lines[0] == "the nearest 2 of 2 trials, of which none meets all constraints"
    assert [line.split()[:3] for line in lines[2:4]] == [["1", "2", "no"], ["0", "3", "no"]]
    page = text_of(trial_page(study, 0))
    assert "feasible  no: size 3 must be <= 1" in page
    assert "error" not in page


def test_the_state_says_what_may_be_chosen():
    out = text_of(summary(told([])))
    assert "no trial has values yet" in out
    assert re.search(r"layers +4 to 6 layers, each with\n +units +integer 1 to 512\n", out)
    assert "0.0001 to 1, log scale" in out
    assert "16 < 32 < 64" in out
    assert "0 | 1 | 2 | … | 19 | (20)" in out
    assert "0 to 0.9 in steps of 0.1, only where batch is 16 or 32" in out


def test_the_optimizer_is_said_with_what_was_chosen():
    problem = FunctionProblem(lambda config: 0, SPACE)
    study = Study(problem, hpopt.GeneticAlgorithm(population=7, elites=2))
    assert "optimizer  genetic (population 7, elites 2)\n" in text_of(summary(study))


def test_the_last_errors_are_shown_latest_first():
    study = told([hpopt.failed(f"reason {n}") for n in range(6)] + [{"loss": float("nan")}])
    out = text_of(summary(study))
    places = [out.index(said) for said in ("objective 'loss' is nan", "reason 5", "reason 4")]
    assert places == sorted(places)
    assert "reason 3" not in out
    assert "6 failed, 1 invalid" in out


def test_pending_trials_are_told_apart_from_finished_ones(tmp_path):
    problem = FunctionProblem(lambda config: 0, SPACE)
    with Study(problem, "random", path=tmp_path / "s.db") as study:
        asked = [study.ask() for _ in range(20)]
        for number in (3, 17):
            study.tell(asked[number], 1.0)
        out = text_of(summary(study, path=study.path))
    assert "cut off    18: 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, … (18)" in out


def test_a_page_of_a_trial_has_all_of_it():
    curve = tuple((float(step), step / 7) for step in range(500))
    outcome = Outcome("stopped", {"loss": 0.25}, curve=curve, seconds=75.5, memory=2_340_000_000)
    study = told(
        [outcome, hpopt.Outcome("failed", error="E: no", traceback="Trace\x1b[1mback\x07")]
    )
    out = text_of(trial_page(study, 0))
    for said in ("status   stopped", "values   loss 0.25", "75.500", "2.34 GB at most"):
        assert said in out
    rows = out[out.index("curve") :].strip().split("\n")[1:]
    assert len(rows) == 40
    assert rows[0].split() == ["0", "0"]
    assert rows[-1].split() == ["499", "71.286"]
    out = text_of(trial_page(study, 1))
    assert "error    E: no" in out
    assert out.endswith("traceback\nTraceback\\u0007\n")
    with pytest.raises(SettingError, match="no such number"):
        trial_page(study, 2)


def test_a_page_of_a_trial_has_all_objectives_of_its_curve():
    curve = ((1.0, {"loss": 0.5, "size": 3.0}), (2.0, {"loss": 0.25}))
    out = text_of(trial_page(told([Outcome("complete", {"loss": 0.25}, curve=curve)]), 0))
    rows = out[out.index("curve") :].strip().split("\n")[1:]
    assert [row.split(None, 1) for row in rows] == [["1", "loss 0.5, size 3"], ["2", "loss 0.25"]]


def test_rich_markup_in_a_config_is_plain_text():
    study = told([{"loss": 1.0}], space={"x": hpopt.Categorical(["[red]a[/red]"])})
    assert '{"x": "[red]a[/red]"}' in text_of(summary(study))
