"""Whatever an evaluation does becomes an outcome."""

import asyncio
import enum
import fractions
import json
import os
import pickle
import socket
import threading
import time
from decimal import Decimal

import numpy as np
import pytest
from problems_for_tests import Calling

from hpopt.core import (
    Fidelity,
    Objective,
    Outcome,
    Solution,
    evaluate,
    failed,
    judge,
    outcome_of_loss,
)
from hpopt.errors import (
    EvaluationLost,
    MemoryLimitExceeded,
    SettingError,
    TimeLimitExceeded,
    WorkerLost,
)

SOLUTION = Solution(3, {"x": 0.5, "layers": [{"k": 1}]}, np.array([0.55]), seed=77, fidelity=9.0)
ONE = Objective()
TWO = (Objective("error"), Objective("gain", "maximize"))


def outcome_of(function, objectives=(ONE,), **settings):
    problem = Calling(lambda config, trial: function(), objectives=objectives)
    return evaluate(problem, SOLUTION, **settings)


def raising(error):
    def function():
        raise error

    return function


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no message for you")


class Wordless(Exception):
    def __str__(self):
        return 3  # noqa: PLE0307


class ResourceExhaustedError(Exception):
    """As TensorFlow's is called."""


class Odd(BaseException):
    """Not even an Exception."""


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("no\n such   thing"), "failed", "ValueError: no such thing"),
        (KeyError("x"), "failed", "KeyError: 'x'"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
        (SystemExit(3), "failed", "SystemExit: 3"),
        (Mute(), "failed", "Mute: (its message cannot be read: RuntimeError)"),
        (Wordless(), "failed", "Wordless: (its message cannot be read: TypeError)"),
        (Odd("odd"), "failed", "Odd: odd"),
        (GeneratorExit(), "failed", "GeneratorExit"),
        (asyncio.CancelledError(), "failed", "CancelledError"),
        (RecursionError("deep"), "failed", "RecursionError: deep"),
        (MemoryError(), "out_of_memory", "MemoryError"),
        (ResourceExhaustedError("OOM"), "out_of_memory", "ResourceExhaustedError: OOM"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out"), "out_of_memory", "RuntimeError: RESOURCE_EXHAUS"),
    ],
)
def test_what_is_raised_becomes_a_status(error, status, message):
    outcome = outcome_of(raising(error))
    assert outcome.status == status
    assert not outcome.ok
    assert outcome.error.startswith(message)
    assert "\n" not in outcome.error
    assert outcome.traceback.startswith("Traceback (most recent call last)")
    assert "in function" in outcome.traceback
    assert outcome.values == {}
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_only_ctrl_c_passes():
    with pytest.raises(KeyboardInterrupt):
        outcome_of(raising(KeyboardInterrupt()))


class Tensor:
    """As torch has them: size is a method."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def item(self):
        if len(self.numbers) != 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.numbers[0]

    def size(self):
        return (len(self.numbers),)


class EagerTensor:
    """As TensorFlow has them: no item, and a float only where it has no axis."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def numpy(self):
        return np.array(self.numbers)

    def __float__(self):
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")


class Measure:
    """Anything with a float."""

    def __float__(self):
        return 0.5


class Level(enum.IntEnum):
    HIGH = 2


NUMBERS = {
    "float": (0.5, 0.5),
    "int": (3, 3.0),
    "bool": (True, 1.0),
    "numpy float": (np.float32(0.5), 0.5),
    "numpy int": (np.int8(-3), -3.0),
    "numpy bool": (np.bool_(True), 1.0),
    "0-d array": (np.array(0.5), 0.5),
    "array of one": (np.array([0.5]), 0.5),
    "nested array of one": (np.array([[2]]), 2.0),
    "torch": (Tensor(0.5), 0.5),
    "tensorflow": (EagerTensor(0.5), 0.5),
    "own": (Measure(), 0.5),
    "unmasked array of one": (np.ma.array([0.5], mask=[False]), 0.5),
    "fraction": (fractions.Fraction(1, 2), 0.5),
    "decimal": (Decimal("0.5"), 0.5),
    "enum": (Level.HIGH, 2.0),
}


