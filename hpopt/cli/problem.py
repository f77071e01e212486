"""The problem of a run file: what it names, with the space and the objectives that it gives."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from hpopt.cli.command import command_problem
from hpopt.cli.fidelity import fidelity_of
from hpopt.cli.problem_source import check_arguments, load, make, missing_arguments
from hpopt.cli.run_file import RunFile
from hpopt.cli.space_changes import change_space, whole_space
from hpopt.core import (
    Fidelity,
    Objective,
    Problem,
    check_problem,
    normalised_objectives,
    objectives_of,
    with_constraints,
)
from hpopt.errors import ProblemError
from hpopt.names import known_name
from hpopt.problems import ExternalProblem, FunctionProblem

DIRECTIONS = ("minimize", "maximize")
SPELLINGS = {"min": "minimize", "minimise": "minimize", "max": "maximize", "maximise": "maximize"}


def problem_of(run_file: RunFile) -> Problem:
    """Make the problem of a run file.

    A function is what is optimised where ``function`` names it, or where it cannot be called
    with ``arguments`` alone and there is a ``[space]`` of its own, not only changes to another.
    Else it makes a problem. A run file that names nothing has a problem that is evaluated
    elsewhere.
    """
    objectives = run_file.content.get("objectives")
    if run_file.problem_kind == "command":
        problem: Problem = command_problem(
            run_file, None if objectives is None else _wanted(objectives)
        )
    else:
        problem = _of_source(run_file)
        check_problem(problem)
        if objectives is not None:
            _set_objectives(problem, objectives)
    if "constraints" in run_file.content:
        problem = with_constraints(problem, run_file.content["constraints"])
    return problem


def _of_source(run_file: RunFile) -> Problem:
    space, fidelity = run_file.content.get("space"), fidelity_of(run_file)
    if not run_file.problem_kind:
        return _evaluated_elsewhere(run_file.name, space, fidelity)
    source, arguments = run_file.problem_source, run_file.problem_arguments
    target = load(source, run_file.folder)
    names_function = run_file.problem_kind == "function"
    if names_function or (_is_whole(space) and _lacks_a_config(target, arguments)):
        return _of_function(target, arguments, source, space, fidelity)
    if fidelity is not None:
        raise ProblemError(
            f"fidelity in [problem] must go with a function or a command, but {source} is a "
            "problem, which has its own: leave it out"
        )
    problem = make(target, arguments, source)
    if space is not None:
        change_space(problem, space)
    return problem


def _evaluated_elsewhere(
    name: str, space: Mapping[str, Any] | None, fidelity: Fidelity | None
) -> ExternalProblem:
    if not space:
        raise ProblemError(
            f"{name} must have a [space] that defines its parameters, such as "
            'x = { type = "float", low = 0, high = 1 }, or a [problem]'
        )
    return ExternalProblem(whole_space(space, name), fidelity=fidelity)


def _is_whole(space: Mapping[str, Any] | None) -> bool:
    """Return whether this is meant as a space; else it only changes one."""
    if space is None:
        return False
    changes = [isinstance(table, Mapping) and "type" not in table for table in space.values()]
    return not changes or not all(changes)


def _lacks_a_config(target: Any, arguments: Mapping[str, Any]) -> bool:
    is_function = callable(target) and not isinstance(target, type | Problem)
    return is_function and bool(missing_arguments(target, arguments))


def _of_function(
    target: Any,
    arguments: Mapping[str, Any],
    source: str,
    space: Mapping[str, Any] | None,
    fidelity: Fidelity | None,
) -> Problem:
    if not callable(target) or isinstance(target, type | Problem):
        kind = f"the class {target.__name__}" if isinstance(target, type) else type(target).__name__
        raise ProblemError(
            f"function in [problem] must name a function of a config, but {source} is {kind}: "
            'write class = "file.py:Class" for a problem'
        )
    if space is None:
        raise ProblemError(
            f"the function {source} needs a [space] that defines its parameters, such as "
            'x = { type = "float", low = 0, high = 1 }'
        )
    check_arguments(target, arguments, source)
    function = functools.partial(target, **arguments) if arguments else target
    whole = whole_space(space, source)
    try:
        return FunctionProblem(function, whole, fidelity=fidelity)
    except ProblemError as error:
        raise ProblemError(f"{error}; a run file has them in [problem.arguments]") from error


def _wanted(table: Mapping[str, Any]) -> tuple[Objective, ...]:
    return normalised_objectives(
        [Objective(name, _direction(name, direction)) for name, direction in table.items()]
    )


def _set_objectives(problem: Problem, table: Mapping[str, Any]) -> None:
    wanted = _wanted(table)
    own = objectives_of(problem)
    if own == wanted:
        return
    kind = type(problem).__name__
    if own != (Objective(),):
        said = ", ".join(f"{each.name} ({each.direction})" for each in own)
        raise ProblemError(
            "[objectives] must be left out where the problem has objectives of its own, but "
            f"{kind} has {said}: change them in its code"
        )
    try:
        problem.objectives = wanted
    except AttributeError as error:
        raise ProblemError(
            f"{kind} must let its objectives be set by [objectives], but {error}: make objectives "
            "an attribute, or leave [objectives] out"
        ) from error


def _direction(name: str, direction: Any) -> Any:
    kind = f"direction of {name!r} in [objectives]"
    return known_name(kind, str(direction), DIRECTIONS, aliases=SPELLINGS)
