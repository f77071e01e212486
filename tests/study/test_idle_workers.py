"""A strategy that leaves workers idle says so, once."""

import logging

import pytest

from hpopt import Categorical, Chain, Float, FunctionProblem, optimize

SPACE = {"x": Float(0, 1), "y": Float(0, 1)}


def messages(caplog, optimizer, **arguments):
    caplog.set_level(logging.WARNING, logger="hpopt")
    problem = FunctionProblem(lambda config: config["x"], arguments.pop("space", SPACE))
    optimize(problem, optimizer, seed=0, progress=False, executor="threads", **arguments)
    return [message for message in caplog.messages if "idle" in message]


def test_a_population_smaller_than_the_workers_is_said_once(caplog):
    assert messages(caplog, "genetic", workers=16, trials=50) == [
        "16 workers, but genetic waits for each 10 trials: 6 of them are idle. Use population=16, "
        "or a strategy that does not wait, such as 'steady_state' or 'tpe'"
    ]


def test_a_stage_waits_as_its_strategy_does(caplog):
    (message,) = messages(caplog, Chain(("random", 20), "genetic"), workers=16, trials=60)
    assert message.startswith("16 workers, but chain waits for each 10 trials: 6 of them are idle")


def test_a_small_window_is_said(caplog):
    assert messages(caplog, "random", workers=4, trials=30, window=2) == [
        "4 workers, but window=2 has no more than 2 trials run: 2 of them are idle. "
        "Use a window of 4"
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"optimizer": "genetic", "workers": 10},
        {"optimizer": "genetic", "workers": 16, "trials": 10},
        {"optimizer": "random", "workers": 16},
        {"optimizer": "genetic", "workers": 16, "space": {"x": Categorical([1, 2, 3])}},
    ],
)
def test_nothing_is_said_where_nothing_is_lost(caplog, arguments):
    assert messages(caplog, **{"trials": 30, **arguments}) == []
