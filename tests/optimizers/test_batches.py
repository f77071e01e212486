"""A batch that comes later is not drawn while a journal is told again; nothing changes by it."""

import numpy as np
import pytest
from problems_for_tests import trial_of

from hpopt import Float, Int, Space
from hpopt.optimizers.batches import Batches, LazyBatch

from .evolving import bound

FREE = Space({"x": Float(0.0, 1.0), "n": Int(1, 4)})
SMALL = Space({"n": Int(1, 7)})
FORBIDDING = Space({"x": Float(0.0, 1.0), "n": Int(1, 4)}, forbid=[{"n": 3}])


class Generations(Batches):
    """Four points a batch; knows how often it drew one."""

    name = "generations"

    def _setup(self):
        super()._setup()
        self.n_drawn = 0

    def _batches(self):
        turn = 0
        while True:
            yield LazyBatch(4, lambda first, turn=turn: self.drawn(first, turn))
            turn += 1

    def drawn(self, first, turn):
        self.n_drawn += 1
        rng = self.generator(turn)
        return self.novel(rng.random((4, self.space.d)), rng, before=first)


def searching(space, start=()):
    return bound(Generations(), space, seed=3, start=start)


def asked_and_told(optimizer, n):
    trials = []
    for _ in range(n):
        trials += [trial_of(solution, solution.number) for solution in optimizer.ask(1)]
        optimizer.tell(trials[len(optimizer.history) :])
    return trials


@pytest.mark.parametrize("start", [(), ({"x": 0.5, "n": 2},)])
@pytest.mark.parametrize("n", [3, 8, 10])
def test_what_a_journal_holds_is_not_drawn_again(n, start):
    before, after = searching(FREE, start), searching(FREE, start)
    trials = asked_and_told(before, n)
    after.replay(trials)
    for solution, other in zip(before.ask(9), after.ask(9), strict=True):
        np.testing.assert_array_equal(solution.point, other.point)
    assert after.n_drawn == 1


def test_a_batch_that_was_cut_short_is_the_last():
    before, after = searching(SMALL), searching(SMALL)
    trials = asked_and_told(before, 20)
    assert len(trials) == 7
    after.replay(trials)
    assert after.ask(1) == before.ask(1) == []


def test_where_configs_are_forbidden_every_batch_is_drawn():
    before, after = searching(FORBIDDING), searching(FORBIDDING)
    after.replay(asked_and_told(before, 8))
    after.ask(1)
    assert after.n_drawn == 3
