"""The comparison by work still runs and counts right: no figure is looked at."""

import json
from collections import defaultdict

import numpy as np
import pytest
from comparing import BENCHMARKS, DATA, needs_data, needs_environment, printed


@pytest.fixture(autouse=True)
def modules(as_benchmark):
    as_benchmark("", "strategies", "efficiency", "fidelity")


def made_task(most=8):
    """Return a task of which x = 0.25 ends best, and x > 0.9 diverges at its third unit."""
    from curves import Task
    from recorded import Parameter

    class Made(Task):
        name = "made"
        parameters = (Parameter("x", "float", (), 0.0, 1.0),)
        reports = tuple(range(1, most + 1))
        worst, typical = 1.0, 0.5

        def __init__(self):
            self.most = most

        def begin(self):
            return self.curve

        def curve(self, config):
            curve = abs(config["x"] - 0.25) + 1 / np.arange(1.0, most + 1)
            if config["x"] > 0.9:
                curve[2:] = np.nan
            return curve

        def pace(self, config):
            return 1.0 + config["x"]

    return Made()


class Scripted:
    """Ask for what a list says, (x, fidelity) one after the other; note what is told."""

    def __init__(self, jobs, *, watches=False, stops_at=None, goes_on=True):
        self.jobs, self.watches, self.stops_at, self.goes_on = [*jobs], watches, stops_at, goes_on
        self.told, self.reports = [], defaultdict(list)

    def ask(self):
        from trainings import Job

        if not self.jobs:
            return None
        x, end = self.jobs.pop(0)
        return Job({"x": x}, end, x, goes_on=self.goes_on)

    def report(self, job, at, loss):
        self.reports[job.asked].append(at)
        return at != self.stops_at

    def tell(self, job, losses):
        self.told.append((job.asked, len(losses)))

    def answer(self):
        return {"x": 0.25}


def test_a_training_that_goes_on_costs_only_what_is_new():
    from trainings import run

    task, jobs = made_task(), [(0.5, 2), (0.5, 8)]
    works = [row[0] for row in run(task, Scripted(jobs), 1, 9).incumbent]
    assert works == pytest.approx([0, 2 / 8, 8 / 8])
    works = [row[0] for row in run(task, Scripted(jobs, goes_on=False), 1, 9).incumbent]
    assert works == pytest.approx([0, 2 / 8, 10 / 8])


def test_a_repeated_training_is_paid_again():
    from trainings import run

    works = [row[0] for row in run(made_task(), Scripted([(0.5, 4), (0.5, 4)]), 1, 9).incumbent]
    assert works == pytest.approx([0, 4 / 8, 8 / 8])


def test_a_training_ends_where_it_diverges():
    from trainings import run

    searcher = Scripted([(0.95, 8), (0.5, 8)])
    found = run(made_task(), searcher, 1, 9)
    assert searcher.told == [(0.95, 3), (0.5, 8)]
    assert [row[0] for row in found.incumbent] == pytest.approx([0, 3 / 8, 11 / 8])
    assert found.incumbent[1][2] == 1.0  # nothing that counts has ended


def test_the_incumbent_has_the_least_last_value_and_counts_with_its_end():
    from trainings import run

    # x = 0.25 after one unit is at 1.25; 0.7 at the end at 0.575.
    found = run(made_task(), Scripted([(0.7, 8), (0.25, 1), (0.25, 4)]), 1, 9)
    assert [row[2] for row in found.incumbent] == pytest.approx([0.5, 0.575, 0.575, 0.125])
    assert [row[2] for row in found.highest] == pytest.approx([0.5, 0.575, 0.575, 0.575])


def test_one_who_watches_ends_a_training_at_a_report():
    from trainings import run

    searcher = Scripted([(0.5, 8)], watches=True, stops_at=3)
    found = run(made_task(), searcher, 1, 9)
    assert searcher.reports[0.5] == [1, 2, 3] and searcher.told == [(0.5, 3)]
    assert found.incumbent[-1][0] == pytest.approx(3 / 8)


def test_workers_train_at_the_same_time_and_the_work_under_way_counts():
    from trainings import run

    searcher = Scripted([(0.0, 8), (0.5, 8)])  # 8 and 12 seconds
    found = run(made_task(), searcher, 2, 9)
    assert searcher.told == [(0.0, 8), (0.5, 8)]
    assert [row[0] for row in found.incumbent] == pytest.approx([0, (8 + 8 / 1.5) / 8, 2])
    assert found.costs[0][2] == pytest.approx(20 / 24)  # one worker waits for four seconds


def test_a_run_ends_with_its_work_and_asks_for_answers_on_the_way():
    from trainings import run

    searcher = Scripted([(0.5, 8)] * 9)
    found = run(made_task(), searcher, 1, 2)
    assert len(searcher.told) == 2
    assert found.answer == [(1.0, 1, pytest.approx(0.125)), (2.0, 1, pytest.approx(0.125))]


