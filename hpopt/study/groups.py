"""Which solutions go together to a problem that takes batches."""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence

from hpopt.core import Problem, Solution
from hpopt.errors import ProblemError

Group = list[Solution]


def groups_of(
    solutions: Sequence[Solution], problem: Problem, most: int, alone: Container[int]
) -> list[Group]:
    """Group solutions by the problem's key; the fullest first, of equal ones the older.

    Parameters
    ----------
    most : int
        The size of a full group.
    alone : container of int
        Numbers of those that go by themselves.

    Raises
    ------
    ProblemError
        A key is none.
    """
    groups: list[Group] = []
    not_full: dict[Hashable, Group] = {}
    for solution in solutions:
        if solution.number in alone:
            groups.append([solution])
            continue
        key = _key_of(solution, problem)
        group = not_full.get(key)
        if group is None or len(group) == most:
            group = not_full[key] = []
            groups.append(group)
        group.append(solution)
    return sorted(groups, key=len, reverse=True)


def in_slots(groups: Sequence[Group], n_slots: int) -> list[Group]:
    """Return the first groups, one for each slot; where there are fewer, split in halves."""
    taken = [*groups[:n_slots]]
    # Two half batches at the same time are done before a full one and an idle slot.
    while len(taken) < n_slots and len(largest := max(taken, key=len, default=[])) > 1:
        half = len(largest) // 2
        taken.append(largest[half:])
        del largest[half:]
    return taken


def _key_of(solution: Solution, problem: Problem) -> Hashable:
    try:
        key = problem.batch_key(solution)
        hash(key)
    except Exception as error:
        raise ProblemError(
            f"{type(problem).__name__}.batch_key must give something hashable for every "
            f"solution, but for {solution.config} it raised {type(error).__name__}: {error}"
        ) from error
    return key
