"""The comparison of strategies still runs, counts and goes on: no figure is looked at."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from comparing import BENCHMARKS, needs_data, printed

ROWS = {
    "ranks": "average rank of genetic among 1 after 20 evaluations",
    "random": "evaluations that genetic needs for random's median at 20",
    "neighbourhood": "evaluations of neighbourhood for random's median at 20",
    "around": "memetic against its inner strategy",
    "workers": "40 lognormal evaluations, 4 simulated workers",
    "generation": "a generation of 20 in 40 mixed dimensions with a Sequence",
}


@pytest.fixture
def modules(as_benchmark):
    as_benchmark("", "strategies")


@needs_data
def test_every_row_is_measured_and_printed():
    found = printed("strategies", "--no-peers")
    rows = [line for line in found.splitlines() if line.startswith("|")]
    for what in ROWS.values():
        assert any(what in row for row in rows), f"no line about {what!r} in {found}"
    assert any("average rank among all" in row for row in rows)


def test_missing_tables_are_named(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "strategies", "--quick", "--data", tmp_path / "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nowhere" in done.stderr


@needs_data
def test_a_trace_counts_every_evaluation_and_what_differs(modules: None):
    from recorded import Trace, load, names

    table = load(next(name for name in names() if load(name).is_grid))
    first, last = ({p.name: p.values[end] for p in table.parameters} for end in (0, -1))
    good, bad = sorted([first, last], key=table.loss)
    trace = Trace(table, 4)
    for config in (bad, bad, good, bad, good):
        trace.evaluate(config)
    assert trace.finished() == [
        (1, 1, table.loss(bad)),
        (3, 2, table.loss(good)),
        (4, 2, table.loss(good)),
    ]


@needs_data
def test_losses_are_those_of_the_table_and_points_those_of_the_nearest(modules: None):
    from recorded import load, names

    for name in names():
        table = load(name)
        assert table.best < table.typical
        if not table.is_grid:
            middle = {p.name: (p.low + p.high) / 2 for p in table.parameters}
            assert table.loss(middle) == table._table.nearest(middle)


def test_ranks_share_ties_and_intervals_hold_their_figure(modules: None):
    from figures import interval, rank_among, ranks

    one, other = np.array([[1.0, 2.0]]), np.array([[1.0, 3.0]])
    assert ranks([one, other]).tolist() == [[[1.5, 1.0]], [[1.5, 2.0]]]
    assert rank_among(one, [other]) == 1.0 + (0.5 + 0.0 + 1.0 + 0.0) / 4
    values = np.random.default_rng(0).random((5, 8))
    found = interval(values)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(values.mean())


def test_evaluations_to_a_loss_and_the_best_at_a_budget(modules: None):
    from figures import DIFFERENT, best_at, evaluations_to

    run = np.array([[1, 1, 5.0], [3, 2, 4.0], [9, 6, 1.0], [20, 9, 1.0]])
    assert [best_at(run, n) for n in (2, 3, 100)] == [5.0, 4.0, 1.0]
    assert best_at(run, 5, DIFFERENT) == 4.0
    assert evaluations_to(run, 4.5) == 3
    assert evaluations_to(run, 0.5) == np.inf


def test_runs_that_were_cut_off_are_made_again(
    modules: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import runs

    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    strategy = runs.candidate("some", {"optimizer": "random"})
    with runs.kept_in("here"):
        strategy.path.parent.mkdir()
        whole = f"{strategy.version},10,table,0,1,1,0.5\n{strategy.version},10,table,0,end,,\n"
        other = "other,10,table,1,1,1,0.5\nother,10,table,1,end,,\n"
        torn = f"{strategy.version},10,table,2,1,1,0.5\n{strategy.version},10,tab"
        strategy.path.write_text(whole + other + torn, encoding="utf-8")
        assert list(runs.present(strategy, 10)) == [("table", 0)]
        assert not runs.present(strategy, 11)
        runs.forget(strategy)
        assert not runs.present(strategy, 10)
