"""A problem: a space, one or more objectives, and how a config is evaluated."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, SupportsFloat

from hpopt.checks import flag, whole
from hpopt.core.constraint import Constraint, Constraints, normalised_constraints
from hpopt.core.handle import TrialHandle
from hpopt.core.objective import Objective, Objectives, normalised_objectives
from hpopt.core.trial import Config, Outcome, Solution
from hpopt.digits import in_digits
from hpopt.errors import ProblemError, SettingError
from hpopt.sheets import Line, Row, Sheet, fields
from hpopt.space import Space

Returned = SupportsFloat | Mapping[str, Any] | Outcome | None
"""What an evaluation returns; None after `should_stop` said True. A subclass may promise less."""

MOST_NAMES = 6  # parameters that a problem's repr names: they fit into a line


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
    resumes : bool
        Whether an evaluation of a known config goes on where the earlier one ended. If it begins
        anew, all of it counts as spent, and ``"freeze_thaw"`` pauses half as often.
    """

    low: float
    high: float
    name: str = "epochs"
    resumes: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        ends = (self.low, self.high)
        numbers = all(isinstance(end, Real) and not isinstance(end, bool) for end in ends)
        if not numbers or not 0 < self.low <= self.high < math.inf:
            raise ProblemError(
                "0 < low <= high must hold for a fidelity, but got "
                f"low={self.low!r}, high={self.high!r}: give the least and the most that an "
                "evaluation may spend, as hpopt.Fidelity(1, 27)"
            )
        if not isinstance(self.name, str) or not self.name:
            raise ProblemError(
                f"name must say what a fidelity counts, as 'epochs', but got {self.name!r}"
            )
        flag("resumes", self.resumes, error=ProblemError)

    def level(self, fidelity: float) -> float:
        """Return a fidelity of this range as a plain number of the kind of its ends.

        Between two ints a whole number is an int, also after a study file has made a float of it.
        """
        if fidelity in (self.low, self.high):
            return self.low if fidelity == self.low else self.high
        plain = float(fidelity)
        is_int = isinstance(self.low, int) and isinstance(self.high, int) and plain.is_integer()
        return int(plain) if is_int else plain


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
    objectives : Objective, several, or mapping of str to {"minimize", "maximize"}
        What to make small or large. By default one number, ``value``, to be minimised.
    constraints : mapping of str to (operator, bound), or several Constraint
        Bounds on what an evaluation returns: ``{"latency": ("<=", 20)}``, on any of its numbers.
        The best trial and the front are among those that meet all. By default none.
    fidelity : Fidelity or None
        The resource that one evaluation may spend, where it has one.
    max_batch : int, at least 1
        How many configs `evaluate_batch` takes at once; 1 where there is none.
    n_side_by_side : int or None
        How many of them are evaluated at a time, where the others wait for these to end; by default
        all. Of a strategy that learns from each result no more are asked ahead.
    """

    space: Space
    objectives: Objectives = (Objective(),)
    constraints: Constraints = ()
    fidelity: Fidelity | None = None
    max_batch: int = 1
    n_side_by_side: int | None = None

    @abstractmethod
    def evaluate(
        self, config: Config, trial: TrialHandle
    ) -> float | Mapping[str, Any] | Outcome | None:
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
            The objective; or all objectives by name, any other numbers worth keeping, and JSON
            data for `Trial.info`. An exception, None, nan or a missing name becomes a trial with
            that status; so does ``hpopt.failed(why, status=...)``. After `TrialHandle.should_stop`
            was True, None stands for the last report.
        """

    def evaluate_batch(
        self, configs: Sequence[Config], trials: Sequence[TrialHandle]
    ) -> Sequence[float | Mapping[str, Any] | Outcome | Exception | None]:
        """Evaluate several configs in one computation; write it where `max_batch` is above 1.

        It must return what `evaluate` returns for each. It is never needed: one config alone goes
        to `evaluate`, and so do those of a batch that raises, dies or exceeds the limits (which
        hold for a batch as a whole), each by itself, so that only the guilty ones fail.

        Parameters
        ----------
        configs : sequence of dict
            Copies that belong to this call: 2 to `max_batch` of one `batch_key`.
        trials : sequence of TrialHandle
            Their handles, in the same order.

        Returns
        -------
        sequence of float or mapping of str to float
            What `evaluate` would return for each, in the same order; an exception in place of
            it fails that config alone.
        """
        raise NotImplementedError(f"{type(self).__name__}.evaluate_batch is not written")

    def batch_key(self, solution: Solution) -> Hashable:
        """Return a key: solutions of equal keys may be evaluated in one batch.

        It is called in the driver, and may look at the solution only. By default all are equal.
        """
        return None

    def state_files(self, directory: Path) -> Iterable[Path]:
        """Return the files in a trial's folder that a later trial of its config goes on from.

        They are removed when no trial can any more, or when those of all trials take too much of
        the disk (``keep_paused=``). Of the trials of the highest fidelity nothing is removed. By
        default all files in the folder; name fewer where some are to stay.
        """
        return (path for path in directory.rglob("*") if not path.is_dir() or path.is_symlink())

    def fingerprint(self) -> Mapping[str, str]:
        """Return what distinguishes this problem from others of the same space, such as its data.

        A study's file keeps it. When the study goes on with a problem that has another text under
        one of these names, a `StudyWarning` says which: trials before and after are then values
        of different things. It is asked once, whenever a study is opened.

        Returns
        -------
        mapping of str to str
            A name for people → a text or digest, as in ``{"data": "1f3a9c", "epochs": "20"}``. By
            default empty.
        """
        return {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_described(self)}>"

    def _repr_html_(self) -> str:
        space, rows = getattr(self, "space", None), list[Row]()
        try:
            rows.append(("objectives", _aims(self)))
            rows += [("constraints", ", ".join(map(str, constraints_of(self))))]
        except (ProblemError, TypeError):  # it is not finished
            pass
        if isinstance(self.fidelity, Fidelity):
            low, high = in_digits(self.fidelity.low), in_digits(self.fidelity.high)
            rows.append(("fidelity", f"{low} to {high} {self.fidelity.name}"))
        shown = fields((name, what) for name, what in rows if what)
        parts = space.describe().parts if isinstance(space, Space) else ()
        return Sheet((Line(type(self).__name__, is_title=True), shown, *parts))._repr_html_()