def test_strategies_choose_fidelities_or_train_in_full():
    from trainings import run
    from trains_hpopt import Strategy

    task = made_task(most=9)
    for name, fulls in (("asha", {1, 3, 9}), ("random", {9}), ("auto, full trainings", {9})):
        searcher = Strategy(name, task, 0)
        ends = set()
        ask = searcher.ask

        def noted(ask=ask, ends=ends):
            job = ask()
            ends.add(job.end)
            return job

        searcher.ask = noted
        found = run(task, searcher, 1, 4)
        assert ends == fulls
        assert found.incumbent[-1][0] >= 4


def test_every_strategy_has_settings_that_can_be_hashed():
    from contestants import OURS
    from runs import hashed
    from trains_hpopt import STRATEGIES, settings

    assert set(OURS) == set(STRATEGIES)
    names = [*OURS, "asha, 4 workers"]
    assert len({hashed(each) for each in settings(names)}) == len(names)


def test_tasks_for_choosing_and_for_judging_are_apart():
    import early_stopping
    from curves import CHOOSING, JUDGING, SETS

    assert not {*CHOOSING} & {*JUDGING}
    assert {f"lcbench:{task}" for task in early_stopping.TASKS} < {*CHOOSING}
    for name, allowed in (("misleading", CHOOSING), ("misleading-judging", JUDGING)):
        assert {task.rpartition(":")[0] for task in SETS[name]} < {*allowed}


def test_a_mirrored_config_mirrors_back():
    from curves import mirrored
    from recorded import Parameter

    parameters = (
        Parameter("rate", "float", (), 1e-4, 1e-1, True),
        Parameter("units", "int", (), 4, 64, False),
    )
    other = mirrored({"rate": 1e-3, "units": 10}, parameters)
    assert other == {"rate": pytest.approx(1e-2), "units": 58}
    assert mirrored(other, parameters) == {"rate": pytest.approx(1e-3), "units": 10}


def runs_of(losses, seeds=3):
    """Return runs on two tasks whose loss after one and two fulls is given."""
    rows = np.array([(0.0, 0, 1.0), *((n, n, loss) for n, loss in enumerate(losses, 1))])
    return {(task, seed): rows for task in ("a", "b") for seed in range(seeds)}


def test_tables_count_regret_wins_and_work():
    from tables import FULL, Tables

    runs = {
        "random": runs_of([0.5, 0.3]),
        FULL: runs_of([0.3, 0.2]),
        "asha": runs_of([0.2, 0.15]),
        "DEHB": runs_of([0.1, 0.1], seeds=1),  # too few to be shown
    }
    costs = {
        name: {key: np.array([(2.0, 5.0, 0.9)]) for key in found} for name, found in runs.items()
    }
    parts = {"incumbent": runs, "highest": runs, "answer": {}, "costs": costs}
    tables = Tables(parts, ["a", "b"], 3, 2, [1, 2], {"a": 0.1, "b": 0.1})
    assert tables.names == ["asha", FULL, "random"]
    shares = tables.comparison.shares(2)
    assert shares["asha"].mean() == pytest.approx(0.25)
    assert tables.comparison.chance("asha", FULL, 2).value == 1
    saved = {line.split("|")[1].strip(): line for line in tables.saved().splitlines()}
    assert "| 1.0 " in saved["asha"] and "| 2.0 " in saved[FULL] and "inf" in saved["random"]
    text = tables.text(["asha"])
    assert "P(asha is better than), after" in text and "DEHB" not in text


@needs_data
def test_recorded_curves_end_where_their_table_says(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HPOPT_DATA", str(DATA))
    from curves import load

    grid = load("logreg")
    config = {parameter.name: parameter.values[3] for parameter in grid.parameters}
    curve = grid.begin()(config)
    assert len(curve) == grid.most and grid.end(curve) >= grid.best() and grid.pace(config) > 0
    recorded = load("taskset:patch32_GRU64_avg_bs128")
    configs = [{p.name: (p.low * p.high) ** 0.5 for p in recorded.parameters}]
    configs.append({name: value * 1.01 for name, value in configs[0].items()})
    curve_of = recorded.begin()
    one, other = (curve_of(config) for config in configs)
    assert not np.array_equal(one, other)  # each recorded config is found once
    assert np.array_equal(curve_of(configs[0]), one, equal_nan=True)
    assert np.array_equal(recorded.begin()(configs[1]), one, equal_nan=True)


@needs_data
@needs_environment
def test_it_runs_and_prints():
    found = printed("fidelity", "--no-peers", "--only", "random", "asha")
    assert "mean regret (random search = 1), after" in found
    known = json.loads((BENCHMARKS / "results" / "fidelity" / "known.json").read_text())
    assert known["logreg"] == pytest.approx(0.0685)
