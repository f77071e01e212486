"""The comparison by evaluations still runs and counts right: no figure is looked at."""

import numpy as np
import pytest
from comparing import needs_data, needs_environment, printed


@pytest.fixture
def modules(as_benchmark):
    as_benchmark("strategies", "", "efficiency")


def runs_of(losses):
    """Give runs of a strategy: losses by problem, seed and evaluation."""
    return {
        (problem, seed): np.array(
            [(n + 1, n + 1, loss) for n, loss in enumerate(np.minimum.accumulate(each))]
        )
        for problem, seeds in losses.items()
        for seed, each in enumerate(seeds)
    }


@needs_data
@needs_environment
def test_it_runs_and_prints():
    found = printed("efficiency", "--no-peers", "--only", "random", "quasi_random")
    assert "average rank among" in found
    assert "mean regret (random search = 1)" in found


def test_problems_for_choosing_and_for_judging_are_apart(modules: None):
    from contests import CHOOSING, FAMILIES, FIRST, FURTHER, JUDGING

    assert len({*CHOOSING, *JUDGING}) == len(CHOOSING) + len(JUDGING)
    for family in FAMILIES:
        for names in (CHOOSING, FIRST, FURTHER):
            assert any(name.partition(":")[0] == family for name in names)


def test_each_learner_can_be_evaluated(modules: None):
    from contests import CHOOSING, JUDGING, load

    names = [name for name in (*CHOOSING, *JUDGING) if name.startswith("cv:")]
    for name in {name.split(":")[1]: name for name in names}.values():
        problem = load(name)
        config = {p.name: p.values[-1] if p.values else p.high for p in problem.parameters}
        assert -1 <= problem.loss(config | {"max_samples": 0.5}) < 1e3


def test_what_does_not_exist_is_left_out(modules: None):
    from contests import LEARNERS, Problem

    problem = Problem("svc", LEARNERS["svc"], len)
    config = {p.name: p.values[0] if p.values else p.low for p in problem.parameters}
    assert set(problem.existing(config)) == {"kernel", "C", "gamma", "shrinking"}
    assert set(problem.existing(config | {"kernel": "poly"})) == set(config)
    assert problem.loss(config | {"kernel": "linear"}) == 3
    assert not problem.is_flat


def test_regret_is_in_shares_of_random_search(modules: None):
    from report import Comparison

    runs = {
        "random": runs_of({"a": [[9.0, 5.0], [9.0, 3.0]]}),
        "auto": runs_of({"a": [[2.0, 2.0], [9.0, 1.0]]}),
    }
    comparison = Comparison(runs, ["a"], 2, [2])
    assert comparison.seeds == {"random": [0, 1], "auto": [0, 1]}
    regret = comparison.regrets(2)
    assert regret["random"].value == 1.0
    assert regret["auto"].value == pytest.approx(0.5 / 3.0)
    assert comparison.ranks(2)["auto"].value == 1.0
    assert comparison.chance("auto", "random", 2).value == 1.0
    assert "0.17" in comparison.tables()


def test_a_strategy_without_all_problems_is_left_out(modules: None):
    from report import Comparison

    whole = {"a": [[1.0], [2.0]], "b": [[1.0], [2.0]]}
    runs = {"random": runs_of(whole), "cmaes": runs_of({"a": whole["a"]})}
    assert Comparison(runs, ["a", "b"], 2, [1]).names == ["random"]


def test_a_slow_peer_takes_no_seeds_from_the_others(modules: None):
    from report import Comparison

    runs = {
        "random": runs_of({"a": [[float(k)] for k in range(6)]}),
        "auto": runs_of({"a": [[0.5]] * 6}),
        "optuna, GP": runs_of({"a": [[1.0]] * 2}),
    }
    comparison = Comparison(runs, ["a"], 6, [1])
    assert comparison.names == ["random", "auto"]
    assert comparison.span == "6 seeds"
    assert comparison.ranks(1)["auto"].value == pytest.approx(1 + 1 / 6)
    assert comparison.chance("auto", "optuna, GP", 1).value == 1.0
    assert any("6 × 2 seeds" in str(line) for line in comparison.lines())
    assert "Optuna GPSampler" in comparison.of_others()


def test_what_shall_fail_fails_and_nothing_else(modules: None):
    from failing import search

    fine = search("random", 1, "bowl, 2", "none", 0, 40)
    some = search("random", 1, "bowl, 2", "30 % at random", 0, 40)
    part = search("random", 1, "bowl, 2", "a part", 0, 40)
    lost, beyond = np.isinf(some), np.isinf(part)
    assert np.isfinite(fine).all()
    assert 4 < lost.sum() < 20
    assert 4 < beyond.sum() < 36
    np.testing.assert_array_equal(np.array(fine)[~lost], np.array(some)[~lost])
    np.testing.assert_array_equal(np.array(fine)[~beyond], np.array(part)[~beyond])


def test_the_page_and_the_results_are_written(modules: None, monkeypatch, tmp_path):
    import page
    from report import Comparison

    losses = {name: [[k / 10 + n, n] for n in range(6)] for k, name in enumerate("ab")}
    better = {
        name: [[first - 1, last - 1] for first, last in runs] for name, runs in losses.items()
    }
    runs = {"random": runs_of(losses), "auto": runs_of(better), "tpe": runs_of({"a": losses["a"]})}
    monkeypatch.setattr(page, "PAGE", tmp_path / "efficiency.md")
    monkeypatch.setattr(page, "RESULTS", tmp_path / "RESULTS.md")
    page.PAGE.write_text(
        "head\n<!-- picture -->\nold\n<!-- end of picture -->\nbetween\n"
        "<!-- table -->\nold\n<!-- end of table -->\nfoot\n"
    )
    part = page.Part("judging", Comparison(runs, ["a", "b"], 6, [1, 2]), None)
    page.write([part], "this machine")
    text = page.PAGE.read_text()
    assert [word in text for word in ("head", "between", "foot", "old")] == [True] * 3 + [False]
    assert ".. plot::" in text
    assert '| `"random"`' in text
    assert '| `"tpe"`' in text
    assert "average rank among 2" in page.RESULTS.read_text()
