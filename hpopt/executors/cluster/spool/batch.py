"""The commands of a batch system, and the script of a job."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from hpopt import checks
from hpopt.checks import real
from hpopt.core.amounts import seconds_in
from hpopt.errors import SettingError

SUBMIT, CANCEL = "sbatch --parsable {script}", "scancel {job}"
QUEUE = "squeue --me --noheader --format=%A"
JOB_ID = re.compile(r"\d[\w.\-\[\]]*")
COMMAND_SECONDS = 120.0  # a busy Slurm controller answers after a minute, or never
NOTICE_SECONDS = 60  # Slurm's least; killing what runs and saying so takes up to 15
PACKAGE = Path(__file__).parents[3]

SCRIPT = """\
#!/usr/bin/env bash
{directives}
exec >>{log} 2>&1
trap 'echo $? >{end}.new; mv {end}.new {end}' EXIT
cd {directory}
{setup}
# A worker that is killed is started again, as the next job may wait in the queue for long.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    {python} -c {boot} {folder} {number} $attempt {path} &
    worker=$!
    trap 'kill -TERM "$worker"' TERM
    wait "$worker"
    status=$?
    while kill -0 "$worker" 2>/dev/null; do  # a signal has ended the wait, not the worker
        wait "$worker"
        status=$?
    done
    [ "$status" -le 128 ] && break
    sleep 1
done
exit "$status"
"""

BOOT = """\
import sys
sys.path.append(sys.argv.pop())
from hpopt.executors.cluster.spool.worker import main
main(*sys.argv[1:])
"""
"""hpopt is found where the driver has found it, after what the job's own environment has."""


class BatchError(Exception):
    """A command of the batch system failed; the text says how."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How jobs are submitted and cancelled, and what they ask for; see `SlurmExecutor`."""

    submit: str = SUBMIT
    cancel: str = CANCEL
    queue: str | None = None
    resources: str | Sequence[str] = ()
    time: float | str | timedelta | None = None
    setup: str | Sequence[str] = ()
    job_name: str = "hpopt"
    python: str | None = None

    def check(self) -> Batch:
        """Return these settings; raise SettingError for what cannot be."""
        _check_template("submit", self.submit, "{script}", SUBMIT)
        _check_template("cancel", self.cancel, "{job}", CANCEL)
        if self.queue is not None:
            _check_template("queue", self.queue, "", QUEUE)
        _lines("resources", self.resources)
        _lines("setup", self.setup)
        if not isinstance(self.job_name, str) or not re.fullmatch(r"[\w.-]+", self.job_name):
            raise SettingError(
                f"job_name must be letters, digits, '.', '_' and '-', but got {self.job_name!r}"
            )
        if self.time is not None and not self._is_slurm:
            raise SettingError(
                f"time must go with Slurm's sbatch, but submit is {self.submit!r}: give the time "
                "as a line of resources, such as '#PBS -l walltime=04:00:00'"
            )
        _slurm_time(self.time)
        return self

    @property
    def _is_slurm(self) -> bool:
        return Path(shlex.split(self.submit)[0]).name == "sbatch"

    def script(self, folder: Path, number: int) -> str:
        """Return the script of a job, whose worker serves the driver of a folder."""
        path = folder / "jobs" / str(number)
        log = f"{path}.log"
        directives = [
            line if line.startswith("#") else f"#SBATCH {line}"
            for line in _lines("resources", self.resources)
        ]
        if self._is_slurm:
            directives[:0] = [
                f"#SBATCH --job-name={self.job_name}",
                f"#SBATCH --output={log}",
                "#SBATCH --open-mode=append",
                "#SBATCH --no-requeue",  # the driver submits another one in its place
            ]
        if self.time is not None:
            directives += [
                f"#SBATCH --time={_slurm_time(self.time)}",
                f"#SBATCH --signal=B:TERM@{NOTICE_SECONDS}",
            ]
        quoted = {
            "log": log,
            "end": f"{path}.end",
            "directory": os.getcwd(),  # noqa: PTH109  (text)
            "python": self.python or sys.executable,
            "boot": BOOT,
            "folder": str(folder),
            "path": str(PACKAGE.parent),
        }
        return SCRIPT.format(
            directives="\n".join(directives),
            setup="\n".join(_lines("setup", self.setup)),
            number=number,
            **{name: shlex.quote(text) for name, text in quoted.items()},
        )

    def submit_job(self, script: Path) -> str:
        """Submit a script; return the job's id as the system prints it.

        Raises
        ------
        BatchError
            The command failed, or printed no id.
        """
        printed = _run(self.submit, script=str(script))
        found = JOB_ID.search(printed)
        if found is None:
            raise BatchError(
                f"{self.submit!r} must print the job's id, but printed {printed.strip()[:200]!r}"
            )
        return found[0]

    def queued_jobs(self) -> set[str] | None:
        """Return the ids of the jobs that wait or run; None where that cannot be known."""
        default = QUEUE if self._is_slurm and shutil.which("squeue") else None
        command = self.queue or default
        if command is None:
            return None
        try:
            return set(JOB_ID.findall(_run(command)))
        except BatchError:  # it is busy, and asked again later
            return None

    def cancel_job(self, job: str) -> None:
        """Cancel a job; one that has ended already is no error."""
        try:
            _run(self.cancel, job=job)
        except BatchError:
            return


def _run(template: str, **values: str) -> str:
    command = [part.format(**values) for part in shlex.split(template)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BatchError(f"{shlex.join(command)} took over {COMMAND_SECONDS:g} s") from None
    except OSError as error:
        raise BatchError(f"{shlex.join(command)} could not be run: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-1000:] or f"status {done.returncode}"
        raise BatchError(f"{shlex.join(command)} failed: {said}")
    return done.stdout


def _check_template(name: str, template: Any, field: str, default: str) -> None:
    try:
        parts = shlex.split(template)
        filled = [part.format(**{field[1:-1]: "x"}) if field else part for part in parts]
    except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
        raise SettingError(
            f"{name} must be a command with {field} in it, such as {default!r}, but got "
            f"{template!r} ({type(error).__name__}: {error})"
        ) from error
    if (field and filled == parts) or not parts:
        raise SettingError(
            f"{name} must have {field} in it, such as {default!r}, but got {template!r}"
        )
    if shutil.which(parts[0]) is None:
        raise SettingError(
            f"{name} must be a command that can be run here, but there is no {parts[0]!r}: start "
            "the search on a machine from which jobs are submitted, or give its path"
        )


def _lines(name: str, given: Any) -> list[str]:
    """Return a text or a list of texts as lines."""
    lines = [given] if isinstance(given, str) else given
    if not isinstance(lines, Sequence) or not all(isinstance(line, str) for line in lines):
        raise SettingError(f"{name} must be a list of lines, but got {given!r}")
    return [each for line in lines for each in line.splitlines() if each.strip()]


def _slurm_time(time: Any) -> str | None:
    """Return a time as ``sbatch --time`` takes it."""
    if time is None:
        return None
    if isinstance(time, str) and re.fullmatch(r"(\d+-)?\d+(:\d\d){0,2}", time) and ":" in time:
        return time
    seconds = seconds_in(time) if isinstance(time, str) else real(checks.seconds(time))
    if seconds is None or not NOTICE_SECONDS <= seconds < 1e9:
        raise SettingError(
            f"time must be at least a minute, as '4h', seconds, or Slurm's '04:00:00', but got "
            f"{time!r}"
        )
    minutes = int(seconds // 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{int(seconds) % 60:02}"
