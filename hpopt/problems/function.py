"""A problem whose objective is a function of a config."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from hpopt.core.constraint import Constraints, normalised_constraints
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective, Objectives, normalised_objectives
from hpopt.core.problem import Fidelity, Problem, check_problem
from hpopt.core.trial import Config
from hpopt.errors import ProblemError
from hpopt.space import Parameter, Space

Style = Literal["config", "config, trial", "config, trial=trial"]


class FunctionProblem(Problem):
    """Optimise a function of a config that returns a number, or a mapping of objectives.

    Subclass `Problem` instead to load data once for many evaluations, or to check arguments before
    anything runs.

    Parameters
    ----------
    function : callable
        Called as ``function(config)``, or as ``function(config, trial)`` where it has a second
        parameter without a default, or one named ``trial``. It returns a number, or a mapping
        with all objectives by name; entries that are not numbers are kept in ``trial.info``.
        A function, lambda, method, partial or callable object. For worker processes cloudpickle
        must be able to pickle it; it can if it is defined in a notebook or in ``__main__`` too.
    space : Space or mapping of str to Parameter
    objectives : Objective, several, or mapping of str to {"minimize", "maximize"}
        By default one number, ``value``, to be minimised.
    constraints : mapping of str to (operator, bound), or several Constraint
        Bounds on what the function returns: ``{"latency": ("<=", 20)}``.
    fidelity : Fidelity, optional
        The resource of one evaluation; the function reads ``trial.fidelity``.

    Raises
    ------
    ProblemError
        The function cannot be called with a config, or not with a trial where there is a
        fidelity; or another argument is not valid.
    SpaceError
        The space cannot be built.

    Examples
    --------
    >>> problem = FunctionProblem(lambda config: config["x"] ** 2, {"x": Float(-5, 5)})
    """

    def __init__(
        self,
        function: Callable[..., Any],
        space: Space | Mapping[str, Parameter],
        *,
        objectives: Objectives = Objective(),  # noqa: B008  (it is frozen)
        constraints: Constraints = (),
        fidelity: Fidelity | None = None,
    ) -> None:
        self._style = _style_of(function)
        self.function = function
        self.space = space if isinstance(space, Space) else Space(space)
        self.objectives = normalised_objectives(objectives)
        self.constraints = normalised_constraints(constraints)
        self.fidelity = fidelity
        check_problem(self)
        if fidelity is not None and self._style == "config":
            raise ProblemError(
                "the function of a problem with a fidelity must be callable as function(config, "
                f"trial), but {_name_of(function)} takes a config only: add trial and spend "
                "trial.fidelity, or leave fidelity out"
            )

    def evaluate(self, config: Config, trial: TrialHandle) -> Any:
        """Call the function."""
        if self._style == "config":
            return self.function(config)
        if self._style == "config, trial":
            return self.function(config, trial)
        return self.function(config, trial=trial)

    def __repr__(self) -> str:
        return f"FunctionProblem({_name_of(self.function)}, {self.space!r})"


def _style_of(function: Any) -> Style:
    """Return how to call the function; raise ProblemError if it cannot be called."""
    if not callable(function):
        raise ProblemError(
            f"function must be callable, but got {function!r}: "
            "write FunctionProblem(function, space)"
        )
    # Its return value would be a coroutine that nobody awaits.
    if _is_coroutine(function):
        raise ProblemError(
            f"function must return its value, but {_name_of(function)} is a coroutine function: "
            "wrap it as lambda config: asyncio.run(function(config))"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return "config"
    return _style_of_signature(signature, _name_of(function))


def _style_of_signature(signature: inspect.Signature, name: str) -> Style:
    parameters = list(signature.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    second = positional[1] if len(positional) > 1 else None
    style: Style = "config"
    # A second parameter with a default is the user's own, unless it is called "trial".
    if second is not None and (second.default is second.empty or second.name == "trial"):
        style = "config, trial"
    elif any(p.name == "trial" and p.kind is not p.VAR_KEYWORD for p in parameters[1:]):
        style = "config, trial=trial"
    try:
        if style == "config, trial=trial":
            signature.bind({}, trial=None)
        else:
            signature.bind(*([{}] if style == "config" else [{}, None]))
    except TypeError as error:
        raise ProblemError(
            "function must be callable as function(config) or function(config, trial), but got "
            f"{name}{signature} ({error}): give further arguments by functools.partial or a lambda"
        ) from None
    return style


def _is_coroutine(function: Any) -> bool:
    called = function if inspect.isroutine(function) else getattr(function, "__call__", None)  # noqa: B004  (the method itself is wanted)
    return any(
        test(candidate)
        for test in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        for candidate in (function, called)
    )


def _name_of(function: Any) -> str:
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__
