"""The rungs and brackets of successive halving, by the papers' tables, and what is refused."""

import pytest

import hpopt
from hpopt import ASHA, Fidelity, Hyperband
from hpopt.core import Objective
from hpopt.errors import SettingError
from hpopt.optimizers.rungs import rungs_between, size_of_bracket
from hpopt.testing.landscapes import LANDSCAPES, Landscape


def problem(low=1, high=9, space="floats"):
    return Landscape(LANDSCAPES[space].space, fidelity=Fidelity(low, high))


@pytest.mark.parametrize(
    ("low", "high", "reduction", "rungs"),
    [
        (1, 81, 3, [1, 3, 9, 27, 81]),
        (1, 256, 4, [1, 4, 16, 64, 256]),
        (3, 100, 2, [3, 6, 12, 24, 48, 100]),
        (1, 52, 3, [1, 3, 9, 27, 52]),
        (1, 30, 3, [1, 3, 9, 30]),  # 27 would be too close
        (1, 16, 2.5, [1, 2, 6, 16]),  # 2.5 and 6.25
        (10, 20, 3, [10, 20]),
        (0.1, 0.9, 3, [0.1, 0.3, 0.9]),
        (1.0, 16.0, 2.5, [1.0, 2.5, 6.25, 16.0]),
    ],
)
def test_rungs(low, high, reduction, rungs):
    assert rungs_between(Fidelity(low, high), None, reduction) == pytest.approx(rungs)


def test_the_lowest_rung_may_be_raised():
    assert rungs_between(Fidelity(1, 81), 9, 3) == [9, 27, 81]


@pytest.mark.parametrize(
    ("high", "reduction", "sizes"),
    [
        # Li et al. 2018: R = 81 and η = 3, by line 3 of their algorithm 1.
        (81, 3, [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]),
        (9, 3, [[9, 3, 1], [5, 1], [3]]),
        (16, 4, [[16, 4, 1], [6, 1], [3]]),
    ],
)
def test_the_brackets_of_hyperband(high, reduction, sizes):
    optimizer = Hyperband(reduction=reduction).bind(problem(high=high))
    rungs = [reduction**k for k in range(len(sizes))]
    assert [size_of_bracket(len(sizes), k, reduction) for k in range(len(sizes))] == [
        bracket[0] for bracket in sizes
    ]
    for _ in range(2):  # all brackets, and all again
        for lowest, bracket in enumerate(sizes):
            best = None
            for rung, n in zip(rungs[lowest:], bracket, strict=True):
                asked = optimizer.ask(1000)
                assert [solution.fidelity for solution in asked] == [rung] * n
                assert not optimizer.ask()
                if best is not None:
                    assert [solution.config["x"] for solution in asked] == best[:n]
                best = sorted(solution.config["x"] for solution in asked)
                optimizer.tell([told(each, each.config["x"] + rung) for each in asked])


def told(solution, value):
    return hpopt.Trial(solution, hpopt.Outcome("complete", {"value": value}))


@pytest.mark.parametrize("strategy", [ASHA, Hyperband])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 10}, r"low must be a number in \[1, 9\], but got 10"),
        ({"low": 0}, "low must be a positive number, but got 0"),
        ({"low": 9}, "two rungs at least, but got one .epochs, from 9 to 9 by a reduction of 3"),
        ({"reduction": 1}, "reduction must be a number greater than 1, but got 1"),
        ({"reduction": True}, "reduction must be a number greater than 1, but got True"),
        ({"reduction": 1.2}, "different whole numbers, but got 1 twice .epochs, from 1 to 9"),
        ({"reduction": 100}, "two rungs at least, but got one"),
        ({"proposer": "asha"}, "proposer must be a strategy that chooses configs, but got 'asha'"),
        ({"proposer": "freeze_thaw"}, "but got 'freeze_thaw', which chooses fidelities"),
        ({"proposer": Hyperband()}, "but got 'hyperband', which chooses fidelities"),
        ({"proposer": "nobody"}, "unknown optimizer 'nobody'"),
        ({"proposer": {"population": 4}}, "proposer must have a name"),
    ],
)
def test_what_is_refused(strategy, arguments, message):
    with pytest.raises((SettingError, hpopt.HpoptError), match=message):
        strategy(**arguments).bind(problem())


def test_a_proposer_that_does_not_suit_is_named():
    for optimizer in (ASHA(proposer="cmaes"), Hyperband(proposer="cmaes", asynchronous=True)):
        with pytest.raises(SettingError, match=r"^proposer: "):
            optimizer.bind(problem(space="conditions"))


def test_there_are_no_more_brackets_than_rungs():
    with pytest.raises(
        SettingError, match=r"at most the number of rungs, 3 \(1, 3, 9\), but got 4"
    ):
        ASHA(brackets=4).bind(problem())
    with pytest.raises(SettingError, match="brackets must be an int of at least 1"):
        ASHA(brackets=0)


@pytest.mark.parametrize("strategy", [ASHA, Hyperband])
def test_a_problem_must_have_a_fidelity_and_at_most_four_objectives(strategy):
    with pytest.raises(SettingError, match="must have a fidelity, but got one without"):
        strategy().bind(LANDSCAPES["floats"])
    five = Landscape(LANDSCAPES["floats"].space, [*map(Objective, "abcde")], Fidelity(1, 9))
    with pytest.raises(SettingError, match="must have at most 4 objectives, but got 5"):
        strategy().bind(five)


def test_settings_make_it_again():
    optimizer = Hyperband(proposer={"name": "menndl", "population": 9}, low=2, asynchronous=True)
    again = Hyperband(**optimizer.settings())
    assert again.settings() == optimizer.settings()
    assert again.proposer.population == 9
