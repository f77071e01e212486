"""The contract of backends: where a study and its trials are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial


class Backend(ABC):
    """Show a study and its trials somewhere; all methods are called from one thread.

    An exception of any method means that the tracker is away: `Tracker` says so once, and tries
    again later, beginning with `open`.
    """

    label: ClassVar[str]
    """What it is, for messages."""

    @abstractmethod
    def open(self, study: TrackedStudy) -> Mapping[int, str]:
        """Begin what stands for a study, or go on with it.

        Returns
        -------
        mapping of int to str
            Number → `TrackedTrial.mark` of each trial that it has, whole.
        """

    @abstractmethod
    def log(self, trial: TrackedTrial) -> None:
        """Show a trial; in place of what there is of its number, whole or not."""

    def end(self, reason: str) -> None:  # noqa: B027
        """Note that a run has ended; another one may go on."""
