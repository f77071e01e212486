import json
from dataclasses import replace

import numpy as np
import pytest

from hpopt.core import STATUSES, Outcome, Solution, Trial

SOLUTION = Solution(2, {"x": 0.5, "layers": [{"k": 1}]}, np.array([0.5]), 9, 4.0)


@pytest.mark.parametrize("status", STATUSES)
def test_a_trial_has_the_attributes_of_both(status):
    outcome = Outcome(
        status, {"value": 1.0}, ((1.0, 2.0),), "why", "where", 5.0, 6.0, 7, {"a": [1]}, "here:5"
    )
    trial = Trial(SOLUTION, outcome)
    assert trial.number == 2
    assert trial.config == SOLUTION.config
    for name in (
        "status",
        "values",
        "curve",
        "error",
        "traceback",
        "started",
        "seconds",
        "memory",
        "info",
        "worker",
        "ok",
    ):
        assert getattr(trial, name) == getattr(outcome, name)
    assert (trial.generation, trial.parents) == (None, ())
    bred = Trial(replace(SOLUTION, generation=0, parents=(1, 0)), outcome)
    assert (bred.generation, bred.parents) == (0, (1, 0))
    assert bred.to_dict() | {"generation": None, "parents": []} == trial.to_dict()
    assert bred.to_dict()["parents"] == [1, 0]
    assert trial.ok == (status in ("complete", "stopped"))


def test_a_trial_is_plain_data():
    trial = Trial(
        SOLUTION,
        Outcome("complete", {"value": 1.0, "n": 2.0}, ((1.0, 2.0),), seconds=6.0, info={"a": [1]}),
    )
    document = trial.to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["number"] == 2
    assert document["config"] == {"x": 0.5, "layers": [{"k": 1}]}
    assert document["status"] == "complete"
    assert document["values"] == {"value": 1.0, "n": 2.0}
    assert document["info"] == {"a": [1]}
    assert document["seconds"] == 6.0
    assert document["fidelity"] == 4.0


def test_values_are_frozen():
    trial = Trial(SOLUTION, Outcome("complete"))
    for item, name in ((trial, "outcome"), (trial.outcome, "status"), (SOLUTION, "number")):
        with pytest.raises(AttributeError):
            setattr(item, name, None)


def test_solutions_are_equal_by_what_they_ask_for():
    other = Solution(2, {"x": 0.5, "layers": [{"k": 1}]}, np.array([0.1]), 9, 4.0)
    assert other == SOLUTION
    assert Solution(2, {"x": 0.6}, SOLUTION.point, 9, 4.0) != SOLUTION


def test_its_repr_is_one_line_about_what_was_tried():
    solution = Solution(5, {"x": 1.5}, np.array([0.5]), 7)
    good = Trial(solution, Outcome("complete", {"loss": 0.25, "size": 3.0}))
    assert repr(good) == "<Trial 5: complete, loss 0.25, size 3 at {'x': 1.5}>"
    bad = Trial(solution, Outcome("failed", error="ValueError: no"))
    assert repr(bad) == "<Trial 5: failed, ValueError: no at {'x': 1.5}>"
