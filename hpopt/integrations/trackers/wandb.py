"""Weights & Biases: a run for each trial, in a group for the study."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hpopt.checks import expanded
from hpopt.errors import MissingExtraError
from hpopt.integrations.trackers.backend import Backend
from hpopt.integrations.trackers.ledger import Ledger
from hpopt.integrations.trackers.tracked import TrackedStudy, TrackedTrial, about, rows_of

try:
    import wandb
except ImportError as error:
    raise MissingExtraError("wandb", "wandb", "Tracker('wandb')") from error


class WandB(Backend):
    """Keep a run for each trial, in a group for the study.

    The id of a run follows from the study and the trial, so a trial that is sent twice is there
    once. Which were sent is noted in the folder ``wandb``, also without a network.

    Parameters
    ----------
    project : str
    folder : path
        Where W&B keeps its folder ``wandb``.
    **settings
        Of ``wandb.init``: ``entity=``, ``mode="offline"``, ``tags=``.
    """

    label: ClassVar[str] = "Weights & Biases"

    def __init__(
        self, project: str = "hpopt", folder: str | os.PathLike[str] = ".", **settings: Any
    ) -> None:
        self.project, self.folder, self.settings = project, Path(expanded(folder)), settings

    def open(self, study: TrackedStudy) -> Mapping[int, str]:
        """Read which trials were sent."""
        self._study = study
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger(self.folder / "wandb" / f"hpopt-{study.identity}.json")
        self._sent = self._ledger.marks()
        return self._sent

    def log(self, trial: TrackedTrial) -> None:
        """Send the run of a trial."""
        study = self._study
        run = wandb.init(
            project=self.project,
            dir=str(self.folder),
            group=f"{study.name}-{study.identity[:8]}",
            job_type="trial",
            id=_id(study, trial),
            name=trial.name,
            config={**trial.parameters, "hpopt": about(study, trial)},
            resume="allow",
            reinit="create_new",
            **{"settings": wandb.Settings(silent=True, console="off"), **self.settings},
        )
        for step, values in rows_of(trial):
            run.log(values, step=step)
        run.summary.update(dict(trial.values))
        files = [path for path in trial.files if path.is_file()]
        if files:
            artifact = wandb.Artifact(f"{run.id}-files", type="model")
            for path in files:
                artifact.add_file(str(path))
            run.log_artifact(artifact)
        run.finish(exit_code=0 if trial.ok else 1)
        self._sent[trial.number] = trial.mark
        self._ledger.note(self._sent)


def _id(study: TrackedStudy, trial: TrackedTrial) -> str:
    text = f"{study.identity} {trial.number} {trial.mark}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
