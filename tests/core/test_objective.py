"""Objectives that are well formed, those that are not, and the losses that values give."""

import math

import pytest

from hpopt.core import Objective, losses, normalised_objectives
from hpopt.errors import ProblemError


@pytest.mark.parametrize(
    "written",
    [
        [Objective("a"), Objective("b", "maximize")],
        (Objective("a"), Objective("b", "maximize")),
        {"a": "minimize", "b": "maximize"},
        iter([Objective("a"), Objective("b", "maximize")]),
    ],
)
def test_objectives_may_be_written_in_several_ways(written):
    assert normalised_objectives(written) == (Objective("a"), Objective("b", "maximize"))


@pytest.mark.parametrize("name", ["", None, 3])
def test_the_name_of_an_objective_is_a_text(name):
    with pytest.raises(ProblemError, match="name of an objective must be"):
        Objective(name)


@pytest.mark.parametrize("direction", ["min", None, -1, ["minimize"]])
def test_a_direction_is_one_of_two(direction):
    with pytest.raises(ProblemError, match="direction must be 'minimize' or 'maximize'"):
        Objective("loss", direction)


def test_directions_are_applied_to_losses():
    objectives = (Objective("a"), Objective("b", "maximize"))
    found = losses(objectives, {"b": 3.0, "a": 2.0, "extra": 9.0})
    assert found.tolist() == [2.0, -3.0]
    assert [objective.sign for objective in objectives] == [1, -1]


def test_without_values_every_loss_is_infinite():
    objectives = (Objective("a"), Objective("b", "maximize"))
    assert losses(objectives, {}).tolist() == [math.inf, math.inf]
    assert losses(objectives, {"a": math.nan, "b": 1.0}).tolist() == [math.inf, -1.0]


def test_losses_need_all_objectives():
    with pytest.raises(ProblemError, match=r"must hold the objectives \['a'\], but got \['b'\]"):
        losses((Objective("a"),), {"b": 1.0})
