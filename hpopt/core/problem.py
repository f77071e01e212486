"""A problem: a space, one or more objectives, and how a config is evaluated."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hpopt.core.solution import Config, Solution
from hpopt.errors import ProblemError
from hpopt.space import Space

Direction = Literal["minimize", "maximize"]
Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Objective:
    """A named number to make small or large.

    Parameters
    ----------
    name : str
        The name under which the evaluation returns it.
    direction : {"minimize", "maximize"}
    """

    name: str = "value"
    direction: Direction = "minimize"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ProblemError(f"the name of an objective must be a str, but got {self.name!r}")
        if self.direction not in ("minimize", "maximize"):
            raise ProblemError(
                f"direction must be 'minimize' or 'maximize', but objective {self.name!r} got "
                f"{self.direction!r}"
            )

    @property
    def sign(self) -> int:
        """1 where small is good, -1 where large is good."""
        return 1 if self.direction == "minimize" else -1

    def loss(self, values: Mapping[str, float]) -> float:
        """Give its value as a number to minimise; infinite where it is nan.

        This is the one place where directions are applied.

        Raises
        ------
        KeyError
            It is not among the values.
        """
        loss = self.sign * values[self.name]
        return math.inf if math.isnan(loss) else loss


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The range of a resource that one evaluation may spend.

    Parameters
    ----------
    low, high : float
        The least and the most of it; ``0 < low <= high`` must hold. A solution without a
        fidelity of its own gets `high`.
    name : str
        What it counts: ``"epochs"``, ``"samples"``.
    """

    low: float
    high: float
    name: str = "epochs"

    def __post_init__(self) -> None:
        numbers = all(isinstance(end, Real) for end in (self.low, self.high))
        if not numbers or not 0 < self.low <= self.high < math.inf:
            raise ProblemError(
                "0 < low <= high must hold for a fidelity, but got "
                f"low={self.low!r}, high={self.high!r}"
            )


class TrialHandle:
    """What a running evaluation may know of its trial, and how it tells its progress.

    Attributes
    ----------
    number : int
        The solution's number.
    seed : int, in [0, 2**32)
        Use it for everything random in the evaluation.
    fidelity : float or None
        The resource to spend, where the problem declares one.
    curve : list of (step, value)
        What has been reported so far.
    """

    def __init__(
        self,
        number: int,
        seed: int,
        fidelity: float | None = None,
        *,
        directory: Path | str | None = None,
        early_stopping: Callable[[Curve], bool] | None = None,
    ) -> None:
        self.number, self.seed, self.fidelity = number, seed, fidelity
        self.curve: list[tuple[float, float]] = []
        self.stopped = False
        self._directory = directory
        self._early_stopping = early_stopping

    @property
    def directory(self) -> Path:
        """A folder for this trial's files: it is made when first asked for.

        Beside the study file where there is one (it stays), else a temporary folder.
        """
        if self._directory is None:
            self._directory = mkdtemp(prefix=f"hpopt-trial-{self.number}-")
        folder = Path(self._directory)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def report(self, step: float, value: float) -> None:
        """Tell the value reached after `step` units of work (the first objective's)."""
        self.curve.append((float(step), float(value)))

    def should_stop(self) -> bool:
        """Say whether the study would rather not see this evaluation finished.

        An evaluation that returns its values after a True becomes a ``stopped`` trial.
        """
        if self._early_stopping is not None and not self.stopped:
            self.stopped = bool(self._early_stopping(tuple(self.curve)))
        return self.stopped


