"""What the contract of optimizers runs: the one that is tested, on one problem after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import pytest

from hpopt.core import Fidelity, Optimizer, Problem, Solution, Trial, objectives_of
from hpopt.testing.landscapes import LANDSCAPES, Landscape
from hpopt.testing.searches import Step, search, steps

Found = TypeVar("Found")
LARGE = 1000  # configs: fewer are tried to their end within the tests
FIDELITY = Fidelity(1, 9)  # three rungs of the usual factor
LOOK_AHEAD = 16  # steps: more than a generation of the contract's small populations
SOME = 30  # solutions: three such generations, for what more would show no better


class OptimizerRuns:
    """Make and run the optimizer that is tested; `OptimizerContract` says what of it is yours."""

    order_free: ClassVar[bool] = True
    seeded: ClassVar[bool] = True
    exhaustive: ClassVar[bool] = True
    heeds_priors: ClassVar[bool] = True
    chooses_fidelity: ClassVar[bool] = False
    n_trials: ClassVar[int] = 48
    problems: ClassVar[Mapping[str, Problem]] = LANDSCAPES

    def make(self) -> Optimizer:
        """Make a fresh optimizer, not bound yet; always with the same arguments."""
        raise NotImplementedError(f"{type(self).__name__}.make must give an optimizer")

    def bound(self, problem: Problem, **settings: Any) -> Optimizer:
        """Make one and bind it; seed 0 if none is given."""
        return self.make().bind(problem, **settings)

    def searched(self, problem: Problem) -> list[Trial]:
        """Return the search of seed 0, config by config: what tests compare others with.

        It is made once for all of them, and so are the next two.
        """
        return self._once(problem, lambda: search(self.bound(problem), problem, self.n_trials))

    def worked(self, problem: Problem) -> list[Step]:
        """Return the steps of the same search by three workers, whose results come in any order."""
        return self._once(
            problem, lambda: list(steps(self.bound(problem), problem, self.n_trials, workers=3))
        )

    def batched(self, problem: Problem) -> list[Trial]:
        """Return the search in batches of three, after a start config where one is allowed."""

        def run() -> list[Trial]:
            start = _allowed(problem, problem.space.sample(1, seed=1))
            return search(self.bound(problem, start=start), problem, self.n_trials, batch=3)

        return self._once(problem, run)

    def landscape(self, problem: Problem | str) -> Problem:
        """Return a problem, or one of `LANDSCAPES` by name, with a fidelity where it needs one."""
        found = LANDSCAPES[problem] if isinstance(problem, str) else problem
        if not self.chooses_fidelity or found.fidelity is not None:
            return found
        return Landscape(found.space, objectives_of(found), FIDELITY)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes a `problem` with all of `problems`."""
        if "problem" in metafunc.fixturenames:
            problems = {name: self.landscape(p) for name, p in self.problems.items()}
            metafunc.parametrize("problem", problems.values(), ids=problems.keys())

    @property
    def n_ahead(self) -> int:
        """How many steps show that a search goes on as another one did."""
        return min(LOOK_AHEAD, self.n_trials // 2)

    def _once(self, problem: Problem, run: Callable[[], Found]) -> Found:
        """Return what `run` found before for this class, problem and caller."""
        cache = _FOUND.setdefault((type(self), run.__qualname__), {})
        if problem not in cache:
            cache[problem] = run()
        found: Found = cache[problem]
        return found


def check_new(problem: Problem, reached: dict[bytes, float], solution: Solution) -> None:
    """Check that a config is asked for the first time, or at a higher fidelity than before."""
    key, fidelity = problem.space.key(solution.config), solution.fidelity or 1
    assert fidelity > reached.get(key, 0)
    reached[key] = fidelity


def _allowed(problem: Problem, configs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    allowed = problem.space.allowed(problem.space.encode(configs))
    return [config for config, fine in zip(configs, allowed, strict=True) if fine]


_FOUND: dict[tuple[type, str], dict[Problem, Any]] = {}
