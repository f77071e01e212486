"""Results that are known, and were never asked for."""

import threading

import pytest

import hpopt
from hpopt.errors import ConfigError, SettingError, StudyError

from .problems import (
    ALSO_GOOD,
    KNOWN_GOOD,
    STRATEGIES,
    Line,
    Mixed,
    Small,
    essence,
    numbers,
    value_of,
)
from .test_threads import in_threads


def by_hand(study, n):
    for _ in range(n):
        solution = study.ask()
        study.tell(solution, value_of(solution.config, solution.seed))


class TestWhatIsRecorded:
    @pytest.mark.parametrize("kept", [False, True])
    def test_a_finished_trial_of_its_own(self, path, kept):
        with hpopt.Study(Mixed(), "random", seed=3, path=path if kept else None) as study:
            asked = study.ask()
            trial = study.add_trial(KNOWN_GOOD, 0.25)
            assert (trial.number, trial.status, trial.values) == (1, "complete", {"value": 0.25})
            assert trial.config == KNOWN_GOOD
            assert trial.seconds == 0.0
            assert study.ask().number == 2
            study.tell(asked, 1.0)
            assert essence(study.trials)[1] == essence([trial])[0]
            assert study.best.number == 1
            assert study.counts["complete"] == 2
        if kept:
            assert hpopt.Study.load(path).best.config == KNOWN_GOOD

    def test_its_status_is_that_of_the_value(self):
        study = hpopt.Study(Line(), "random")
        outcome = hpopt.Outcome("stopped", {"value": 2}, seconds=7.0)
        added = [
            study.add_trial({"x": 1.0}, float("nan")),
            study.add_trial({"x": 2.0}, hpopt.failed("it burned")),
            study.add_trial({"x": 3.0}, outcome),
        ]
        assert [trial.status for trial in added] == ["invalid", "failed", "stopped"]
        assert added[2].seconds == 7.0
        assert numbers(study.trials) == [0, 1, 2]

    def test_the_same_config_again_is_another_trial(self):
        study = hpopt.Study(Line(), "random")
        for value in (3.0, 1.0):
            study.add_trial({"x": 1.0}, value)
        assert [trial.values["value"] for trial in study.trials] == [3.0, 1.0]
        assert study.best.number == 1

    def test_it_belongs_to_the_study(self):
        study = hpopt.Study(Mixed(), "random")
        config = {**KNOWN_GOOD, "layers": [dict(layer) for layer in KNOWN_GOOD["layers"]]}
        study.add_trial(config, 1.0)
        config["layers"].clear()
        assert study.trials[0].config == KNOWN_GOOD

    @pytest.mark.parametrize(
        ("config", "value", "error", "said"),
        [
            ({"x": 99.0}, 1.0, ConfigError, "x must"),
            ({}, 1.0, ConfigError, "x is missing"),
            ({"x": 1.0, "y": 1}, 1.0, ConfigError, "unknown parameter 'y'"),
            ({"x": 1.0}, "good", SettingError, "add_trial wants a number"),
            ({"x": 1.0}, {"loss": 1.0}, SettingError, "add_trial wants"),
        ],
    )
    def test_what_is_no_result_changes_nothing(self, path, config, value, error, said):
        with hpopt.Study(Line(), "genetic", seed=3, path=path) as study:
            by_number = study.ask().number
            with pytest.raises(error, match=said):
                study.add_trial(config, value)
            assert study.trials == []
            assert study.ask().number == by_number + 1


class TestTheSearch:
    @pytest.mark.parametrize("name", STRATEGIES)
    def test_going_on_is_exact(self, name, path):
        """Before the first ask, within a generation, while some are pending, and at the end."""

        def work(study, part):
            if part == 0:
                study.add_trial(KNOWN_GOOD, 0.5)
                by_hand(study, 4)
            elif part == 1:
                study.add_trial(ALSO_GOOD, 0.25)
                study.add_trial(KNOWN_GOOD, 0.75)
                by_hand(study, 2)
            else:
                by_hand(study, 6)

        whole = hpopt.Study(Mixed(), STRATEGIES[name](), seed=3)
        for part in range(3):
            work(whole, part)
            with hpopt.Study(Mixed(), STRATEGIES[name](), seed=3, path=path) as study:
                work(study, part)
        assert essence(hpopt.Study.load(path).trials) == essence(whole.trials)

    def test_its_config_is_not_proposed_again(self):
        study = hpopt.Study(Small(), "genetic", seed=3)
        by = [study.ask() for _ in range(2)]
        study.add_trial({"a": 1, "b": "x"}, 1.0)
        for solution in by:
            study.tell(solution, 2.0)
        study.run(progress=False)
        keys = [study.space.key(trial.config) for trial in study.trials]
        assert len(set(keys)) == 12
        assert len(keys) == 12 + (study.space.key(by[0].config) == keys[2])

    def test_the_strategy_learns_it(self):
        """A good one is where a local search begins."""
        best = {"x": 4.25}
        study = hpopt.Study(Line(), "neighbourhood", seed=3, start=[{"x": -4.0}])
        study.add_trial(best, -100.0)
        study.tell(study.ask(), 1.0)
        assert abs(study.ask().config["x"] - best["x"]) < 3

    def test_start_configs_are_still_tried(self):
        study = hpopt.Study(Mixed(), "random", seed=3, start=[KNOWN_GOOD, ALSO_GOOD])
        study.add_trial(ALSO_GOOD, 1.0)
        asked = [study.ask() for _ in range(2)]
        assert asked[0].config == KNOWN_GOOD
        assert asked[1].config != ALSO_GOOD

    @pytest.mark.parametrize("workers", [1, 3])
    def test_before_and_between_runs(self, path, workers, processes):
        with hpopt.Study(Mixed(), "genetic", seed=3, path=path) as study:
            study.add_trial(KNOWN_GOOD, 0.5)
            study.run(trials=8, progress=False)
            study.add_trial(ALSO_GOOD, 0.25)
            executor = processes if workers > 1 else None
            result = study.run(trials=8, workers=workers, executor=executor, progress=False)
            assert numbers(result.trials) == list(range(18))
        result = hpopt.optimize(Mixed(), trials=20, study=path, progress=False)
        assert numbers(result.trials) == list(range(20))

    def test_with_a_window(self, path):
        with hpopt.Study(Mixed(), "steady_state", seed=3, path=path) as study:
            study.run(trials=7, window=3, progress=False)
            study.add_trial(KNOWN_GOOD, 0.5)
            study.run(trials=7, window=3, progress=False)
            assert numbers(study.trials) == list(range(15))


def test_not_while_it_runs():
    refused = []

    def add(study, trial):
        with pytest.raises(StudyError, match="before or after a run"):
            study.add_trial({"x": 1.0}, 1.0)
        refused.append(trial.number)

    study = hpopt.Study(Line(), "random")
    study.run(trials=2, callbacks=[add], progress=False)
    assert refused == [0, 1]
    study.add_trial({"x": 1.0}, 1.0)
    assert numbers(study.trials) == [0, 1, 2]


def test_from_threads():
    study = hpopt.Study(Line(), "genetic", seed=3)
    guard = threading.Lock()
    expected = []

    def work(place):
        for k in range(5):
            trial = study.add_trial({"x": place + k / 10}, float(place))
            solution = study.ask(timeout=60)
            study.tell(solution, 1.0)
            with guard:
                expected.extend([trial.number, solution.number])

    in_threads(work, 4)
    assert numbers(study.trials) == sorted(expected) == list(range(40))
