"""What a running evaluation may know of its trial, and how it tells its progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from hpopt.core.live import Beacon, LiveFolder
from hpopt.core.solution import Solution

Curve = Sequence[tuple[float, float]]


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
        beacon: Beacon | None = None,
    ) -> None:
        self.number, self.seed, self.fidelity = number, seed, fidelity
        self.curve: list[tuple[float, float]] = []
        self.stopped = False
        self._directory = directory
        self._early_stopping = early_stopping
        self._beacon = beacon

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
        """Tell the value reached after `step` units of work (the first objective's).

        Of more than 100,000 reports, the trial keeps an even share.
        """
        self.curve.append((float(step), float(value)))
        if self._beacon is not None:
            self._beacon.report(*self.curve[-1])

    def should_stop(self) -> bool:
        """Say whether the study would rather not see this evaluation finished.

        An evaluation that returns its values after a True becomes a ``stopped`` trial. It is
        asked after each `report`; without a rule of early stopping it never says so.
        """
        if self._early_stopping is not None and not self.stopped:
            self.stopped = bool(self._early_stopping(tuple(self.curve)))
        return self.stopped

    def end(self) -> None:
        """Show the evaluation no more."""
        if self._beacon is not None:
            self._beacon.end()


def handle_for(
    solution: Solution,
    *,
    directory: Path | str | None = None,
    early_stopping: Callable[[Curve], bool] | None = None,
    live: LiveFolder | None = None,
) -> TrialHandle:
    """Make the handle that an evaluation of this solution gets."""
    return TrialHandle(
        solution.number,
        solution.seed,
        solution.fidelity,
        directory=directory,
        early_stopping=early_stopping,
        beacon=None if live is None else live.beacon(solution.number),
    )