@pytest.mark.parametrize(("value", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_every_kind_of_number_counts(value, expected):
    for returned in (value, {"value": value}, {"value": value, "params": value}):
        outcome = outcome_of(lambda: returned)  # noqa: B023
        assert (outcome.status, outcome.error) == ("complete", None)
        assert outcome.values["value"] == expected
        assert all(type(number) is float for number in outcome.values.values())
        json.dumps(dict(outcome.values))
    assert value_reported(value) == ("complete", expected)


def value_reported(value):
    """Report a value; return the status, and what stands in the curve."""

    def report(config, trial):
        trial.report(1, value)
        return 1.0

    outcome = evaluate(Calling(report), SOLUTION)
    return outcome.status, outcome.curve[0][1] if outcome.curve else None


class Unspeakable:
    def __repr__(self):
        raise RuntimeError


NO_NUMBERS = {
    "None": (None, "must return a number, but 'value' is NoneType None"),
    "str": ("0.5", "must return a number, but 'value' is str '0.5'"),
    "numpy str": (np.str_("1"), "must return a number, but 'value' is"),
    "bytes": (b"1", "must return a number"),
    "list": ([0.5], r"must return a number, but 'value' is list \[0.5\]"),
    "tuple": ((0.5, {}), "must return a number"),
    "complex": (1j, "must return a number, but 'value' is complex"),
    "numpy complex": (np.complex128(1j), "must return a number"),
    "array": (np.zeros(2), "must return a number, but 'value' is ndarray"),
    "empty array": (np.zeros(0), "must return a number"),
    "array of text": (np.array(["a"]), "must return a number"),
    "tensor of two": (Tensor(1, 2), "must return a number, but 'value' is Tensor"),
    "too large": (10**400, "must return a number, but 'value' is int 1000.*[.]{3}$"),
    "long": ("x" * 10_000, r"is str 'x{76}\.\.\.$"),
    "class": (float, "must return a number"),
    "without a repr": (Unspeakable(), "is Unspeakable without a repr"),
    "empty": ({}, r"must return the objectives \['value'\], but returned \[\]"),
    "another name": ({"valeu": 1.0}, r"the objectives \['value'\], but returned \['valeu'\]"),
    "masked": (np.ma.masked, "must return a number, but 'value' is MaskedConstant masked"),
    "masked array of one": (np.ma.array([0.5], mask=[True]), "must return a number"),
    "time of numpy": (np.timedelta64(5, "ns"), "must return a number"),
    "metric": ({"value": "1", "n": 1}, "numbers for its objectives, but 'value' is str '1'"),
    "key": ({"value": 1.0, 3: 1.0}, "mapping of names to numbers, but int 3 is no name"),
}


@pytest.mark.parametrize(("value", "why"), NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_number_fails_with_the_reason(value, why):
    outcome = outcome_of(lambda: value)
    assert outcome.status == "failed"
    assert outcome.values == {}
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(outcome.error)
    assert value_reported(value) == ("failed", None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan"), np.array(np.nan)])
def test_nan_and_inf_are_invalid(value):
    for returned in (value, {"value": value}):
        outcome = outcome_of(lambda: returned)  # noqa: B023
        assert outcome.status == "invalid"
        assert outcome.values == {}
        assert outcome.error == f"objective 'value' is {float(value)}"


def test_extra_metrics_are_kept_as_they_are():
    outcome = outcome_of(lambda: {"value": 1, "accuracy": np.float64(0.9), "ratio": float("inf")})
    assert outcome.status == "complete"
    assert outcome.values == {"value": 1.0, "accuracy": 0.9, "ratio": float("inf")}


@pytest.mark.parametrize(
    ("returned", "status", "why"),
    [
        ({"error": 0.1, "gain": 2}, "complete", None),
        ({"gain": 2, "error": 0.1, "n": 3}, "complete", None),
        ({"error": 0.1}, "failed", "['error', 'gain'], but returned ['error']"),
        (0.1, "failed", "a mapping with the objectives ['error', 'gain'], but returned float 0.1"),
        (None, "failed", "a mapping with the objectives ['error', 'gain'], but returned NoneType"),
        ([0.1, 2], "failed", "a mapping with the objectives"),
        ({"error": 0.1, "gain": float("nan")}, "invalid", "objective 'gain' is nan"),
    ],
)
def test_several_objectives_are_all_needed(returned, status, why):
    outcome = outcome_of(lambda: returned, TWO)
    assert outcome.status == status
    assert outcome.error is None if why is None else why in outcome.error


def test_one_objective_may_be_returned_by_its_name():
    accuracy = Objective("accuracy", "maximize")
    for returned in (0.9, {"accuracy": 0.9}):
        outcome = outcome_of(lambda: returned, accuracy)  # noqa: B023
        assert outcome.values == {"accuracy": 0.9}
    assert outcome_of(lambda: {"value": 0.9}, accuracy).status == "failed"


def test_the_config_is_a_copy():
    def evaluate_badly(config, trial):
        config["x"] = 99
        config["layers"][0]["k"] = 99
        config["layers"].append("more")
        return 1.0

    outcome = evaluate(Calling(evaluate_badly), SOLUTION)
    assert outcome.ok
    assert SOLUTION.config == {"x": 0.5, "layers": [{"k": 1}]}


def test_the_handle_knows_its_trial(tmp_path):
    seen = []

    def look(config, trial):
        seen.append((trial.number, trial.seed, trial.fidelity))
        (trial.directory / "file").write_text("kept")
        return 1.0

    folder = tmp_path / "deep" / "3"
    evaluate(Calling(look, fidelity=Fidelity(1, 9)), SOLUTION, directory=folder)
    assert seen == [(3, 77, 9.0)]
    assert (folder / "file").read_text() == "kept"


def test_no_folder_is_made_for_who_needs_none(tmp_path):
    outcome_of(lambda: 1.0, directory=tmp_path / "unused")
    assert not (tmp_path / "unused").exists()


def test_reports_become_the_curve():
    def report(config, trial):
        trial.report(1, np.float32(0.5))
        trial.report(2.5, 0.25)
        assert not trial.should_stop()
        trial.report(3, float("nan"))
        raise ValueError("after three")

    outcome = evaluate(Calling(report), SOLUTION)
    assert outcome.status == "failed"
    assert outcome.curve[:2] == ((1.0, 0.5), (2.5, 0.25))
    assert len(outcome.curve) == 3
    assert all(type(number) is float for pair in outcome.curve for number in pair)


def test_an_evaluation_that_heeds_the_rule_is_stopped():
    curves = []

    def rule(curve):
        curves.append(curve)
        return len(curve) >= 2

    def train(config, trial):
        for step in range(1, 10):
            trial.report(step, 1 / step)
            if trial.should_stop():
                break
        return 1 / step

    outcome = evaluate(Calling(train), SOLUTION, early_stopping=rule)
    assert outcome.status == "stopped"
    assert outcome.ok
    assert outcome.values == {"value": 0.5}
    assert curves == [((1.0, 1.0),), ((1.0, 1.0), (2.0, 0.5))]


def test_once_stopped_it_stays_so_and_nan_is_still_invalid():
    answers = iter([True, False])

    def train(config, trial):
        assert trial.should_stop()
        assert trial.should_stop()
        return float("nan")

    outcome = evaluate(Calling(train), SOLUTION, early_stopping=lambda curve: next(answers))
    assert outcome.status == "invalid"


def test_who_does_not_ask_is_complete():
    outcome = outcome_of(lambda: 1.0, early_stopping=lambda curve: True)
    assert outcome.status == "complete"


def test_it_is_timed():
    before = time.time()
    outcome = outcome_of(lambda: time.sleep(0.05) or 1.0)
    assert outcome.seconds >= 0.045
    assert before - 1 <= outcome.started <= time.time()
    outcome = outcome_of(lambda: time.sleep(0.05) or 1 / 0)
    assert outcome.seconds >= 0.045


def test_objectives_that_are_wrong_do_not_end_the_run():
    problem = Calling(lambda config, trial: 1.0, objectives="error")
    outcome = evaluate(problem, SOLUTION)
    assert outcome.status == "failed"
    assert "ProblemError" in outcome.error


def test_judging_needs_no_trial():
    assert judge(Calling(None), np.float32(2)) == Outcome("complete", {"value": 2.0})


# -- without an outcome --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "status", "message"),
    [
        (TimeLimitExceeded("ran too long", seconds=5.0), "timeout", "ran too long"),
        (MemoryLimitExceeded("too much", seconds=5.0), "out_of_memory", "too much"),
        (MemoryError("host"), "out_of_memory", "MemoryError: host"),
        (WorkerLost("gone", seconds=5.0), "lost", "gone"),
        (EvaluationLost("gone", seconds=5.0), "lost", "gone"),
        (ConnectionError("reset\nby peer"), "lost", "ConnectionError: reset by peer"),
        (Mute(), "lost", "Mute: (its message cannot be read: RuntimeError)"),
    ],
)
def test_a_loss_is_an_outcome(lost, status, message):
    outcome = outcome_of_loss(lost)
    assert (outcome.status, outcome.error) == (status, message)
    assert outcome.values == {}
    assert outcome.seconds == getattr(lost, "seconds", 0.0)
    assert outcome.started <= time.time() - outcome.seconds + 1e-3


def test_what_a_loss_knows_is_kept():
    lost = MemoryLimitExceeded("much", seconds=2.0, memory=10**9, worker="here:5")
    outcome = outcome_of_loss(lost)
    assert (outcome.memory, outcome.worker) == (10**9, "here:5")
    assert outcome_of_loss(OSError("broken pipe")).worker is None


def test_failures_are_told_by_hand():
    assert failed("no power") == Outcome("failed", error="no power")
    assert failed("late", status="timeout").status == "timeout"
    for status in ("complete", "stopped", "fine"):
        with pytest.raises(SettingError, match=f"must be one of failed, .* but got '{status}'"):
            failed("why", status=status)


def test_evaluations_may_run_in_threads():
    problem = Calling(lambda config, trial: trial.number)
    outcomes = {}

    def run(number):
        solution = Solution(number, {"x": 0.0}, np.array([0.5]), seed=number)
        outcomes[number] = evaluate(problem, solution)

    names = [f"{number}-" + "long" * 5 * number for number in range(8)]
    threads = [
        threading.Thread(target=run, args=(number,), name=name) for number, name in enumerate(names)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: outcome.values["value"] for n, outcome in outcomes.items()} == {
        n: float(n) for n in range(8)
    }
    run(8)  # in the main thread
    here = f"{socket.gethostname()}:{os.getpid()}"
    workers = [outcomes[number].worker for number in range(9)]
    assert workers == [*(f"{here}/{name[:64]}" for name in names), here]
    assert len(names[-1]) > 64


def much_of_everything(kind, trial):
    if kind == "message":
        raise ValueError("first" + "y" * 10**7 + "last")
    if kind == "name":
        return {"value": 1.0, "z" * 10**7: 1.0}
    if kind == "numbers":
        return {"value": 1.0, **{str(i): 1.0 for i in range(20_000)}}
    for step in range(250_001):
        trial.report(step, -step)
    return 1.0


@pytest.mark.parametrize("kind", ["message", "name", "numbers", "reports"])
def test_what_no_journal_could_hold_is_cut(kind):
    problem = Calling(lambda config, trial: much_of_everything(kind, trial))
    outcome = evaluate(problem, SOLUTION)
    assert outcome.status == ("complete" if kind == "reports" else "failed")
    assert len(outcome.error or "") + len(outcome.traceback or "") < 120_000
    if kind == "message":
        assert outcome.error.startswith("ValueError: first")
        assert outcome.error.endswith("last")
        assert "… (10000009 characters) …" in outcome.error
    if kind == "reports":
        steps = [step for step, _ in outcome.curve]
        assert len(steps) <= 100_001
        assert steps[:2] == [0, 3]
        assert steps[-1] == 250_000
    else:
        assert outcome.values == {}


# -- what to do about what is often returned by mistake -------------------------------------------


class History:
    """As `fit` of Keras returns it."""

    def __init__(self, *names):
        self.history = {name: [0.5, 0.25] for name in names}


@pytest.mark.parametrize(
    ("returned", "hint"),
    [
        (
            History("loss", "val_loss"),
            "return a number of it, such as history.history['val_loss'][-1]",
        ),
        (History("accuracy", "val_accuracy"), "history.history['val_accuracy'][-1]"),
        (History("loss"), "history.history['loss'][-1]"),
        ((0.5, {}), "return one number or a mapping of names to numbers"),
        ({"value": [0.5, 0.25], "n": 2}, "return one number or a mapping of names to numbers"),
        (None, "return its value at the end of the function"),
        (np.zeros(3), "return one number, such as its mean"),
    ],
)
def test_a_wrong_return_says_what_to_do(returned, hint):
    outcome = outcome_of(lambda: returned)
    assert outcome.status == "failed"
    assert outcome.error.endswith(hint)


def test_names_that_are_no_objectives_say_how_to_make_them_some():
    error = outcome_of(lambda: {"loss": 0.5, "note": "good"}).error
    assert error.endswith("such as objectives={'loss': 'minimize'}")
    error = outcome_of(lambda: {"loss": [0.5, 0.25]}).error
    assert error.endswith("return numbers, such as the last of each list")
    assert outcome_of(lambda: {"error": 0.5}, TWO).error.endswith("returned ['error']")


def test_colours_in_a_message_are_left_out():
    def fail():
        raise ValueError("\x1b[1mno such shape\x1b[0m: (3,)")

    outcome = outcome_of(fail)
    assert outcome.error == "ValueError: no such shape: (3,)"


def test_several_objectives_say_what_to_do_too():
    assert outcome_of(lambda: (0.5, 1), TWO).error.endswith("a mapping of names to numbers")


# -- what stands beside the numbers ----------------------------------------------------------------


def test_what_is_no_number_beside_the_objectives_is_info():
    layers = ({"units": np.int64(3)}, None)
    returned = {"value": 0.5, "note": "good", "n": 2, "layers": layers, "flag": True}
    outcome = outcome_of(lambda: returned)
    assert outcome.status == "complete"
    assert outcome.values == {"value": 0.5, "n": 2.0, "flag": 1.0}
    assert outcome.info == {"note": "good", "layers": [{"units": 3}, None]}
    assert outcome_of(lambda: 0.5).info == {}


def test_an_invalid_trial_keeps_its_info():
    outcome = outcome_of(lambda: {"value": np.nan, "note": "diverged"})
    assert (outcome.status, outcome.info) == ("invalid", {"note": "diverged"})
