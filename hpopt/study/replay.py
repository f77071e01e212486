"""Take up a journal: tell an optimizer what was asked and observed, as far as it may know it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

from hpopt.core import Optimizer, Problem, Solution, Trial
from hpopt.storage import Storage
from hpopt.study.tally import Tally

# Trials of a long journal that are in memory at once: larger parts are not replayed faster.
REPLAYED_AT_ONCE = 2000


def replay(
    optimizer: Optimizer, storage: Storage, problem: Problem, n: int | None
) -> tuple[Tally, dict[int, Trial]]:
    """Tell a bound optimizer the journal, in parts.

    Parameters
    ----------
    optimizer : Optimizer
        It has learned and asked nothing yet.
    storage : Storage
    problem : Problem
    n : int or None
        With None it learns all that has finished, in the order in which it did; else trials
        0 … n - 1 in the order of numbers, as far as none is missing.

    Returns
    -------
    tally : Tally
        The counts of what it has learned.
    held : dict of int to Trial
        What has finished and was not learned, by number.
    """
    # Before the results, for strategies that look at what is asked while they learn.
    optimizer.replay([], [restored(each.solution, problem) for each in storage.pending()])
    held: dict[int, Trial] = {}
    trials = storage.observations() if n is None else _up_to_gap(storage.trials(), n, held)
    tally = Tally.of(optimizer)
    while part := list(itertools.islice(trials, REPLAYED_AT_ONCE)):
        optimizer.replay(part)
        for trial in part:
            tally.count(trial)
    # Those that are held were asked too; they are told when their turn comes.
    optimizer.replay([], [restored(trial.solution, problem) for trial in held.values()])
    return tally, held


def _up_to_gap(trials: Iterable[Trial], n: int, held: dict[int, Trial]) -> Iterator[Trial]:
    """Yield trials 0 … n - 1 as far as none is missing, and hold the others."""
    following = 0
    for trial in trials:
        if trial.number == following < n:
            following += 1
            yield trial
        else:
            held[trial.number] = trial


def restored(solution: Solution, problem: Problem) -> Solution:
    """Return a solution as it was before JSON, which makes lists of tuples."""
    fidelity = solution.fidelity
    if problem.fidelity is not None and fidelity is not None:
        fidelity = problem.fidelity.level(fidelity)
    return replace(solution, config=problem.space.validate(solution.config), fidelity=fidelity)
