import numpy as np
import pytest
from problems_for_tests import MIXED, of, trial_of

from hpopt import Chain, GeneticAlgorithm, LatinHypercube
from hpopt.errors import SettingError
from hpopt.space import Float, Int, Space

CUBE = Space({name: Float(0, 1) for name in "abc"})


def points_of(optimizer, n):
    return np.array([solution.point for solution in optimizer.ask(n)])


def test_each_design_has_one_point_in_each_slice_of_each_parameter():
    start = CUBE.sample(3, seed=0)
    optimizer = LatinHypercube(n=8).bind(of(None, CUBE), start=start)
    points = np.concatenate([points_of(optimizer, 5), points_of(optimizer, 22)])[3:]
    assert len(points) == 24
    for design in points.reshape(3, 8, 3):
        for column in np.floor(design * 8).astype(int).T:
            assert sorted(column.tolist()) == list(range(8))
    assert len(np.unique(points[:, 0])) == 24


def test_values_of_a_grid_are_as_frequent_as_they_can_be():
    space = Space({"k": Int(1, 5), "x": Float(0, 1)})
    solutions = LatinHypercube(n=20).bind(of(None, space)).ask(20)
    counts = np.bincount([solution.config["k"] for solution in solutions])
    assert counts.tolist() == [0, 4, 4, 4, 4, 4]


def test_it_is_the_first_stage_of_a_chain():
    optimizer = Chain((LatinHypercube(n=10), 10), (GeneticAlgorithm(population=10), None))
    optimizer.bind(of(None, MIXED))
    for _ in range(4):
        solutions = optimizer.ask(10)
        assert len(solutions) == 10
        optimizer.tell([trial_of(s, s.config["x"]) for s in solutions])


def test_wrong_settings_raise():
    with pytest.raises(SettingError, match="n must be an int of at least 1"):
        LatinHypercube(n=0)
