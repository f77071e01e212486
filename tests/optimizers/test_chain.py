import itertools
import json
import math

import cloudpickle
import numpy as np
import pytest
from problems_for_tests import of, trial_of

import hpopt
from hpopt import Chain, GeneticAlgorithm, GridSearch, QuasiRandomSearch, RandomSearch
from hpopt.errors import SettingError, UnknownNameError
from hpopt.optimizers import make_optimizer
from hpopt.optimizers.batches import Batches
from hpopt.testing.landscapes import LANDSCAPES
from hpopt.testing.searches import described, journal, search, steps

FLOATS, TINY = LANDSCAPES["floats"], LANDSCAPES["tiny"]


class Climber(hpopt.Optimizer):
    """Learn from each result as it comes: a step from the best of what was told last."""

    name = ""

    def _ask(self, number, n):
        rng = self.generator(number)
        points, losses = self.history.points, self.history.losses[:, 0]
        if not len(points):
            points, losses = self.knowledge.points, self.knowledge.losses[:, 0]
        if not len(points):
            return self.novel(rng.random((1, self.space.d)), rng, before=number)
        recent = points[-3:][np.argmin(losses[-3:])]
        step = np.clip(recent + 0.1 * rng.standard_normal((1, self.space.d)), 0, 1)
        return self.novel(step, rng, before=number)


class Descents(Batches):
    """Three batches around the best that is known, then nothing more."""

    def _batches(self):
        for turn in range(3):
            rng = self.generator(turn)
            points = rng.random((4, self.space.d))
            if len(self.knowledge):
                best = self.knowledge.points[np.argmin(self.knowledge.losses[:, 0])]
                points = 0.8 * best + 0.2 * points
            yield self.novel(points, rng, before=self.next_number)


class Witness(RandomSearch):
    """Remember what it was told before its first ask."""

    seen = None

    def _ask(self, number, n):
        if Witness.seen is None:
            known = self.knowledge
            paid = ~self.unknown(known.points, before=0)
            Witness.seen = (known.points.tolist(), known.losses[:, 0].tolist(), paid.tolist())
        return super()._ask(number, n)


class Expecting(RandomSearch):
    """Remember how many trials were to be expected."""

    n_expected = None

    def expect(self, trials):
        super().expect(trials)
        self.n_expected = trials


