"""What a strategy uses: points that are new, in place of those that are not."""

import numpy as np
from problems_for_tests import MIXED, of

from hpopt.core import Optimizer
from hpopt.space import Categorical, Float, Int, Sequence, Space

LINE = Space({"x": Float(0, 1)})


class Bare(Optimizer):
    """Asks for nothing by itself."""

    def _ask(self, number, n):
        return self.novel(np.full((n, self.space.d), 0.5), self.generator(number), before=number)


def keys(optimizer, points):
    return optimizer.space.keys_of(points)


def test_novel_keeps_what_is_new():
    optimizer = Bare().bind(of(None, MIXED))
    points = MIXED.random(50, np.random.default_rng(0))
    found = optimizer.novel(points, optimizer.generator(0), before=0)
    assert keys(optimizer, found) == keys(optimizer, points)


def test_novel_replaces_what_is_known_repeated_or_forbidden():
    space = Space({"x": Float(0, 1), "n": Int(0, 9)}, forbid=[{"n": 3}])
    optimizer = Bare().bind(of(None, space))
    known = optimizer.ask(3)
    forbidden = space.encode([{"x": 0.5, "n": 3}])
    fresh = space.encode([{"x": 0.25, "n": 1}])
    points = np.concatenate([known[0].point[None], fresh, fresh, forbidden])
    found = optimizer.novel(points, optimizer.generator(5), before=3)
    assert len(found) == 4
    assert keys(optimizer, found)[1] == keys(optimizer, fresh)[0]
    asked = {space.key(solution.config) for solution in known}
    assert len(set(keys(optimizer, found)) | asked) == 7
    assert space.allowed(found).all()


def test_novel_varies_before_it_draws():
    optimizer = Bare().bind(of(None, LINE))
    point = optimizer.ask()[0].point[None]
    found = optimizer.novel(
        point, optimizer.generator(1), before=1, vary=lambda points, rng: points + 0.001
    )
    assert found.tolist() == [[0.501]]


def test_novel_leaves_no_config_out_and_drops_the_rest():
    space = Space({"n": Int(0, 99)}, forbid=[lambda config: config["n"] >= 90])
    optimizer = Bare().bind(of(None, space))
    found = optimizer.novel(np.full((200, 1), 0.5), optimizer.generator(0), before=0)
    assert sorted(config["n"] for config in space.decode(found)) == list(range(90))


def test_what_novel_gave_and_nobody_asked_for_may_be_given_again():
    space = Space({"n": Int(0, 9)})
    optimizer = Bare().bind(of(None, space))
    for _ in range(3):
        candidates = optimizer.novel(np.full((10, 1), 0.5), optimizer.generator(0), before=0)
        assert len(candidates) == 10
    assert len({solution.config["n"] for solution in optimizer.ask(10)}) == 10
    assert optimizer.ask() == []


def test_novel_finds_the_rare_in_an_infinite_space():
    space = Space({"n": Int(0, 299), "x": Float(0, 1, when={"n": 77})})
    optimizer = Bare().bind(of(None, space))
    solutions = optimizer.ask(400)
    assert len(solutions) == 400
    assert {solution.config["n"] for solution in solutions} == set(range(300))
    assert sum("x" in solution.config for solution in solutions) == 101


def test_novel_mends_forbidden_layers():
    layer = Space({"k": Int(1, 20)}, forbid=[lambda config: config["k"] > 1])
    space = Space({"s": Sequence(layer, 10, 10), "x": Float(0, 1)})
    optimizer = Bare().bind(of(None, space))
    for solution in optimizer.ask(20):
        assert solution.config["s"] == [{"k": 1}] * 10


def test_unknown_says_what_is_new():
    space = Space({"c": Categorical(["a", "b", "c", "d"])}, forbid=[{"c": "d"}])
    optimizer = Bare().bind(of(None, space))
    (solution,) = optimizer.ask()
    assert solution.config == {"c": "c"}
    points = space.encode([{"c": c} for c in "abcda"])
    assert optimizer.unknown(points, before=1).tolist() == [True, True, False, False, False]
    assert optimizer.unknown(points, before=0).tolist() == [True, True, True, False, False]


def test_what_is_varied_keeps_its_parents_and_what_is_drawn_has_none():
    def origins(vary):
        optimizer = Bare().bind(of(None, LINE))
        known = optimizer.ask()[0].point[None]
        points = np.concatenate([known, [[0.25]], [[0.25]]])
        made_from = [(4, 4), (-1, 3), (2,)]
        named = {"before": 1, "vary": vary, "generation": 6, "parents": made_from}
        found = optimizer.novel(points, optimizer.generator(1), **named)
        noted = optimizer._bound_search.origins
        return [noted[point.tobytes()] for point in found]

    assert origins(lambda points, rng: points + 0.001) == [(6, (4,)), (6, (-1, 3)), (6, (2,))]
    assert origins(None) == [(6, ()), (6, (-1, 3)), (6, ())]
