"""A loop of your own: Study.ask and Study.tell."""

import copy
import pickle
import time

import numpy as np
import pytest

import hpopt
from hpopt.errors import ExhaustedError, SettingError, WaitingError

from .problems import KNOWN_GOOD, STRATEGIES, Line, Mixed, Small, essence, numbers, value_of


class Two(Line):
    objectives = (hpopt.Objective("loss"), hpopt.Objective("speed", "maximize"))


def by_hand(study, n):
    for _ in range(n):
        solution = study.ask()
        study.tell(solution, value_of(solution.config, solution.seed))


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_gives_what_run_gives(name):
    expected = hpopt.optimize(Mixed(), STRATEGIES[name](), trials=12, seed=3, progress=False)
    study = hpopt.Study(Mixed(), STRATEGIES[name](), seed=3)
    by_hand(study, 12)
    assert essence(study.trials) == essence(expected.trials)
    assert essence([study.best]) == essence([expected.best])


def test_it_can_be_mixed_with_run(path):
    expected = hpopt.optimize(Mixed(), "genetic", trials=30, seed=3, progress=False)
    with hpopt.Study(Mixed(), "genetic", seed=3, path=path) as study:
        by_hand(study, 7)
        study.run(trials=11, progress=False)
        by_hand(study, 12)
        assert essence(study.trials) == essence(expected.trials)


class TestAsk:
    def test_numbers_configs_and_seeds(self):
        study = hpopt.Study(Mixed(), "random", seed=3, start=[KNOWN_GOOD])
        asked = [study.ask() for _ in range(3)]
        assert [solution.number for solution in asked] == [0, 1, 2]
        assert asked[0].config == KNOWN_GOOD
        assert len({solution.seed for solution in asked}) == 3

    def test_a_config_belongs_to_who_asked(self, path):
        for place in (path, None):
            study = hpopt.Study(Mixed(), "random", seed=3, path=place, start=[KNOWN_GOOD])
            solution = study.ask()
            solution.config.pop("rate")
            solution.config["layers"].clear()
            trial = study.tell(solution, 0.5)
            assert trial.config == study.trials[0].config == study.best.config == KNOWN_GOOD
            study.close()

    def test_waiting_says_for_what(self):
        study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=3), seed=3)
        asked = [study.ask() for _ in range(3)]
        with pytest.raises(WaitingError, match=r"tell 0, 1, 2$"):
            study.ask()
        study.tell(asked[1], 1.0)
        with pytest.raises(WaitingError, match=r"tell 0, 2$"):
            study.ask()
        for solution in (asked[2], asked[0]):
            study.tell(solution, 1.0)
        assert study.ask().number == 3

    def test_a_long_wait_is_told_in_short(self):
        study = hpopt.Study(Mixed(), hpopt.GeneticAlgorithm(population=30), seed=3)
        for _ in range(30):
            study.ask()
        with pytest.raises(WaitingError, match=r"tell 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 …$"):
            study.ask()

    @pytest.mark.parametrize("name", ["random", "quasi_random", "grid", "genetic"])
    def test_exhausted(self, name):
        study = hpopt.Study(Small(), name)
        with pytest.raises(ExhaustedError, match="all 12 configurations that there are") as raised:
            for k in range(13):
                study.tell(study.ask(), float(k))
        assert isinstance(raised.value, RuntimeError)
        assert len(study.trials) == 12


