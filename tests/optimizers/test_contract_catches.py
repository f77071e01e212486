"""The contract lets good optimizers pass, whatever their kind, and catches each broken promise."""

import inspect

import numpy as np
import pytest

from hpopt import Optimizer, RandomSearch
from hpopt.errors import ConfigError
from hpopt.testing import OptimizerContract
from hpopt.testing.landscapes import LANDSCAPES


class OneByOne(Optimizer):
    """A good one: draws each solution by its number."""

    def _ask(self, number, n):
        rng = self.generator(number)
        return self.novel(rng.random((1, self.space.d)), rng, before=number)


class Climber(Optimizer):
    """A good one that learns from each result as it comes."""

    def _ask(self, number, n):
        rng = self.generator(number)
        points = rng.random((1, self.space.d))
        if self.best is not None:
            best = self.history.points[self.history.rows(np.array([self.best]))]
            points = np.clip(best + 0.2 * (points - 0.5), 0, 1)
        return self.novel(points, rng, before=number)


class TestClimber(OptimizerContract):
    heeds_priors = False
    order_free = False
    n_trials = 24
    problems = {name: LANDSCAPES[name] for name in ("conditions", "layers", "tiny")}  # noqa: RUF012

    def make(self):
        return Climber()


class CarriesAGenerator(OneByOne):
    def _setup(self):
        self.rng = np.random.default_rng(self.seed)

    def _ask(self, number, n):
        points = self.rng.random((1, self.space.d))
        return self.novel(points, self.generator(number), before=number)


class CountsTells(OneByOne):
    n_tells = 0

    def _tell(self, trials):
        self.n_tells += 1

    def generator(self, *key):
        return super().generator(self.n_tells, *key)


class IgnoresTheSeed(OneByOne):
    def generator(self, *key):
        return np.random.default_rng(key)


class TouchesTheGlobalGenerator(OneByOne):
    def _ask(self, number, n):
        np.random.seed(number)
        return super()._ask(number, n)


class RepeatsItself(Optimizer):
    def _ask(self, number, n):
        return self.generator(number // 2).random((1, self.space.d))


class LeavesTheCube(Optimizer):
    def _ask(self, number, n):
        return self.generator(number).random((1, self.space.d)) * 1.3


class AsksForTheForbidden(Optimizer):
    def _ask(self, number, n):
        return self.space.snap(self.generator(number).random((1, self.space.d)))


class GivesUp(OneByOne):
    def _ask(self, number, n):
        return super()._ask(number, n)[: number < 20]


class HeedsTheBatch(OneByOne):
    def _ask(self, number, n):
        rng = self.generator(number)
        return self.novel(rng.random((n, self.space.d)), rng, before=number)


class FearsFailures(OneByOne):
    def _tell(self, trials):
        if np.isinf(self.history.losses).all():
            raise ZeroDivisionError


class HoldsWhatCannotTravel(OneByOne):
    def _setup(self):
        self.numbers = (number for number in range(3))


class HidesASetting(OneByOne):
    def __init__(self, *, rate=0.5):
        pass


class ForgetsAFiniteSpace(Optimizer):
    def _ask(self, number, n):
        points = self.space.random(1, self.generator(number))
        return points[self.unknown(points, before=number)]


BROKEN = {
    CarriesAGenerator: "test_replay_goes_on_exactly",
    CountsTells: "test_batches_and_order_do_not_matter",
    IgnoresTheSeed: "test_same_seed_same_search",
    TouchesTheGlobalGenerator: "test_ask_touches_nothing_else",
    LeavesTheCube: "test_solutions_are_numbered_and_fit_the_space",
    AsksForTheForbidden: "test_solutions_are_numbered_and_fit_the_space",
    GivesUp: "test_it_goes_on_until_nothing_is_left",
    HeedsTheBatch: "test_batches_and_order_do_not_matter",
    Climber: "test_batches_and_order_do_not_matter",
    FearsFailures: "test_bad_results_do_not_stop_it",
    HoldsWhatCannotTravel: "test_a_copy_goes_on",
    HidesASetting: "test_settings_are_its_arguments",
    ForgetsAFiniteSpace: "test_a_finite_space_is_tried_to_its_end",
}


def run(strategy, test):
    """Run one test of the contract as pytest would, on a space with a forbid."""
    contract = type(
        "Contract", (OptimizerContract,), {"make": lambda self: strategy(), "n_trials": 24}
    )
    function = getattr(contract(), test)
    known = {"problem": LANDSCAPES["forbidden"], "outcome": "all_failed"}
    function(**{name: known[name] for name in inspect.signature(function).parameters})


@pytest.mark.parametrize(
    ("strategy", "test"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_broken_promise_is_caught(strategy, test):
    run(OneByOne, test)
    with pytest.raises((AssertionError, ArithmeticError, TypeError, AttributeError, ConfigError)):
        run(strategy, test)


@pytest.mark.parametrize(
    "test",
    ["test_no_config_is_asked_twice", "test_replay_goes_on_exactly", "test_same_seed_same_search"],
)
def test_the_base_replaces_what_a_strategy_repeats(test):
    """No config is paid for twice, whoever wrote the strategy."""
    run(RepeatsItself, test)


def test_the_contract_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="make must give an optimizer"):
        OptimizerContract().make()
    assert isinstance(RandomSearch(), Optimizer)
