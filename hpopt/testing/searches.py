"""A study in a few lines: what the contract of optimizers, and tests, drive searches with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from hpopt.core import (
    Config,
    Optimizer,
    Outcome,
    Problem,
    Solution,
    Trial,
    evaluate,
    failed,
    objectives_of,
)

Evaluate = Callable[[Problem, Solution], Outcome]
Step = tuple[list[Solution], Trial]


def steps(
    optimizer: Optimizer,
    problem: Problem,
    n: int,
    *,
    batch: int = 1,
    workers: int = 1,
    n_told: int = 0,
    evaluate: Evaluate = evaluate,
    added: Mapping[int, Config] = MappingProxyType({}),
) -> Iterator[Step]:
    """Ask whenever a worker is free; yield what was asked, and the trial that ended then.

    Which of the pending ones ends next depends on their numbers only: a later one may end
    first. Stops when n have been observed in all, or when nothing is left.

    Parameters
    ----------
    n_told : int
        How many the optimizer has observed before.
    added : mapping of int to config
        Number of observations → the config whose known result is added then.
    """
    while n_told < n:
        if n_told in added:
            solution = optimizer.solution_of(added[n_told])
            trial = Trial(solution, evaluate(problem, solution))
            optimizer.add(trial)
            n_told += 1
            yield [], trial
            continue
        free = min(workers - len(optimizer.pending), n - n_told - len(optimizer.pending))
        asked: list[Solution] = []
        while len(asked) < free:
            more = optimizer.ask(min(batch, free - len(asked)))
            if not more:
                break
            asked += more
        if not optimizer.pending:
            return
        number = max(optimizer.pending, key=lambda number: (number * 7919) % 13)
        solution = optimizer.pending[number]
        trial = Trial(solution, evaluate(problem, solution))
        optimizer.tell(trial)
        n_told += 1
        yield asked, trial


def search(
    optimizer: Optimizer,
    problem: Problem,
    n: int,
    *,
    batch: int = 1,
    workers: int | None = None,
    evaluate: Evaluate = evaluate,
) -> list[Trial]:
    """Run a search; return up to n trials in the order in which they were observed.

    Without `workers`, whole batches are asked, evaluated and observed one after the other.
    """
    if workers is not None:
        run = steps(optimizer, problem, n, batch=batch, workers=workers, evaluate=evaluate)
        return [trial for _, trial in run]
    trials: list[Trial] = []
    while len(trials) < n:
        asked = optimizer.ask(min(batch, n - len(trials)))
        if not asked:
            break
        ended = [Trial(solution, evaluate(problem, solution)) for solution in asked]
        optimizer.tell(ended)
        trials += ended
    return trials


def journal(steps: Sequence[Step]) -> tuple[list[Trial], list[Solution]]:
    """Return the trials of some steps in the order in which they ended, and what was pending."""
    observed = [trial for _, trial in steps]
    numbers = {trial.number for trial in observed}
    asked = itertools.chain.from_iterable(asked for asked, _ in steps)
    return observed, [solution for solution in asked if solution.number not in numbers]


def described(trials: Sequence[Trial]) -> list[str]:
    """Return what makes a search: numbers, configs, seeds, origins, comparable to the bit."""
    return [
        f"{t.number} {t.config!r} {t.solution.seed} {t.solution.fidelity} {dict(t.values)} "
        f"{t.generation} {t.parents}"
        for t in trials
    ]


def by_number(trials: Sequence[Trial]) -> list[Trial]:
    """Sort trials by their numbers."""
    return sorted(trials, key=lambda trial: trial.number)


def step_described(step: Step) -> tuple[list[str], list[str]]:
    """Return the same of a step, with the points of what was asked."""
    asked, trial = step
    return [f"{s!r} {s.point.tolist()}" for s in asked], described([trial])


# -- bad results ---------------------------------------------------------------------------------


def _constant(problem: Problem, solution: Solution) -> Outcome:
    return Outcome("complete", dict.fromkeys(_names(problem), 1.0))


def _some_failed(problem: Problem, solution: Solution) -> Outcome:
    return failed("on purpose") if solution.number % 3 else evaluate(problem, solution)


def _enormous(problem: Problem, solution: Solution) -> Outcome:
    huge = (1.7e308, -1.7e308, 0.0, 5e-324)[solution.number % 4]
    return Outcome("complete", dict.fromkeys(_names(problem), huge))


def _names(problem: Problem) -> list[str]:
    return [objective.name for objective in objectives_of(problem)]


BAD_RESULTS: Mapping[str, Evaluate] = MappingProxyType(
    {
        "all_failed": lambda problem, solution: failed("on purpose"),
        "constant": _constant,
        "some_failed": _some_failed,
        "enormous": _enormous,
    }
)
"""Evaluations whose results teach nothing, or are extreme."""
