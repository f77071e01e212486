"""The folder of a command's trial: its config, its output, and what an earlier trial left."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hpopt.core.handle import Previous, TrialHandle
from hpopt.core.trial import OUTPUT_FILE
from hpopt.problems.command.values import as_json

CONFIG, STOP, STATE = "config.json", "stop", ".hpopt.json"
WANDB_CONFIG = "wandb-config.json"
OWN = (OUTPUT_FILE, CONFIG, STOP, STATE, WANDB_CONFIG)
"""The files that hpopt writes; all others are the command's."""


class TrialFolder:
    """The folder that a command works in, and that stays over all trials of its config.

    A trial that goes on where an earlier one ended finds what that one left. One that was
    interrupted, with the study or its worker, finds what it had written itself; else the folder is
    empty.

    Attributes
    ----------
    path : Path
        Absolute.
    goes_on : bool
        Whether the trial was interrupted before, and this is its second try.
    """

    def __init__(self, config: Mapping[str, Any], trial: TrialHandle) -> None:
        self.path = trial.directory.absolute()
        state = {"config": config, "seed": trial.seed, "fidelity": trial.fidelity}
        text = as_json(state)
        self._state = self.path / STATE
        self.goes_on = self._has_begun(text)
        if not self.goes_on:
            self._begin(config, trial.previous)
            # The last: from now on the folder is whole, and what interrupts it leaves it so.
            self._state.write_text(text, encoding="utf-8")

    def file(self, name: str) -> Path:
        """Return the path of a file that is not there yet."""
        path = self.path / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return path

    def end(self) -> None:
        """Note that the trial has ended by itself: should it be evaluated again, it begins anew."""
        with contextlib.suppress(OSError):
            self._state.unlink()

    def _has_begun(self, text: str) -> bool:
        try:
            return self._state.read_text(encoding="utf-8") == text
        except (OSError, ValueError):
            return False

    def _begin(self, config: Mapping[str, Any], previous: Previous | None) -> None:
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if previous is not None:
            # Copied, as it is needed again should this trial be interrupted.
            root = str(previous.directory)
            shutil.copytree(
                root,
                self.path,
                symlinks=True,
                ignore=lambda folder, _: OWN if folder == root else (),
                dirs_exist_ok=True,
            )
        text = json.dumps(config, indent=2, ensure_ascii=False)
        (self.path / CONFIG).write_text(f"{text}\n", encoding="utf-8")
