"""The failures of a run: the first of each kind is shown, and trials that all fail alike end it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePath

from hpopt.core import Trial
from hpopt.core.evaluation import shorten
from hpopt.core.libraries import is_of_library
from hpopt.errors import AllTrialsFailedError, RemoteTraceback

# Kinds of failures that a run shows: enough to see what goes wrong, few enough to read.
MOST_KINDS = 10

# Characters of an error that is shown in one line: three of a terminal's. The trial keeps all.
MOST_SHOWN = 300

# Trials that must fail alike to end a run by default: two may be chance, and each costs time.
LEAST_ALIKE = 3

# A frame in the text of a traceback.
FRAME = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)

BEGINNING = "Traceback (most recent call last):"

# What a wrong return was: the name of its type, which is kept, and the value.
RETURNED = re.compile(r"\b(is|returned) ([A-Za-z_]\w*) .*", re.DOTALL)

NUMBER = re.compile(r"\b\d+(\.\d+)?\b")

VERBS = {
    "failed": "failed",
    "invalid": "is invalid",
    "timeout": "timed out",
    "out_of_memory": "ran out of memory",
    "lost": "was lost",
}

Kind = tuple[str, ...]


class Failures:
    """Take note of the trials of a run that have no values.

    `fail_fast` is that of `Study.run`; `path` is the study file, to say where a trial's traceback
    can be read.

    Attributes
    ----------
    alike : list of Trial
        The failed trials of the run, as long as no trial has values and all fail alike. Those that
        met a limit, were lost, or gave nan are left out: a wide space may well begin with those.
    may_end : bool
        Whether failures may still end the run.
    """

    def __init__(self, fail_fast: int | None, path: Path | None) -> None:
        self._fail_fast, self._path = fail_fast, path
        self._shown: set[Kind] = set()
        self.may_end = fail_fast != 0
        self.alike: list[Trial] = []

    def note(self, trial: Trial) -> str:
        """Take note of a finished trial; return what to show of it, which may be nothing."""
        if trial.ok:
            self.let_run_go_on()
            return ""
        if not trial.outcome.is_failure:
            return ""
        kind = kind_of(trial)
        if self.may_end and trial.status == "failed":
            if self.alike and kind_of(self.alike[0]) != kind:
                self.let_run_go_on()
            else:
                self.alike.append(trial)
        if kind in self._shown or len(self._shown) > MOST_KINDS:
            return ""
        self._shown.add(kind)
        if len(self._shown) > MOST_KINDS:
            where = "in the study" if self._path is None else f"by: hpopt show {self._quoted()}"
            return f"further kinds of failures are not shown here, but {where}"
        return f"{describe(trial)}{self._where(trial)}"

    def are_enough(self, n_workers: int) -> bool:
        """Return whether enough trials have failed alike to end the run."""
        least = max(LEAST_ALIKE, n_workers) if self._fail_fast is None else self._fail_fast
        return self.may_end and len(self.alike) >= least

    def let_run_go_on(self) -> None:
        """Let no failure end the run any more: not all trials fail alike."""
        self.may_end = False
        self.alike = []

    def error(self) -> AllTrialsFailedError:
        """Return the error that ends the run, caused by the last traceback."""
        last = self.alike[-1]
        error = AllTrialsFailedError(
            f"the run has ended, as {len(self.alike)} trials failed alike before any had values: "
            f"{describe(last)}. Correct that and run again, with retry_failed=True "
            "(--retry-failed) to evaluate these again; with fail_fast=0 (--fail-fast 0) a run "
            "goes on all the same"
        )
        error.__cause__ = RemoteTraceback(last.traceback) if last.traceback else None
        return error

    def _where(self, trial: Trial) -> str:
        if self._path is not None:
            return f"; see: hpopt show {self._quoted()} --trial {trial.number}"
        return f"; see study.trial({trial.number}).traceback" if trial.traceback else ""

    def _quoted(self) -> str:
        return shlex.quote(str(self._path))


def kind_of(trial: Trial) -> Kind:
    """Return what two failures that are alike have in common.

    This is the status, the exception's type and the line that raised it. Without a traceback it is
    the status and the message, less the values in it.
    """
    error = trial.error or ""
    frame = _innermost_frame(trial)
    if frame is not None:
        return trial.status, error.partition(":")[0], *frame
    return trial.status, NUMBER.sub("#", RETURNED.sub(r"\1 \2", error))


def describe(trial: Trial) -> str:
    """Return in one line what failed, why and where."""
    error = shorten(trial.error or "no reason is known", MOST_SHOWN)
    error = "".join(each if each.isprintable() else " " for each in error)
    frame = _innermost_own_frame(trial) or _innermost_frame(trial)
    where = "" if frame is None else f" ({PurePath(frame[0]).name}, line {frame[1]})"
    return f"trial {trial.number} {VERBS[trial.status]}: {error}{where}"


def _innermost_own_frame(trial: Trial) -> tuple[str, str] | None:
    """Return the last frame of the user's own code that the exception passed, if there is one."""
    last = (trial.traceback or "").rpartition(BEGINNING)[2]  # not that of what it was raised from
    own = [(file, line) for file, line in FRAME.findall(last) if not is_of_library(file)]
    return own[-1] if own else None


def _innermost_frame(trial: Trial) -> tuple[str, str] | None:
    """Return the file and the line of the frame that raised the exception, where it is known."""
    frames: list[tuple[str, str]] = FRAME.findall(trial.traceback or "")
    return frames[-1] if frames else None
