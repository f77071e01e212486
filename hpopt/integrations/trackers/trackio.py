"""Trackio: a run for each trial, in a group for the study."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from hpopt.errors import MissingExtraError
from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.ledger import Ledger
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial, about, rows_of

try:
    import trackio
    from trackio.utils import TRACKIO_DIR
except ImportError as error:
    raise MissingExtraError("trackio", "trackio", "Tracker('trackio')") from error

PRINTING = ("trackio", "trackio.run", "trackio.utils")


class Trackio(Backend):
    """Keep a run for each trial, in a group for the study.

    Which trials it has is noted in Trackio's own folder (``TRACKIO_DIR``).

    Parameters
    ----------
    project : str
    **settings
        Of ``trackio.init``: ``space_id=``, ``server_url=``.
    """

    label: ClassVar[str] = "Trackio"

    def __init__(self, project: str = "hpopt", **settings: Any) -> None:
        self.project = project
        self.settings = {"embed": False, "auto_log_cpu": False, "auto_log_gpu": False, **settings}

    def open(self, study: TrackedStudy) -> Mapping[int, str]:
        """Read which trials it has."""
        self._study = study
        self._ledger = Ledger(TRACKIO_DIR / f"hpopt-{study.identity}.json")
        self._sent = self._ledger.marks()
        return self._sent

    def log(self, trial: TrackedTrial) -> None:
        """Write the run of a trial, in place of one that was cut off or is of an earlier try."""
        study = self._study
        group = f"{study.name}-{study.identity[:8]}"
        name = f"{group}-{trial.number:05}"
        with contextlib.suppress(ValueError):  # the project is new
            for earlier in trackio.Api().runs(self.project):
                if earlier.name == name:
                    earlier.delete()
        with _quiet():
            run = trackio.init(
                project=self.project,
                name=name,
                group=group,
                config={**trial.parameters, "hpopt": about(study, trial)},
                **self.settings,
            )
            last = 0
            for step, values in rows_of(trial):
                run.log(values, step=step)
                last = step
            if trial.values:
                run.log(dict(trial.values), step=last)
            for path in trial.files:
                if path.is_file():  # else it was displaced by the weights of a better trial
                    run.log_artifact(str(path), name=f"{name}-{path.name}", type="model")
            run.finish()
        self._sent[trial.number] = trial.mark
        self._ledger.note(self._sent)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Have Trackio not print several lines for each run, while others may print."""
    modules: list[Any] = [sys.modules[name] for name in PRINTING]
    for module in modules:
        module.print = lambda *words, **options: None
    try:
        yield
    finally:
        for module in modules:
            del module.print