def interrupted(make, problem, n, *, at, workers=3):
    """Search up to some step, and go on with a fresh optimizer that is told the journal."""
    optimizer = make().bind(problem, seed=4)
    run = steps(optimizer, problem, n, workers=workers)
    done = list(itertools.islice(run, at))
    told, pending = journal(done)
    rest = [trial for _, trial in run]
    fresh = make().bind(problem, seed=4)
    fresh.replay(told[: len(told) // 2])  # a journal may come in parts
    fresh.replay(told[len(told) // 2 :], pending)
    again = [t for _, t in steps(fresh, problem, n, workers=workers, n_told=len(told))]
    return described(rest), described(again)


class TestStages:
    def test_each_gives_its_share_in_its_turn(self):
        chain = Chain((QuasiRandomSearch(), 5), (GridSearch(), 7), ("random", None))
        found = [t.solution for t in search(chain.bind(FLOATS, seed=3), FLOATS, 20)]
        assert [solution.number for solution in found] == list(range(20))
        alone = GridSearch().bind(FLOATS)
        assert [s.config for s in found[5:12]] == [s.config for s in alone.ask(7)]
        assert len({s.seed for s in found}) == 20

    def test_the_next_waits_for_all_of_the_last(self):
        chain = Chain((RandomSearch(), 4), (RandomSearch(), 3), ("genetic", None)).bind(FLOATS)
        first = chain.ask(10)
        assert [solution.number for solution in first] == [0, 1, 2, 3]
        assert chain.ask() == []
        chain.tell([trial_of(solution) for solution in first[1:]])
        assert chain.ask() == []
        chain.tell(trial_of(first[0]))
        assert [solution.number for solution in chain.ask(10)] == [4, 5, 6]

    def test_the_next_knows_all_that_was_told(self):
        Witness.seen = None
        chain = Chain((QuasiRandomSearch(), 3), (Witness(), None))
        chain.bind(FLOATS, start=[{"x": 1.0, "y": 0.5, "rate": 0.1}])
        elsewhere = np.array([[0.25] * 3, [0.75] * 3]), np.array([[5.0], [math.inf]])
        chain.learn(*elsewhere)
        trials = search(chain, FLOATS, 8, workers=3)
        first = sorted(trials, key=lambda trial: trial.number)[:4]
        points, losses, paid = Witness.seen
        assert losses == [5.0, math.inf, *(trial.values["value"] for trial in first)]
        assert points[2:] == [trial.solution.point.tolist() for trial in first]
        assert paid == [False, False, True, True, True, True]

    def test_a_genetic_algorithm_begins_with_the_best_of_it(self):
        """Its first batch is bred: children of what quasi-random search found."""
        problem = of(lambda c: abs(c["width"] - 100) + c["height"], LANDSCAPES["steps"].space)
        chain = Chain((QuasiRandomSearch(), 30), (GeneticAlgorithm(population=10), None))
        trials = search(chain.bind(problem, seed=1), problem, 50)
        spread, bred = [[t.values["value"] for t in part] for part in (trials[:30], trials[30:40])]
        assert np.median(bred) < np.median(spread)

    def test_one_that_has_nothing_left_ends_early(self):
        chain = Chain((Descents(), 1000), (GridSearch(resolution=2), 1000), (Descents(), 5))
        assert chain.bind(FLOATS).n_possible == 2005
        assert len(search(chain, FLOATS, 100, workers=3)) == 12 + 8 + 5
        assert chain.ask() == []

    def test_a_space_is_tried_to_its_end_once(self):
        chain = Chain((GridSearch(), 3), (QuasiRandomSearch(), 4), ("genetic", None)).bind(TINY)
        assert chain.n_possible == TINY.space.size
        trials = search(chain, TINY, 1000)
        keys = [TINY.space.key(trial.config) for trial in trials]
        whole = np.array([TINY.space.grid().point(k) for k in range(TINY.space.size)])
        assert set(keys) == set(TINY.space.keys_of(whole[TINY.space.allowed(whole)]))
        assert len(keys) == len(set(keys))

    def test_configs_of_the_user_are_not_counted(self):
        start = FLOATS.space.sample(3, seed=0)
        chain = Chain((RandomSearch(), 4), (GridSearch(), 2)).bind(FLOATS, start=start)
        trials = search(chain, FLOATS, 100)
        assert [trial.config for trial in trials[:3]] == start
        assert len(trials) == chain.n_possible == 9

    @pytest.mark.parametrize(
        ("trials", "expected"),
        [(None, [4, 6, None]), (30, [4, 6, 18]), (9, [4, 3, None])],
    )
    def test_each_knows_how_many_trials_it_has(self, trials, expected):
        chain = Chain(*((Expecting(), n) for n in (4, 6, None)))
        chain.bind(FLOATS, start=FLOATS.space.sample(2, seed=0))
        if trials is not None:
            chain.expect(trials)
        found = []
        for n in (3, 4, 6):  # the first of each stage, and the rest of the one before it
            search(chain, FLOATS, n)
            found.append(chain._inner.n_expected)
        assert found == expected

    def test_auto_with_few_trials_trains_to_the_end(self):
        problem = LANDSCAPES["fidelity"]
        fidelities = {}
        for share in (20, None):
            chain = Chain(("random", 2), ("auto", share)).bind(problem)
            trials = search(chain, problem, 12)
            fidelities[share] = {trial.solution.fidelity for trial in trials[2:]}
        assert fidelities[20] == {27}
        assert fidelities[None] != {27}

    def test_fidelities_and_several_objectives_pass_through(self):
        for name in ("fidelity", "two_objectives"):
            problem = LANDSCAPES[name]
            chain = Chain((RandomSearch(), 6), (GeneticAlgorithm(population=4), None))
            trials = search(chain.bind(problem), problem, 20)
            assert len(trials) == 20
            fidelities = {trial.solution.fidelity for trial in trials}
            assert fidelities == ({27} if name == "fidelity" else {None})


class TestGoingOn:
    MAKERS = (
        lambda: Chain((RandomSearch(), 6), (Climber(), 9), (GeneticAlgorithm(population=4), None)),
        lambda: Chain((Descents(), 100), (Climber(), 7), (Descents(), 100), ("random", None)),
        lambda: Chain((Chain((Descents(), 6), ("grid", 3)), 100), (Chain((Climber(), None)), None)),
    )

    @pytest.mark.parametrize("make", MAKERS)
    @pytest.mark.parametrize("workers", [1, 3])
    def test_at_any_step(self, make, workers):
        """Strategies that learn from each result see what was told in the order of telling."""
        for at in range(1, 30, 3):  # in every stage and at each of its borders
            rest, again = interrupted(make, FLOATS, 34, at=at, workers=workers)
            assert rest == again
            assert len(rest) == 34 - at

    def test_where_the_last_trials_of_a_stage_are_held_back(self):
        """With a window, what a stage gave may be pending again when a study goes on."""

        def make():
            parts = (Descents(), 100), (GeneticAlgorithm(population=4), 6), (Descents(), 100)
            return Chain(*parts, ("random", None)).bind(FLOATS, seed=2)

        whole = search(make(), FLOATS, 36)
        for n_told in range(0, 33, 2):
            for n_asked in range(n_told, n_told + 4):
                fresh = make()
                fresh.replay(whole[:n_told], [trial.solution for trial in whole[n_told:n_asked]])
                early = fresh.ask()
                assert [s.config for s in early] in ([], [whole[n_asked].config])
                fresh.tell(whole[n_told:n_asked])
                fresh.tell(whole[n_asked : n_asked + len(early)])
                rest = search(fresh, FLOATS, 36 - n_asked - len(early))
                assert described(rest) == described(whole[n_asked + len(early) :])

    @pytest.mark.parametrize("make", MAKERS)
    def test_a_pickled_copy(self, make):
        for at in (3, 8, 13, 19):
            optimizer = make().bind(FLOATS, seed=1)
            list(itertools.islice(steps(optimizer, FLOATS, 30, workers=2), at))
            copy = cloudpickle.loads(cloudpickle.dumps(optimizer))
            rests = [
                [t for _, t in steps(each, FLOATS, 30, workers=2, n_told=at)]
                for each in (optimizer, copy)
            ]
            assert described(rests[0]) == described(rests[1])

    def test_a_study_at_any_number_of_workers_and_after_a_break(self, tmp_path):
        def make():
            return Chain(("quasi_random", 5), ({"name": "genetic", "population": 4}, None))

        expected = hpopt.optimize(FLOATS, make(), trials=18, seed=1, progress=False).trials
        for window in (None, 3):
            path = tmp_path / f"{window}.db"
            for trials in (4, 5, 6, 13, 18):
                result = hpopt.optimize(
                    FLOATS,
                    make() if trials == 4 else None,  # then that of the file
                    trials=trials,
                    study=path,
                    seed=1,
                    window=window,
                    progress=False,
                )
            assert described(result.trials) == described(expected)


class TestSettings:
    def test_it_is_remade_of_json(self):
        chain = Chain(
            (Chain(("grid", 3), QuasiRandomSearch()), 20),
            (GridSearch(resolution={"x": 3}, shuffle=True), 5),
            ({"name": "genetic", "population": 6}, None),
        )
        settings = json.loads(json.dumps(chain.settings()))
        again = make_optimizer("chain", settings)
        assert again.settings() == chain.settings()
        found = [search(each.bind(FLOATS, seed=5), FLOATS, 40) for each in (chain, again)]
        assert described(found[0]) == described(found[1])
        assert list(settings) == Chain.argument_names() == ["stages"]

    def test_a_strategy_without_a_number_is_the_last(self):
        ways = [
            Chain(("random", 3), "grid"),
            Chain(stages=[["random", 3], ["grid"]]),
            Chain(stages=[("random", 3), (GridSearch(), None)]),
        ]
        assert len({json.dumps(chain.settings()) for chain in ways}) == 1

    def test_by_name_it_has_a_default(self):
        names = [(each.name, n) for each, n in make_optimizer("chain").stages]
        assert names == [("quasi_random", 20), ("genetic", None)]

    def test_the_strategies_that_were_given_stay_as_they_were(self):
        mine = GeneticAlgorithm(population=4)
        search(Chain((mine, 10), (mine, None)).bind(FLOATS), FLOATS, 30)
        assert not hasattr(mine, "space")

    @pytest.mark.parametrize(
        ("parts", "error", "why"),
        [
            ([("random", None), "grid"], SettingError, "only the last .* stage 1 of 2"),
            (["random", "grid"], SettingError, "only the last"),
            ([("random", 0)], SettingError, "n of stage 1 of the chain must be an int of at least"),
            ([("random", 2.5)], SettingError, "n of stage 1"),
            ([("random", 2, 3)], SettingError, r"must be \(strategy, n\)"),
            ([3], SettingError, r"stage 1 of the chain must be \(strategy, n\)"),
            ([("rndom", 3)], UnknownNameError, "did you mean 'random'"),
            ([({"population": 3}, 3)], SettingError, "stage 1 of the chain must have a name"),
            ([({"name": "genetic", "popul": 3}, 3)], UnknownNameError, "'population'"),
            ([(GeneticAlgorithm, 3)], SettingError, "write GeneticAlgorithm"),
        ],
    )
    def test_bad_parts(self, parts, error, why):
        with pytest.raises(error, match=why):
            Chain(*parts)

    def test_parts_and_stages(self):
        with pytest.raises(SettingError, match="got both"):
            Chain("random", stages=["grid"])
        for nothing in ([], "random", {}):
            with pytest.raises(SettingError, match="stages must be a list"):
                Chain(stages=nothing)

    def test_a_bound_strategy(self):
        bound = RandomSearch().bind(FLOATS)
        with pytest.raises(SettingError, match="this RandomSearch is bound"):
            Chain((bound, 3))

    def test_one_that_does_not_suit_the_problem_raises_when_it_is_bound(self):
        chain = Chain(("random", 3), (GridSearch(resolution={"z": 3}), None))
        with pytest.raises(SettingError, match=r"stage 2 of the chain: unknown parameter .* 'z'"):
            chain.bind(FLOATS)