class TestTell:
    @pytest.fixture
    def study(self):
        return hpopt.Study(Line(), "random", seed=3)

    def test_a_number(self, study):
        before = time.time()
        solution = study.ask()
        trial = study.tell(solution, 3)
        assert essence([trial]) == essence(study.trials)
        assert (trial.status, trial.values) == ("complete", {"value": 3.0})
        assert before <= trial.started <= trial.started + trial.seconds <= time.time()

    def test_a_mapping(self, study):
        trial = study.tell(study.ask(), {"value": 0.5, "size": 3})
        assert trial.values == {"value": 0.5, "size": 3.0}

    def test_a_failure(self, study):
        trial = study.tell(study.ask(), hpopt.failed("it burned"))
        assert (trial.status, trial.error, trial.values) == ("failed", "it burned", {})
        assert study.tell(study.ask(), hpopt.failed("slow", status="timeout")).status == "timeout"
        assert study.top(1) == []

    def test_not_a_number(self, study):
        trial = study.tell(study.ask(), float("nan"))
        assert (trial.status, trial.error) == ("invalid", "objective 'value' is nan")

    def test_an_outcome(self, study):
        outcome = hpopt.Outcome("stopped", {"value": 2}, started=5.0, seconds=7.0)
        trial = study.tell(study.ask(), outcome)
        assert (trial.status, trial.values) == ("stopped", {"value": 2.0})
        assert (trial.started, trial.seconds) == (5.0, 7.0)

    def test_what_is_no_number_is_kept_as_info(self, study, path):
        with hpopt.Study(Line(), "random", path=path) as kept:
            for each in (study, kept):
                each.tell(each.ask(), {"value": 1, "note": "good", "rows": np.arange(2)})
                whole = hpopt.Outcome("stopped", {"value": 1, "a": [1]}, info={"b": (2,), "a": 0})
                each.tell(each.ask(), whole)
                each.tell(each.ask(), hpopt.Outcome("failed", info={"odd": {1, 2}}))
                assert [trial.info for trial in each.trials] == [
                    {"note": "good", "rows": [0, 1]},
                    {"b": [2], "a": [1]},
                    {"odd": "{1, 2}"},
                ]
                assert each.trials[0].values == {"value": 1.0}

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (None, "tell wants a number, but 'value' is NoneType None"),
            ("0.5", "tell wants a number, but 'value' is str '0.5'"),
            ({}, r"tell wants the objectives \['value'\], but got \[\]"),
            ({"loss": 1}, r"tell wants the objectives \['value'\], but got \['loss'\]"),
            (
                {"value": "1", "note": "good"},
                "tell wants numbers for its objectives, but 'value' is str",
            ),
            ((1, {}), "tell wants a number, but .value. is tuple"),
            (hpopt.Outcome("complete"), r"tell wants the objectives \['value'\]"),
            (hpopt.Outcome("complete", {"loss": 1.0}), "but got"),
            (hpopt.Outcome("finished", {"value": 1.0}), "a status must be one of .*'finished'"),
        ],
    )
    def test_what_is_no_result_changes_nothing(self, study, path, value, said):
        with hpopt.Study(Line(), "random", path=path) as kept:
            for each in (study, kept):
                solution = each.ask()
                with pytest.raises(SettingError, match=said):
                    each.tell(solution, value)
                assert each.trials == []
                each.tell(solution, 1.0)
                assert numbers(each.trials) == [0]
        assert len(hpopt.optimize(Line(), trials=2, study=path, progress=False).trials) == 2

    def test_an_outcome_that_is_not_finite_is_invalid(self, study):
        trial = study.tell(study.ask(), hpopt.Outcome("complete", {"value": float("inf")}))
        assert (trial.status, trial.values) == ("invalid", {})
        assert study.top(1) == []

    def test_twice(self, study):
        solution = study.ask()
        study.tell(solution, 1.0)
        with pytest.raises(SettingError, match="number 0 has been told already"):
            study.tell(solution, 2.0)
        assert study.trials[0].values == {"value": 1.0}
        assert len(study.trials) == 1

    def test_of_another_study(self, study):
        other = hpopt.Study(Line(), "random", seed=4)
        study.ask()
        with pytest.raises(SettingError, match="number 0 was never asked of this study"):
            study.tell(other.ask(), 1.0)
        with pytest.raises(SettingError, match="number 1 was never asked of this study"):
            study.tell(other.ask(), 1.0)
        assert study.trials == []

    @pytest.mark.parametrize("thing", [None, 1.0, True, "0", {"x": 1.0}])
    def test_what_is_no_solution(self, study, thing):
        with pytest.raises(SettingError, match="tell wants the solution that ask gave"):
            study.tell(thing, 1.0)

    @pytest.mark.parametrize("kind", [int, np.int64])
    def test_by_number(self, study, kind):
        asked = [study.ask() for _ in range(2)]
        assert study.tell(kind(1), 2.0).config == asked[1].config
        with pytest.raises(SettingError, match="number 1 has been told already"):
            study.tell(kind(1), 2.0)
        with pytest.raises(SettingError, match="number 2 was never asked"):
            study.tell(kind(2), 2.0)
        assert numbers(study.trials) == [1]

    @pytest.mark.parametrize("travel", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
    def test_a_solution_may_travel(self, study, travel):
        assert study.tell(travel(study.ask()), 1.0).number == 0

    def test_several_objectives(self):
        study = hpopt.Study(Two(), "random")
        solution = study.ask()
        with pytest.raises(SettingError, match="tell wants a mapping with the objectives"):
            study.tell(solution, 1.0)
        assert study.tell(solution, {"loss": 1, "speed": 2}).values == {"loss": 1.0, "speed": 2.0}

    def test_in_any_order(self, study):
        asked = [study.ask() for _ in range(4)]
        for k in (2, 0, 3, 1):
            study.tell(asked[k], float(k))
        assert [trial.values["value"] for trial in study.trials] == [0.0, 1.0, 2.0, 3.0]


class TestResume:
    def test_what_was_asked_and_never_told_comes_first(self, path):
        with hpopt.Study(Mixed(), "genetic", seed=3, path=path) as study:
            asked = [study.ask() for _ in range(5)]
            for k in (3, 1):
                study.tell(asked[k], 1.0)
        with hpopt.Study(Mixed(), path=path) as study:
            again = [study.ask() for _ in range(4)]
            assert [solution.number for solution in again] == [0, 2, 4, 5]
            assert [s.config for s in again[:3]] == [asked[k].config for k in (0, 2, 4)]
            assert [s.seed for s in again[:3]] == [asked[k].seed for k in (0, 2, 4)]
            for solution in again:
                study.tell(solution, 1.0)
            assert numbers(study.trials) == list(range(6))

    def test_a_generation_that_was_cut_off_does_not_block(self, path):
        """The strategy waits for these very solutions, so they must be there to be told."""
        make = STRATEGIES["genetic"]
        expected = hpopt.optimize(Mixed(), make(), trials=9, seed=3, progress=False)
        with hpopt.Study(Mixed(), make(), seed=3, path=path) as study:
            by_hand(study, 4)
            for _ in range(2):
                study.ask()
        with hpopt.Study(Mixed(), make(), path=path) as study:
            by_hand(study, 5)
            assert essence(study.trials) == essence(expected.trials)

    def test_a_solution_of_before_may_be_told(self, path):
        with hpopt.Study(Mixed(), "random", seed=3, path=path) as study:
            asked = [study.ask() for _ in range(3)]
        with hpopt.Study(Mixed(), path=path) as study:
            study.tell(asked[1], 1.0)
            assert [study.ask().number for _ in range(3)] == [0, 2, 3]
            with pytest.raises(SettingError, match="told already"):
                study.tell(asked[1], 1.0)

    @pytest.mark.parametrize("k", range(0, 8))
    def test_after_any_number_of_trials(self, path, k):
        make = STRATEGIES["genetic"]
        expected = hpopt.optimize(Mixed(), make(), trials=8, seed=3, progress=False)
        with hpopt.Study(Mixed(), make(), seed=3, path=path) as study:
            by_hand(study, k)
            study.ask()
        with hpopt.Study(Mixed(), make(), path=path) as study:
            by_hand(study, 8 - k)
            assert essence(study.trials) == essence(expected.trials)

    def test_what_a_run_left_comes_first_too(self):
        class Interrupted(Mixed):
            def evaluate(self, config, trial):
                if trial.number == 2:
                    raise KeyboardInterrupt
                return super().evaluate(config, trial)

        study = hpopt.Study(Interrupted(), "random")
        with pytest.raises(KeyboardInterrupt):
            study.run(trials=5, progress=False)
        assert [study.ask().number for _ in range(2)] == [2, 3]
