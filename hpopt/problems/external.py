"""A problem that is evaluated elsewhere: by people, by a service, by programs in any language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from hpopt.core.constraint import Constraints, normalised_constraints
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective, Objectives, normalised_objectives
from hpopt.core.problem import Fidelity, Problem, check_problem
from hpopt.core.trial import Config
from hpopt.errors import ProblemError
from hpopt.space import Parameter, Space


class ExternalProblem(Problem):
    """Say what is searched, for a study that is asked and told; there is nothing to run.

    Parameters
    ----------
    space : Space or mapping of str to Parameter
    objectives, constraints, fidelity
        As of `FunctionProblem`.

    Examples
    --------
    >>> problem = ExternalProblem({"oven": Int(150, 250)}, objectives={"taste": "maximize"})
    >>> study = hpopt.Study(problem, path="cookies.db")
    >>> solution = study.ask()
    >>> study.tell(solution, 7.5)
    """

    def __init__(
        self,
        space: Space | Mapping[str, Parameter],
        *,
        objectives: Objectives = Objective(),  # noqa: B008  (it is frozen)
        constraints: Constraints = (),
        fidelity: Fidelity | None = None,
    ) -> None:
        self.space = space if isinstance(space, Space) else Space(space)
        self.objectives = normalised_objectives(objectives)
        self.constraints = normalised_constraints(constraints)
        self.fidelity = fidelity
        check_problem(self)

    def evaluate(self, config: Config, trial: TrialHandle) -> NoReturn:
        """Raise ProblemError."""
        raise ProblemError(
            "a study must have a problem that can be evaluated to be run, but this one is "
            "evaluated elsewhere: ask it for configs and tell it their values"
        )
