"""What a running evaluation may know of its trial, and how it tells its progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from hpopt.core.heartbeat import HeartbeatWriter, LiveFolder
from hpopt.core.plain import as_float, limited_repr, short_repr
from hpopt.core.trial import Solution, Status
from hpopt.errors import SettingError

ORDER = "trial.report(step, value)"

# Any, as who reads it knows whether values are floats, or mappings of several objectives.
Curve = Sequence[tuple[float, float | Any]]


@dataclass(frozen=True, slots=True)
class Previous:
    """What an earlier trial of the same config, of a lower fidelity, has left.

    Attributes
    ----------
    directory : Path
        Its `TrialHandle.directory`: read what is needed, as it is removed when this trial ends.
    fidelity : float
        What it has spent.
    """

    directory: Path
    fidelity: float


class TrialHandle:
    """What a running evaluation may know of its trial, and how it tells its progress.

    Attributes
    ----------
    number : int
        The solution's number.
    seed : int, in [0, 2**32)
        Use it for everything random in the evaluation.
    fidelity : float or None
        The resource to spend, where the problem declares one, with what `previous` has spent.
    previous : Previous or None
        The earlier trial of this config to go on from, which had the same seed. None where there is
        none, or nothing of it is left: then all of `fidelity` is to be spent, with the same result.
    curve : list of (step, value)
        What has been reported so far.
    objectives : tuple of str
        The problem's; without them (in a handle that you make yourself) any may be reported.
    is_final : bool
        Set it to True where more `fidelity` would change nothing, as when the training has ended by
        its own patience: the values then count as those of the highest fidelity, and no strategy
        continues the trial.
    """

    def __init__(
        self,
        number: int,
        seed: int,
        fidelity: float | None = None,
        *,
        directory: Path | str | None = None,
        previous: Previous | None = None,
        early_stopping: Callable[[Curve], bool] | None = None,
        heartbeat: HeartbeatWriter | None = None,
        objectives: Sequence[str] = (),
    ) -> None:
        self.number, self.seed = number, seed
        self.objectives = tuple(objectives)
        # Any, as the author of an evaluation knows whether the problem declares a fidelity.
        self.fidelity: float | Any = fidelity
        self.curve: list[tuple[float, float | Any]] = []
        self.stopped = self.is_final = False
        self._counts_from: int | None = None
        self._directory, self._previous = directory, previous
        self._early_stopping = early_stopping
        self._heartbeat = heartbeat
        self._at_end: list[Callable[[Mapping[str, float]], None]] = []

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

    @property
    def previous(self) -> Previous | None:
        """The earlier trial of this config to go on from, as long as its folder is there."""
        # It may have been removed, or lie on a disk that this machine does not see.
        found = self._previous
        return found if found is not None and found.directory.is_dir() else None

    def report(self, step: float, value: float | Mapping[str, float]) -> None:
        """Report what was reached after `step` units of work.

        Of more than 100,000 reports, the trial keeps an even share.

        Parameters
        ----------
        step : float
            Finite, and not smaller than that of the report before. The same step may be
            reported again.
        value : float, or mapping of str to float
            The first objective, or several by name; those that do not change may be reported once.
            Any numbers that may be returned, arrays and tensors of one element included. A value
            of nan or infinity is kept; early stopping leaves it out, or takes it for bad.

        Raises
        ------
        SettingError
            One of them is no such number.
        """
        at = as_float(step)
        if at is None or not math.isfinite(at):
            raise SettingError(f"{ORDER} takes a finite number as step, but got {short_repr(step)}")
        reached = self._by_name(value) if isinstance(value, Mapping) else as_float(value)
        if reached is None:
            raise SettingError(f"{ORDER} takes a number as value, but got {short_repr(value)}")
        if self.curve and at < self.curve[-1][0]:
            raise SettingError(
                f"{ORDER} takes steps that do not go down, but got step {at:g} after "
                f"{self.curve[-1][0]:g}: the step comes first, then the value"
            )
        self._check_order(at, value)
        self.curve.append((at, reached))
        if self._heartbeat is not None:
            first = next(iter(self.objectives), "")  # the one that is shown
            shown = reached.get(first) if isinstance(reached, dict) else reached
            if shown is not None:
                self._heartbeat.report(at, shown)

    def _by_name(self, values: Mapping[str, Any]) -> float | dict[str, float]:
        """Return reported objectives as floats by name; as one float where there is one only."""
        found: dict[str, float] = {}
        for name, value in values.items():
            reached = as_float(value)
            if reached is None or not isinstance(name, str):
                shown = f"{limited_repr(name, 80)} is {short_repr(value)}"
                raise SettingError(f"{ORDER} takes numbers by name, but {shown}")
            found[name] = reached
        names = self.objectives or tuple(found)
        strange = [name for name in found if name not in names]
        if not found or strange:
            raise SettingError(
                f"{ORDER} takes objectives by name, of {list(names)}, but got {strange or found}: "
                "other numbers may be returned at the end"
            )
        return found[names[0]] if len(self.objectives) == 1 else found

    def _check_order(self, step: float, value: Any) -> None:
        """Raise SettingError where the second report looks like ``report(value, step)``."""
        # Other libraries have this order.
        is_count = isinstance(value, int | np.integer) and not step.is_integer()
        count = int(value) if is_count else None
        if not self.curve:
            self._counts_from = count if count in (0, 1) else None
        elif len(self.curve) == 1 and count is not None and count - 1 == self._counts_from:
            raise SettingError(
                f"{ORDER} takes the step first, but got the steps {self.curve[0][0]:g} and "
                f"{step:g} with the values {self._counts_from} and {count}, which looks like "
                "report(value, step): change their order, or report float(value)"
            )

    def should_stop(self) -> bool:
        """Return whether the study would rather not see this evaluation finished.

        Ask after each `report`; without a rule of early stopping it is always False. After a
        True the evaluation may return its values, return None, or raise `hpopt.Stopped` or
        whatever its framework ends by: the trial is ``stopped``. Without values its last
        finite report counts as its value.
        """
        if self._early_stopping is not None and not self.stopped:
            self.stopped = bool(self._early_stopping(tuple(self.curve)))
        return self.stopped

    @property
    def ended_status(self) -> Status:
        """The status that an evaluation has if it ends with values after `should_stop` said True.

        It is ``complete`` where the rule stops what would come no further: see `PatienceRule`.
        """
        return "complete" if getattr(self._early_stopping, "is_end", False) else "stopped"

    @property
    def forecast(self) -> float | None:
        """What the rule of early stopping expects the value to end at; None where it does not say.

        An evaluation that is stopped may return it in place of what it has reached, where that
        cannot be compared with final values: see `RacingRule`.
        """
        expected = getattr(self._early_stopping, "forecast", None)
        found = None if expected is None else expected(tuple(self.curve))
        return None if found is None else float(found)

    def at_end(self, function: Callable[[Mapping[str, float]], None]) -> None:
        """Have a function called with the values of the trial, once they are known.

        That is after `evaluate` has returned, in the same process; without values (the evaluation
        failed) the mapping is empty.
        """
        self._at_end.append(function)

    def tell_values(self, values: Mapping[str, float]) -> None:
        """Call the functions of `at_end`."""
        while self._at_end:
            self._at_end.pop()(values)

    def end(self) -> None:
        """Remove the running status of the evaluation."""
        if self._heartbeat is not None:
            self._heartbeat.end()


def handle_for(
    solution: Solution,
    *,
    directory: Path | str | None = None,
    previous: Previous | None = None,
    early_stopping: Callable[[Curve], bool] | None = None,
    live: LiveFolder | None = None,
    objectives: Sequence[str],
) -> TrialHandle:
    """Return the handle for an evaluation of a solution."""
    return TrialHandle(
        solution.number,
        solution.seed,
        solution.fidelity,
        directory=directory,
        previous=previous,
        early_stopping=early_stopping,
        heartbeat=None if live is None else live.heartbeat(solution.number),
        objectives=objectives,
    )