class Problem(ABC):
    """What is optimised: subclass it, set `space`, write `evaluate`.

    Examples
    --------
    >>> class Parabola(hpopt.Problem):
    ...     space = hpopt.Space({"x": hpopt.Float(-5, 5)})
    ...     objectives = hpopt.Objective("height", "minimize")
    ...
    ...     def evaluate(self, config, trial):
    ...         return config["x"] ** 2

    Attributes
    ----------
    space : Space
        What may be chosen.
    objectives : Objective or sequence of Objective
        What to make small or large. By default one number, ``value``, to be minimised.
    fidelity : Fidelity or None
        The resource that one evaluation may spend, where it has one.
    """

    space: Space
    objectives: Objective | Sequence[Objective] = (Objective(),)
    fidelity: Fidelity | None = None

    @abstractmethod
    def evaluate(self, config: Config, trial: TrialHandle) -> float | Mapping[str, float]:
        """Evaluate one config.

        Parameters
        ----------
        config : dict
            A copy that belongs to this call.
        trial : TrialHandle
            Its seed, fidelity and folder, and where to report progress.

        Returns
        -------
        float or mapping of str to float
            The objective; or all objectives by name, and any other numbers worth keeping.
            An exception, None, nan or a missing name becomes a trial with that status.
        """


def objectives_of(problem: Problem) -> tuple[Objective, ...]:
    """Give a problem's objectives as a tuple, whichever way they were written."""
    return normalised_objectives(problem.objectives)


def normalised_objectives(
    objectives: Objective | Mapping[str, Direction] | Iterable[Objective],
) -> tuple[Objective, ...]:
    """Make a tuple of objectives of one, several, or a mapping of name to direction."""
    if isinstance(objectives, Objective):
        return (objectives,)
    if isinstance(objectives, tuple) and [type(each) for each in objectives] == [Objective]:
        return objectives  # what each evaluation asks for
    if isinstance(objectives, Mapping):
        objectives = [Objective(name, direction) for name, direction in objectives.items()]
    if isinstance(objectives, str) or not isinstance(objectives, Iterable):
        raise ProblemError(
            "objectives must be an Objective, several, or a mapping of name to direction, but got "
            f"{objectives!r}"
        )
    found = tuple(objectives)
    if not found or not all(isinstance(objective, Objective) for objective in found):
        raise ProblemError(f"objectives must be one or more Objective, but got {found!r}")
    names = [objective.name for objective in found]
    if len(set(names)) < len(names):
        raise ProblemError(f"objectives must have different names, but got {names}")
    return found


def check_problem(problem: Any) -> Problem:
    """Raise ProblemError unless this is a problem that can be searched."""
    if isinstance(problem, type) and issubclass(problem, Problem):
        raise ProblemError(
            f"a problem must be an instance, but got the class {problem.__name__}: write "
            f"{problem.__name__}(...)"
        )
    if not isinstance(problem, Problem):
        raise ProblemError(
            "a problem must be an hpopt.Problem, but got "
            f"{type(problem).__name__}: wrap a function as hpopt.FunctionProblem(function, space)"
        )
    space = getattr(problem, "space", None)
    if not isinstance(space, Space):
        raise ProblemError(
            f"{type(problem).__name__}.space must be an hpopt.Space, but got {type(space).__name__}"
        )
    objectives_of(problem)
    if problem.fidelity is not None and not isinstance(problem.fidelity, Fidelity):
        raise ProblemError(
            f"{type(problem).__name__}.fidelity must be an hpopt.Fidelity or None, but got "
            f"{problem.fidelity!r}"
        )
    return problem


def losses(objectives: Sequence[Objective], values: Mapping[str, float]) -> NDArray[np.float64]:
    """Give the objectives as numbers to minimise, shape (n_objectives,).

    Without values (a bad evaluation) every loss is infinite, and so is one that is nan.

    Raises
    ------
    ProblemError
        There are values, but not all objectives are among them.
    """
    if not values:
        return np.full(len(objectives), np.inf)
    try:
        return np.array([objective.loss(values) for objective in objectives], dtype=np.float64)
    except KeyError:
        raise ProblemError(
            f"values must hold the objectives {[o.name for o in objectives]}, but got "
            f"{sorted(values)}"
        ) from None


def handle_for(
    solution: Solution,
    *,
    directory: Path | str | None = None,
    early_stopping: Callable[[Curve], bool] | None = None,
) -> TrialHandle:
    """Make the handle that an evaluation of this solution gets."""
    return TrialHandle(
        solution.number,
        solution.seed,
        solution.fidelity,
        directory=directory,
        early_stopping=early_stopping,
    )