def _described(problem: Problem) -> str:
    space = getattr(problem, "space", None)
    if not isinstance(space, Space):
        return "without a space"
    names = [*space][:MOST_NAMES] + ["…"] * (len(space) > MOST_NAMES)
    n = f"of {len(space)} parameter{'s' * (len(space) != 1)} ({', '.join(names)})"
    try:
        return f"{n}: {_aims(problem)}"
    except (ProblemError, TypeError):
        return n


def _aims(problem: Problem) -> str:
    return ", ".join(f"{each.direction} {each.name}" for each in objectives_of(problem))


def objectives_of(problem: Problem) -> tuple[Objective, ...]:
    """Return a problem's objectives as a tuple, whichever way they were written."""
    return normalised_objectives(problem.objectives)


def constraints_of(problem: Problem) -> tuple[Constraint, ...]:
    """Return a problem's constraints as a tuple, whichever way they were written."""
    return normalised_constraints(problem.constraints)


def with_constraints(problem: Problem, constraints: Constraints) -> Problem:
    """Return a problem that is the same but for its constraints.

    Raises
    ------
    ProblemError
        They are no constraints, or the problem does not let them be set.
    """
    found = normalised_constraints(constraints)
    copied = copy.copy(problem)
    try:
        copied.constraints = found
    except AttributeError as error:
        raise ProblemError(
            f"{type(problem).__name__} must let its constraints be set, but {error}: write them "
            "into its class"
        ) from error
    return copied


def fingerprint_of(problem: Problem) -> dict[str, str]:
    """Return a problem's fingerprint as plain data.

    Raises
    ------
    ProblemError
        It is not a mapping of texts to texts, or cannot be made.
    """
    try:
        found = problem.fingerprint()
    except Exception as error:
        raise ProblemError(
            f"{type(problem).__name__}.fingerprint() must return a mapping of str to str, but "
            f"raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Mapping) or not all(
        isinstance(part, str) for pair in found.items() for part in pair
    ):
        raise ProblemError(
            f"{type(problem).__name__}.fingerprint() must return a mapping of str to str, such as "
            f'{{"data": "1f3a9c"}}, but got {found!r}'
        )
    return dict(found)


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
    constraints_of(problem)
    if problem.fidelity is not None and not isinstance(problem.fidelity, Fidelity):
        raise ProblemError(
            f"{type(problem).__name__}.fidelity must be an hpopt.Fidelity or None, but got "
            f'{problem.fidelity!r}: write hpopt.Fidelity(1, 27, "epochs") for 1 to 27 epochs'
        )
    _check_batches(problem)
    return problem


def _check_batches(problem: Problem) -> None:
    name = type(problem).__name__
    most = whole(f"{name}.max_batch", problem.max_batch, 1, error=ProblemError)
    if problem.n_side_by_side is not None:
        whole(f"{name}.n_side_by_side", problem.n_side_by_side, 1, error=ProblemError)
    if most > 1 and type(problem).evaluate_batch is Problem.evaluate_batch:
        raise ProblemError(
            f"a problem with max_batch above 1 must have evaluate_batch, but {name} has "
            f"max_batch={most} and none: write it, or leave max_batch out"
        )


def declared(strategy: str, fidelity: Fidelity | None) -> Fidelity:
    """Return the fidelity of a problem for a strategy that needs one.

    Raises
    ------
    SettingError
        It has none.
    """
    if fidelity is None:
        raise SettingError(
            f"a problem for optimizer={strategy!r} must have a fidelity, but got one without: "
            'give it fidelity=hpopt.Fidelity(1, 27, "epochs") and spend trial.fidelity, or use '
            "another strategy"
        )
    return fidelity
